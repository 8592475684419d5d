"""The real clusters that can be weighed here, beside their published masses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from zwicky.core.config import read_toml
from zwicky.inference.estimator import Estimator
from zwicky.workflows.experiment import experiments_folder
from zwicky.workflows.weigh import ClusterAnswer, options_from, weigh_map

COLUMNS: Final = (
    "cluster",
    "z",
    "S/N",
    "network M500c [1e14 Msun]",
    "classical M500c [1e14 Msun]",
    "catalogue",
    "published CNN",
    "flag",
)
"""Of the table of real clusters."""


def data_folder(given: Path | None = None) -> Path | None:
    """Return the folder of real maps: what was given, ZWICKY_DATA, or ../shared/data; None if it is not there."""
    folder = given or Path(os.environ.get("ZWICKY_DATA", "../shared/data"))
    return folder if folder.is_dir() else None


def real_clusters() -> list[dict[str, Any]]:
    """Return the entries of ``experiments/real_clusters.toml``."""
    return list(read_toml(experiments_folder() / "real_clusters.toml")["cluster"])


def weigh_real_clusters(
    estimator: Estimator, data: Path | None
) -> list[tuple[dict[str, Any], ClusterAnswer]]:
    """Weigh every real cluster whose map is there; returns (entry, answer) pairs."""
    if data is None:
        return []
    return [
        (
            entry,
            weigh_map(
                data / entry["file"], entry["redshift"], estimator, options_from(entry), name=entry["name"]
            ),
        )
        for entry in real_clusters()
        if (data / entry["file"]).is_file()
    ]


def real_cluster_rows(estimator: Estimator, data: Path | None) -> list[dict[str, str]]:
    """Return a table of our interval beside the published masses, M500c in 1e14 Msun."""
    return [_row(entry, answer) for entry, answer in weigh_real_clusters(estimator, data)]


def _row(entry: dict[str, Any], answer: ClusterAnswer) -> dict[str, str]:
    summary = answer.as_dict()
    cells = (
        entry["name"],
        f"{answer.redshift:g}",
        f"{answer.snr:.1f}",
        interval_text(summary["network"]),
        interval_text(summary["classical"]),
        published_text(entry["catalogue"]),
        published_text(entry["published_cnn"]),
        answer.flag + ("" if not answer.reasons else ": " + "; ".join(answer.reasons)),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def interval_text(summary: dict[str, float]) -> str:
    """Return median, 68 % and 95 % interval of a summary in 1e14 Msun."""
    middle, low, high, bottom, top = (summary[k] / 1e14 for k in ("median", "p16", "p84", "p2.5", "p97.5"))
    return f"{middle:.2f} +{high - middle:.2f} -{middle - low:.2f} (95 %: {bottom:.2f}-{top:.2f})"


def published_text(entry: dict[str, Any]) -> str:
    """Return a published mass in 1e14 Msun with its error, if it has one."""
    errors = f" +{entry['plus']:.2f} -{entry['minus']:.2f}" if "plus" in entry else ""
    return f"{entry['m500_1e14']:.2f}{errors}"
