"""A split in memory: all of it, in order, and without what is not a number."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from fake_survey import FakeSurvey, plan_for

from zwicky.core.errors import StoreError, TrainingError
from zwicky.core.masses import M200C, M500C
from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import MapData, joined, load_split, selected
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


TEMPERATURE, Y = MapQuantity.TEMPERATURE, MapQuantity.COMPTON_Y


class TestTarget:
    def test_it_is_one_of_the_maps_and_not_among_the_inputs(self, store):
        """The fake microkelvin are minus the Compton y of the same pixel."""
        data = load_split(store, "train", M500C, target=TEMPERATURE)
        assert data.maps.shape[1] == 1
        assert data.target.shape == (len(data), *data.maps.shape[2:])
        assert torch.equal(data.target, -data.maps[:, 0])
        assert data.target.dtype == torch.float32

    def test_without_one_there_is_none(self, store):
        data = load_split(store, "train", M500C)
        assert data.target is None
        assert data.rows(slice(2)).target is None

    @pytest.mark.parametrize(("channels", "n"), [([Y], 1), ([TEMPERATURE], 1), ([TEMPERATURE, Y], 2)])
    def test_it_may_be_an_input_as_well(self, store, channels, n):
        data = load_split(store, "train", M500C, channels=channels, target=Y)
        whole = load_split(store, "train", M500C)
        assert torch.equal(data.target, whole.maps[:, 0])
        assert data.maps.shape[1] == n
        assert torch.equal(data.maps, load_split(store, "train", M500C, channels=channels).maps)

    def test_it_goes_with_the_rows_into_the_batches(self, store):
        data = load_split(store, "train", M500C, target=TEMPERATURE)
        assert torch.equal(data.rows(torch.tensor([3, 0])).target, data.target[[3, 0]])
        assert torch.equal(torch.cat([batch.target for batch in data.batches(3)]), data.target)

    def test_everything_is_read_once_and_held_once(self, store, monkeypatch):
        reads, original = [], Store.read

        def read(self, *args, **options):
            reads.append(options)
            return original(self, *args, **options)

        monkeypatch.setattr(Store, "read", read)
        data = load_split(store, "train", M500C, channels=[Y], target=TEMPERATURE)
        assert [options["channels"] for options in reads] == [(Y, TEMPERATURE)]
        assert data.maps.untyped_storage().data_ptr() == data.target.untyped_storage().data_ptr()

    def test_a_target_that_is_not_a_number_is_left_out(self, store, spoiled):
        whole = load_split(store, "train", M500C, target=TEMPERATURE)
        with pytest.warns(UserWarning, match=f"1 observations.*: {whole.parent[2]}$"):
            data = load_split(spoiled(nan_pixel), "train", M500C, channels=[Y], target=TEMPERATURE)
        rest = [row for row in range(len(whole)) if row != 2]
        assert torch.equal(data.target, whole.target[rest])
        assert data.id.tolist() == whole.id[rest].tolist()
        assert data.truth["redshift"].tolist() == whole.truth["redshift"][rest].tolist()

    def test_a_map_that_the_store_does_not_have(self, store):
        with pytest.raises(StoreError, match="channel is not in the store"):
            load_split(store, "train", M500C, target=MapQuantity.TOTAL_SURFACE_DENSITY)


def test_names_and_true_numbers_come_along(store):
    data, samples = load_split(store, "train", M500C), store.read(split="train")
    assert data.id.tolist() == samples.id.tolist()
    assert set(data.truth) == set(store.truth_names)
    for name, values in data.truth.items():
        np.testing.assert_array_equal(values, samples.truth[name])


@pytest.fixture(scope="module")
def data(store):
    return load_split(store, "train", M500C, target=TEMPERATURE)


def assert_equal(found, expected):
    assert same(found, expected)
    assert torch.equal(found.target, expected.target)
    for name in ("parent", "id"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.truth.keys() == expected.truth.keys()
    for name, values in found.truth.items():
        np.testing.assert_array_equal(values, expected.truth[name])


class TestSelected:
    def test_numbers_in_their_order_a_mask_and_a_slice(self, data):
        picked = selected(data, np.array([4, 1]))
        assert picked.id.tolist() == data.id[[4, 1]].tolist()
        assert torch.equal(picked.target, data.target[[4, 1]])
        assert torch.equal(picked.redshift, data.redshift[[4, 1]])
        assert picked.truth["log10_m500c"].tolist() == data.truth["log10_m500c"][[4, 1]].tolist()
        mask = np.arange(len(data)) % 3 == 1
        assert_equal(selected(data, mask), selected(data, np.flatnonzero(mask)))
        assert_equal(selected(data, slice(2, 5)), selected(data, np.array([2, 3, 4])))

    def test_a_slice_copies_nothing_and_numbers_do(self, data):
        def storage(one):
            return one.maps.untyped_storage().data_ptr()

        assert storage(selected(data, slice(0, 2))) == storage(data)
        assert storage(selected(data, np.array([0, 1]))) != storage(data)

    def test_data_without_names_or_target(self, data):
        bare = MapData(data.maps, data.redshift, data.log10_mass, data.parent)
        picked = selected(bare, np.array([1]))
        assert (len(picked), picked.target, picked.id.size, dict(picked.truth)) == (1, None, 0, {})


class TestJoined:
    def test_parts_of_a_whole_are_the_whole(self, data):
        for cuts in ((0, 3, len(data)), (0, 1, 2, len(data))):
            parts = [selected(data, slice(*pair)) for pair in itertools.pairwise(cuts)]
            assert_equal(joined(parts), data)
        assert joined([data]) is data

    def test_the_same_parents_may_come_twice(self, data):
        both = joined([data, data])
        assert both.parent.tolist() == [*data.parent, *data.parent]
        assert torch.equal(both.target[len(data) :], data.target)

    def test_it_holds_no_more_than_its_own_pixels(self, data):
        both = joined([data, data])
        assert both.maps.is_contiguous()
        assert both.maps.untyped_storage().nbytes() == 4 * both.maps.numel()
        assert (both.maps.dtype, both.target.dtype) == (torch.float32, torch.float32)

    def test_true_numbers_that_only_some_have_are_left_out(self, data):
        fewer = dataclasses.replace(data, truth={"redshift": data.truth["redshift"]})
        assert set(joined([data, fewer]).truth) == set(joined([fewer, data]).truth) == {"redshift"}
        nameless = dataclasses.replace(data, id=np.empty(0, object))
        assert joined([data, nameless]).id.size == 0

    def test_without_targets(self, data):
        bare = dataclasses.replace(data, target=None)
        assert joined([bare, bare]).target is None

    @pytest.mark.parametrize("fault", ["pixels", "channels", "target", "nothing"])
    def test_what_does_not_belong_together(self, data, fault):
        other = {
            "pixels": dataclasses.replace(data, maps=data.maps[..., 1:], target=data.target[..., 1:]),
            "channels": dataclasses.replace(data, maps=data.maps.repeat(1, 2, 1, 1)),
            "target": dataclasses.replace(data, target=None),
        }
        parts = [data, other[fault]] if fault in other else []
        with pytest.raises(TrainingError, match=r"(?s)do not belong in one training set.*same grid"):
            joined(parts)
