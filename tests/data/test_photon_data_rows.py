"""Photon images in memory: three maps per band in a batch, one held; thinned once and for all."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from zwicky.core.errors import TrainingError
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData, joined, selected
from zwicky.data.folds import folds_of_parents
from zwicky.data.photon_data import PhotonData, joined_photons
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.models.photon_mass_parts import PhotonViews

N, N_BANDS, SIDE = 12, 2, 20
KEY = Key(3, Stream.TEST)


def counts_data(n=N):
    rng = np.random.default_rng(1)
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    blob = 3.0 * np.exp(-0.05 * np.hypot(axis[:, None], axis) ** 2)
    mean = 0.5 + blob * np.geomspace(0.3, 300.0, n)[:, None, None, None] * np.ones((N_BANDS, 1, 1))
    return MapData(
        torch.from_numpy(rng.poisson(mean).astype(np.float32)),
        torch.linspace(0.1, 0.5, n),
        torch.linspace(13.5, 15.0, n),
        np.array([f"halo-{i}" for i in range(n)], object),
        id=np.array([f"view-{i}" for i in range(n)], object),
        truth={"number": np.arange(n)},
    )


@pytest.fixture
def data():
    exposure = np.full((N_BANDS, SIDE, SIDE), 1000.0)
    exposure[:, :2] = 0.0
    return PhotonData.of(counts_data(), np.full((N_BANDS, SIDE, SIDE), 0.5), exposure)


def same_rows(one, other):
    pair = one.rows(slice(None)), other.rows(slice(None))
    return all(torch.equal(*(getattr(b, name) for b in pair)) for name in ("maps", "redshift", "log10_mass"))


def test_a_batch_has_counts_background_and_exposure(data):
    batch = data.rows(torch.tensor([4, 1]))
    assert batch.maps.shape == (2, 3 * N_BANDS, SIDE, SIDE)
    views = PhotonViews.of(batch.maps)
    assert torch.equal(views.counts, data.maps[[4, 1]])
    for found, expected in ((views.background, data.background), (views.exposure_s, data.exposure_s)):
        assert torch.equal(found, expected.expand(2, -1, -1, -1))
    assert torch.equal(batch.log10_mass, data.log10_mass[[4, 1]])
    assert torch.equal(torch.cat([b.maps for b in data.batches(5)]), data.rows(slice(None)).maps)


def test_fraction_and_bands_are_those_of_the_row(data):
    present = torch.ones(N, N_BANDS, dtype=torch.bool)
    present[1, 0] = False
    part = replace(data, fraction=torch.linspace(0.1, 1.0, N), present=present)
    views = PhotonViews.of(part.rows(slice(0, 3)).maps)
    assert torch.equal(views.present, present[:3])
    assert not views.counts[1, 0].any()
    assert not views.background[1, 0].any()
    torch.testing.assert_close(views.exposure_s[2, 1], data.exposure_s[1] * part.fraction[2])
    torch.testing.assert_close(views.background[1, 1], data.background[1] * part.fraction[1])


class TestThinned:
    def test_photons_background_and_exposure_go_together(self, data):
        thin = data.thinned(KEY, least_counts=30.0, most_counts=2000.0, all_bands=1.0)
        assert (thin.maps <= data.maps).all()
        assert torch.equal(thin.maps, thin.maps.round())
        kept = thin.maps.sum((1, 2, 3)) / data.maps.sum((1, 2, 3))
        noise = 4.0 / data.maps.sum((1, 2, 3)).sqrt()
        assert ((kept - thin.fraction).abs() < noise).all()
        assert (thin.fraction < 0.9).any()
        net = PhotonViews.of(data.rows(slice(None)).maps).net_counts()
        assert (net * thin.fraction < 2001.0).all()
        assert (thin.fraction[net > 30.0] * net[net > 30.0] > 29.9).all()
        assert torch.equal(thin.fraction[net <= 30.0], torch.ones(int((net <= 30.0).sum())))

    def test_they_are_the_same_for_the_same_key_and_whatever_is_asked(self, data):
        first = data.thinned(KEY)
        torch.rand(3)
        assert same_rows(first, data.thinned(KEY))
        assert torch.equal(first.rows(slice(2, 4)).maps, first.rows(slice(None)).maps[2:4])
        assert not same_rows(first, data.thinned(Key(4, Stream.TEST)))

    def test_bands_are_dropped_but_one(self, data):
        present = data.thinned(KEY, all_bands=1e-6).present
        assert (present.sum(1) == 1).all()
        assert present.any(0).all()
        assert data.thinned(KEY, all_bands=1.0).present.all()

    def test_twice_thinned(self, data):
        once = data.thinned(KEY, most_counts=500.0)
        twice = once.thinned(Key(4, Stream.TEST), most_counts=50.0)
        assert (twice.fraction <= once.fraction).all()
        assert not (twice.present & ~once.present).any()
        assert (twice.maps <= once.maps).all()


class TestSets:
    def test_selected_rows(self, data):
        thin = data.thinned(KEY)
        mask = np.arange(N) % 3 == 1
        for rows in (np.array([4, 1]), mask, slice(2, 5)):
            few, plain = thin.selected(rows), selected(thin, rows)
            assert isinstance(few, PhotonData)
            assert same_rows(few, plain)
            assert few.id.tolist() == plain.id.tolist() == thin.id[rows].tolist()
            assert few.truth["number"].tolist() == thin.truth["number"][rows].tolist()
        nameless = replace(data, id=np.empty(0, object))
        assert nameless.selected(slice(2)).id.size == 0

    def test_shared_images_are_held_once(self, data):
        few = data.selected(np.array([0, 3]))
        assert few.background.data_ptr() == data.background.data_ptr()
        assert few.maps.shape[1] == N_BANDS

    def test_parts_of_a_whole_are_the_whole(self, data):
        thin = data.thinned(KEY)
        whole = joined_photons([thin.selected(slice(0, 5)), thin.selected(slice(5, N))])
        assert same_rows(whole, thin)
        assert whole.parent.tolist() == thin.parent.tolist()

    def test_sets_of_two_surveys(self, data):
        other = replace(data, exposure_s=2.0 * data.exposure_s)
        with pytest.raises(TrainingError, match=r"(?s)share no background and exposure.*stacked"):
            joined_photons([data, other])
        both = joined([data.stacked(), other.stacked()])
        assert torch.equal(both.maps[N:, -1], other.rows(slice(None)).maps[:, -1])

    def test_folds_take_them(self, data):
        parts = folds_of_parents(data.parent, 1, 4).parts(data.stacked(), 0)
        assert sum(map(len, parts)) == N


@pytest.mark.parametrize("fault", ["background", "exposure"])
def test_images_of_other_sizes_are_refused(fault):
    images = {name: np.ones((N_BANDS, SIDE, SIDE)) for name in ("background", "exposure")}
    images[fault] = images[fault][:1]
    with pytest.raises(TrainingError, match=r"do not fit together(.|\n)*\(1, 20, 20\)"):
        PhotonData.of(counts_data(), images["background"], images["exposure"])


def test_a_band_that_the_survey_never_saw_is_absent():
    exposure = np.ones((N_BANDS, SIDE, SIDE))
    exposure[1] = 0.0
    data = PhotonData.of(counts_data(), np.ones_like(exposure), exposure)
    assert data.present.tolist() == [[True, False]] * N
    assert not data.rows(slice(2)).maps[:, 1].any()


def test_of_a_survey():
    survey = PhotonSurveySettings(instrument="erosita_efeds", bands_kev=((0.5, 2.0),), n_pixels=SIDE).build(1)
    counts = counts_data()
    data = PhotonData.of_survey(replace(counts, maps=counts.maps[:, :1].contiguous()), survey)
    np.testing.assert_allclose(data.exposure_s, survey.observer.times()[0], rtol=1e-6)
    np.testing.assert_allclose(data.background, survey.mean_background(), rtol=1e-6)
    assert data.background.dtype == torch.float32
