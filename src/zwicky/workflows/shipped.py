"""Estimators that ship with the package, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from zwicky.core.config import did_you_mean
from zwicky.core.errors import CheckpointError


def shipped_folder() -> Path:
    """Return the folder of shipped estimators: inside an installed package, or beside the sources."""
    installed = Path(str(resources.files("zwicky"))) / "estimators"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[3] / "estimators"


def shipped_names() -> list[str]:
    """Return the names of the estimators that ship with the package."""
    return sorted(path.parent.name for path in shipped_folder().glob("*/estimator.json"))


def estimator_folder(name: str) -> Path:
    """Return the folder of an estimator given as a path or as a shipped name.

    Raises
    ------
    CheckpointError
        If there is neither.
    """
    if Path(name).exists():
        return Path(name)
    if name in shipped_names():
        return shipped_folder() / name
    raise CheckpointError(
        "There is no such estimator.",
        where="--checkpoint",
        expected=f"the folder of an estimator, or one of: {', '.join(shipped_names()) or 'none shipped'}",
        got=repr(name),
        fix=did_you_mean(name, shipped_names())
        if shipped_names()
        else "train one: zwicky reproduce deandres2022",
    )
