"""Tables of judged posteriors: accuracy, scales, coverage, ranks, joint tests, scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from zwicky.evaluation.page import NOTHING, number
from zwicky.evaluation.posterior.blocks import CENTRE_MPC, LARGE_AND_SMALL
from zwicky.evaluation.posterior.reading import FLAGS_REMARK, at, digest_of, flag, percent, yes
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm

Card = Mapping[str, Any]

_FAMILIES: Final = {"M(<": "M(<R)", "profile": "profile", "P(": "P(k)", "log10_m200c": "M200c"}
_REST: Final = "mass, peak, shape"


def _by_target(
    card: Card, methods: Sequence[str] | None = None
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """Yield method, target, its number, and its digest."""
    for name in card["methods"] if methods is None else methods:
        for i, (target, one) in enumerate(digest_of(card, name).items()):
            yield name, target, i, one


def accuracy_table(card: Card) -> TextTable:
    """Return the errors of the posterior mean: profile, mass of the map, pixels."""
    head = [
        "method", "map", "clusters", f"profile, R < {CENTRE_MPC:g} Mpc [%]", "profile, to the edge [%]",
        "map mass, bias [%]", "scatter [%]", "pixels, rms [dex]", "expected rms [dex]", "expected / rms",
    ]  # fmt: skip
    rows = []
    for name, target, i, one in _by_target(card):
        block = card["results"][name]
        pixels = block["accuracy"]
        rows.append(
            [
                name,
                target,
                str(block["bins"][0]["n_clusters"]),
                worst_text(one["profile_centre"]),
                worst_text(one["profile_edge"]),
                percent_pm(one["map_mass_error"]),
                percent_pm(one["map_mass_scatter"]),
                *(value_pm(at(pixels[key], 0, i), 4) for key in ("rms_dex", "spread_dex")),
                value_pm(one["spread_over_rms"]),
            ]
        )
    remark = (
        "Of the posterior mean. Profile: the annulus where the mean over clusters of (mean - truth) / truth is largest,"
        " and its radius. Expected rms: from the spread of the samples; above the rms: under-confident."
    )
    return TextTable("Accuracy", remark, head, rows)


def worst_text(one: Card | None) -> str:
    """Return the largest error of a profile in percent, and where."""
    return NOTHING if one is None else f"{percent_pm(one)} at {number(one['radius_mpc'], 1)} Mpc"


def spectra_table(card: Card) -> TextTable:
    """Return b(k) and r(k) on large and small scales, and whether r is above the linear baseline."""
    head = [
        "method", "map", "b, large", "b, small", "r of the mean, large", "r of the mean, small",
        "r of samples, small", "baseline, small", "mean above baseline (surely)", "smallest margin",
        "samples above baseline (surely)",
    ]  # fmt: skip
    rows = [
        [
            name,
            target,
            *(value_pm(one[key], 3) for key in ("b_samples_large", "b_samples_small")),
            *(
                value_pm(one[key], 3)
                for key in ("r_mean_large", "r_mean_small", "r_samples_small", "baseline_r_small")
            ),
            above_text(one["mean_above"]),
            margin_text(one["mean_above"]),
            above_text(one["samples_above"]),
        ]
        for name, target, _, one in _by_target(card)
    ]
    large, small = wavelengths(card)
    remark = (
        f"b of single samples; large: wavelengths of {large} Mpc; small: {small} Mpc (one ring in {LARGE_AND_SMALL} of"
        " each end). Baseline: the largest r(k) that a linear map of one input, or of its log10, reaches. Surely:"
        " 97.5 % of the resamples of the paired difference are positive. Margin: r of the mean minus the baseline."
    )
    return TextTable("Scales", remark, head, rows)


def above_text(margin: Card) -> str:
    """Return at how many scales r lies above the baseline, and surely so."""
    return f"{margin['above']} of {margin['n']} ({margin['surely']})"


def margin_text(margin: Card) -> str:
    """Return the smallest r minus baseline, a dash if none is defined."""
    return NOTHING if margin["smallest"] is None else value_pm(margin["smallest"], 4)


def wavelengths(card: Card) -> tuple[str, str]:
    """Return which wavelengths [Mpc] are called large and small, as text."""
    k = np.array(card["results"][card["methods"][0]]["spectra"]["wavenumber_per_mpc"])
    part = max(1, len(k) // LARGE_AND_SMALL)
    length = 2.0 * np.pi / k
    ends = ((length[part - 1], length[0]), (length[-1], length[-part]))
    large, small = (f"{low:.3g}" if low == high else f"{low:.3g}-{high:.3g}" for low, high in ends)
    return large, small


_COVERED: Final = {
    "cylinder_mass": "M(<R), mean over R",
    "profile": "profile, mean over annuli",
    "map_mass": "mass of the map",
    "pixels": "pixels",
}


def coverage_table(card: Card) -> TextTable:
    """Return the coverage of every method, all clusters and each mass bin."""
    rows = []
    for name in card["methods"]:
        found = card["results"][name]["coverage"]
        rows += [
            [name, title, target, *_covered(found, key, i)]
            for key, title in _COVERED.items()
            for i, target in enumerate(card["targets"])
        ]
        if found["log10_m200c"] is not None:
            rows.append([name, "M200c", NOTHING, *_covered(found, "log10_m200c")])
    return TextTable("Coverage", _coverage_remark(card), _coverage_head(card, ["method", "of", "map"]), rows)


def coverage_by_radius_table(card: Card, name: str) -> TextTable:
    """Return the coverage of one method at every radius, all clusters and each mass bin."""
    found = card["results"][name]["coverage"]
    kinds = (
        ("cylinder_mass", found["radii_mpc"], "M(<{:.3g} Mpc)"),
        ("profile", found["radius_mpc"], "profile at {:.3g} Mpc"),
    )
    rows = [
        [title.format(radius), target, *_covered(found, key, i, j)]
        for i, target in enumerate(card["targets"])
        for key, radii, title in kinds
        for j, radius in enumerate(radii)
    ]
    title = f"Coverage at every radius: {name}"
    return TextTable(title, _coverage_remark(card), _coverage_head(card, ["of", "map"]), rows)


def _covered(coverage: Card, key: str, *place: int) -> list[str]:
    """Return the cells of each bin and level with their flags, averaged over what ``place`` leaves."""
    cells = []
    for b, errors in enumerate(coverage["binomial_error"]):
        for level, (promise, error) in enumerate(zip(coverage["levels"], errors, strict=True)):
            one = _mean(at(coverage[key], b, level, *place)["value"])
            cells.append(percent(one) + flag(one, promise, error))
    return cells


def _mean(values: Any) -> float | None:
    """Return the mean of numbers, or the number; None where one is not defined."""
    array = np.array(values, float)
    return float(array.mean()) if np.isfinite(array).all() else None


def _coverage_head(card: Card, first: list[str]) -> list[str]:
    block = card["results"][card["methods"][0]]
    levels = [f"{100 * level:g}" for level in block["coverage"]["levels"]]
    return [*first, *(f"{one['name']}: {level} [%]" for one in block["bins"] for level in levels)]


def _coverage_remark(card: Card) -> str:
    block = card["results"][card["methods"][0]]
    errors = ", ".join(
        f"{one['name']} ({one['n_clusters']} clusters) {' / '.join(percent(e) for e in errors)}"
        for one, errors in zip(block["bins"], block["coverage"]["binomial_error"], strict=True)
    )
    return (
        f"Part of the truths inside the central intervals of the samples. {FLAGS_REMARK}. Standard error of one number"
        f" of a calibrated posterior, points: {errors} ({card['methods'][0]})."
    )


def standardised_table(card: Card) -> TextTable:
    """Return mean and spread of standardised errors of pixels, in log10 and as they are."""
    head = ["method", "map", "of", "mean", "spread", "expected", "inside 1 / 2 / 3 sd [%]", "expected [%]"]
    rows = []
    for name, target, i, _ in _by_target(card):
        found = card["results"][name]["standardised"]
        expected = " / ".join(percent(one) for one in found["expected_within"])
        for s, space in enumerate(found["spaces"]):
            inside = " / ".join(
                percent(at(found["within"], s, i, j)["value"]) for j in range(len(found["reach"]))
            )
            rows.append(
                [
                    name,
                    target,
                    "log10 of the map" if space == "log10" else "the map",
                    value_pm(at(found["mean"], 0, s, i), 3),
                    value_pm(at(found["sd"], 0, s, i), 3),
                    number(found["expected_sd"], 3),
                    inside,
                    expected,
                ]
            )
    remark = (
        "z = (posterior mean - truth) / sd of each pixel, less the noise of a finite number of samples: Student's for"
        " Gaussian calibrated samples. A spread below the expected one: under-confident; above: over-confident."
    )
    return TextTable("Standardised errors of pixels", remark, head, rows)


def family(name: str) -> str:
    """Return which kind of functional this is."""
    return next((title for start, title in _FAMILIES.items() if name.startswith(start)), _REST)


def ranks_table(card: Card) -> TextTable:
    """Return how many functionals of each kind have ranks inside the band."""
    kinds = [*_FAMILIES.values(), _REST]
    rows = []
    for name in card["methods"]:
        ranks = card["results"][name]["ranks"]
        of_kind = {kind: [i for i, one in enumerate(ranks["names"]) if family(one) == kind] for kind in kinds}
        counts = [
            f"{sum(ranks['inside'][i] for i in places)} of {len(places)}" if places else NOTHING
            for places in of_kind.values()
        ]
        total = f"{sum(ranks['inside'])} of {len(ranks['inside'])}"
        rows.append([name, str(ranks["n_clusters"]), *counts, total, f"{min(ranks['p_value']):.2g}"])
    remark = (
        "Simulation-based calibration: functionals whose ranks among the samples stay inside the simultaneous 95 % band"
        " of uniform ones. One in twenty leaves it by chance; functionals of one map are not independent."
    )
    return TextTable("Ranks", remark, ["method", "clusters", *kinds, "all", "smallest p"], rows)


def functionals_table(card: Card, name: str) -> TextTable:
    """Return whether each functional passes, one column for each map."""
    ranks = card["results"][name]["ranks"]
    targets = list(dict.fromkeys(ranks["targets"]))
    found: dict[str, dict[str, str]] = {}
    columns = (ranks[key] for key in ("names", "targets", "inside", "p_value"))
    for functional, target, inside, p in zip(*columns, strict=True):
        found.setdefault(functional, {})[target] = f"{'pass' if inside else 'FAIL'} ({p:.2g})"
    rows = [
        [functional, *(cells.get(target, NOTHING) for target in targets)]
        for functional, cells in found.items()
    ]
    remark = (
        "Pass: the ranks stay inside the 95 % band. In brackets, how likely uniform ranks are as far off."
    )
    return TextTable(f"Ranks of every functional: {name}", remark, ["functional", *targets], rows)


def tarp_table(card: Card) -> TextTable:
    """Return the joint tests."""
    head = ["method", "of", "dimensions", "inside the band", "largest deviation", "half width", "tail", "p"]
    rows = [
        [
            name,
            what,
            str(one["dimensions"]),
            yes(one["inside"]),
            *(number(one[key], 3) for key in ("largest_deviation", "half_width_95", "tail_area")),
            f"{one['p_value']:.2g}",
        ]
        for name in card["methods"]
        for what, one in card["results"][name]["tarp"].items()
    ]
    remark = (
        "Tests of accuracy with random points, of all maps together. Inside: the diagonal within the 95 % bootstrap"
        " band of the curve. Tail: mean deviation above a credibility of 1/2; negative: over-confident."
    )
    return TextTable("Joint coverage (TARP)", remark, head, rows)


def scores_table(card: Card) -> TextTable:
    """Return energy score and CRPS with their skills."""
    keys = ("energy_score_dex", "energy_skill", "crps_dex", "crps_skill")
    head = ["method", "map", "clusters", "energy score [dex]", "skill [%]", "CRPS [dex]", "skill [%]"]
    rows = []
    for name, target, i, _ in _by_target(card):
        block = card["results"][name]
        cells = [
            percent_pm(at(block["energy"][key], 0, i))
            if key.endswith("skill")
            else value_pm(at(block["energy"][key], 0, i), 4)
            for key in keys
        ]
        rows.append([name, target, str(block["bins"][0]["n_clusters"]), *cells])
    remark = (
        "Lower is better. Skill of the energy score: over independent Gaussian pixels of the same mean and sd, what it"
        " is worth to know how pixels vary together; of the CRPS: over Gaussians. Compare methods on the same clusters"
        " only."
    )
    return TextTable("Scores", remark, head, rows)


def convergence_table(card: Card) -> TextTable:
    """Return how many samples are enough."""
    rows = []
    for name, target, i, _ in _by_target(card):
        found = card["results"][name]["convergence"]
        rows.append(
            [
                name,
                target,
                str(found["n_converged"][i]),
                str(found["n"][-1]),
                number(found["variance_dex2"][i] ** 0.5, 4),
            ]
        )
    tolerance, share = _tolerances(card)
    remark = (
        f"Smallest number from which the pixel-averaged sample variance stays within {tolerance} of that of all,"
        f" in {share} of clusters and orderings. It means something where it is well below the number of all samples."
    )
    head = ["method", "map", "samples for convergence", "of", "sd of a pixel [dex]"]
    return TextTable("Number of samples", remark, head, rows)


def _tolerances(card: Card) -> tuple[str, str]:
    found = card["results"][card["methods"][0]]["convergence"]
    return f"{100 * found['tolerance']:g} %", f"{100 * found['share']:g} %"
