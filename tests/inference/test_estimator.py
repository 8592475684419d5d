"""An estimator: saved and read back it answers the same; what it refuses, and when its light comes on."""

import json
import shutil

import numpy as np
import pytest
import torch
from astropy import units as u

from zwicky.core.errors import CheckpointError, ConfigError, MapError, RedshiftError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.inference.conformal import LEVELS
from zwicky.inference.domain import FLAGS, WORDS, Domain, Range
from zwicky.inference.ensemble import NetworkAnswer
from zwicky.inference.estimator import Estimator
from zwicky.inference.fit import calibrated_estimator
from zwicky.models.base import GaussianMass

from .conftest import SURVEY, observe

Y = MapQuantity.COMPTON_Y


@pytest.fixture(scope="module")
def fresh():
    """Clusters that the estimator has not seen."""
    return observe(SURVEY.build(1), range(1000, 1300))


@pytest.fixture
def saved(estimator, tmp_path):
    estimator.save(tmp_path / "estimator")
    return tmp_path / "estimator"


def test_answers_are_ordered_intervals_that_know_something(estimator, fresh):
    stamps, redshift, truth = fresh
    weighed = estimator.weigh(stamps, redshift)
    for quantiles in (weighed.network_log10, weighed.classical_log10):
        assert quantiles.shape == (300, len(LEVELS))
        assert (np.diff(quantiles, axis=1) >= 0).all()
        assert np.corrcoef(quantiles[:, LEVELS.index(0.5)], truth)[0, 1] > 0.8
        inside = (quantiles[:, LEVELS.index(0.16)] < truth) & (truth < quantiles[:, LEVELS.index(0.84)])
        assert inside.mean() == pytest.approx(0.68, abs=5 * np.sqrt(0.68 * 0.32 * (1 / 300 + 1 / 300)))


def test_most_mocks_of_its_own_survey_pass_the_light(estimator, fresh):
    stamps, redshift, _ = fresh
    masses = estimator.classical.weigh(stamps, redshift)
    level, reasons = estimator.facts.domain.judge(estimator.numbers(stamps, redshift, masses), masses.snr)
    assert (level == 2).mean() < 0.08
    assert [bool(r) for r in reasons] == [bool(v) for v in level]


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (lambda s: s * 1e6, "brightest"),
        (lambda s: s + 3e-6 * np.random.default_rng(1).normal(size=s.shape), "noise power"),
        (lambda s: s + 2e-5, "zero level"),
        (lambda s: np.roll(s, 14, axis=2), "tilt|misfit"),
    ],
)
def test_the_light_comes_on_and_says_why(estimator, fresh, fault, word):
    import re

    stamps, redshift, _ = (c[fresh[2] > 14.9][:20] for c in fresh)
    weighed = estimator.weigh(fault(stamps), redshift)
    red = weighed.flag == FLAGS.index("out-of-domain")
    assert red.mean() > 0.85
    first = int(np.argmax(red))
    assert weighed.flag_name(first) == "out-of-domain"
    assert any(re.search(word, reason) for reason in weighed.reasons[first])


def test_masses_near_the_ends_are_at_the_edge(estimator, fresh):
    stamps, redshift, truth = fresh
    weighed = estimator.weigh(stamps, redshift)
    near_end = np.array([any("ends of the training masses" in r for r in rs) for rs in weighed.reasons])
    assert (weighed.flag[near_end] >= 1).all()
    assert near_end[truth < 14.15].mean() > 0.4
    assert near_end[(truth > 14.5) & (truth < 14.9)].mean() < 0.1


def test_answers_do_not_depend_on_the_batch(estimator, fresh):
    stamps, redshift, _ = (c[:65] for c in fresh)
    together = estimator.weigh(stamps, redshift).network_log10
    for size in (1, 7):
        parts = [
            estimator.weigh(stamps[i : i + size], redshift[i : i + size]).network_log10
            for i in range(0, 65, size)
        ]
        np.testing.assert_allclose(np.concatenate(parts), together, atol=2e-5)


