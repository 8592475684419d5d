"""Estimators, mappers and posterior mappers: those that ship with the package, by name, and any folder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zwicky.core.config import did_you_mean
from zwicky.core.errors import CheckpointError

if TYPE_CHECKING:
    from zwicky.inference.estimator import Estimator
    from zwicky.inference.xray.estimator import PhotonEstimator

ESTIMATOR: Final = "estimator.json"
MAPPER: Final = "mapper.json"
POSTERIOR: Final = "posterior.json"


def shipped_folder() -> Path:
    """Return the folder of shipped estimators: inside an installed package, or beside the sources."""
    installed = Path(str(resources.files("zwicky"))) / "estimators"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[3] / "estimators"


def shipped_names(file: str = ESTIMATOR) -> list[str]:
    """Return the names of what ships with the package and is described by such a file."""
    return sorted(path.parent.name for path in shipped_folder().glob(f"*/{file}"))


def estimator_folder(name: str) -> Path:
    """Return the folder of an estimator given as a path or as a shipped name.

    Raises
    ------
    CheckpointError
        If there is neither.
    """
    return _folder(name, "estimator", ESTIMATOR, "train one: zwicky reproduce deandres2022")


def load_any_estimator(folder: Path) -> Estimator | PhotonEstimator:
    """Read an estimator of maps and bands, or of photons, whichever a folder holds; raises as their ``load``."""
    from zwicky.inference import estimator
    from zwicky.inference.xray import estimator as photons

    # What cannot be read at all is named by the reader of maps, as before.
    text = (folder / ESTIMATOR).read_text(encoding="utf-8", errors="replace")
    if f'"{photons.KIND.format}"' in text:
        return photons.PhotonEstimator.load(folder)
    return estimator.Estimator.load(folder)


def mapper_folder(name: str) -> Path:
    """Return the folder of a mapper given as a path or as a shipped name; errors as of ``estimator_folder``."""
    return _folder(name, "mapper", MAPPER, "train one: zwicky reproduce deandres2024")


def posterior_folder(name: str) -> Path:
    """Return the folder of a posterior mapper given as a path or as a shipped name; errors as of the others."""
    return _folder(name, "posterior mapper", POSTERIOR, "train one: zwicky reproduce hsu2024")


def is_posterior(name: str) -> bool:
    """Say whether a path or a shipped name is a posterior mapper's."""
    return (Path(name) / POSTERIOR).is_file() or (
        not Path(name).exists() and name in shipped_names(POSTERIOR)
    )


def _folder(name: str, what: str, file: str, advice: str) -> Path:
    if Path(name).exists():
        return Path(name)
    known = shipped_names(file)
    if name in known:
        return shipped_folder() / name
    raise CheckpointError(
        f"There is no such {what}.",
        where="--checkpoint",
        expected=f"the folder of {'an' if what[0] in 'aeiou' else 'a'} {what}, "
        f"or one of: {', '.join(known) or 'none shipped'}",
        got=repr(name),
        fix=did_you_mean(name, known) if known else advice,
    )
