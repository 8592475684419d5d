"""Measure the parts that cost time: ``make bench``.

Prints one table and writes build/bench.json. ``--quick`` only shows that everything runs: its numbers mean nothing.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

MODULES = (
    "start",
    "mocks",
    "painter",
    "store",
    "weighing",
    "training",
    "map_training",
    "maps",
    "microwave",
    "photons",
    "ensemble",
    "posterior",
)
"""In the order of the table. Imported when needed: a process that makes mocks imports this file."""

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test: small sizes, numbers without meaning"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json", help="the JSON file")
    arguments = parser.parse_args()

    from rows import Row, machine, table
    from zwicky.core.files import write_json

    facts = machine()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), end="\n\n", flush=True)
    found: list[Row] = []
    for name in MODULES:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found += importlib.import_module(name).rows(quick=arguments.quick)
    print(table(found))
    content = {"machine": facts, "quick": arguments.quick, "rows": [row.as_dict() for row in found]}
    write_json(arguments.out, content)
    print(f"\nwrote {arguments.out}")


if __name__ == "__main__":
    main()
