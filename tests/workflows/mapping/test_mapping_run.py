"""The smallest run with mass maps: painted, taught, judged and reported once; what it leaves, and how it goes on."""

import json
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.core.files import sha256_of
from zwicky.evaluation.mapping.scorecard import MAP_CARD
from zwicky.inference.mapping.answer import PredictedMaps
from zwicky.inference.mapping.calibration import aperture_sums
from zwicky.inference.mapping.mapper import DESCRIPTION, WEIGHTS, Mapper
from zwicky.mocks.theory_survey import TheorySurvey
from zwicky.workflows.mapping.experiment import MapNetworkSettings, MappingExperiment
from zwicky.workflows.mapping.fit import make_mapper
from zwicky.workflows.mapping.judge import (
    Judged,
    baseline_subsets,
    bias_of,
    described,
    geometry_row,
    in_mpc,
    mass_cuts,
)
from zwicky.workflows.mapping.run import history_of, mass_edges, reproduce_maps
from zwicky.workflows.mapping.sets import Sets, store_folder
from zwicky.workflows.tables import write_results

SPLITS = ("train", "validation", "test")
CLUSTERS = {"kind": "painter", "log10_m200c_range": (13.67, 15.55)}
SCHEDULE = {"images": 30, "settings": {"batch_size": 16}}
TINY_MAPS = MappingExperiment(
    name="deandres2024",
    preset="tiny",
    title="Tiny maps",
    reference="de Andres et al. 2024",
    seed=7,
    geometries={
        "scaled": {"simulation": CLUSTERS, "beam_fwhm": 0.01, "also": ("gas_surface_density",)},
        "peak": {
            "simulation": CLUSTERS | {"redshift_edges": (0.02, 0.5)},
            "grid": "proper-4mpc",
            "beam_fwhm": 0.15,
            "centring": {},
        },
    },
    store={"n_clusters": 44, "sight_lines": 2, "clusters_per_shard": 22, "fractions": (0.35, 0.4, 0.25)},
    networks={
        "multi1": {"model": {"kind": "unet"}},
        "any": {"model": {"kind": "any_view"}, "galaxies": True},
        "any_peak": {
            "role": "geometry",
            "geometry": "peak",
            "model": {"kind": "any_view", "with_redshift": True},
        },
        "transfer_gadgetx": {"role": "transfer", "model": {"kind": "unet"}, "physics": ("gadgetx",)},
        "learning_half": {"role": "learning_curve", "model": {"kind": "unet"}, "parent_fraction": 0.5},
        "learning_all": {"role": "learning_curve", "model": {"kind": "unet"}},
    },
    sizes={"width": 4},
    training={
        "main": SCHEDULE,
        "geometry": SCHEDULE,
        "learning_curve": SCHEDULE,
        "transfer": SCHEDULE | {"images": 50},  # two epochs
    },
    ships="any_peak",
    compared_with_geometry="any",
    evaluation={"n_resamples": 10},
)


@dataclass(frozen=True)
class MapRun:
    """A finished run: its folder, its scorecard, what was said on the way, and its sets."""

    folder: Path
    scorecard: dict[str, Any]
    said: list[str]
    sets: Sets

    def mapper(self, name: str) -> Mapper:
        return Mapper.load(self.folder / "mappers" / name)

    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / "provenance.json").read_text())


@pytest.fixture(scope="module", autouse=True)
def few_are_enough():
    """Calibrate on fewer maps than would be honest."""
    with patch("zwicky.inference.mapping.calibration.MIN_CLUSTERS", 20):
        yield


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, few_are_enough):
    """The run, once; nobody but the test of its second call writes into its folder."""
    folder, said = tmp_path_factory.mktemp("maps") / "run", []
    scorecard = reproduce_maps(TINY_MAPS, folder, workers=1, say=said.append)
    return MapRun(folder, scorecard, said, Sets(TINY_MAPS, folder))


@pytest.fixture(scope="module")
def judged(tiny):
    return Judged(TINY_MAPS, tiny.sets, {name: tiny.mapper(name) for name in TINY_MAPS.networks})


