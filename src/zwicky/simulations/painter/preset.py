"""The painter's presets: TOML files in ``presets``.

The table ``[physics]`` of a preset holds the numbers of `PainterPhysics` that differ from the defaults, its table
``[settings]``, if there is one, other defaults of `PainterSettings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from zwicky.core.config import did_you_mean, read_toml
from zwicky.core.errors import ConfigError

PRESETS: Final = Path(__file__).parent / "presets"


@lru_cache(maxsize=32)
def read_preset(name: str) -> dict[str, Any]:
    """Return the tables of a preset; nobody changes them.

    Raises
    ------
    ConfigError
        If there is none of this name; the message suggests one.
    """
    known = sorted(path.stem for path in PRESETS.glob("*.toml"))
    if name not in known:
        raise ConfigError(
            "This preset of the painter is not known.",
            where="simulation.preset",
            expected=", ".join(known),
            got=repr(name),
            fix=did_you_mean(name, known),
        )
    return read_toml(PRESETS / f"{name}.toml")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, ``above`` first; tables are merged key by key."""
    both = dict(below)
    for key, value in above.items():
        tables = isinstance(value, Mapping) and isinstance(both.get(key), Mapping)
        both[key] = merged(both[key], value) if tables else value
    return both
