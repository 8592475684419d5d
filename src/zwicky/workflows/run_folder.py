"""A run folder: resolved settings, provenance, and refusal of any other settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from zwicky.core.config import Config, read_toml
from zwicky.core.errors import ConfigError
from zwicky.core.files import write_json, write_text
from zwicky.core.provenance import provenance


def claim(folder: Path, experiment: Config) -> dict[str, Any]:
    """Write the resolved settings and provenance into a run folder, or check that it holds the same settings.

    Returns
    -------
    dict
        The provenance of this run.

    Raises
    ------
    ConfigError
        If the folder belongs to other settings.
    """
    settings = experiment.model_dump(mode="json", exclude_none=True)
    path = folder / "config.toml"
    if path.exists():
        found = read_toml(path)
        if found != settings:
            names = ", ".join(sorted(k for k in {*found, *settings} if found.get(k) != settings.get(k)))
            raise ConfigError(
                "This folder holds a run with other settings.",
                where=str(folder),
                expected="the settings in its config.toml",
                got=f"others in: {names}",
                fix="choose another --out, or remove the folder",
            )
    else:
        write_text(path, tomli_w.dumps(settings))
    facts = provenance(settings)
    write_json(folder / "provenance.json", facts)
    return facts