def finite(found):
    """Yield every number of nested tables and lists."""
    if isinstance(found, dict | list | tuple):
        for one in found.values() if isinstance(found, dict) else found:
            yield from finite(one)
    elif isinstance(found, float):
        yield np.isfinite(found)


class TestScorecard:
    def test_it_has_every_block(self, tiny):
        blocks = {"experiment", "sizes", "networks", "transfer", "learning_curve", "geometry", "fractions"}
        assert set(tiny.scorecard) == MAP_CARD.keys | blocks | {"training", "paper"}
        assert all(tiny.scorecard[block] for block in blocks | {"training", "paper", "comparisons"})
        assert all(finite(tiny.scorecard))
        assert MAP_CARD.read(tiny.folder / "scorecard.json") == json.loads(json.dumps(tiny.scorecard))

    def test_every_method_is_judged(self, tiny):
        names = ["sz+xray", "sz+star", "sz", "xray+star", "xray", "star"]
        networks = ["multi1", "any", *(f"any: {name}" for name in names)]
        baselines = [*(f"linear: {name}" for name in ("sz", "xray", "star", "all")), "mean profile"]
        methods = tiny.scorecard["methods"]
        assert methods[: len(networks)] == networks
        assert set(baselines) <= set(methods[len(networks) :])
        assert all("linear" in name or name == "mean profile" for name in methods[len(networks) :])
        assert set(tiny.scorecard["views"]) == {"sz", "xray", "star"}

    def test_sizes_are_counted(self, tiny):
        card = tiny.scorecard
        n = card["sizes"]
        assert n["train"] + n["validation"] + n["test"] == 44 * 2 * 2
        assert n["test_parents"] == n["test"] / 4 == card["sample"]["n_parents"]
        assert card["networks"]["transfer_gadgetx"]["train"] == n["train"] / 2
        assert card["networks"]["multi1"]["physics"] == ["gadgetx", "gizmo"]
        assert list(card["training"]) == list(TINY_MAPS.networks)
        for name, history in card["training"].items():
            epochs = TINY_MAPS.training_of(TINY_MAPS.networks[name], card["networks"][name]["train"]).epochs
            assert [entry["epoch"] for entry in history] == list(range(1, epochs + 1))

    def test_further_networks_have_their_tables(self, tiny):
        card = tiny.scorecard
        rows = [(row["method"], row["train"], row["test"]) for row in card["transfer"]]
        assert rows == [("transfer_gadgetx", "gadgetx", physics) for physics in ("gadgetx", "gizmo")]
        half, whole = card["learning_curve"]
        assert half["n_train_parents"] == round(whole["n_train_parents"] / 2)
        assert whole["n_train_maps"] == card["sizes"]["train"]
        assert [row["network"] for row in card["geometry"]] == ["any", "any_peak"]
        assert ["scaled" in row["grid"] for row in card["geometry"]] == [True, False]
        assert set(card["fractions"]) == {"gas", "stars"}
        medians = [value for value in card["fractions"]["gas"]["gizmo"]["median"] if value is not None]
        assert medians
        assert all(0.0 < value < 0.3 for value in medians)

    def test_mass_intervals_are_in_solar_masses(self, tiny):
        cosmology = tiny.sets.cosmology("scaled")
        shift = -np.log10(cosmology.h)
        assert shift == pytest.approx(0.17, abs=0.01)
        expected = [13.5 + shift, 14.02 + shift, 14.63 + shift, 15.38 + shift]
        assert tiny.scorecard["mass_edges_log10"] == pytest.approx(expected)
        assert mass_edges(TINY_MAPS, cosmology) == pytest.approx(expected)


