"""Numbers of a posterior scorecard as text: places in nested estimates, coverage with its flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zwicky.evaluation.page import NOTHING, number

Card = Mapping[str, Any]

TOLERANCE: Final = 0.03
"""Coverage within three points of the promise passes [1]."""
SURE: Final = 2.0
"""Standard errors of independent clusters beyond which a deviation is no luck [1]."""
FLAGS_REMARK: Final = (
    "! more than 3 points from the promise; !! this, and more than 2 standard errors of as many independent"
    " clusters"
)


def digest_of(card: Card, name: str) -> dict[str, Any]:
    """Return the few numbers of a method, by target, in the order of the targets: a file sorts its keys."""
    return in_order(card["results"][name]["digest"], card["targets"])


def in_order(content: Card, names: Sequence[str]) -> dict[str, Any]:
    """Return the entries of these names, in their order."""
    return {name: content[name] for name in names}


def at(estimate: Card, *place: int) -> dict[str, Any]:
    """Return one entry of an estimate of nested lists."""
    found = {}
    for end, values in estimate.items():
        for i in place:
            values = None if values is None else values[i]
        found[end] = values
    return found


def flag(value: float | None, level: float, error: float | None) -> str:
    """Return what marks a coverage that is off its level by more than the tolerance."""
    if value is None or abs(value - level) <= TOLERANCE + 1e-9:
        return ""
    return " !!" if error is not None and abs(value - level) > SURE * error else " !"


def coverage_text(digest_of_target: Card, which: str) -> str:
    """Return the 68 and 95 % coverage in percent."""
    return " / ".join(percent(one["value"]) for one in digest_of_target["coverage"][which])


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a fraction as percent, or a dash if it is not defined."""
    return NOTHING if value is None else number(100.0 * value, decimals)


def yes(value: bool | None) -> str:
    """Return yes or no, or a dash if it is not known."""
    return NOTHING if value is None else "yes" if value else "no"
