"""The smallest run on X-ray photons: folds, ensemble, a network beyond them, report; and how it goes on."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.xray.annuli import CORE
from zwicky.evaluation.xray.scorecard import PHOTON_CARD
from zwicky.evaluation.xray.summary import all_tables
from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.workflows.experiment import experiment_names
from zwicky.workflows.photons.ensemble import WIDEST_LOG10, LightConeEnsemble, asked
from zwicky.workflows.photons.experiment import PhotonExperiment, read_photon_experiment
from zwicky.workflows.photons.folds import CrossValidation, cores_only
from zwicky.workflows.photons.improved import ImprovedNetwork, faults_of, images_of, shifted
from zwicky.workflows.photons.levels import LEVELS
from zwicky.workflows.photons.run import reproduce_photons
from zwicky.workflows.photons.sets import added_up, profiles_of, read_photons
from zwicky.workflows.photons.training import trained_members

TRAINING = {"epochs": 1, "batch_size": 16}
NEARBY = {"kind": "painter", "preset": "illustris", "log10_m200c_range": [13.8, 15.2]}
TINY = PhotonExperiment(
    name="krippendorf2024",
    preset="tiny",
    title="Tiny photons",
    reference="Krippendorf et al. 2024",
    seed=7,
    n_resamples=10,
    folds={
        "survey": {
            "instrument": "chandra_acisi", "level": "psf", "n_pixels": 16, "pixel": "192 arcsec",
            "bands_kev": [[0.5, 2.0], [2.0, 7.0]], "simulation": NEARBY,
        },
        "store": {"n_clusters": 36, "clusters_per_shard": 12},
        "n_folds": 3,
        "dreamed": 4,
        "network": {"model": {"kind": "chandra_cnn"}, "training": TRAINING},
        "control": TRAINING,
    },
    ensemble={
        "survey": {
            "instrument": "erosita_efeds", "level": "background", "n_pixels": 16, "pixel": "75 arcsec",
            "simulation": {
                "kind": "painter", "population": "light_cone", "faintest_flux": 3e-14,
                "log10_m200c_range": [13.5, 15.2], "redshift_edges": [0.05, 0.6],
            },
        },
        "store": {"n_clusters": 90, "fractions": [0.5, 0.2, 0.3], "clusters_per_shard": 45},
        "network": {
            "model": {"kind": "erosita_cnn", "n_pixels": 16, "filters": 2}, "members": 2, "training": TRAINING,
        },
        "variant_members": 1,
        "batch_members": 2,
        "redshift_noise": [0.1],
    },
    improved={
        "small": {
            "survey": {
                "instrument": "erosita_efeds", "level": "background", "n_pixels": 16, "pixel": "75 arcsec",
                "exposure_s": 26000.0, "bands_kev": [[0.3, 0.6], [0.6, 1.1]],
                "simulation": {"kind": "painter", "log10_m200c_range": [13.8, 15.2], "redshift_edges": [0.05, 0.4]},
            },
            "store": {"n_clusters": 180, "fractions": [0.3, 0.3, 0.4], "clusters_per_shard": 90},
            "network": {
                "model": {"kind": "photon_mass", "n_bands": 2, "n_pixels": 16, "width": 2, "hidden": 8},
                "training": TRAINING,
            },
            "counts": [100.0],
            "offsets_arcmin": [0.0, 2.5],
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
    return Run(folder, reproduce_photons(TINY, folder, workers=1))


def test_the_card_holds_all_three_parts(tiny):
    card = tiny.scorecard
    assert card["folds"]["n_parameters"] == 58_437
    assert set(card["folds"]["results"]) == {"network", "luminosity", "luminosity_excised", "yx"}
    assert set(card["ensemble"]["results"]) == {"ensemble", "member 0", "count rate"}
    assert set(card["improved"]["small"]["results"]) == {"network", "classical"}
    PHOTON_CARD.check(json.loads((tiny.folder / "scorecard.json").read_text()), "test")
    assert (tiny.folder / "report.html").is_file()
    assert all(len(row) == 4 for row in card["paper"])


def test_every_view_is_tested_once_in_eight_turns(tiny):
    sample = tiny.scorecard["folds"]["sample"]
    assert (sample["n_rows"], sample["n_parents"]) == (8 * 36, 36)
    folds = tiny.scorecard["folds"]["results"]["network"]["folds"]
    assert sum(one["n_parents"] for one in folds) == 36


def test_classical_masses_have_learnt_what_the_tiny_network_cannot(tiny):
    results = tiny.scorecard["folds"]["results"]
    excised, network = (
        results[name]["all"]["scatter_dex"]["value"] for name in ("luminosity_excised", "network")
    )
    assert excised < 0.12 < network


def test_mocks_that_are_kept_are_bright_ones(tiny):
    ensemble = LightConeEnsemble(TINY, tiny.folder)
    data, found = read_photons(ensemble.place, "train"), ensemble.found("train")
    assert 0 < found.kept.sum() < len(found.kept)
    counts = data.truth["expected_cluster_counts"]
    assert np.median(counts[found.kept]) > np.median(counts[~found.kept])
    assert not (found.bright & ~found.kept).any()


def test_levels_shift_masses_and_the_last_one_does_not(tiny):
    rows = tiny.scorecard["levels"]
    assert [row["level"] for row in rows] == list(LEVELS)
    assert rows[-1]["count rate"]["shift_dex"] == 0.0
    # The count rate knows the exposure: what vignetting takes away is no mass.
    without = {row["level"]: row["count rate"]["shift_dex"] for row in rows}
    assert without["psf"] == pytest.approx(without["vignetted"], abs=0.03)
    tables = {table.title: table for table in all_tables(tiny.scorecard)}
    assert len(tables["What each ingredient of an image does to the mass"].rows) == len(LEVELS)


def test_noise_on_the_redshift_is_the_same_at_any_width_and_differs_between_splits(tiny):
    ensemble = LightConeEnsemble(TINY, tiny.folder)
    data = ensemble.counts("test")
    small, large = (
        ensemble.with_noise(data, sigma, "test").redshift - data.redshift for sigma in (0.01, 0.1)
    )
    assert torch.allclose(large, 10.0 * small, atol=1e-5)
    other = ensemble.with_noise(data, 0.1, "train").redshift - data.redshift
    assert not torch.allclose(other, large)


def test_smoothing_moves_photons_and_keeps_them(tiny):
    ensemble = LightConeEnsemble(TINY, tiny.folder)
    data = ensemble.counts("test")
    smooth = ensemble.smoothed(data)
    assert smooth.maps.sum() == pytest.approx(float(data.maps.sum()), rel=0.01)
    assert smooth.maps.var() < data.maps.var()
    sharp = ensemble.settings.model_copy(update={"smoothing_pixels": 0.0})
    untouched = LightConeEnsemble(TINY.model_copy(update={"ensemble": sharp}), tiny.folder)
    assert untouched.smoothed(data) is data


def test_an_ensemble_is_as_wide_as_its_members_and_their_spread(tiny):
    ensemble = LightConeEnsemble(TINY, tiny.folder)
    data, members = ensemble.smoothed(ensemble.counts("test")), ensemble.ensemble()
    both, one = asked(members, data), asked(members[:1], data)
    assert len(members) == 2
    assert both.shape == one.shape == (len(data), 5)
    assert not np.allclose(both, one)


def test_an_interval_wider_than_any_mass_is_held(tiny):
    ensemble = LightConeEnsemble(TINY, tiny.folder)
    data, (member, _) = ensemble.smoothed(ensemble.counts("test")), ensemble.ensemble()
    with torch.no_grad():
        member.dense[-1].bias[1] = 50.0  # the logarithm of the standardised error, which is held at 2
    quantiles = asked([member], data)
    assert quantiles.min() >= WIDEST_LOG10[0]
    assert quantiles.max() <= WIDEST_LOG10[1]
    assert (quantiles[:, 3] > quantiles[:, 1]).all()


def test_only_cores_are_left_for_the_control(tiny):
    folds = CrossValidation(TINY, tiny.folder)
    data = folds.views
    footprints = folds.footprints(data)
    left = cores_only(data, footprints).maps.numpy()[:, 0]
    outside = footprints.radius(16) >= CORE
    assert left[outside].max() == 0.0 < left[~outside].max()


def test_bands_are_added_up_with_their_background(tiny):
    ensemble = LightConeEnsemble(TINY, tiny.folder)
    data = read_photons(ensemble.place, "test")
    one, all_bands = profiles_of(added_up(data), ensemble.survey), profiles_of(data, ensemble.survey)
    np.testing.assert_allclose(one.counts[:, 0], all_bands.counts.sum(axis=1))
    np.testing.assert_allclose(one.background[:, 0], all_bands.background.sum(axis=1), rtol=1e-6)


@pytest.fixture(scope="module")
def network(tiny):
    return ImprovedNetwork(TINY, "small", tiny.folder)


def test_images_are_thinned_to_as_many_photons_as_are_asked_for(network):
    data = network.whole("test")
    images = images_of(data, network.pixel_arcmin)
    thinned, rows = network.with_counts(images, data, 100.0)
    expected = data.truth["expected_cluster_counts"]
    assert (expected[rows] >= 100.0).all()
    assert len(rows) == (expected >= 100.0).sum()
    net = (thinned.counts - thinned.background).sum(axis=(1, 2, 3))
    assert net.mean() == pytest.approx(100.0, rel=0.15)
    whole = images.selected(rows)
    assert (thinned.counts <= whole.counts).all()


def test_faults_change_what_they_say(network):
    images = images_of(network.whole("test"), network.pixel_arcmin)
    faulty = faults_of(images, Key(1, Stream.TEST), 0.4)
    assert faulty["none"] is images
    assert (faulty["exposure ten times too long"].exposure_s == 10.0 * images.exposure_s).all()
    assert faulty["background forgotten"].background.max() == 0.0
    nothing = faulty["no cluster"]
    assert nothing.counts.sum() == pytest.approx(float(images.background.sum()), rel=0.02)
    assert np.abs(np.abs(faulty["redshift wrong by 0.1"].redshift - images.redshift) - 0.1).max() < 1e-9
    assert faulty["redshift wrong by 0.1"].redshift.max() <= 0.4
    moved = shifted(images, 2.5)
    np.testing.assert_array_equal(moved.counts[..., 2:, :], images.counts[..., :-2, :])
    assert shifted(images, 0.0).counts.sum() == images.counts.sum()


def test_estimators_are_kept_and_say_the_same_again(tiny, network):
    estimator = PhotonEstimator.load(network.estimator_place)
    images = images_of(network.whole("test"), network.pixel_arcmin).selected(slice(0, 5))
    again = network.estimator({}).weigh(images)
    np.testing.assert_array_equal(estimator.weigh(images).network_log10, again.network_log10)


def test_again_it_finds_everything_and_says_the_same(tiny):
    again = reproduce_photons(TINY, tiny.folder, workers=1)
    assert again == tiny.scorecard
    with pytest.raises(ConfigError, match="other settings"):
        reproduce_photons(TINY.model_copy(update={"seed": 8}), tiny.folder)


def test_nothing_is_left_to_train_afterwards(tiny, network):
    folds, ensemble = CrossValidation(TINY, tiny.folder), LightConeEnsemble(TINY, tiny.folder)
    assert folds.jobs() == ensemble.jobs() == network.jobs({}) == {}
    elsewhere = tiny.folder / "nowhere"
    assert set(CrossValidation(TINY, elsewhere).jobs()) == {"fold-0", "fold-1", "fold-2", "core-only"}
    assert set(LightConeEnsemble(TINY, elsewhere).jobs()) == {"plain-0", "uniform", "noise-0.1"}
    assert set(ImprovedNetwork(TINY, "small", elsewhere).jobs({})) == {"small"}


def test_a_finished_training_is_read_without_its_data(tiny):
    def no_data():
        raise AssertionError("data of a finished training were read")

    place = tiny.folder / "training" / "fold-0"
    network = TINY.folds.network
    found = trained_members(network.model, no_data, network.training, place, [TINY.seed], lambda _: None)
    assert len(found) == 1


@pytest.mark.parametrize("name", experiment_names("photons"))
@pytest.mark.parametrize("preset", ["smoke", "laptop", "paper"])
def test_every_preset_can_be_built(name, preset):
    experiment = read_photon_experiment(name, preset)
    parts = [
        one
        for one in (experiment.folds, experiment.ensemble, *experiment.improved.values())
        if one is not None
    ]
    for part in parts:
        survey = part.survey.build(experiment.seed)
        assert survey.settings()
        n_bands = part.network.model.get("n_bands")
        assert n_bands in (None, len(survey.instrument.bands_kev))


def test_an_experiment_without_any_part_is_refused():
    with pytest.raises(ValueError, match=r"table \[folds\], \[ensemble\]"):
        PhotonExperiment(name="a", preset="b", title="c", reference="d", seed=1)


def test_settings_survive_the_way_to_another_process():
    dumped = TINY.model_dump(mode="json", exclude_none=True)
    assert PhotonExperiment.restored(json.loads(json.dumps(dumped))) == TINY