class TestFolder:
    def test_report_and_results_are_written(self, tiny, tmp_path):
        html = (tiny.folder / "report.html").read_text()
        assert "Tiny maps, preset tiny" in html
        assert html.count("<img") >= 5
        for words in ("any: sz+star", "linear: all", "transfer_gadgetx", "Both physics of a parent"):
            assert words in html
        write_results([tiny.folder], tmp_path / "results.md")
        text = (tmp_path / "results.md").read_text()
        assert "## Tiny maps: preset `tiny`" in text
        assert "`zwicky reproduce deandres2024 --preset tiny`; seed 7" in text
        assert "### Paper beside ours" in text
        assert "None" not in text
        assert "nan" not in text

    def test_mappers_say_what_they_were_taught(self, tiny):
        for name, network in TINY_MAPS.networks.items():
            facts = tiny.mapper(name).facts
            assert facts.model == TINY_MAPS.model_of(network)
            assert facts.physics == TINY_MAPS.physics_of(network)
            expected = TINY_MAPS.survey(network.geometry, facts.physics[0])
            assert facts.survey.build(7).settings() == expected.build(7).settings()
            assert facts.provenance["config_hash"] == tiny.facts()["config_hash"]
            assert (facts.provenance["preset"], facts.provenance["network"]) == ("tiny", name)
            assert facts.sizes["validation"] == len(tiny.sets.of(network, "validation"))
        assert tiny.mapper("any_peak").redshift_range == (0.02, 0.5)
        assert tiny.mapper("any_peak").grid.kind == "proper"

    def test_a_second_call_only_judges_again(self, tiny):
        def made():
            return {
                path: path.stat().st_mtime_ns
                for place in ("stores", "mappers", "training")
                for path in (tiny.folder / place).rglob("*")
                if path.is_file() and path.name != ".writer"
            }

        before, said = made(), []
        with (
            patch("zwicky.workflows.mapping.fit.train", side_effect=AssertionError("taught again")),
            patch.object(TheorySurvey, "observe", side_effect=AssertionError("painted again")),
            patch("zwicky.workflows.mapping.run.write_map_report") as report,
        ):
            again = reproduce_maps(TINY_MAPS, tiny.folder, workers=1, say=said.append)
        assert again == tiny.scorecard
        assert made() == before
        assert [f"{name}: already trained" in said for name in TINY_MAPS.networks] == [True] * 6
        assert report.call_count == 1

    def test_other_settings_are_refused_by_name(self, tiny):
        other = TINY_MAPS.model_copy(update={"seed": 8})
        with pytest.raises(ConfigError, match="others in: seed"):
            reproduce_maps(other, tiny.folder, workers=1)


class StoppedError(Exception):
    pass


def test_a_killed_training_goes_on(tiny, tmp_path):
    name = "transfer_gadgetx"

    def stop(line):
        if "epoch 1:" in line:
            raise StoppedError

    with pytest.raises(StoppedError):
        make_mapper(name, TINY_MAPS, tiny.sets, tmp_path, tiny.facts(), stop)
    assert not (tmp_path / "mappers").exists()
    said = []
    make_mapper(name, TINY_MAPS, tiny.sets, tmp_path, tiny.facts(), said.append)
    assert [line.split(":")[0].strip() for line in said] == [name, "epoch 2"]
    for part in (DESCRIPTION, WEIGHTS):
        place = Path("mappers") / name / part
        assert sha256_of(tmp_path / place) == sha256_of(tiny.folder / place)
    assert history_of(tmp_path, name) == tiny.scorecard["training"][name]
    assert history_of(tmp_path, "any") == []


