"""A split in memory: all of it, in order, and without what is not a number."""

import numpy as np
import pytest
import torch
from fake_survey import FakeSurvey, plan_for

from zwicky.core.errors import TrainingError
from zwicky.core.masses import M200C, M500C
from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import load_split
from zwicky.data.generate import generate
from zwicky.data.splits import SplitFractions
from zwicky.data.store import Store


def store_in(folder, **changes):
    survey = FakeSurvey()
    generate(survey, plan_for(survey, n_clusters=12, **changes), folder)
    return Store.open(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_in(tmp_path_factory.mktemp("store"))


@pytest.fixture
def spoiled(store, monkeypatch):
    """Let the store give samples that were spoiled on the way."""

    def spoil(change):
        def read(self, indices=None, **options):
            samples = original(self, indices, **options)
            change(samples)
            return samples

        monkeypatch.setattr(Store, "read", read)
        return store

    original = Store.read
    return spoil


def same(a, b):
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("maps", "redshift", "log10_mass"))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_holds_its_samples_and_no_others(store, split):
    data, samples = load_split(store, split, M500C), store.read(split=split)
    assert len(data) == (store.split == split).sum() > 0
    np.testing.assert_array_equal(data.maps, samples.maps)
    np.testing.assert_array_equal(data.parent, samples.parent)
    np.testing.assert_array_equal(data.redshift, samples.truth["redshift"].astype(np.float32))
    np.testing.assert_array_equal(data.log10_mass, samples.truth["log10_m500c"].astype(np.float32))
    assert {data.maps.dtype, data.redshift.dtype, data.log10_mass.dtype} == {torch.float32}


def test_the_mass_is_that_of_the_definition(store):
    """The fake clusters have M500c = (1 + i) 1e14 Msun, and twice as much M200c."""
    for definition, factor in ((M500C, 1.0), (M200C, 2.0)):
        data = load_split(store, "train", definition)
        index = np.array([int(name.removeprefix("fake-")) for name in data.parent])
        np.testing.assert_allclose(data.log10_mass, np.log10(factor * 1e14 * (1 + index)), rtol=1e-6)


def test_some_channels(store):
    whole, one = (load_split(store, "train", M500C, channels=c) for c in (None, [MapQuantity.TEMPERATURE]))
    assert torch.equal(one.maps, whole.maps[:, 1:])
    assert torch.equal(one.log10_mass, whole.log10_mass)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_batches_cover_all_rows_once_and_in_order(store, size):
    data = load_split(store, "train", M500C)
    batches = list(data.batches(size))
    assert [len(batch.maps) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert 0 < len(batches[-1].maps) <= size
    for name in ("maps", "redshift", "log10_mass"):
        assert torch.equal(torch.cat([getattr(batch, name) for batch in batches]), getattr(data, name))


def test_rows_may_be_picked(store):
    data = load_split(store, "train", M500C)
    picked = data.rows(torch.tensor([3, 0]))
    assert torch.equal(picked.maps[0], data.maps[3])
    assert picked.redshift.tolist() == [data.redshift[3], data.redshift[0]]
    assert same(data.rows(slice(None)), data)


def nan_pixel(samples):
    samples.maps[2, 1, 0, 3] = np.nan


def infinite_pixel(samples):
    samples.maps[2, 0, 1, 1] = np.inf


def nan_mass(samples):
    samples.truth["log10_m500c"][2] = np.nan


def nan_redshift(samples):
    samples.truth["redshift"][2] = np.nan


@pytest.mark.parametrize("change", [nan_pixel, infinite_pixel, nan_mass, nan_redshift])
def test_a_sample_that_is_not_a_number_is_left_out_and_named(store, spoiled, change):
    whole = load_split(store, "train", M500C)
    with pytest.warns(UserWarning, match=f"1 observations of split 'train'.*: {whole.parent[2]}$"):
        data = load_split(spoiled(change), "train", M500C)
    rest = [row for row in range(len(whole)) if row != 2]
    assert same(data, whole.rows(torch.tensor(rest)))
    assert data.parent.tolist() == whole.parent[rest].tolist()


def test_another_mass_that_is_not_a_number_does_no_harm(store, spoiled):
    whole = load_split(store, "train", M200C)
    assert same(load_split(spoiled(nan_mass), "train", M200C), whole)


def test_many_bad_samples_are_counted_but_only_five_named(store, spoiled):
    def change(samples):
        samples.maps[1:] = np.nan

    whole = load_split(store, "train", M500C)
    with pytest.warns(UserWarning, match=f"{len(whole) - 1} observations") as caught:
        assert len(load_split(spoiled(change), "train", M500C)) == 1
    assert str(caught[0].message).count("fake-") == 5


def test_a_split_of_nothing_but_bad_samples(spoiled):
    def change(samples):
        samples.maps[:] = np.nan

    with pytest.raises(TrainingError, match="no usable observation") as caught:
        load_split(spoiled(change), "test", M500C)
    assert "with NaN" in caught.value.got


def test_an_empty_split(tmp_path):
    store = store_in(tmp_path, fractions=SplitFractions(1.0, 0.0, 0.0))
    assert len(load_split(store, "train", M500C)) == store.n_samples
    with pytest.raises(TrainingError, match=r"no usable observation(.|\n)*zwicky check") as caught:
        load_split(store, "test", M500C)
    assert caught.value.where == f"{tmp_path}, split 'test'"
    assert caught.value.got.startswith("0 observations")
