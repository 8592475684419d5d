"""Tables of what a run adds to a photon scorecard: levels of realism, and real clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zwicky.evaluation.page import cell, number
from zwicky.evaluation.text_table import TextTable
from zwicky.evaluation.xray.results import COUNT_RATE, ENSEMBLE


def levels_table(rows: Sequence[Mapping[str, Any]]) -> TextTable:
    """Return what each ingredient of the images does to the masses.

    Parameters
    ----------
    rows : list of dict
        For each level ``level``, ``n``, and by method ``shift_dex``, ``shift_error_dex`` and ``scatter_dex``.
    """
    methods = [name for name in (ENSEMBLE, COUNT_RATE) if name in rows[0]]
    head = ["level", *(f"{name}: {what}" for name in methods for what in ("shift [dex]", "sd [dex]"))]
    lines = []
    for row in rows:
        line = [str(row["level"])]
        for name in methods:
            one = row[name]
            shift = f"{number(one['shift_dex'], 3)} ± {number(one['shift_error_dex'], 3)}"
            line += [shift, number(one["scatter_dex"], 3)]
        lines.append(line)
    remark = (
        f"The same {rows[0]['n']} clusters, each level with one ingredient more, weighed by what was taught full ones: "
        "median change of log10 M to the full image, and scatter about the truth."
    )
    return TextTable("What each ingredient of an image does to the mass", remark, head, lines)


def real_table(clusters: Sequence[Mapping[str, Any]]) -> TextTable:
    """Return the real clusters that a run has weighed, one in each column.

    Parameters
    ----------
    clusters : list of dict
        By fact, the same for all; ``cluster`` is the name. Shown in alphabetical order, which is that of a file.
    """
    facts = sorted(fact for fact in clusters[0] if fact != "cluster")
    rows = [[fact, *(cell(one[fact]) for one in clusters)] for fact in facts]
    remark = "Network, classical mass on the same image, and published mass, side by side; the flag says why."
    return TextTable("Real clusters", remark, ["", *(cell(one["cluster"]) for one in clusters)], rows)