class TestSets:
    def test_a_parent_is_on_one_side_in_every_store(self, tiny):
        side = {}
        for geometry in tiny.sets.geometries():
            for physics in TINY_MAPS.physics:
                parents = {s: set(tiny.sets.part(geometry, physics, s).parent) for s in SPLITS}
                for a, b in combinations(SPLITS, 2):
                    assert not parents[a] & parents[b]
                assert len(set.union(*parents.values())) == 44
                side[geometry, physics] = {p: s for s, names in parents.items() for p in names}
        first = side["scaled", "gadgetx"]
        assert all(other == first for other in side.values())
        assert len(side) == 4

    def test_the_physics_of_a_parent_differ(self, tiny):
        """Negative control: the same haloes, but not the same maps."""
        a, b = (tiny.sets.part("scaled", physics, "test") for physics in TINY_MAPS.physics)
        assert a.parent.tolist() == b.parent.tolist()
        assert not set(a.id) & set(b.id)
        assert not torch.equal(a.maps, b.maps)
        assert np.corrcoef(a.log10_mass, b.log10_mass)[0, 1] > 0.9

    @pytest.mark.parametrize("name", TINY_MAPS.networks)
    def test_no_network_is_calibrated_or_judged_on_what_it_learnt(self, tiny, name):
        network = TINY_MAPS.networks[name]
        learnt = set(tiny.sets.of(network, "train").parent)
        held_out = set(tiny.sets.of(network, "validation").parent)
        judged_on = set(tiny.sets.whole(network.geometry, "test").parent)
        assert learnt
        assert held_out
        assert not learnt & held_out
        assert not (learnt | held_out) & judged_on

    def test_the_learning_curve_is_nested(self, tiny):
        half, whole = (TINY_MAPS.networks[name] for name in ("learning_half", "learning_all"))
        few, many = (tiny.sets.of(network, "train") for network in (half, whole))
        assert set(few.id) < set(many.id)
        assert len(set(few.parent)) == round(len(set(many.parent)) / 2)
        for parent in set(few.parent):
            assert (few.parent == parent).sum() == (many.parent == parent).sum() == 4
        quarter, least = (half.model_copy(update={"parent_fraction": part}) for part in (0.25, 1e-6))
        fewer, fewest = (set(tiny.sets.of(network, "train").parent) for network in (quarter, least))
        assert fewest < fewer < set(few.parent)
        assert len(fewest) == 1
        one, other = (tiny.sets.of(network, "validation") for network in (half, whole))
        assert one.id.tolist() == other.id.tolist()

    def test_masses_and_physics_are_chosen(self, tiny):
        low = MapNetworkSettings(model={"kind": "unet"}, log10_m200c_range=(13.67, 14.5), physics=("gizmo",))
        for split in ("train", "validation"):
            found = tiny.sets.of(low, split)
            part = tiny.sets.part("scaled", "gizmo", split)
            light = part.log10_mass.numpy() < 14.5
            assert 0 < light.sum() < len(part)
            assert found.id.tolist() == part.id[light].tolist()
            np.testing.assert_array_equal(found.target, part.target[light])

    def test_views_are_channels(self, tiny):
        part = tiny.sets.part("scaled", "gadgetx", "test")
        assert part.maps.shape[1] == 4  # and the gas, for its fractions
        assert tiny.sets.whole("scaled", "test").maps.shape[1] == 3
        for views, channels in (
            ((), [0, 1, 2]),
            (("star_surface_density",), [2]),
            (("xray_surface_brightness", "compton_y"), [1, 0]),
        ):
            network = MapNetworkSettings(model={"kind": "unet"}, views=views, physics=("gadgetx",))
            found = tiny.sets.of(network, "test").maps
            assert torch.equal(found, part.maps[:, channels])

    def test_the_truth_is_in_the_order_of_the_maps(self, tiny):
        for geometry, pixel in (("scaled", None), ("peak", 0.05)):
            true, data = tiny.sets.truth(geometry), tiny.sets.whole(geometry, "test")
            np.testing.assert_array_equal(true.maps, data.target)
            assert true.parent.tolist() == data.parent.tolist()
            n = len(tiny.sets.part(geometry, "gadgetx", "test"))
            assert true.physics.tolist() == ["gadgetx"] * n + ["gizmo"] * (len(true.maps) - n)
            expected = 0.025 * true.r200c_mpc if pixel is None else np.full(len(true.maps), pixel)
            np.testing.assert_allclose(true.pixel_mpc, expected)
            assert (true.r500c_mpc < true.r200c_mpc).all()
        # What a cylinder of R200c holds beyond the sphere: a fifth to a half for haloes of these concentrations.
        true = tiny.sets.truth("scaled")
        cylinder_msun = aperture_sums(true.maps)[:, -1] * true.pixel_mpc**2
        assert np.median(cylinder_msun / 10**true.log10_m200c) == pytest.approx(1.3, abs=0.15)

    def test_stores_lie_where_they_are_looked_for(self, tiny):
        for geometry in ("scaled", "peak"):
            for physics in TINY_MAPS.physics:
                assert (store_folder(tiny.folder, geometry, physics) / "shards").is_dir()

    def test_only_the_geometries_of_its_networks_are_painted(self, tiny, tmp_path):
        fewer = MappingExperiment(
            **TINY_MAPS.model_dump(exclude={"without"}) | {"without": ("any_peak",), "ships": "any"}
        )
        assert Sets(fewer, tmp_path).geometries() == ["scaled"]
        assert tiny.sets.geometries() == ["scaled", "peak"]


