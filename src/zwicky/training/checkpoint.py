"""Checkpoints of a training: safetensors for numbers, JSON for the rest, never pickle.

A checkpoint is two files, ``epoch-00012.safetensors`` and ``epoch-00012.json``. The JSON is written last and holds the
SHA-256 of the tensors, so a crash at any moment leaves the previous checkpoint as the last good one. Two are kept.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from zwicky.core.errors import CheckpointError
from zwicky.core.files import sha256_of, write_json, written_whole

FORMAT: Final = "zwicky-training"
FORMAT_VERSION: Final = 1
KEPT: Final = 2


@dataclass(frozen=True)
class TrainingState:
    """Everything that a training needs to go on as if it had never stopped.

    Parameters
    ----------
    epoch : int
        Finished epochs.
    tensors : dict of str to Tensor
        Weights, averages and optimiser moments, by dotted names.
    facts : dict
        JSON-able: history, best loss, settings hash.
    """

    epoch: int
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to one safetensors file, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_bytes(save({name: t.detach().cpu().contiguous() for name, t in tensors.items()}))


def save_weights(path: Path, network: nn.Module, *, half: bool = False) -> None:
    """Write the weights of a network that is to be used, not trained further.

    Parameters
    ----------
    path : Path
        The safetensors file.
    network : Module
        Its state, buffers included.
    half : bool
        Round trained matrices to half precision (to a relative 5e-4), for a network that ships: half the bytes.
        Normalisations and scalings stay as they are.
    """
    matrices = {name for name, weight in network.named_parameters() if half and weight.ndim > 1}
    state = network.state_dict()
    save_tensors(path, {name: t.half() if name in matrices else t for name, t in state.items()})


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; anything else, a pickle above all, is a CheckpointError."""
    if not path.is_file():
        raise CheckpointError(
            "A file of the checkpoint is missing.",
            where=str(path),
            fix="train again, or copy the whole folder",
        )
    with path.open("rb") as stream:
        head = stream.read(8)
    if head[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or path.suffix in (
        ".pt",
        ".pth",
        ".pkl",
    ):
        raise CheckpointError(
            "This checkpoint is a pickle, which can run any program when it is read.",
            where=str(path),
            expected="a safetensors file",
            got=f"a file that begins with {head[:4]!r}",
            fix="ask its author for safetensors; zwicky never opens pickles",
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            "The weights cannot be read.", where=str(path), expected="a whole safetensors file", got=str(error),
            fix="the file is damaged: copy it again, or train again",
        ) from error  # fmt: skip


def save_state(folder: Path, state: TrainingState) -> None:
    """Write a checkpoint and forget all but the newest two."""
    stem = folder / f"epoch-{state.epoch:05d}"
    save_tensors(stem.with_suffix(".safetensors"), state.tensors)
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "epoch": state.epoch,
        "sha256": sha256_of(stem.with_suffix(".safetensors")),
        "facts": dict(state.facts),
    }
    write_json(stem.with_suffix(".json"), content)
    for old in sorted(folder.glob("epoch-*.json"))[:-KEPT]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)


def last_good_state(folder: Path) -> TrainingState | None:
    """Return the newest checkpoint that is whole, or None; damaged ones are named in a warning."""
    for path in sorted(folder.glob("epoch-*.json"), reverse=True):
        try:
            return _read_state(path)
        except CheckpointError as error:
            warnings.warn(f"skipping a damaged checkpoint: {error}", stacklevel=2)
    return None


def _read_state(path: Path) -> TrainingState:
    content = read_json(path, FORMAT, FORMAT_VERSION)
    tensors_path = path.with_suffix(".safetensors")
    if tensors_path.is_file() and sha256_of(tensors_path) != content["sha256"]:
        raise CheckpointError("The weights are not those that were written.", where=str(tensors_path))
    return TrainingState(int(content["epoch"]), load_tensors(tensors_path), content["facts"])


def read_json(path: Path, expected_format: str, newest_version: int) -> dict[str, Any]:
    """Read a JSON file of a checkpoint and check its format and version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            "This is not a checkpoint of zwicky.",
            where=str(path),
            expected=f"a JSON file of format {expected_format!r}",
            got=str(error),
            fix="give the folder that `zwicky reproduce` wrote",
        ) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != expected_format:
        raise CheckpointError(
            "This file is of another format.", where=str(path), expected=expected_format, got=repr(found)
        )
    if (
        not isinstance(content.get("format_version"), int)
        or not 1 <= content["format_version"] <= newest_version
    ):
        raise CheckpointError(
            "This checkpoint was written by another version.",
            where=str(path),
            expected=f"format_version 1..{newest_version}",
            got=content.get("format_version"),
            fix="install the zwicky that wrote it, or a newer one",
        )
    return content


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the moments of an optimiser under dotted names."""
    state = optimiser.state_dict()["state"]
    return {f"optimiser.{i}.{name}": value for i, entry in state.items() for name, value in entry.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the moments back, each laid out in memory as its weights: the fused kernel walks both in storage order."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, i, field = name.split(".")
            weight = weights[int(i)]
            laid_out = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
            state.setdefault(int(i), {})[field] = laid_out.detach()
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
