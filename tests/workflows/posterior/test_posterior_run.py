"""The smallest run with posterior maps: painted, taught, sampled, judged and reported once; and how it goes on."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from tiny_posterior import experiment, quiet

from zwicky.core.errors import ConfigError, SamplingError, TrainingError
from zwicky.evaluation import plots
from zwicky.evaluation.posterior.scorecard import POSTERIOR_CARD
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.mocks.theory_survey import TheorySurvey
from zwicky.workflows.posterior import drawing, fit
from zwicky.workflows.posterior.drawing import Drawings
from zwicky.workflows.posterior.judging import GAUSSIAN, RAW_FAST, RECALIBRATED, below_floor, masses_of
from zwicky.workflows.posterior.run import reproduce_posterior
from zwicky.workflows.tables import write_results

REAL_PNG = plots.png
JUDGED = ("fast", RAW_FAST, "published", "published" + RECALIBRATED, GAUSSIAN)


@dataclass(frozen=True)
class PosteriorRun:
    """A finished run: its folder, its scorecard, what was said on the way."""

    folder: Path
    scorecard: dict[str, Any]
    said: list[str]

    @property
    def drawings(self) -> Drawings:
        """What was drawn, found again."""
        facts = json.loads((self.folder / "provenance.json").read_text())
        return Drawings(experiment(), self.folder, facts, quiet)


@pytest.fixture(scope="module")
def blank_figures():
    """Write figures as nothing: drawing them takes longer than all the rest, and is tested with the report."""
    with patch.object(plots, "png", lambda _: b"PNG"):
        yield


@pytest.fixture(scope="module")
def tiny(new_run, blank_figures):
    """The run, once; nobody but the test of its second call writes into its folder."""
    folder, said = new_run(), []
    return PosteriorRun(folder, reproduce_posterior(experiment(), folder, workers=1, say=said.append), said)


def finite(found):
    """Yield whether each number of nested tables and lists is one."""
    if isinstance(found, dict | list | tuple):
        for one in found.values() if isinstance(found, dict) else found:
            yield from finite(one)
    elif isinstance(found, float):
        yield np.isfinite(found)


class TestScorecard:
    def test_it_is_kept_and_can_be_read(self, tiny):
        assert POSTERIOR_CARD.read(tiny.folder / "scorecard.json") == json.loads(json.dumps(tiny.scorecard))
        assert tiny.scorecard["experiment"]["name"] == "hsu2024" and tiny.scorecard["paper"]

    def test_every_model_is_judged(self, tiny):
        assert set(tiny.scorecard["results"]) == set(JUDGED)
        assert set(tiny.scorecard["ablations"]) == {"plain", "linear"}

    def test_it_says_how_much_there_was(self, tiny):
        sizes = tiny.scorecard["sizes"]
        assert sum(one["parents"] for one in sizes["clusters"].values()) == 90
        models = sizes["models"]
        assert set(models) == {"moments", "published", "fast", "scalar"}
        n_train = sizes["clusters"]["train"]["maps"]
        assert models["scalar"] == {"images_seen": 2 * n_train} and n_train < 50 <= 2 * n_train
        assert models["published"]["evaluations"] == 5  # four steps, and the last to sigma = 0
        assert models["fast"]["parameters"] == tiny.drawings.network("fast").n_parameters

    def test_pages_and_tables_can_be_made_of_it(self, tiny, tmp_path):
        html = (tiny.folder / "report.html").read_text(encoding="utf-8")
        assert "Tiny posteriors, preset tiny" in html and "cannot be had" in html
        write_results([tiny.folder / "scorecard.json"], tmp_path / "results.md")
        assert "Tiny posteriors" in (tmp_path / "results.md").read_text(encoding="utf-8")


class TestDrawings:
    def test_everything_is_kept(self, tiny):
        names = {path.name for path in (tiny.folder / "judging").glob("*.*")}
        parts = {f"{name}-{i}.npy" for name in ("fast", "published") for i in range(4)}
        assert names == parts | {
            "plain-0.npy", "linear-0.npy", "exact.json", "convergence-fast.json", "convergence-published.json"
        }  # fmt: skip
        assert {path.name for path in (tiny.folder / "mappers").iterdir()} == {"fast", "published"}
        assert {path.name for path in (tiny.folder / "training").iterdir()} == {
            "moments", "published", "fast", "scalar", "plain", "linear", "exact"
        }  # fmt: skip

    def test_the_gate_chooses_how_the_fast_model_is_sampled(self, tiny):
        chosen = tiny.drawings.convergence("fast")["chosen"]
        mapper = PosteriorMapper.load(tiny.folder / "mappers" / "fast")
        used = mapper.facts.sampler
        assert (used.solver, used.steps, used.evaluations) == (
            chosen["solver"], chosen["steps"], chosen["evaluations"]
        )  # fmt: skip
        assert used == tiny.drawings.sampler("fast") and mapper.facts.c5["chosen"] == chosen
        assert tiny.scorecard["sizes"]["models"]["fast"]["evaluations"] == chosen["evaluations"]

    def test_a_gate_that_no_flow_reached_is_named(self, tiny, monkeypatch):
        monkeypatch.setattr(Drawings, "convergence", lambda *_: {"chosen": None})
        with pytest.raises(TrainingError, match="No solver draws samples"):
            tiny.drawings.sampler("fast")

    def test_the_published_model_is_sampled_as_it_says(self, tiny):
        used = PosteriorMapper.load(tiny.folder / "mappers" / "published").facts.sampler
        assert (used.solver, used.steps) == ("euler_maruyama", 4)
        assert (tiny.drawings.sampler("plain").solver, tiny.drawings.sampler("plain").steps) == ("dpm2m", 3)

    def test_samples_are_those_of_the_test_set(self, tiny):
        drawings = tiny.drawings
        assert drawings.samples("fast").shape == (6, 4, 2, 16, 16)
        assert drawings.samples("published").shape == drawings.samples("linear").shape == (4, 4, 2, 16, 16)
        data = drawings.test_set("fast")
        assert set(data.parent) <= set(drawings.sets.whole("test").parent) and len(set(data.parent)) == 6
        kept = tiny.folder / "judging" / "fast-1.npy"
        drawn, mapper = np.load(kept), PosteriorMapper.load(tiny.folder / "mappers" / "fast")
        again = mapper.sample(
            data.maps[2:4].numpy(), data.redshift[2:4].numpy(), 4, mapper.facts.seed, list(data.id[2:4]),
            recalibrated=False,
        )  # fmt: skip
        assert np.log10(again.samples) == pytest.approx(drawn, abs=2e-4)

    def test_masses_stand_beside_those_of_a_network(self, tiny):
        pair = masses_of(tiny.drawings)
        truth = tiny.drawings.test_set("fast").truth["log10_m200c"]
        assert np.array_equal(pair.log10_true, truth) and pair.log10_map_samples.shape == (6, 4)
        assert np.abs(pair.log10_scalar_mean - truth).max() < 1.0 and (pair.scalar_sd_dex > 0).all()
        assert tiny.scorecard["masses"]

    def test_below_the_floor_is_what_no_training_map_holds(self, tiny):
        drawings = tiny.drawings
        floor = drawings.network("linear").faintest_log10().numpy()
        samples = np.broadcast_to(floor + 0.1, (3, 2, 2, 16, 16)).copy()
        assert below_floor(drawings, "linear", samples) == 0.0
        samples[0, 0, 0, :4] -= 1.0  # a quarter of one map in twelve
        assert below_floor(drawings, "linear", samples) == pytest.approx(1 / 48)
        assert below_floor(drawings, "fast", samples) == 0.0  # it has none

    def test_the_gaussian_is_another_field_of_the_same_clusters(self, tiny):
        drawings = tiny.drawings
        found = drawings.gaussian()
        assert found.shape == drawings.samples("fast").shape and np.isfinite(found).all()
        assert np.array_equal(found, drawings.gaussian())
        assert not np.allclose(found[:, 0], found[:, 1])


class TestAgain:
    def test_everything_is_found(self, tiny, monkeypatch):
        """A report that was lost is written again; nothing is painted, taught or drawn for it."""

        def never(*_, **__):
            pytest.fail("this was there already")

        monkeypatch.setattr(TheorySurvey, "observe", never)
        monkeypatch.setattr(fit, "train", never)
        for name in ("draw_log10", "assemble", "exact_gate", "measured_convergence"):
            monkeypatch.setattr(drawing, name, never)
        (tiny.folder / "report.html").unlink()
        found = reproduce_posterior(experiment(), tiny.folder, workers=1)
        assert (tiny.folder / "report.html").is_file()
        assert without_timings(found) == without_timings(tiny.scorecard)

    def test_other_settings_are_refused(self, tiny):
        with pytest.raises(ConfigError, match=r"other settings(.|\n)*others in: seed"):
            reproduce_posterior(experiment(seed=4), tiny.folder, workers=1)

    def test_a_piece_is_the_same_in_whichever_process_it_is_made(self, tiny, tmp_path):
        folder = tmp_path / "copy"
        shutil.copytree(tiny.folder, folder)
        settings = experiment().model_dump(mode="json", exclude_none=True)
        before = np.load(folder / "judging" / "fast-2.npy")
        (folder / "judging" / "fast-2.npy").unlink()
        drawing._in_process("part:fast:2", settings, folder, tiny.drawings.facts, quiet)
        assert np.array_equal(np.load(folder / "judging" / "fast-2.npy"), before)
        weights = (folder / "training" / "scalar" / fit.WEIGHTS).read_bytes()
        shutil.rmtree(folder / "training" / "scalar")
        fit._train_in_process("scalar", settings, folder, quiet)
        assert (folder / "training" / "scalar" / fit.WEIGHTS).read_bytes() == weights


@pytest.mark.slow
def test_figures_are_drawn(tiny, monkeypatch):
    monkeypatch.setattr(plots, "png", REAL_PNG)
    reproduce_posterior(experiment(), tiny.folder, workers=1)
    html = (tiny.folder / "report.html").read_text(encoding="utf-8")
    images = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert len(images) > 5 and all(len(image) > 10_000 for image in images)


def without_timings(card):
    return json.loads(json.dumps({name: block for name, block in card.items() if name != "timings"}))


def test_a_short_training_that_diverges_stops_nothing_else(tmp_path, monkeypatch):
    asked = []

    def diverging(_, name, part):
        asked.append((name, part))
        raise SamplingError("The sampler left the numbers.")

    monkeypatch.setattr(Drawings, "part", diverging)
    drawings = Drawings(experiment(), tmp_path, {}, quiet)
    name = next(iter(experiment().ablations))
    for _ in range(2):  # the second time it is known
        drawing._make(drawings, f"part:{name}:0")
    assert asked == [(name, 0)]
    assert drawings.failure(name) == "The sampler left the numbers."
    assert drawings.failure("another") is None
    with pytest.raises(SamplingError, match="left the numbers"):
        drawing._make(drawings, "part:fast:0")