def test_saved_and_read_back_it_answers_the_same(estimator, saved, fresh):
    stamps, redshift, _ = (c[:20] for c in fresh)
    again = Estimator.load(saved).weigh(stamps, redshift)
    here = estimator.weigh(stamps, redshift)
    np.testing.assert_allclose(again.network_log10, here.network_log10, atol=1e-6)
    np.testing.assert_allclose(again.classical_log10, here.classical_log10, atol=1e-9)
    np.testing.assert_array_equal(again.flag, here.flag)
    assert json.loads((saved / "estimator.json").read_text())["provenance"] == {"made": "in a test"}


def test_half_the_bytes_give_nearly_the_same_masses(estimator, saved, fresh, tmp_path):
    estimator.save(tmp_path / "half", half=True)
    sizes = [(folder / "member-0.safetensors").stat().st_size for folder in (tmp_path / "half", saved)]
    assert sizes[0] < 0.6 * sizes[1]
    stamps, redshift, _ = (c[:20] for c in fresh)
    before, after = (Estimator.load(f).weigh(stamps, redshift) for f in (saved, tmp_path / "half"))
    change_dex = np.abs(after.network_log10 - before.network_log10)
    assert 0.0 < change_dex.max() < 0.005


def test_an_ensemble_is_a_mixture(estimator, fresh):
    stamps, redshift, _ = (c[:5] for c in fresh)
    one, two = (NetworkAnswer([m]).predict(stamps, redshift) for m in estimator.network.members)
    both = estimator.network.predict(stamps, redshift)
    torch.testing.assert_close(both.mean, (one.mean + two.mean) / 2)
    variance = (one.sd**2 + two.sd**2) / 2 + ((one.mean - two.mean) / 2) ** 2
    torch.testing.assert_close(both.sd, variance.sqrt())
    assert isinstance(both, GaussianMass)


def damaged(saved, how):
    path = saved / "estimator.json"
    if how == "no folder":
        return saved / "nowhere"
    if how == "a file":
        return path
    if how == "no json":
        path.unlink()
    elif how == "half json":
        path.write_text(path.read_text()[:200])
    elif how == "other version":
        path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 99'))
    elif how == "unknown key":
        path.write_text(path.read_text().replace('"survey_seed":', '"survey_sed": 1, "survey_seed":'))
    elif how == "other class":
        path.write_text(path.read_text().replace('"radial_cnn"', '"os.system"'))
    elif how == "no weights":
        (saved / "member-1.safetensors").unlink()
    elif how == "swapped weights":
        shutil.copy(saved / "member-0.safetensors", saved / "member-1.safetensors")
    elif how == "pickle":
        torch.save({"a": torch.zeros(1)}, saved / "member-0.safetensors")
    return saved


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("no folder", "not the folder of an estimator"),
        ("a file", "not the folder of an estimator"),
        ("no json", "not the folder of an estimator"),
        ("half json", "not a checkpoint of zwicky"),
        ("other version", "another version"),
        ("unknown key", "did you mean 'survey_seed'"),
        ("other class", "model is not known"),
        ("no weights", "missing"),
        ("swapped weights", "not those that the estimator was calibrated with"),
        ("pickle", "pickle"),
    ],
)
def test_damaged_folders_are_named(saved, how, words):
    with pytest.raises(CheckpointError, match=words):
        Estimator.load(damaged(saved, how))


@pytest.mark.parametrize("redshift", [None, float("nan"), -0.1, 0.0, 0.04, 0.51, 2000.0, "far"])
def test_redshifts_outside_the_training_range_are_refused(estimator, redshift):
    with pytest.raises(RedshiftError, match=r"0.05 < z <= 0.5"):
        estimator.check_redshift(redshift)
    assert estimator.check_redshift(0.2) == 0.2


def test_one_bad_redshift_of_a_list_is_named_by_its_row(estimator, fresh):
    with pytest.raises(RedshiftError, match="stamp 2"):
        estimator.weigh(fresh[0][:3], np.array([0.1, 0.2, 0.9]))


