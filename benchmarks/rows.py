"""What a benchmark says: rows of a table, on a named machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from zwicky.core.provenance import git_commit, library_versions


@dataclass(frozen=True)
class Row:
    """One measured number.

    Parameters
    ----------
    name : str
    value : float or str
    unit : str
        "1" for a ratio.
    beside : str
        What it is measured against, or how.
    """

    name: str
    value: float | str
    unit: str
    beside: str

    def as_dict(self) -> dict[str, float | str]:
        """Return the row, for JSON."""
        return asdict(self)


def machine() -> dict[str, str]:
    """Return what the numbers hold for."""
    import torch

    versions = library_versions()
    return {
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "processor": _processor(),
        "16-bit products": bf16_instructions(),
        "torch threads": str(torch.get_num_threads()),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        **{name: versions[name] for name in ("python", "torch", "numpy", "scipy")},
        "zwicky": git_commit(),
    }


def _processor() -> str:
    """Return the processor's name, where the system tells."""
    return _fact("model name") or platform.processor() or platform.machine()


def bf16_instructions() -> str:
    """Return the processor's instructions for products in bfloat16, where the system tells."""
    flags = (_fact("flags") or _fact("Features")).split()  # x86, ARM
    found = [flag for flag in flags if flag in ("avx512_bf16", "amx_bf16", "bf16")]
    return ", ".join(found) or ("no bfloat16 instructions" if flags else "unknown instructions")


def _fact(name: str) -> str:
    """Return what Linux says of the first processor; nothing elsewhere."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes [s]."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_seconds(work: Callable[[], object], n: int) -> float:
    """Return the median time of n calls [s]."""
    return statistics.median(seconds(work) for _ in range(n))


def table(rows: list[Row]) -> str:
    """Return the rows as text, in columns."""
    cells = [("name", "value", "unit", "beside"), *((r.name, shown(r.value), r.unit, r.beside) for r in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {unit:<{widths[2]}}  {beside}".rstrip()
        for name, value, unit, beside in cells
    )


def shown(value: float | str) -> str:
    """Return a value with three digits."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:#.3g}"
