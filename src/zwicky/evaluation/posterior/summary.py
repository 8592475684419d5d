"""What a scorecard of posterior maps says in plain words, and all of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from zwicky.evaluation.page import NOTHING, number
from zwicky.evaluation.posterior import run_tables, tables
from zwicky.evaluation.posterior.masses import MAPS, SCALAR
from zwicky.evaluation.posterior.reading import at, coverage_text, digest_of, in_order
from zwicky.evaluation.posterior.scorecard import FAST, FAST_BEFORE, PUBLISHED, PUBLISHED_RECALIBRATED
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm

Card = Mapping[str, Any]

PAPER_HEAD: Final = ("quantity", "paper", "ours, as published", "ours, fast", "note")

_BEFORE: Final = {FAST: FAST_BEFORE, PUBLISHED_RECALIBRATED: PUBLISHED}
"""What a method was before its recalibration."""


class PosteriorPaperRow(NamedTuple):
    """One line of the comparison with the paper: the published network and the fast one beside it."""

    quantity: str
    paper: str
    published: str
    fast: str
    note: str = ""


def headline(card: Card) -> str:
    """Return the result in one paragraph."""
    return " ".join(sentences(card))


def sentences(card: Card) -> list[str]:
    """Return the result in plain words: a sentence for each method, then one for each finished part."""
    found = [_method_sentence(card, name) for name in card["methods"]]
    found += [
        f"Gate C5 of {name}: {run_tables.named(block.get('chosen'))}; fewest of Euler-Maruyama:"
        f" {run_tables.named(block.get('fewest_euler_maruyama'))}."
        for name, block in card["convergence"].items()
    ]
    if card["masses"] is not None:
        found.append(_masses_sentence(card["masses"]))
    return found


def _method_sentence(card: Card, name: str) -> str:
    digest, block = digest_of(card, name), card["results"][name]
    ranks = block["ranks"]
    above = ", ".join(
        f"{target} {one['mean_above']['above']} of {one['mean_above']['n']}" for target, one in digest.items()
    )
    spread = _spread(digest)
    before = _BEFORE.get(name)
    if before is not None and before in card["results"]:
        spread = f"{_spread(digest_of(card, before))} before recalibration, {spread} after"
    return (
        f"{name} ({block['bins'][0]['n_clusters']} clusters, {block['n_samples']} samples): mass of the map off by "
        + ", ".join(f"{percent_pm(one['map_mass_error'])} % ({target})" for target, one in digest.items())
        + "; profiles off by at most "
        + ", ".join(f"{_percent(one['profile_edge'])} % ({target})" for target, one in digest.items())
        + f"; r(k) of the mean above the linear baseline at {above} scales; truth inside 68 / 95 %: M(<R) "
        + ", ".join(f"{coverage_text(one, 'M(<R)')} ({target})" for target, one in digest.items())
        + f"; spread of standardised errors {spread}; ranks of {sum(ranks['inside'])} of {len(ranks['inside'])}"
        " functionals inside the 95 % band."
    )


def _spread(digest: Card) -> str:
    return " / ".join(value_pm(one["z_sd"]["log10"]) for one in digest.values())


def _percent(one: Card | None) -> str:
    return NOTHING if one is None else number(100.0 * abs(one["value"]), 1)


def _masses_sentence(block: Card) -> str:
    texts = [
        f"{name} {value_pm(at(one['bias_dex'], 0), 3)} dex off, scatter {value_pm(at(one['scatter_dex'], 0), 3)} dex"
        for name, one in in_order(block["methods"], (MAPS, SCALAR)).items()
    ]
    return f"M200c: {'; '.join(texts)}; correlation of their errors {value_pm(at(block['error_correlation'], 0))}."


def paper_table(rows: Sequence[Sequence[str]]) -> TextTable:
    """Return the comparison with the paper; a card that was read has lists for rows."""
    remark = (
        "Errors: 68 % bootstrap over clusters. 'Not recoverable': the digits are lost in what we could read."
    )
    return TextTable("Beside the paper", remark, list(PAPER_HEAD), [list(map(str, row)) for row in rows])


def all_tables(card: Card, *, details: bool = True) -> list[TextTable]:
    """Return every table with rows, in the order in which they are shown.

    Parameters
    ----------
    card : dict
        From ``build_posterior_scorecard``.
    details : bool
        With those of every radius and every functional.
    """
    return [table for table in _tables(card, details) if table.rows]


def _tables(card: Card, details: bool) -> Iterator[TextTable]:
    yield tables.accuracy_table(card)
    yield tables.spectra_table(card)
    yield tables.coverage_table(card)
    if details:
        for name in card["methods"]:
            if name in (FAST, PUBLISHED_RECALIBRATED):
                yield tables.coverage_by_radius_table(card, name)
    yield tables.standardised_table(card)
    yield tables.ranks_table(card)
    yield tables.tarp_table(card)
    yield tables.scores_table(card)
    for name in (FAST, PUBLISHED):
        if details and name in card["results"]:
            yield tables.functionals_table(card, name)
    yield tables.convergence_table(card)
    yield from run_tables.sampler_tables(card)
    yield run_tables.exact_table(card)
    yield run_tables.masses_table(card)
    yield run_tables.ablations_table(card)
    yield run_tables.sizes_table(card)
    yield run_tables.timings_table(card)
