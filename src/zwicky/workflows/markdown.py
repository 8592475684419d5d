"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[str]


def markdown_table(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
