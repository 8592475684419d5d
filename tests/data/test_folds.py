"""Folds: a partition by parent, each parent tested once, equal in number and, if asked, in mass."""

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError, TrainingError
from zwicky.data.dataset import MapData
from zwicky.data.folds import all_eight, folds_of_parents
from zwicky.data.splits import SPLITS

N_PARENTS = 57


def parents(rows=400, seed=1):
    """Rows of unequal numbers per parent, in no order; every parent at least once."""
    rng = np.random.default_rng(seed)
    number = np.concatenate([np.arange(N_PARENTS), rng.integers(0, N_PARENTS, rows - N_PARENTS)])
    return np.array([f"halo-{i}" for i in rng.permutation(number)])


def map_data(parent, n_pixels=5):
    maps = torch.arange(len(parent) * n_pixels**2).float().reshape(-1, 1, n_pixels, n_pixels)
    return MapData(maps, torch.full((len(parent),), 0.1), torch.full((len(parent),), 14.5), parent)


@pytest.mark.parametrize("n_folds", [3, 10])
def test_turns_partition_the_rows_and_test_each_parent_once(n_folds):
    parent = parents()
    folds = folds_of_parents(parent, 3, n_folds)
    tested = dict.fromkeys(np.unique(parent), 0)
    for turn in range(n_folds):
        split = folds.split(parent, turn)
        assert set(split) == set(SPLITS)
        in_part = {name: set(parent[split == name]) for name in SPLITS}
        assert sum(len(part) for part in in_part.values()) == N_PARENTS  # so none is in two parts
        assert set().union(*in_part.values()) == set(parent)
        for name in in_part["test"]:
            tested[name] += 1
    assert set(tested.values()) == {1}


def test_a_split_by_rows_is_noticed():
    """Negative control: folds dealt to rows put parents into two parts."""
    parent = parents()
    rows = np.array([f"{name}/{i}" for i, name in enumerate(parent)])
    split = folds_of_parents(rows, 3).split(rows, 0)
    assert sum(len(set(parent[split == name])) for name in SPLITS) > N_PARENTS


def test_ten_folds_are_80_10_10_to_one_parent():
    names = np.array([f"halo-{i}" for i in range(N_PARENTS)])
    folds = folds_of_parents(names, 3)
    sizes = np.bincount(folds.numbers(names))
    assert sizes.min() == N_PARENTS // 10
    assert sizes.max() == N_PARENTS // 10 + 1
    for turn in range(10):
        split = folds.split(names, turn)
        assert (split == "test").sum() == sizes[turn]
        assert (split == "validation").sum() == sizes[(turn + 1) % 10]


def test_order_and_repeats_of_the_rows_do_not_matter_and_the_seed_does():
    parent = parents()
    folds = folds_of_parents(parent, 3)
    assert folds == folds_of_parents(np.unique(parent)[::-1], 3)
    other = folds_of_parents(parent, 4)
    names = np.unique(parent)
    # Independent deals into ten folds agree for one parent in ten: 5.7 of 57, with a deviation of 2.3.
    assert np.count_nonzero(folds.numbers(names) == other.numbers(names)) < 17


def spread_in_mass(with_mass, seed):
    """The standard deviation over folds of their mean mass [dex]."""
    names = np.array([f"halo-{i}" for i in range(N_PARENTS)])
    mass = 13.6 + np.random.default_rng(5).exponential(0.35, N_PARENTS)
    folds = folds_of_parents(names, seed, log10_mass=mass if with_mass else None)
    number = folds.numbers(names)
    return np.std([mass[number == k].mean() for k in range(folds.n)])


def test_folds_balanced_in_mass_have_masses_alike():
    balanced, blind = (np.mean([spread_in_mass(one, seed) for seed in range(8)]) for one in (True, False))
    assert balanced < 0.6 * blind


def test_balanced_folds_are_folds_too():
    parent = parents()
    mass = np.array([13.5 + 0.02 * int(name.split("-")[1]) for name in parent])
    folds = folds_of_parents(parent, 3, log10_mass=mass)
    names = np.array([f"halo-{i}" for i in range(N_PARENTS)])
    number = folds.numbers(names)
    for first in range(0, N_PARENTS - 9, 10):  # ten neighbours in mass, one in each fold
        assert sorted(number[first : first + 10]) == list(range(10))
    assert folds == folds_of_parents(parent[::-1], 3, log10_mass=mass[::-1])


def test_parts_hold_the_rows_of_their_parents_and_answers_come_back_in_order():
    parent = parents(120)
    data = map_data(parent)
    folds = folds_of_parents(parent, 3, 5)
    answers = []
    for turn in range(5):
        train, validation, test = folds.parts(data, turn)
        assert len(train) + len(validation) + len(test) == len(data)
        assert not set(train.parent) & set(test.parent)
        assert np.array_equal(folds.numbers(test.parent), np.full(len(test), turn))
        answers.append(test.maps[:, 0, 0, 0].numpy())
    assert np.array_equal(folds.gathered(parent, answers), data.maps[:, 0, 0, 0].numpy())


def test_eight_copies_of_a_map_are_different_and_in_one_fold():
    data = map_data(np.array([f"halo-{i}" for i in range(6)]))
    data = MapData(
        data.maps,
        data.redshift,
        data.log10_mass,
        data.parent,
        data.maps[:, 0],
        data.parent,
        {"a": np.arange(6)},
    )
    many = all_eight(data)
    assert len(many) == 48
    assert torch.equal(many.maps[:6], data.maps)
    copies = many.maps[many.parent == "halo-2", 0]
    assert len(copies) == 8
    assert len(torch.unique(copies.flatten(1), dim=0)) == 8
    assert torch.equal(many.target, many.maps[:, 0])
    assert np.array_equal(many.truth["a"], np.tile(np.arange(6), 8))
    assert many.id.tolist() == many.parent.tolist()
    for copy in copies:  # turned and mirrored, nothing else
        assert torch.equal(copy.flatten().sort().values, data.maps[2].flatten().sort().values)
        assert copy[2, 2] == data.maps[2, 0, 2, 2]
    folds = folds_of_parents(many.parent, 1, 3)
    assert len(set(folds.numbers(many.parent[many.parent == "halo-2"]))) == 1
    assert all_eight(map_data(data.parent)).target is None


@pytest.mark.parametrize("n_folds", [2, 58])
def test_too_few_or_too_many_folds_are_refused(n_folds):
    with pytest.raises(ConfigError, match="cannot be dealt into so many folds"):
        folds_of_parents(parents(), 3, n_folds)


@pytest.mark.parametrize("mass", [np.full(400, np.nan), np.full(399, 14.0)])
def test_masses_with_holes_are_refused(mass):
    with pytest.raises(ConfigError, match="cannot be balanced with these masses"):
        folds_of_parents(parents(), 3, log10_mass=mass)


def test_turns_strangers_and_foreign_answers_are_refused():
    parent = parents()
    folds = folds_of_parents(parent, 3, 5)
    for turn in (-1, 5):
        with pytest.raises(ConfigError, match="no such fold"):
            folds.split(parent, turn)
    with pytest.raises(TrainingError, match="in no fold"):
        folds.numbers(np.array(["halo-1", "another"]))
    with pytest.raises(TrainingError, match="test sets of all turns"):
        folds.gathered(parent, [np.zeros(80)] * 5)
