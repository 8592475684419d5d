"""What the tests share: where the real maps are, and one thread per process."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tiny_bands import BandMaps
    from tiny_experiment import TinyRun

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


def _kernels() -> str:
    """Return a name for the painter's sources as they are: numba's own cache overlooks a change in another file."""
    sources = sorted((ROOT / "src" / "zwicky" / "simulations" / "painter").rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".numba_cache" / _kernels()))


def data_folder() -> Path:
    """Return the folder of real maps: ZWICKY_DATA, or ../shared/data beside the project."""
    return Path(os.environ.get("ZWICKY_DATA", ROOT / ".." / "shared" / "data")).resolve()


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real maps at {folder}; set ZWICKY_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> TinyRun:
    """A finished run of the tiny experiment, once per process; nobody writes into its folder."""
    from tiny_experiment import run_tiny

    return run_tiny(tmp_path_factory.mktemp("tiny") / "run")


@pytest.fixture(scope="session")
def band_estimator(tmp_path_factory) -> Path:
    """The folder of an estimator of three microwave bands that was never taught; nobody writes into it."""
    from tiny_bands import untaught_estimator

    folder = tmp_path_factory.mktemp("bands") / "estimator"
    untaught_estimator().save(folder)
    return folder


@pytest.fixture
def bands(tmp_path) -> BandMaps:
    """A heavy cluster in files of three bands."""
    from tiny_bands import heavy_cluster, written_bands

    folder = tmp_path / "bands"
    folder.mkdir()
    return written_bands(folder, heavy_cluster())
