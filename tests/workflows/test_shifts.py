"""The warning light: the area under its curve against its definition, and each fault against what it claims."""

import numpy as np
import pytest
import torch

from zwicky.core.masses import M500C
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData, load_split
from zwicky.data.store import Store
from zwicky.inference.domain import FLAGS
from zwicky.inference.estimator import Estimator
from zwicky.instruments.instrument import SIGMA_PER_FWHM, Instrument
from zwicky.workflows.shifts import FAULTS, auroc, shift_table


@pytest.fixture(scope="module")
def instrument():
    return Instrument.named("planck_milca")


def blob(instrument, fwhm_arcmin):
    return np.exp(-0.5 * (instrument.grid.radius() / (fwhm_arcmin * SIGMA_PER_FWHM)) ** 2)[None]


def test_auroc_of_scores_that_separate_or_do_not():
    clean = np.arange(10.0)
    assert auroc(clean, clean + 10.0) == 1.0
    assert auroc(clean, clean - 10.0) == 0.0
    assert auroc(clean, clean) == 0.5
    assert auroc(clean, np.full(7, np.inf)) == 1.0
    assert auroc(np.zeros(3), np.zeros(5)) == 0.5


def test_auroc_is_the_fraction_of_ordered_pairs():
    rng = np.random.default_rng(1)
    clean, faulty = rng.integers(0, 6, 40).astype(float), rng.integers(1, 8, 30).astype(float)
    pairs = [1.0 if f > c else 0.5 if f == c else 0.0 for c in clean for f in faulty]
    assert auroc(clean, faulty) == pytest.approx(np.mean(pairs))
    assert auroc(faulty, clean) == pytest.approx(1.0 - np.mean(pairs))


def test_auroc_of_alike_scores_is_a_half_and_of_shifted_ones_is_not():
    rng = np.random.default_rng(2)
    clean, alike = rng.normal(size=(2, 4000))
    sd = np.sqrt(2 / (12 * 4000))
    assert auroc(clean, alike) == pytest.approx(0.5, abs=4 * sd)
    assert auroc(clean, alike + 0.2) != pytest.approx(0.5, abs=4 * sd)


def test_a_wider_beam_is_a_wider_gaussian(instrument):
    made = FAULTS["beam 1.2 times as wide"](blob(instrument, 10.0), instrument)
    expected = blob(instrument, 12.0) / 1.2**2
    np.testing.assert_allclose(made, expected, atol=1e-4)
    assert made.sum() == pytest.approx(blob(instrument, 10.0).sum())


def test_more_noise_is_half_as_much_again(instrument):
    noise = np.array([instrument.field.draw(Key(1, Stream.TEST, i)) for i in range(60)])
    made = FAULTS["noise 1.5 times as large"](noise, instrument)
    assert made.std() / noise.std() == pytest.approx(1.5, rel=0.03)
    assert np.corrcoef(made.ravel(), noise.ravel())[0, 1] == pytest.approx(1 / 1.5, abs=0.03)


def test_the_other_faults_are_what_they_are_called(instrument):
    stamps = blob(instrument, 10.0)
    np.testing.assert_allclose(FAULTS["unit wrong by 1e6"](stamps, instrument), 1e6 * stamps)
    hole = (FAULTS["negative source of 10 sigma"](stamps, instrument) - stamps)[0]
    y, x = np.unravel_index(hole.argmin(), hole.shape)
    middle, pixel = (len(hole) - 1) / 2, instrument.grid.pixel_value
    assert hole.min() == pytest.approx(-10 * instrument.field.rms, rel=0.03)
    assert np.hypot(y - middle, x - middle) * pixel == pytest.approx(20, abs=pixel)
    y, x = np.unravel_index(FAULTS["centre off by 14 arcmin"](stamps, instrument)[0].argmax(), hole.shape)
    assert (abs(x - middle) * pixel, abs(y - middle) * pixel) == pytest.approx((14, 0), abs=pixel)


@pytest.fixture(scope="module")
def test_data(tiny_run):
    return load_split(Store.open(tiny_run.folder / "store"), "test", M500C)


@pytest.fixture(scope="module")
def estimator(tiny_run):
    return Estimator.load(tiny_run.folder / "estimator")


def test_a_table_of_all_faults(tiny_run, estimator, test_data):
    rows = shift_table(estimator, test_data)
    assert rows == tiny_run.scorecard["shifts"]
    assert [row["fault"] for row in rows] == ["none", *FAULTS]
    for row in rows:
        assert sum(row[name] for name in FLAGS) == pytest.approx(1.0)
        assert 0.0 <= row["auroc"] <= 1.0
    by_name = {row["fault"]: row for row in rows}
    assert (by_name["none"]["auroc"], by_name["unit wrong by 1e6"]["auroc"]) == (0.5, 1.0)
    assert by_name["unit wrong by 1e6"]["out-of-domain"] == 1.0
    for fault in ("beam 1.2 times as wide", "noise 1.5 times as large"):
        assert by_name[fault]["out-of-domain"] > by_name["none"]["out-of-domain"] + 0.3


def test_a_fault_that_does_nothing_is_not_seen(estimator, test_data, monkeypatch):
    """Negative control."""
    monkeypatch.setattr("zwicky.workflows.shifts.FAULTS", {"nothing": lambda stamps, _: stamps.copy()})
    none, nothing = shift_table(estimator, test_data)
    assert {**nothing, "fault": "none"} == none


def test_faint_clusters_do_not_count(estimator, test_data, monkeypatch):
    monkeypatch.setattr("zwicky.workflows.shifts.FAULTS", {})
    snr = estimator.classical.weigh(
        test_data.maps[:, 0].double().numpy(), test_data.redshift.double().numpy()
    ).snr
    keep = torch.from_numpy(snr > 4.5)
    columns = (test_data.maps, test_data.redshift, test_data.log10_mass)
    bright = MapData(*(column[keep] for column in columns), test_data.parent[keep.numpy()])
    assert 0 < len(bright) < len(test_data)
    assert shift_table(estimator, test_data) == shift_table(estimator, bright)
