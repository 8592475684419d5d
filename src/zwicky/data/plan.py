"""What a store of mock observations will hold: the plan, and the manifest that states it on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from zwicky import RESULTS_VERSION
from zwicky.core.errors import ConfigError, StoreError, ZwickyError
from zwicky.core.files import write_json
from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.provenance import config_hash
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.units import unit_text
from zwicky.data.splits import SplitFractions

FORMAT: Final = "zwicky-store"
FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
SHARDS: Final = "shards"
RUN_AGAIN: Final = "run the command that makes the store again: what is finished is kept"


class Survey(Protocol):
    """A source of mock observations, such as ``zwicky.mocks.survey.MockSurvey``; frozen and picklable."""

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The quantities of its maps, in order."""

    @property
    def grid(self) -> Grid:
        """The grid of its maps."""

    @property
    def beam_arcmin(self) -> float | None:
        """FWHM of the beam in its maps [arcmin]; None if there is none."""

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return one observation: a pure function of the settings and the indices."""


@dataclass(frozen=True)
class StorePlan:
    """What a store holds and how it is cut into shards.

    Parameters
    ----------
    settings : dict
        Everything that decides a pixel, as JSON-able values: ``survey.settings()``.
    n_clusters : int
        Parent clusters, numbered from 0.
    sight_lines : int
        Observations of each cluster.
    clusters_per_shard : int
        Changes the files, never the samples. A worker holds one shard in memory.
    fractions : SplitFractions
        How the parents are split.
    split_seed : int
        Of the split.

    Raises
    ------
    ConfigError
        If a number is too small, or a setting cannot be written as JSON.
    """

    settings: Mapping[str, object]
    n_clusters: int
    sight_lines: int = 1
    clusters_per_shard: int = 256
    fractions: SplitFractions = field(default_factory=SplitFractions)
    split_seed: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (
            ("n_clusters", 1),
            ("sight_lines", 1),
            ("clusters_per_shard", 1),
            ("split_seed", 0),
        ):
            if getattr(self, name) < lowest:
                raise ConfigError(
                    f"The store cannot be planned with this {name}.",
                    where=name,
                    expected=f"an integer >= {lowest}",
                    got=getattr(self, name),
                )
        object.__setattr__(self, "settings", _as_json(self.settings))

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return -(-self.n_clusters // self.clusters_per_shard)

    @property
    def n_samples(self) -> int:
        """Number of samples: clusters times sight-lines."""
        return self.n_clusters * self.sight_lines

    @property
    def samples_per_shard(self) -> int:
        """Number of samples in every shard but the last, which may have fewer."""
        return self.clusters_per_shard * self.sight_lines

    def samples_of(self, shard_index: int) -> np.ndarray:
        """Return the numbers of a shard's samples, (sample,) int64.

        Sample ``i`` of a store is cluster ``i // sight_lines`` seen along ``i % sight_lines``.
        """
        first = shard_index * self.samples_per_shard
        return np.arange(first, min(first + self.samples_per_shard, self.n_samples), dtype=np.int64)


def shard_name(shard_index: int) -> str:
    """Return the path of a shard inside its store."""
    return f"{SHARDS}/shard-{shard_index:05d}.h5"


@dataclass(frozen=True)
class Manifest:
    """The plan of a store and what is the same in all of its samples, as it stands in ``manifest.json``.

    Parameters
    ----------
    plan : StorePlan
        What the store holds.
    channels : tuple of MapQuantity
        The maps of a sample, in order.
    units : tuple of str
        The unit of each channel.
    grid : Grid
        The pixels of all maps.
    beam_arcmin : float or None [arcmin]
        FWHM of the Gaussian beam in all maps.
    results_version : int
        RESULTS_VERSION of the zwicky that made the maps.
    """

    plan: StorePlan
    channels: tuple[MapQuantity, ...]
    units: tuple[str, ...]
    grid: Grid
    beam_arcmin: float | None
    results_version: int = RESULTS_VERSION

    @classmethod
    def of(cls, plan: StorePlan, survey: Survey) -> Manifest:
        """Return the manifest of a plan, or raise a ConfigError if it was made for another survey."""
        if differences := list(_differences(plan.settings, _as_json(survey.settings()), "settings")):
            raise ConfigError(
                "The plan was made for another survey.",
                where=differences[0][0],
                expected=differences[0][2],
                got=differences[0][1],
                fix="make the plan with settings=survey.settings()",
            )
        units = tuple(unit_text(UNIT_OF[channel]) for channel in survey.channels)
        # Through its text, so that a manifest read back has the very same grid.
        grid = Grid.from_dict(survey.grid.as_dict())
        return cls(plan, tuple(survey.channels), units, grid, survey.beam_arcmin)

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits of all that decides a pixel: the settings and the results version."""
        return config_hash({"settings": self.plan.settings, "results_version": self.results_version})

    def as_dict(self) -> dict[str, Any]:
        """Return what is written into ``manifest.json``."""
        plan = self.plan
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "results_version": self.results_version,
            "config_hash": self.config_hash,
            "settings": plan.settings,
            "n_clusters": plan.n_clusters,
            "sight_lines": plan.sight_lines,
            "clusters_per_shard": plan.clusters_per_shard,
            "split": {"seed": plan.split_seed, **asdict(plan.fractions)},
            "channels": [str(channel) for channel in self.channels],
            "units": list(self.units),
            "grid": self.grid.as_dict(),
            "beam_arcmin": self.beam_arcmin,
            "shards": [shard_name(i) for i in range(plan.n_shards)],
        }

    def write(self, folder: Path) -> None:
        """Write ``manifest.json``, whole or not at all."""
        write_json(folder / MANIFEST, self.as_dict())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read and validate ``manifest.json``.

        Raises
        ------
        StoreError
            If it is missing, damaged, of another format or version, or contradicts itself.
        """
        path = folder / MANIFEST
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise StoreError(
                "There is no store here.",
                where=str(folder),
                expected=f"a folder with {MANIFEST}",
                got="no such file" if folder.is_dir() else "no such folder",
                fix="check the path, or make the store first",
            ) from error
        except (OSError, ValueError) as error:
            raise _damaged(path, error) from error
        _check_format(fields, path)
        try:
            manifest = cls._from_dict(fields)
        except (KeyError, TypeError, ValueError, ZwickyError) as error:
            raise _damaged(path, f"{type(error).__name__}: {error}") from error
        if differences := list(_differences(manifest.as_dict(), fields, "")):
            where, expected, got = differences[0]
            raise StoreError(
                "The manifest contradicts itself.",
                where=f"{path}: {where}",
                expected=expected,
                got=got,
                fix="never edit a manifest: put the original back, or make the store again in another folder",
            )
        return manifest

    @classmethod
    def _from_dict(cls, fields: Mapping[str, Any]) -> Manifest:
        split = dict(fields["split"])
        seed = int(split.pop("seed"))
        plan = StorePlan(
            settings=dict(fields["settings"]),
            n_clusters=int(fields["n_clusters"]),
            sight_lines=int(fields["sight_lines"]),
            clusters_per_shard=int(fields["clusters_per_shard"]),
            fractions=SplitFractions(**split),
            split_seed=seed,
        )
        beam = fields["beam_arcmin"]
        return cls(
            plan,
            channels=tuple(MapQuantity(channel) for channel in fields["channels"]),
            units=tuple(str(unit) for unit in fields["units"]),
            grid=Grid.from_dict(fields["grid"]),
            beam_arcmin=None if beam is None else float(beam),
            results_version=int(fields["results_version"]),
        )

    def refuse_other(self, folder: Path) -> None:
        """Raise a StoreError that names the setting, if the folder holds the store of another plan."""
        if differences := list(_differences(Manifest.read(folder).as_dict(), self.as_dict(), "")):
            telling = [entry for entry in differences if entry[0] not in ("config_hash", "shards")]
            where, there, here = telling[0]
            more = f" ({len(telling)} settings differ)" if len(telling) > 1 else ""
            raise StoreError(
                f"This folder holds a store made with other settings{more}.",
                where=f"{folder}: {where}",
                expected=f"{there} (as in the folder)",
                got=here,
                fix="choose another --out for the new settings",
            )


def _as_json(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings as JSON gives them back: tuples are lists, keys are text."""
    try:
        return dict(json.loads(json.dumps(settings, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "The settings of a survey must be writable as JSON.",
            where="settings",
            expected="text, finite numbers, true, false, lists and tables",
            got=str(error),
        ) from error


def _check_format(fields: object, path: Path) -> None:
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise StoreError(
            "This is not the manifest of a store.",
            where=str(path),
            expected=f'"format": "{FORMAT}"',
            got=repr(fields.get("format")) if isinstance(fields, dict) else type(fields).__name__,
        )
    if fields.get("format_version") != FORMAT_VERSION:
        raise StoreError(
            "This store has another format version.",
            where=str(path),
            expected=f"format_version {FORMAT_VERSION}",
            got=repr(fields.get("format_version")),
            fix="read it with the zwicky that wrote it, or make the store again",
        )


def _damaged(path: Path, reason: object) -> StoreError:
    return StoreError(
        "The manifest cannot be read.",
        where=str(path),
        expected="JSON as in docs/store.md",
        got=str(reason),
        fix="put the original back, or remove the file and make the store again: finished shards are kept",
    )


def _differences(one: object, other: object, path: str) -> Iterator[tuple[str, object, object]]:
    """Yield (path, value in one, value in other) wherever two JSON values differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            inner = f"{path}.{name}" if path else str(name)
            yield from _differences(one.get(name, "nothing"), other.get(name, "nothing"), inner)
    elif one != other:
        yield path, one, other
