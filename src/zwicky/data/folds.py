"""Cross-validation by parent cluster: each parent is tested once, by a network that has never seen it.

Whatever descends from one parent - its sight-lines, and the eight turned and mirrored copies of each view - shares its
name and therefore its fold. In turn k, fold k is tested, fold k + 1 (cyclic) validates, and all others train: with ten
folds 80, 10 and 10 %, as in Ntampaka et al. 2019, ApJ 876, 82.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import ConfigError, TrainingError
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData, joined, selected
from zwicky.data.splits import SPLITS

MINIMUM_FOLDS: Final = 3
"""One each to train, to validate and to test."""

_DRAW: Final = 1
"""The place in the stream: that of ``split_of_parents`` is 0, and both may be drawn with one seed."""


@dataclass(frozen=True)
class Folds:
    """Which fold each parent is tested in.

    Parameters
    ----------
    of_parent : dict of str to int
        0 to ``n`` - 1. It holds for every data set of these parents, however they are seen.
    n : int
        Number of folds.
    """

    of_parent: Mapping[str, int]
    n: int

    def numbers(self, parent: np.ndarray) -> np.ndarray:
        """Return the fold of each row, (row,) int.

        Parameters
        ----------
        parent : (row,) array of str

        Raises
        ------
        TrainingError
            If a parent is in no fold: it would be trained on and tested in the same turn, or in none.
        """
        strangers = [str(one) for one in np.unique(parent) if str(one) not in self.of_parent]
        if strangers:
            raise TrainingError(
                "These clusters are in no fold.",
                where="folds",
                expected=f"the {len(self.of_parent)} parents that the folds were drawn for",
                got=f"{len(strangers)} others, such as {', '.join(strangers[:3])}",
                fix="draw the folds from the parents of all data sets together",
            )
        return np.array([self.of_parent[str(one)] for one in parent], np.int64)

    def split(self, parent: np.ndarray, turn: int) -> np.ndarray:
        """Return what each row is for in one turn, (row,) str: "train", "validation" or "test".

        Parameters
        ----------
        parent : (row,) array of str
        turn : int
            0 to ``n`` - 1: the fold that is tested.

        Raises
        ------
        ConfigError
            If there is no such turn.
        TrainingError
            If a parent is in no fold.
        """
        if not 0 <= turn < self.n:
            raise ConfigError("There is no such fold.", where="turn", expected=f"0 to {self.n - 1}", got=turn)
        train, validation, test = SPLITS
        number = self.numbers(parent)
        return np.where(number == turn, test, np.where(number == (turn + 1) % self.n, validation, train))

    def parts(self, data: MapData, turn: int) -> tuple[MapData, MapData, MapData]:
        """Return the training, validation and test set of one turn; raises as ``split`` does."""
        split = self.split(data.parent, turn)
        train, validation, test = (selected(data, split == name) for name in SPLITS)
        return train, validation, test

    def gathered(self, parent: np.ndarray, tested: Sequence[np.ndarray]) -> np.ndarray:
        """Put what each turn says of its test set back into the order of the rows.

        Parameters
        ----------
        parent : (row,) array of str
            Of all data.
        tested : sequence of (row of the turn, ...) arrays
            By turn, in the order of ``parts``.

        Returns
        -------
        (row, ...) array
            Each row tested once.

        Raises
        ------
        TrainingError
            If the answers are not those of all turns, row by row.
        """
        number = self.numbers(parent)
        sizes = np.bincount(number, minlength=self.n).tolist()
        if [len(one) for one in tested] != sizes:
            raise TrainingError(
                "These answers are not those of the test sets of all turns.",
                expected=f"rows by turn: {sizes}",
                got=[len(one) for one in tested],
            )
        back = np.argsort(np.argsort(number, kind="stable"), kind="stable")
        return np.concatenate(list(tested))[back]


def folds_of_parents(
    parent: np.ndarray, seed: int, n_folds: int = 10, *, log10_mass: np.ndarray | None = None
) -> Folds:
    """Deal parents into folds, as equal in number as can be.

    The folds are a function of the set of parents and of the seed, whatever the order of the rows. Unlike a split by
    ``split_of_parents``, one more parent deals them anew: folds of equal size cannot be drawn parent by parent.

    With masses, parents are sorted by mass and each run of ``n_folds`` neighbours is dealt one to a fold. Massive
    clusters are few: dealt blindly, some folds hold several and others none, and "best fold" then says which masses a
    fold holds rather than how well it was learned. It tells the networks nothing: masses decide only which clusters
    stand beside each other.

    Parameters
    ----------
    parent : (row,) array of str
        May repeat, in any order.
    seed : int
        Of the folds; independent of the seed of the mocks.
    n_folds : int
        At least 3.
    log10_mass : (row,) array [dex of Msun], optional
        Deal evenly in mass; the mean counts if the rows of a parent differ.

    Raises
    ------
    ConfigError
        If there are fewer than three folds, fewer parents than folds, or masses that are not finite, one per row.
    """
    names, number = np.unique([str(one) for one in parent], return_inverse=True)
    if not MINIMUM_FOLDS <= n_folds <= len(names):
        raise ConfigError(
            "These clusters cannot be dealt into so many folds.",
            where="n_folds",
            expected=f"{MINIMUM_FOLDS} (train, validation, test) to {len(names)} (the number of parents)",
            got=n_folds,
        )
    key = Key(seed, Stream.SPLIT, sight_line=_DRAW)
    shuffled = key.permutation(len(names))
    if log10_mass is not None:
        mass = _mass_of_parents(number, np.asarray(log10_mass, float))
        shuffled = shuffled[np.argsort(mass[shuffled], kind="stable")]  # parents of one mass stay shuffled
    # A hand of one card for each fold at a time, in a new order; the last hand may be too small for all.
    hands = range(-(-len(names) // n_folds))
    order = np.concatenate([Key(seed, Stream.SPLIT, hand, 1 + _DRAW).permutation(n_folds) for hand in hands])
    fold = np.empty(len(names), np.int64)
    fold[shuffled] = order[: len(names)]
    return Folds(dict(zip(names.tolist(), fold.tolist(), strict=True)), n_folds)


def _mass_of_parents(number: np.ndarray, log10_mass: np.ndarray) -> np.ndarray:
    """Return the mean mass of each parent, or raise a ConfigError."""
    if log10_mass.shape != number.shape or not np.isfinite(log10_mass).all():
        raise ConfigError(
            "Folds cannot be balanced with these masses.",
            where="log10_mass",
            expected=f"{len(number)} finite numbers, one per row",
            got=f"shape {log10_mass.shape}, {int((~np.isfinite(log10_mass)).sum())} not finite",
        )
    return np.asarray(np.bincount(number, log10_mass) / np.bincount(number))


def all_eight(data: MapData) -> MapData:
    """Return every map in its four turns, each also mirrored: (8 n) rows, all n of one kind after another.

    The copies keep their parent, and so their fold. The first n rows are the maps as they are. True numbers are those
    of the original: an offset of the centre among them is not turned.
    """
    copies = []
    for mirrored in (False, True):
        for turns in range(4):
            maps, target = _turned(data.maps, turns, mirrored), data.target
            target = None if target is None else _turned(target, turns, mirrored)
            copies.append(replace(data, maps=maps, target=target))
    return joined(copies)


def _turned(maps: Tensor, turns: int, mirrored: bool) -> Tensor:
    quarters = torch.rot90(maps, turns, (-2, -1))
    return quarters.flip(-1) if mirrored else quarters
