"""Where a result comes from: versions, commit, configuration."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from zwicky import RESULTS_VERSION, __version__

_LIBRARIES: Final = ("numpy", "scipy", "astropy", "colossus", "h5py", "torch", "lightning-fabric")


def config_hash(config: Mapping[str, object]) -> str:
    """Return 16 hexadecimal digits that change whenever the configuration does."""
    text = json.dumps(config, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def git_commit() -> str:
    """Return the commit that this source tree is at, or "not a git checkout"."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return "not a git checkout"
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide numbers."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def provenance(config: Mapping[str, object]) -> dict[str, object]:
    """Return what is written into ``provenance.json`` of a run."""
    return {
        "zwicky": __version__,
        "results_version": RESULTS_VERSION,
        "commit": git_commit(),
        "config_hash": config_hash(config),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": platform.machine(),
        "versions": library_versions(),
    }
