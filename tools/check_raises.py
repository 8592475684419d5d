"""List each ``raise`` of the package that no test executed.

Usage: python tools/check_raises.py coverage.json [src/zwicky]

The report is what ``coverage json`` or ``pytest --cov --cov-report=json:coverage.json`` writes. A bare
``raise``, which passes an error on, is left out. Exit status 1 when anything is listed.
"""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from pathlib import Path


def executed_lines(report: Path) -> dict[Path, set[int]]:
    """Return the lines that ran, for each file of a coverage report."""
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return {Path(name).resolve(): set(measured["executed_lines"]) for name, measured in files.items()}


def unexecuted_raises(path: Path, executed: set[int]) -> list[tuple[int, str]]:
    """Return line and source of each ``raise`` of a file whose line did not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    raises = [node for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None]
    return sorted(
        (node.lineno, textwrap.shorten(ast.unparse(node), 120))
        for node in raises
        if node.lineno not in executed
    )


def main(arguments: list[str]) -> int:
    """Print what is missing; return 1 if anything is, 2 if the question makes no sense."""
    if len(arguments) not in (1, 2) or not Path(arguments[0]).is_file():
        print("usage: python tools/check_raises.py coverage.json [src/zwicky]", file=sys.stderr)
        return 2
    executed = executed_lines(Path(arguments[0]))
    top = Path(arguments[1] if len(arguments) == 2 else "src/zwicky")
    files = sorted(top.rglob("*.py"))
    missing = 0
    for path in files:
        for line, source in unexecuted_raises(path, executed.get(path.resolve(), set())):
            print(f"{path}:{line}: {source}")
            missing += 1
    print(f"{len(files)} files: {missing or 'no'} raise statements that no test executed")
    return 1 if missing or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
