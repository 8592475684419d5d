"""How long until ``zwicky --help`` answers?"""

from __future__ import annotations

import subprocess
import sys

from rows import Row, median_seconds

LIMIT_SECONDS = 0.5
IS_TORCH_THERE = """
import sys
from zwicky.cli import main
try:
    main(["--help"])
except SystemExit:
    print("torch" in sys.modules, file=sys.stderr)
"""


def rows(*, quick: bool) -> list[Row]:
    """Start the command in fresh processes, and ask one of them whether it imported torch."""
    command = [sys.executable, "-m", "zwicky.cli", "--help"]
    n = 3 if quick else 7
    wall = median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), n)
    asked = subprocess.run(
        [sys.executable, "-c", IS_TORCH_THERE], check=True, capture_output=True, text=True
    ).stderr.strip()
    verdict = "yes" if wall < LIMIT_SECONDS else "no"
    return [
        Row("zwicky --help", wall, "s", f"median of {n} processes; below {LIMIT_SECONDS} s: {verdict}"),
        Row("zwicky --help imports torch", {"True": "yes", "False": "no"}[asked], "", "it must not"),
    ]
