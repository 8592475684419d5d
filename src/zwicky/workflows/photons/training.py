"""Networks of photons, trained one by one or several at once, and found again when they are finished."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zwicky.core.files import write_json, write_text
from zwicky.data.dataset import MapData
from zwicky.models.base import MassModel
from zwicky.models.table import build_model
from zwicky.training.checkpoint import load_tensors, save_weights
from zwicky.training.loop import Trained, TrainingSettings, train
from zwicky.training.stacked_loop import train_stacked

Say = Callable[[str], None]
Data = Callable[[], tuple[MapData, MapData]]
"""Training and validation set, read only if there is something left to train."""


def trained_member(
    model: Mapping[str, Any], data: Data, settings: TrainingSettings, place: Path, seed: int, say: Say
) -> MassModel:
    """Train one network and fit its error on the validation set, or read the finished one.

    Parameters
    ----------
    model : dict
        Settings of the network.
    data : function
        Gives training and validation set.
    settings : TrainingSettings
    place : Path
        Its folder.
    seed : int
    say : function
        Told how the training goes.
    """
    return trained_members(model, data, settings, place, [seed], say)[0]


def trained_members(
    model: Mapping[str, Any],
    data: Data,
    settings: TrainingSettings,
    place: Path,
    seeds: Sequence[int],
    say: Say,
) -> list[MassModel]:
    """Train the members of an ensemble together, each with its seed, or read the finished ones; as above."""
    if not is_trained(place):
        training, validation = data()
        say(f"{place.name}: {len(training)} images, {len(seeds)} networks, at most {settings.epochs} epochs")
        found = _train(model, training, validation, settings, place, seeds, say)
        for i, one in enumerate(found):
            assert isinstance(one.model, MassModel)
            batch = validation.rows(slice(None))
            one.model.eval().fit_error(one.model.predict(batch), validation.log10_mass)
            save_weights(place / f"member-{i}.safetensors", one.model)
            lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in one.history]
            write_text(place / f"member-{i}.jsonl", "".join(lines))
        write_json(
            place / "best.json", {"best_epochs": [one.best_epoch for one in found], "seeds": list(seeds)}
        )
    return [_read(model, place / f"member-{i}.safetensors") for i in range(len(seeds))]


def is_trained(place: Path) -> bool:
    """Whether all members in a folder are finished: this is written last."""
    return (place / "best.json").is_file()


def read_histories(place: Path) -> list[list[dict[str, float]]]:
    """Return the learning curve of each member."""
    files = sorted(place.glob("member-*.jsonl"), key=lambda path: int(path.stem.split("-")[1]))
    return [[json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in files]


def _train(
    model: Mapping[str, Any],
    training: MapData,
    validation: MapData,
    settings: TrainingSettings,
    place: Path,
    seeds: Sequence[int],
    say: Say,
) -> list[Trained]:
    def told(entry: dict[str, float]) -> None:
        if int(entry["epoch"]) % 5 == 0:
            say(
                f"  epoch {entry['epoch']:.0f}: train {entry['train']:.4f}, validation {entry['validation']:.4f}"
            )

    checkpoints = place / "checkpoints"
    if len(seeds) == 1:
        return [train(model, training, validation, settings, checkpoints, seeds[0], told)]
    return train_stacked(
        model,
        training,
        validation,
        settings,
        checkpoints,
        seeds,
        lambda i, entry: told(entry) if i == 0 else None,
    )


def _read(model: Mapping[str, Any], path: Path) -> MassModel:
    network = build_model(model)
    network.load_state_dict(load_tensors(path))
    return network.eval()
