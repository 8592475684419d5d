"""The guard against maps that give the mass away: stamps scaled to the true radius are refused as training data."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import TrainingError
from zwicky.core.grid import Grid
from zwicky.core.masses import M500C
from zwicky.data.dataset import load_split


def store(grid):
    samples = SimpleNamespace(
        maps=np.zeros((2, 1, 4, 4), np.float32),
        truth={"redshift": np.full(2, 0.1), "log10_m500c": np.full(2, 14.5)},
        parent=np.array(["a", "b"]),
        id=np.array(["a-0", "b-0"]),
    )
    return SimpleNamespace(
        grid=grid, folder=Path("store"), channels=("compton_y",), read=lambda **options: samples
    )


def test_scaled_maps_are_refused_unless_asked_for():
    scaled = store(Grid(4, 0.025 * u.dimensionless_unscaled, "scaled"))
    with pytest.raises(TrainingError, match="told the mass"):
        load_split(scaled, "train", M500C)
    assert len(load_split(scaled, "train", M500C, allow_scaled_grid=True)) == 2
    assert len(load_split(store(Grid(4, 2 * u.arcmin, "sky")), "train", M500C)) == 2
