"""Scorecards on disk: JSON that says which kind it is, and is refused when it is another or incomplete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zwicky.core.errors import StoreError
from zwicky.core.files import write_json


@dataclass(frozen=True)
class CardFormat:
    """A kind of scorecard.

    Parameters
    ----------
    name : str
        Stands in the file under ``format``.
    version : int
        Stands in the file under ``format_version``.
    keys : set of str
        What every card of this kind holds.
    indent : int, optional
        Of the JSON; None for cards of many numbers, whose indents would be most of the file.
    """

    name: str
    version: int
    keys: frozenset[str]
    indent: int | None = 2

    def write(self, path: Path, card: dict[str, Any]) -> None:
        """Write a scorecard as JSON, whole or not at all; raises StoreError if it is not one of this kind."""
        self.check(card, str(path))
        write_json(path, card, indent=self.indent)

    def read(self, path: Path) -> dict[str, Any]:
        """Read what ``write`` wrote; raises StoreError if it is missing, damaged or something else."""
        card = read_card(path)
        self.check(card, str(path))
        return card

    def check(self, card: object, where: str) -> None:
        """Raise a StoreError unless this is a whole scorecard of this kind."""
        if not isinstance(card, dict) or card.get("format") != self.name:
            raise StoreError("This is not a scorecard.", where=where, expected=f"format {self.name!r}")
        if card.get("format_version") != self.version:
            raise StoreError(
                "This scorecard is of another version.",
                where=where,
                expected=self.version,
                got=card.get("format_version"),
                fix="evaluate again",
            )
        missing = sorted(self.keys - card.keys())
        if missing:
            raise StoreError(
                "This scorecard is incomplete.",
                where=where,
                expected=", ".join(sorted(self.keys)),
                got=f"no {missing}",
            )


def read_card(path: Path) -> dict[str, Any]:
    """Read a scorecard of any kind; raises StoreError if there is none, or it is not a JSON object."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(
            "This scorecard does not exist.", where=str(path), fix="run zwicky reproduce first"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise StoreError("This scorecard is not JSON.", where=str(path), got=str(error)) from error
    if not isinstance(card, dict):
        raise StoreError("This is not a scorecard.", where=str(path), expected="a JSON object")
    return card