def test_maps_unlike_the_training_set_are_refused(estimator):
    grid = estimator.survey.grid

    def stamp(grid=grid, quantity=Y, beam=10.0):
        return Map(np.zeros(grid.shape), quantity, UNIT_OF[quantity], grid, "observed", beam_arcmin=beam)

    estimator.check_stamps([stamp()])
    with pytest.raises(MapError, match="another quantity"):
        estimator.check_stamps([stamp(quantity=MapQuantity.TEMPERATURE)])
    for wrong in (
        stamp(grid=Grid(64, grid.pixel, "sky")),
        stamp(grid=Grid(96, 2 * u.arcmin, "sky")),
        stamp(beam=5.0),
        stamp(beam=None),
    ):
        with pytest.raises(MapError, match="not on the stamp"):
            estimator.check_stamps([wrong])


def test_a_survey_without_a_classical_estimate_is_refused(estimator):
    class Strange(Estimator):
        survey = type("Survey", (), {"simulation": "a box of gas"})()

    with pytest.raises(ConfigError, match="spherical"):
        _ = Strange(estimator.facts, estimator.network, {}).simulation


def test_networks_without_features_go_without_that_number(planck_mocks, tmp_path):
    from zwicky.models.table import build_model

    from .conftest import as_data

    training, validation = (as_data([c[a:b] for c in planck_mocks], a) for a, b in ((0, 100), (400, 550)))
    settings = {"kind": "deepplanck"}
    model = build_model(settings)
    model.fit_scaling(training.rows(slice(None)))
    made = calibrated_estimator([model], settings, training, validation, SURVEY, 1, {})
    assert "features" not in made.facts.domain.ranges[0]
    made.save(tmp_path)
    assert Estimator.load(tmp_path).feature_cloud == {}


def test_ranges_count_from_the_median_to_the_envelope():
    one = Range(words="x", low=0.0, median=1.0, high=3.0)
    np.testing.assert_allclose(one.excess(np.array([1.0, 3.0, 0.0, 5.0, -1.0])), [0, 1, 1, 2, 2])
    assert np.isinf(one.excess(np.array([np.nan]))).all()
    wide = one.model_copy(update={"high": 20.0})
    domain = Domain(snr_edges=(10.0,), ranges=({"brightest": one}, {"brightest": wide}))
    values, snr = {"brightest": np.array([1.0, 3.2, 9.0, 9.0])}, np.array([5.0, 5.0, 5.0, 50.0])
    level, reasons = domain.judge(values, snr)
    assert level.tolist() == [0, 1, 2, 0]
    assert "above the training range 0 to 3" in reasons[2][0]
    np.testing.assert_allclose(domain.score(values, snr), [0, 1.1, 4, 8 / 19])


def test_bins_of_the_light_are_opened_only_where_there_are_mocks():
    rng = np.random.default_rng(1)
    snr = rng.uniform(0, 20, 1000)
    numbers = {"brightest": snr + rng.normal(size=1000)}
    assert Domain.fit(numbers, snr).snr_edges == (6.0, 15.0)
    few = Domain.fit({"brightest": numbers["brightest"][:150]}, snr[:150])
    assert few.snr_edges == ()
    assert set(few.ranges[0]) <= set(WORDS)


def test_a_well_centred_cluster_is_never_a_reason():
    """Distances count one way only: below the smallest one of the mocks is still in-domain; above is not."""
    rng = np.random.default_rng(2)
    numbers = {"off_centre": rng.uniform(1, 2, 500), "zero_level": rng.uniform(1, 2, 500)}
    domain = Domain.fit(numbers, np.full(500, 5.0))
    snr = np.full(2, 5.0)
    assert domain.judge({"off_centre": np.array([0.01, 9.0])}, snr)[0].tolist() == [0, 2]
    assert domain.judge({"zero_level": np.array([0.01, 9.0])}, snr)[0].tolist() == [2, 2]
