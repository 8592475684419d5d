"""The manifest of a store: its plan, and what is the same in all of its samples, as it stands on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from zwicky import RESULTS_VERSION
from zwicky.core.errors import ConfigError, StoreError, ZwickyError
from zwicky.core.files import write_json
from zwicky.core.grid import Grid
from zwicky.core.provenance import config_hash
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.units import unit_text
from zwicky.data.codec import Log16
from zwicky.data.plan import StorePlan, Survey, as_json, shard_name
from zwicky.data.splits import SplitFractions

FORMAT: Final = "zwicky-store"
FORMAT_VERSIONS: Final = (1, 2)
MANIFEST: Final = "manifest.json"
_FLOAT32: Final = {"name": "float32"}


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
        """Return the manifest of a plan, or raise a ConfigError if it was made for another survey or channel."""
        if differences := list(_differences(plan.settings, as_json(survey.settings()), "settings")):
            raise ConfigError(
                "The plan was made for another survey.",
                where=differences[0][0],
                expected=differences[0][2],
                got=differences[0][1],
                fix="make the plan with settings=survey.settings()",
            )
        if strangers := [channel for channel in plan.log16 if channel not in survey.channels]:
            raise ConfigError(
                "The survey has no such channel to keep as logarithms.",
                where="log16",
                expected=", ".join(survey.channels),
                got=", ".join(strangers),
            )
        units = tuple(unit_text(UNIT_OF[channel]) for channel in survey.channels)
        # Through its text, so that a manifest read back has the very same grid.
        grid = Grid.from_dict(survey.grid.as_dict())
        return cls(plan, tuple(survey.channels), units, grid, survey.beam_arcmin)

    @property
    def config_hash(self) -> str:
        """16 hexadecimal digits of all that decides a pixel: the settings and the results version."""
        return config_hash({"settings": self.plan.settings, "results_version": self.results_version})

    @property
    def format_version(self) -> int:
        """The oldest version that can say it: 1 with float32 alone and one number of sight-lines, else 2."""
        return 1 if isinstance(self.plan.sight_lines, int) and not self.plan.log16 else 2

    @property
    def codecs(self) -> tuple[Log16 | None, ...]:
        """How each channel is kept: as 16-bit logarithms, or (None) as float32."""
        return tuple(self.plan.log16.get(channel) for channel in self.channels)

    def as_dict(self) -> dict[str, Any]:
        """Return what is written into ``manifest.json``."""
        plan = self.plan
        codecs = [_FLOAT32 if codec is None else codec.as_dict() for codec in self.codecs]
        return {
            "format": FORMAT,
            "format_version": self.format_version,
            "results_version": self.results_version,
            "config_hash": self.config_hash,
            "settings": plan.settings,
            "n_clusters": plan.n_clusters,
            "sight_lines": plan.sight_lines if isinstance(plan.sight_lines, int) else list(plan.sight_lines),
            "clusters_per_shard": plan.clusters_per_shard,
            "split": {"seed": plan.split_seed, **asdict(plan.fractions)},
            "channels": [str(channel) for channel in self.channels],
            "units": list(self.units),
            "grid": self.grid.as_dict(),
            "beam_arcmin": self.beam_arcmin,
            "shards": [shard_name(i) for i in range(plan.n_shards)],
            **({"codecs": codecs} if self.format_version > 1 else {}),
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
        channels = tuple(MapQuantity(channel) for channel in fields["channels"])
        codecs = fields.get("codecs", [_FLOAT32] * len(channels))
        seen = fields["sight_lines"]
        plan = StorePlan(
            settings=dict(fields["settings"]),
            n_clusters=int(fields["n_clusters"]),
            sight_lines=tuple(int(count) for count in seen) if isinstance(seen, list) else int(seen),
            clusters_per_shard=int(fields["clusters_per_shard"]),
            fractions=SplitFractions(**split),
            split_seed=seed,
            log16={
                channel: Log16(float(codec["log10_floor"]), float(codec["log10_ceiling"]))
                for channel, codec in zip(channels, codecs, strict=True)
                if codec != _FLOAT32
            },
        )
        beam = fields["beam_arcmin"]
        return cls(
            plan,
            channels=channels,
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


def _check_format(fields: object, path: Path) -> None:
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise StoreError(
            "This is not the manifest of a store.",
            where=str(path),
            expected=f'"format": "{FORMAT}"',
            got=repr(fields.get("format")) if isinstance(fields, dict) else type(fields).__name__,
        )
    if fields.get("format_version") not in FORMAT_VERSIONS:
        raise StoreError(
            "This store has another format version.",
            where=str(path),
            expected=f"format_version {' or '.join(map(str, FORMAT_VERSIONS))}",
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
