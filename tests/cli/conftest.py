"""The command line in an empty folder, and maps to weigh."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiny_experiment import bright_cluster, cards, save
from zwicky.cli import main
from zwicky.core.maps import MapSet
from zwicky.core.quantities import MapQuantity


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: Any
    out: str
    err: str


@pytest.fixture
def empty_folder(tmp_path, monkeypatch) -> Path:
    """Work in a folder of one's own, where no real maps are to be found."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("ZWICKY_DATA", raising=False)
    return here


@pytest.fixture
def zwicky(empty_folder, capsys):
    """Run a command in this process."""

    def run(*arguments) -> Ended:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return Ended(stop.value.code, *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Maps:
    """A bright cluster in files: what was observed, the folder, and where the cluster lies in ``wide.fits``."""

    folder: Path
    observed: MapSet
    left: int = 20
    below: int = 34

    @property
    def stamp(self) -> Path:
        return self.folder / "stamp.fits"

    @property
    def wide(self) -> Path:
        return self.folder / "wide.fits"

    @property
    def values(self) -> np.ndarray:
        return self.observed[MapQuantity.COMPTON_Y].values

    @property
    def redshift(self) -> float:
        return self.observed.cluster.redshift

    def write(self, name: str, values: np.ndarray | None = None, **changes) -> Path:
        """Write a stamp of one's own, with other values or cards."""
        return save(
            self.folder / name,
            self.values if values is None else values,
            cards(self.observed.grid, **changes),
        )


@pytest.fixture(scope="session")
def bright() -> MapSet:
    return bright_cluster()


@pytest.fixture
def maps(bright, tmp_path) -> Maps:
    """The stamp as a file, and the same stamp inside a wider map that its own outskirts continue."""
    folder = tmp_path / "maps"
    folder.mkdir()
    made = Maps(folder, bright)
    made.write("stamp.fits")
    around = np.pad(made.values, ((made.below, 12), (made.left, 37)), mode="reflect")
    made.write("wide.fits", around, left=made.left, below=made.below)
    return made


@pytest.fixture
def own_estimator(tiny_run, tmp_path) -> Path:
    """A copy of the estimator, to be damaged."""
    return Path(shutil.copytree(tiny_run.folder / "estimator", tmp_path / "own"))
