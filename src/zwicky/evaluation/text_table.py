"""Tables of text, and numbers with their errors as text: for the report, the terminal and the results page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from zwicky.evaluation.page import number


class TextTable(NamedTuple):
    """A table of text, with a sentence that says how to read it."""

    title: str
    remark: str
    head: list[str]
    rows: list[list[str]]


def value_pm(estimate: Mapping[str, Any], decimals: int = 2, factor: float = 1.0) -> str:
    """Return an estimate times a factor, with half of its 68 % interval; a dash if it is not defined."""
    value, low, high = (estimate.get(key) for key in ("value", "low_68", "high_68"))
    text = number(None if value is None else factor * value, decimals)
    if value is None or low is None or high is None:
        return text
    return f"{text} ± {number(0.5 * factor * (high - low), decimals)}"


def percent_pm(estimate: Mapping[str, Any], decimals: int = 1) -> str:
    """Return an estimate in percent with half of its 68 % interval."""
    return value_pm(estimate, decimals, 100.0)
