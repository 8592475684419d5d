"""The smallest run of the microwave sky: skies, networks, tests of the paper, improved network; and how it goes on."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C
from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.microwave.records import ORDER_OF_SETS
from zwicky.evaluation.microwave.scorecard import MATCHED_FILTER, MICROWAVE_CARD
from zwicky.simulations.fixed_spheres import FixedSpheresSettings
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings
from zwicky.workflows.microwave.experiment import MicrowaveExperiment, read_microwave_experiment
from zwicky.workflows.microwave.published import NETWORK, Weigher, ring_edges, rings, trained_network
from zwicky.workflows.microwave.rescaling import Rescaling, relation_of
from zwicky.workflows.microwave.run import reproduce_microwave
from zwicky.workflows.microwave.sets import Sets
from zwicky.workflows.tables import write_results

SMALL = {
    "kind": "microwave",
    "n_pixels": 16,
    "pixel": "0.5 arcmin",
    "padded": "20 arcmin",
    "target_beam": "1.2 arcmin",
}
TRAINING = {"epochs": 2, "batch_size": 16}
TINY = MicrowaveExperiment(
    name="gupta2020",
    preset="tiny",
    title="Tiny skies",
    reference="Gupta & Reichardt 2020",
    seed=7,
    n_resamples=10,
    published={
        "survey": SMALL | {"simulation": {"kind": "fixed_spheres", "m200c_1e14_msun": [2.0, 8.0]}},
        "interpolated": [4.0],
        "extrapolated": [1.0, 12.0],
        "scatter": [4.0, 6.0],
        "painter": {
            "kind": "painter",
            "preset": "gadgetx",
            "log10_m200c_range": [14.3, 14.8],
            "redshift_edges": [0.7, 0.7],
        },
        "network": {"model": {"kind": "mresunet", "n_pixels": 16, "width": 2}, "training": TRAINING},
        "counts": {
            "train": 12, "validation": 6, "test": 24, "between": 12, "scatter": 24, "realistic": 4, "skies": 3,
            "empty": 20,
        },
    },
    improved={
        "one_band": {
            "survey": SMALL | {"simulation": {"kind": "spherical", "redshift_edges": [0.2, 1.0]}},
            "store": {"n_clusters": 500, "fractions": [0.3, 0.4, 0.3]},
            "network": {"model": {"kind": "mresunet_mass", "n_pixels": 16, "width": 2}, "training": TRAINING},
            "evaluation": {"n_resamples": 10},
        }
    },
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    folder: Path
    scorecard: dict[str, Any]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tiny"
    return Run(folder, reproduce_microwave(TINY, folder, workers=1))


@pytest.fixture(scope="module")
def weigher(tiny):
    sets = Sets(TINY, tiny.folder)
    return Weigher(TINY, sets, trained_network(TINY, sets, tiny.folder, lambda _: None))


def test_every_set_is_weighed_by_both_methods(tiny):
    assert set(tiny.scorecard["sets"]) == set(ORDER_OF_SETS)
    assert set(tiny.scorecard["methods"]) == {NETWORK, MATCHED_FILTER}
    MICROWAVE_CARD.check(json.loads((tiny.folder / "scorecard.json").read_text()), "test")
    assert (tiny.folder / "report.html").is_file()
    assert all(len(row) == 4 for row in tiny.scorecard["paper"])


def test_no_two_sets_share_a_cluster_or_a_sky(tiny):
    sets = Sets(TINY, tiny.folder)
    seen = [sets.read(name, "test", M200C) for name in ORDER_OF_SETS]
    parents = [set(data.parent) for data in seen]
    assert len(set.union(*parents)) == sum(len(one) for one in parents)
    first = np.array([data.maps[0, 0].numpy() for data in seen])
    correlation = np.corrcoef((first - first.mean(axis=(1, 2), keepdims=True)).reshape(len(first), -1))
    assert np.abs(correlation - np.eye(len(first))).max() < 0.95


def test_the_matched_filter_weighs_m200c(weigher):
    """Clusters of 8 are weighed as 8, within errors, not as their M500c."""
    data = weigher.sets.read("trained", "test", M200C)
    heavy = data.log10_mass.numpy() > 14.6
    estimated, snr = weigher.weigh(data.stamps[heavy], data.redshift.double().numpy()[heavy])
    assert np.median(estimated[MATCHED_FILTER]) == pytest.approx(8e14, rel=0.15)
    assert np.median(snr) > 5.0


def test_again_it_finds_everything_and_says_the_same(tiny):
    said = []
    again = reproduce_microwave(TINY, tiny.folder, workers=1, say=said.append)
    assert again == tiny.scorecard
    assert any("already trained" in line for line in said)
    with pytest.raises(ConfigError, match="other settings"):
        reproduce_microwave(TINY.model_copy(update={"seed": 8}), tiny.folder)


def test_masses_that_were_never_taught_are_weighed_as_well(tiny):
    """From below the training masses to beyond them; how often they are flagged is for a network that learnt to say."""
    rows = tiny.scorecard["improved"]["one_band"]["beyond"]
    masses = [row["m500c_msun"] for row in rows]
    assert masses == sorted(masses)
    assert [row["taught"] for row in rows] == [5.0e13 < mass < 3.2e15 for mass in masses]
    assert not rows[0]["taught"]
    assert all(0.0 <= row["flagged"] <= 1.0 and row["sigma_dex"] >= 0.0 for row in rows)


def test_its_section_of_the_results(tiny, tmp_path):
    write_results([tiny.folder], tmp_path / "results.md")
    text = (tmp_path / "results.md").read_text()
    assert "## Tiny skies: preset `tiny`" in text
    assert "| Y-M rescaling factor r | 1.287 |" in text
    assert "The improved network `one_band`" in text


class TestRescaling:
    def relation(self, shift):
        """A relation that lies by ``shift`` in ln Y above that of the training clusters."""
        table = relation_of(FixedSpheresSettings())
        mass, ln_y = np.array(table[0]), np.array(table[1])
        near = (mass > 14.25) & (mass < 14.9)  # concentrations bend the relation a little
        slope, offset = np.polyfit(mass[near] - 14.6, ln_y[near], 1)
        return Rescaling(offset + shift, slope, 0.1, *table)

    def test_the_same_relation_needs_none(self):
        masses = np.array([2e14, 4e14, 7e14])
        np.testing.assert_allclose(self.relation(0.0).factor(masses), 1.0, atol=0.01)

    def test_less_signal_at_the_same_mass_means_a_larger_factor(self):
        """20 % less Y is read as a mass smaller by 1/1.79 of it: Y-M is steeper than M."""
        factor = self.relation(np.log(0.8)).factor(np.array([4e14]))[0]
        assert factor == pytest.approx(0.8 ** (-1 / 1.79), rel=0.02)

    def test_only_painted_clusters_are_measured(self):
        spheres = SphericalClusters(SphericalSettings(), seed=1)
        with pytest.raises(ConfigError, match="painted clusters"):
            Rescaling.measured(spheres, 10, FixedSpheresSettings())


def test_rings_are_means():
    radius = np.hypot(*np.mgrid[-7.5:8, -7.5:8])
    maps = np.stack([np.full((16, 16), 3.0), radius])
    means = rings(maps, radius)
    edges = ring_edges(radius)
    np.testing.assert_allclose(means[0][np.isfinite(means[0])], 3.0)
    inside = np.isfinite(means[1])
    assert (means[1][inside] >= edges[:-1][inside]).all()
    assert (means[1][inside] <= edges[1:][inside]).all()


@pytest.mark.parametrize("preset", ["smoke", "laptop", "paper"])
def test_the_presets_can_be_read(preset):
    experiment = read_microwave_experiment("gupta2020", preset)
    assert experiment.published.spheres.m200c_1e14_msun == (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    survey = experiment.published.survey.build(1)
    assert survey.channels == (MapQuantity.TEMPERATURE_150, MapQuantity.COMPTON_Y)
    assert survey.grid.n_pixels == 40
    for name in experiment.improved:
        assert experiment.experiment_of(name).networks[name].model["kind"] == "mresunet_mass"