class TestJudging:
    def test_masses_of_scaled_maps_are_in_solar_masses_once_the_radius_is_known(self, tiny, judged):
        network, mapper = TINY_MAPS.networks["any"], judged.mappers["any"]
        true, test = tiny.sets.truth("scaled"), tiny.sets.whole("scaled", "test")
        raw = mapper.predict(tiny.sets.views_of(network, test.maps).numpy(), test.redshift.numpy())
        found = in_mpc(raw, true)
        np.testing.assert_allclose(found.radii_mpc[:, -1], true.r200c_mpc)
        ratio = found.mass_quantiles_msun / raw.mass_quantiles_msun
        np.testing.assert_allclose(ratio, np.broadcast_to(true.r200c_mpc[:, None, None] ** 2, ratio.shape))
        plain = PredictedMaps("plain", raw.mean)
        assert in_mpc(plain, true) is plain

    def test_masses_of_proper_maps_are_already(self, tiny, judged):
        true, test = tiny.sets.truth("peak"), tiny.sets.whole("peak", "test")
        raw = judged.mappers["any_peak"].predict(test.maps.numpy(), test.redshift.numpy())
        found = in_mpc(raw, true)
        np.testing.assert_allclose(found.mass_quantiles_msun, raw.mass_quantiles_msun)
        np.testing.assert_allclose(found.radii_mpc[:, -1], 2.0)

    def test_bias_and_scatter_of_known_errors(self, tiny):
        test = tiny.sets.whole("scaled", "test")
        truth = test.target.numpy()
        assert bias_of(1.1 * truth, test) == pytest.approx({"bias_r200": 0.1, "scatter_r200": 0.0}, abs=1e-5)
        factor = np.where(np.arange(len(truth)) % 2, 0.9, 1.3)[:, None, None]
        found = bias_of(factor * truth, test)
        assert found == pytest.approx({"bias_r200": 0.1, "scatter_r200": 0.2}, abs=1e-5)

    def test_a_range_of_masses_is_judged_inside_and_outside(self, tiny):
        test = tiny.sets.whole("scaled", "test")
        everything = MapNetworkSettings(model={})
        ((label, rows),) = mass_cuts(everything, test)
        assert (label, rows.all()) == ("", True)
        light = MapNetworkSettings(model={}, log10_m200c_range=(13.0, 14.5), physics=("gizmo",))
        (taught, inside), (other, outside) = mass_cuts(light, test)
        assert (taught, other) == ("taught masses", "other masses")
        np.testing.assert_array_equal(inside, test.log10_mass.numpy() < 14.5)
        np.testing.assert_array_equal(outside, ~inside)
        ((only, _),) = mass_cuts(light.model_copy(update={"log10_m200c_range": (13.0, 16.0)}), test)
        assert only == "taught masses"
        assert described(TINY_MAPS, light) == "gizmo, 10^13.00-10^14.50 Msun"
        assert described(TINY_MAPS, everything) == "gadgetx + gizmo"

    def test_baselines_see_each_view_and_all(self):
        assert baseline_subsets(1) == [(True,)]
        assert baseline_subsets(2) == [(True, False), (False, True), (True, True)]

    def test_clusters_larger_than_the_map_are_not_judged(self, tiny, judged):
        network = TINY_MAPS.networks["any_peak"]
        row = geometry_row(judged, "any_peak", network, lambda _: None)
        true = tiny.sets.truth("peak")
        assert row["n_maps"] == (true.r200c_mpc <= 2.0).sum()
        wide = replace(true, r200c_mpc=np.where(np.arange(len(true.maps)) < 3, 2.5, true.r200c_mpc))
        with patch.object(Sets, "truth", lambda *_: wide):
            fewer = geometry_row(judged, "any_peak", network, lambda _: None)
        assert fewer["n_maps"] == row["n_maps"] - (true.r200c_mpc[:3] <= 2.0).sum()
