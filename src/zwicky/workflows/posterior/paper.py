"""The numbers of Hsu et al. 2024 beside ours: of the network as published, and of the fast one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from zwicky.evaluation.page import NOTHING, number
from zwicky.evaluation.posterior.blocks import CENTRE_MPC
from zwicky.evaluation.posterior.reading import at, digest_of, percent, yes
from zwicky.evaluation.posterior.scorecard import FAST, FAST_BEFORE, PUBLISHED, PUBLISHED_RECALIBRATED
from zwicky.evaluation.posterior.summary import PosteriorPaperRow
from zwicky.evaluation.posterior.tables import above_text, margin_text, wavelengths, worst_text
from zwicky.evaluation.text_table import percent_pm, value_pm

Card = Mapping[str, Any]
OfTarget = Callable[[Card], str]

NOT_RECOVERABLE: Final = "not recoverable"
ABSENT: Final = "not in this run"
_GAS, _DARK, _SZ, _XRAY = "gas", "dark matter", "SZ", "X-ray"
_CALIBRATION: Final = {PUBLISHED: (PUBLISHED, PUBLISHED_RECALIBRATED), FAST: (FAST_BEFORE, FAST)}
"""What each column was before its recalibration, and after."""


def paper_rows(scorecard: Card) -> list[PosteriorPaperRow]:
    """Return the rows of the "paper | ours" table: each number of the network as published, and of the fast one."""
    table = _Rows(scorecard)
    return [*table.accuracy(), *table.scales(), *table.baselines(), *table.posterior(), *table.costs()]


class _Rows:
    """Fills both columns of a row from the card; a method that is not there says so."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.targets = [one for one in (_GAS, _DARK) if one in card["targets"]]

    def row(self, quantity: str, paper: str, of: Callable[[str], str], note: str = "") -> PosteriorPaperRow:
        """Return a row; ``of`` makes the text of a method."""
        published, fast = (of(name) if name in self.card["results"] else ABSENT for name in (PUBLISHED, FAST))
        return PosteriorPaperRow(quantity, paper, published, fast, note)

    def of_targets(self, text: OfTarget) -> Callable[[str], str]:
        """Return what makes ``gas ..., dark matter ...`` of a method."""

        def of(name: str) -> str:
            digest = digest_of(self.card, name)
            return ", ".join(f"{target} {text(digest[target])}" for target in self.targets) or NOTHING

        return of

    def accuracy(self) -> list[PosteriorPaperRow]:
        """Return profiles and the mass of the map."""
        note = "largest mean fractional error of the posterior mean in an annulus"
        return [
            self.row(
                f"error of the profile, R < {CENTRE_MPC:g} Mpc", "1-2 %",
                self.of_targets(lambda one: _with_unit(worst_text(one["profile_centre"]))), note,
            ),
            self.row(
                "error of the profile, to the edge", "< 5 %",
                self.of_targets(lambda one: _with_unit(worst_text(one["profile_edge"]))),
                f"{note}; the paper's first version, its second no longer says so",
            ),
            *(
                self.row(
                    f"error of the mass of the map, {target}", NOT_RECOVERABLE,
                    partial(self._mass, target),
                    "mean over clusters; scatter in brackets",
                )
                for target in self.targets
            ),
        ]  # fmt: skip

    def _mass(self, target: str, name: str) -> str:
        one = digest_of(self.card, name)[target]
        return f"{percent_pm(one['map_mass_error'])} % ({percent_pm(one['map_mass_scatter'])} %)"

    def scales(self) -> list[PosteriorPaperRow]:
        """Return b(k) and r(k)."""
        large, small = wavelengths(self.card)

        def values(*keys: str) -> Callable[[str], str]:
            return self.of_targets(lambda one: " / ".join(value_pm(one[key], 3) for key in keys))

        return [
            self.row(
                "b(k), large / small scales", "about 1; dark matter slightly below at small scales",
                values("b_samples_large", "b_samples_small"),
                f"single samples; wavelengths of {large} / {small} Mpc; the paper's table is {NOT_RECOVERABLE}",
            ),
            self.row("r(k), large scales", "about 1", values("r_mean_large"), f"posterior mean; {large} Mpc"),
            self.row(
                "r(k), small scales", f"lower; {NOT_RECOVERABLE}", values("r_mean_small"),
                f"posterior mean; {small} Mpc",
            ),
            self.row(
                "r(k), small scales, single samples", NOT_RECOVERABLE, values("r_samples_small"),
                "of a calibrated posterior the square of the mean's",
            ),
        ]  # fmt: skip

    def baselines(self) -> list[PosteriorPaperRow]:
        """Return the comparison with what a linear map of one input could do."""
        rows = []
        for target in self.targets:
            for key, what in (("mean_above", "posterior mean"), ("samples_above", "single samples")):
                rows.append(
                    self.row(
                        f"r(k) above the linear baseline at every k, {target}: {what}",
                        "yes",
                        partial(self._above, target, key),
                        "how many k, in brackets surely; smallest margin",
                    )
                )
        if _GAS in self.targets and {_SZ, _XRAY} <= set(self.card["views"]):
            rows.append(
                self.row(
                    "baseline of gas: SZ above X-ray",
                    "yes",
                    self._views_of_gas,
                    "mean r(k) of the bare views",
                )
            )
        if len(self.targets) == 2:
            rows.append(self.row("r(k) of gas above dark matter, small scales", "yes", self._gas_above_dark))
        return rows

    def _above(self, target: str, key: str, name: str) -> str:
        margin = digest_of(self.card, name)[target][key]
        everywhere = margin["n"] > 0 and margin["above"] == margin["n"]
        return f"{yes(everywhere)}: {above_text(margin)}; {margin_text(margin)}"

    def _views_of_gas(self, name: str) -> str:
        views, gas = self.card["results"][name]["spectra"]["r_views"], self.card["targets"].index(_GAS)
        sz, xray = (np.array(views[view][gas], float) for view in (_SZ, _XRAY))
        text = f"{yes(bool(sz.mean() > xray.mean()))}: {sz.mean():.3f} and {xray.mean():.3f}"
        return f"{text}; above at {int((sz > xray).sum())} of {len(sz)} k"

    def _gas_above_dark(self, name: str) -> str:
        digest = digest_of(self.card, name)
        gas, dark = (digest[target]["r_mean_small"]["value"] for target in (_GAS, _DARK))
        return (
            f"{NOTHING if None in (gas, dark) else yes(gas > dark)}: {number(gas, 3)} and {number(dark, 3)}"
        )

    def posterior(self) -> list[PosteriorPaperRow]:
        """Return what is known of the width of the posterior."""
        n_samples = {name: one["n_samples"] for name, one in self.card["results"].items()}
        return [
            *(
                self.row(
                    f"spread of standardised errors, {target}, before / after recalibration",
                    "below 1: under-confident; no recalibration",
                    partial(self._spread, target),
                    "of pixels of the map itself, in brackets of its log10; a finite number of samples is allowed for",
                )
                for target in self.targets
            ),
            self.row(
                "samples for convergence of the variance", "about 40",
                self._converged,
                ", ".join(f"{name}: of {n_samples[name]}" for name in (PUBLISHED, FAST) if name in n_samples),
            ),
            self.row(
                "pixels inside 68 / 95 %, before / after recalibration", "not given", self._pixels,
                "mean of both maps",
            ),
        ]  # fmt: skip

    def _spread(self, target: str, name: str) -> str:
        parts = []
        for method in _CALIBRATION[name]:
            if method not in self.card["results"]:
                parts.append(ABSENT)
                continue
            spread = digest_of(self.card, method)[target]["z_sd"]
            parts.append(f"{value_pm(spread['linear'])} ({value_pm(spread['log10'])})")
        return " / ".join(parts)

    def _converged(self, name: str) -> str:
        found = self.card["results"][name]["convergence"]["n_converged"]
        return ", ".join(f"{target} {found[self.card['targets'].index(target)]}" for target in self.targets)

    def _pixels(self, name: str) -> str:
        return "; ".join(
            _mean_pixels(self.card["results"][method]["coverage"])
            if method in self.card["results"]
            else ABSENT
            for method in _CALIBRATION[name]
        )

    def costs(self) -> list[PosteriorPaperRow]:
        """Return trained numbers and evaluations."""
        models = (self.card["sizes"] or {}).get("models", {})

        def count(key: str) -> Callable[[str], str]:
            def of(name: str) -> str:
                found = models.get(name, {}).get(key)
                return NOTHING if found is None else f"{found:,}"

            return of

        return [
            self.row(
                "trained numbers", "45.84 million", count("parameters"),
                "paper: counted from the defaults of the library it used, with 2 + 2 maps; ours: of this preset",
            ),
            self.row(
                "evaluations of the network per sample", "1000", count("evaluations"),
                "paper: the documented setting of its library",
            ),
        ]  # fmt: skip


def _with_unit(text: str) -> str:
    """Return ``2.1 ± 0.3 at 0.7 Mpc`` with its percent sign."""
    return text.replace(" at ", " % at ")


def _mean_pixels(coverage: Card) -> str:
    """Return the coverage of pixels, mean over the maps, at both levels."""
    found = [
        np.array(at(coverage["pixels"], 0, level)["value"], float) for level in range(len(coverage["levels"]))
    ]
    return (
        " / ".join(percent(float(one.mean())) if np.isfinite(one).all() else NOTHING for one in found) + " %"
    )
