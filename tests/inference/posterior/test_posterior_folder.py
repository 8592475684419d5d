"""The folder of a posterior mapper: the same samples after a round trip; and what it is put together from."""

import json
import shutil

import numpy as np
import pytest
import torch
from posterior_networks import FAST, NAMES, NEAR, SURVEY, TARGETS, VIEWS, data, networks
from safetensors.torch import load_file, save_file

from zwicky.core.errors import CheckpointError, TrainingError
from zwicky.core.files import sha256_of
from zwicky.data.dataset import selected
from zwicky.inference.folder import ready
from zwicky.inference.posterior.assembling import assemble, one_of_each_parent
from zwicky.inference.posterior.folder import DESCRIPTION, MOMENTS, NETWORK
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.models.table import build_either


@pytest.fixture
def mapper(posterior_mapper):
    return posterior_mapper


@pytest.fixture
def sky(posterior_sky):
    return posterior_sky


@pytest.fixture(scope="module")
def saved(posterior_mapper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("posteriors") / "residual"
    posterior_mapper.save(folder)
    return folder


@pytest.fixture
def own(saved, tmp_path):
    """A copy, to be damaged."""
    return shutil.copytree(saved, tmp_path / "own")


class TestFolder:
    def test_the_same_samples_after_a_round_trip(self, mapper, saved, sky):
        again = PosteriorMapper.load(saved)
        a, b = (one.sample(*sky, 3, names=NAMES) for one in (mapper, again))
        np.testing.assert_array_equal(a.samples, b.samples)
        np.testing.assert_array_equal(a.log10_m200c, b.log10_m200c)
        blank = {"network_sha256": "", "moments_sha256": ""}
        assert again.facts.model_copy(update=blank) == mapper.facts
        assert again.facts.network_sha256 == sha256_of(saved / NETWORK)

    def test_half_precision_ships(self, mapper, saved, sky, tmp_path):
        mapper.save(tmp_path / "half", half=True)
        sizes = [(folder / NETWORK).stat().st_size for folder in (saved, tmp_path / "half")]
        assert sizes[1] < sizes[0]
        again = PosteriorMapper.load(tmp_path / "half").sample(*sky, 3, names=NAMES)
        mine = mapper.sample(*sky, 3, names=NAMES)
        np.testing.assert_allclose(np.log10(again.samples), np.log10(mine.samples), atol=5e-3)

    def test_what_it_says_of_itself(self, mapper):
        told = mapper.described()
        assert told["evaluations"] == 3
        assert told["c5"] == {"evaluations": [3], "sd_error": [0.01]}
        assert told["sizes"]["train"] == 44
        assert told["sizes"]["recalibration_clusters"] == 24
        json.dumps(told)

    def test_what_the_training_set_shows(self, mapper):
        assert mapper.survey.grid == mapper.grid
        low, high = mapper.redshift_range
        assert 0.0 <= low <= high
        assert mapper.cosmology == mapper.survey.simulation.cluster(0, 0).cosmology

    def test_published_network_needs_no_moments(self, mapper, sky, tmp_path):
        torch.manual_seed(0)
        settings = {
            "kind": "score_maps",
            "n_pixels": 64,
            "network": {"width": 8, "multipliers": [1, 1], "blocks": 1},
        }
        network = ready(build_either(settings))
        network.fit_scaling(data(30, 1).rows(slice(None)))
        facts = mapper.facts.model_copy(
            update={"network": network.config.model_dump(mode="json"), "moments": None, "sampler": NEAR}
        )
        PosteriorMapper(facts, network).save(tmp_path / "score")
        again = PosteriorMapper.load(tmp_path / "score")
        assert again.moments is None
        drawn = [one.sample(*sky, 2, recalibrated=False) for one in (again, PosteriorMapper(facts, network))]
        np.testing.assert_array_equal(drawn[0].samples, drawn[1].samples)

    def test_no_folder(self, tmp_path):
        with pytest.raises(CheckpointError, match="not the folder of a posterior mapper"):
            PosteriorMapper.load(tmp_path)

    @pytest.mark.parametrize("name", [NETWORK, MOMENTS])
    def test_other_weights(self, own, name):
        save_file({k: v + 1 for k, v in load_file(own / name).items()}, own / name)
        with pytest.raises(CheckpointError, match="SHA-256"):
            PosteriorMapper.load(own)

    @pytest.mark.parametrize(
        "change",
        [{"network": {"kind": "no"}}, {"views": ["sound"]}, {"seed": None}, {"moments": {"kind": "no"}}],
    )
    def test_damaged_description(self, own, change):
        edit(own, lambda content: content.update(change))
        with pytest.raises(CheckpointError, match="description is damaged"):
            PosteriorMapper.load(own)

    @pytest.mark.parametrize(
        "change",
        [
            lambda c: c["network"]["network"].update(width=16),
            lambda c: c["moments"].update(width=4),
            lambda c: c.update(moments=None),
            lambda c: c.update(network=c["moments"], network_sha256=c["moments_sha256"]),
            lambda c: c.update(targets=c["targets"][:1]),
            lambda c: c.update(views=c["views"][::-1]),
            lambda c: c["survey"].update(grid="wide"),
            lambda c: c["recalibration"]["scales"].update(variance_ratios=[[1.0]], edges=[]),
            lambda c: c["recalibration"]["profiles"].update(edges_pixels=halved(c)),
            lambda c: c["deprojection"].update(radii_mpc=[1.0]),
            lambda c: c["deprojection"].update(n_pixels=32),
        ],
    )
    def test_parts_that_do_not_belong_together(self, own, change):
        edit(own, change)
        with pytest.raises(CheckpointError, match="of another network"):
            PosteriorMapper.load(own)


def halved(content):
    """Return the edges of annuli on a map half as wide."""
    return [0.5 * edge for edge in content["recalibration"]["profiles"]["edges_pixels"]]


def edit(folder, change):
    path = folder / DESCRIPTION
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    if content["network_sha256"] == content["moments_sha256"]:
        shutil.copy(folder / MOMENTS, folder / NETWORK)


class TestAssembling:
    def test_one_sight_line_of_each_parent(self):
        found = one_of_each_parent(data(30, 1, per_parent=3), 100)
        assert len(found) == len(set(found.parent)) == 10
        assert list(found.id[:2]) == ["c0000-0", "c0001-3"]
        assert len(one_of_each_parent(data(30, 1), 7)) == 7

    def test_facts(self, mapper):
        facts = mapper.facts
        assert facts.recalibration.scales.n_clusters == 24
        assert facts.recalibration.scales.n_samples == 4
        assert facts.recalibration.profiles.n_clusters == 24
        assert facts.sizes["train_parents"] == 44
        assert facts.sampler == FAST
        assert facts.network["kind"] == "residual_maps"
        assert facts.domain.view_names == facts.views == SURVEY.views

    def test_too_few_clusters(self):
        training = data(44, 1)
        drawing, moments = networks(training)
        common = {"views": VIEWS, "targets": TARGETS, "survey": SURVEY, "physics": ("gadgetx",), "seed": 3}
        with pytest.raises(TrainingError, match="at least 20 clusters"):
            assemble(drawing, moments, training, data(19, 2), sampler=FAST, n_samples=2, **common)
        with pytest.raises(TrainingError, match="40 parents"):
            assemble(drawing, moments, selected(training, np.arange(39)), data(24, 2), **common)
