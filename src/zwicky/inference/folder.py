"""The folder of an estimator: ``estimator.json`` (validated), a safetensors file for each member, the feature cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from torch import Tensor, channels_last

from zwicky.core.config import Config, parse
from zwicky.core.errors import CheckpointError, ConfigError
from zwicky.core.files import sha256_of, write_json
from zwicky.models.base import MassModel, Model
from zwicky.models.table import build_model
from zwicky.training.checkpoint import load_tensors, read_json, save_tensors, save_weights


class HasMembers(Protocol):
    """What the facts of every estimator hold."""

    @property
    def model(self) -> dict[str, Any]:
        """Settings of the network."""

    @property
    def member_sha256(self) -> tuple[str, ...]:
        """Of the weights of each member of the ensemble."""


FactsT = TypeVar("FactsT", bound=Config)
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class FolderKind:
    """A kind of estimator, as its folder says it.

    Parameters
    ----------
    format : str
        Name of the format in ``estimator.json``.
    version : int
        The newest that can be read.
    example : str
        Where to find such a folder, for people.
    """

    format: str
    version: int
    example: str


def save_estimator(
    folder: Path,
    kind: FolderKind,
    facts: Config,
    members: Sequence[MassModel],
    feature_cloud: Mapping[str, Tensor],
    *,
    half: bool = False,
) -> None:
    """Write an estimator; ``estimator.json`` last, so that a folder with it is whole.

    Parameters
    ----------
    folder : Path
        Where to.
    kind : FolderKind
        Of the estimator.
    facts : Config
        With a field ``member_sha256``, which is filled in.
    members : sequence of MassModel
        The ensemble.
    feature_cloud : dict of str to Tensor
        As of ``fit_cloud``; may be empty.
    half : bool
        Write weights in half precision, for an estimator that ships; see ``save_weights``.
    """
    paths = [_member_path(folder, i) for i in range(len(members))]
    for path, member in zip(paths, members, strict=True):
        save_weights(path, member, half=half)
    save_tensors(folder / "domain.safetensors", feature_cloud)
    whole = facts.model_copy(update={"member_sha256": tuple(sha256_of(path) for path in paths)})
    write_json(
        folder / "estimator.json",
        {"format": kind.format, "format_version": kind.version, **whole.model_dump(mode="json")},
    )


def load_estimator(
    folder: Path, kind: FolderKind, facts_type: type[FactsT]
) -> tuple[FactsT, list[MassModel], dict[str, Tensor]]:
    """Read facts, members and feature cloud.

    Parameters
    ----------
    folder : Path
        Where they are.
    kind : FolderKind
        What is expected.
    facts_type : type of Config
        Of the facts; with fields ``model`` and ``member_sha256``.

    Raises
    ------
    CheckpointError
        If the folder is no estimator of this kind, or damaged.
    """
    path = folder / "estimator.json"
    if not path.is_file():
        raise CheckpointError(
            "This is not the folder of an estimator.",
            where=str(folder),
            expected="a folder with estimator.json and member-*.safetensors",
            got="a file" if folder.is_file() else ("a folder without it" if folder.is_dir() else "nothing"),
            fix=f"give the estimator/ folder of a run, for example {kind.example}",
        )
    content = read_json(path, kind.format, kind.version)
    fields = {k: v for k, v in content.items() if k not in ("format", "format_version")}
    try:
        facts = parse(facts_type, fields, where=str(path))
        members = _load_members(folder, facts)  # type: ignore[arg-type]
    except ConfigError as error:
        raise CheckpointError(
            "The estimator's description is damaged.", where=str(path), got=str(error)
        ) from error
    return facts, members, load_tensors(folder / "domain.safetensors")


def _member_path(folder: Path, i: int) -> Path:
    return folder / f"member-{i}.safetensors"


def _load_members(folder: Path, facts: HasMembers) -> list[MassModel]:
    found = []
    for i, expected in enumerate(facts.member_sha256):
        tensors = checked_tensors(_member_path(folder, i), expected, "estimator")
        model = build_model(facts.model, where=str(folder / "estimator.json"))
        model.load_state_dict(tensors)
        found.append(model)
    return found


def checked_tensors(path: Path, sha256: str, what: str) -> dict[str, Tensor]:
    """Return the tensors of a file, or raise a CheckpointError if they are not those that were written.

    Parameters
    ----------
    path : Path
        A safetensors file.
    sha256 : str
        As the description of its folder has it.
    what : str
        Whose folder it is, for the message: "estimator", "mapper".
    """
    tensors = load_tensors(path)
    if (found := sha256_of(path)) != sha256:
        raise CheckpointError(
            f"The weights are not those that the {what} was calibrated with.",
            where=str(path),
            expected=f"SHA-256 {sha256[:12]}...",
            got=f"SHA-256 {found[:12]}...",
            fix="copy the whole folder again",
        )
    return tensors


def ready(network: M) -> M:
    """Return a network laid out and switched for answering."""
    return network.eval().to(memory_format=channels_last)  # type: ignore[call-overload]
