"""The tables of a photon scorecard, as text for the report, the terminal and the results page: 110 characters wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from zwicky.evaluation.page import NOTHING, cell, number
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm
from zwicky.evaluation.xray.blocks import SCATTER, by_method
from zwicky.evaluation.xray.results import CLASSICAL, ENSEMBLE, NETWORK, PLAIN, UNIFORM
from zwicky.evaluation.xray.statistics import FIT_BIAS, FIT_SCATTER, SD_OVER_SCATTER
from zwicky.inference.domain import FLAGS

Block = Mapping[str, Any]

_AXES: Final = {
    "snr": "S/N",
    "log10_predicted": "predicted mass",
    "log10_mass": "true mass",
    "redshift": "redshift",
    "counts": "counts",
}
_DEX: Final = "dex: 0.1 dex are 23 % in ln M."


def entry(estimate: Mapping[str, Any], *place: int) -> dict[str, Any]:
    """Return one entry of an estimate of an array, as an estimate of a number."""
    found = dict(estimate)
    for i in place:
        found = {name: None if values is None else values[i] for name, values in found.items()}
    return found


def folds_tables(block: Block) -> Iterator[TextTable]:
    """Yield the tables of a cross-validation."""
    yield _folds_table(block)
    yield _all_table(block, "All folds together", NETWORK)
    yield _scatter_table(block, "Scatter by mass", ("log10_mass",))
    yield _core_table(block)
    yield _dream_table(block["dream"])
    yield _attribution_table(block["attribution"])
    yield _masking_table(block["masking"])


def ensemble_tables(block: Block) -> Iterator[TextTable]:
    """Yield the tables of an ensemble."""
    title = f"An ensemble of {block['n_members']}"
    yield _all_table(block, title, ENSEMBLE)
    yield _calibration_table(block, f"{title}: error bars")
    yield _scatter_table(block, f"{title}, in bins", ("log10_mass", "redshift", "counts"), bias=ENSEMBLE)
    yield _predicted_table(by_method(block, "predicted_sd"))
    if block["bright"] is not None:
        yield _bright_table(block)
    yield _weights_table(block["weights"])
    yield _noise_table(block)
    yield _selection_table(block["selection"])


def improved_tables(name: str, block: Block) -> Iterator[TextTable]:
    """Yield the tables of a network beyond the published ones."""
    yield _all_table(block, f"{name}: beyond the papers", NETWORK)
    yield _calibration_table(block, f"{name}: error bars")
    yield _coverage_table(name, block)
    for title, key, head in (
        ("thinned to fewer photons", "by_counts", "photons"),
        ("subsets of the bands", "by_bands", "bands"),
        ("wrong centres", "by_offset_arcmin", "offset [arcmin]"),
    ):
        yield _variants_table(f"{name}: {title}", head, block[key])
    yield _flags_table(name, block)


def _folds_table(block: Block) -> TextTable:
    head = [
        "method",
        "mean fold [%]",
        "best [%]",
        "by chance [%]",
        "all [%]",
        f"{NETWORK} / it",
        "bias [dex]",
    ]
    rows = []
    for name, one in by_method(block, "results").items():
        mean, chance = one["mean_fold"][FIT_SCATTER], one["best_by_chance"]
        low, high = (number(None if chance is None else chance[end], 1) for end in ("low", "high"))
        rows.append(
            [
                name,
                f"{number(mean['value'], 1)} ± {number(mean['sd'], 1)}",
                number(one["best_fold"][FIT_SCATTER], 1),
                f"{low} to {high}",
                value_pm(one["all"][FIT_SCATTER], 1),
                value_pm(block["ratios"][name][FIT_SCATTER]) if name in block["ratios"] else NOTHING,
                value_pm(one["all"][FIT_BIAS], 3),
            ]
        )
    remark = (
        "Width of the Gaussian fitted to the residuals, in percent of the mass, and its mean. Mean fold: ± the "
        "standard deviation over folds. By chance: 16 to 84 % of the best fold when clusters are dealt at random. The "
        "ratio is that of all rows."
    )
    return TextTable("Fold by fold", remark, head, rows)


def _all_table(block: Block, title: str, candidate: str) -> TextTable:
    head = ["method", "sd [dex]", "bias [dex]", "slope", f"{candidate} / it"]
    rows = []
    for name, result in by_method(block, "results").items():
        one = result.get("all", result)  # of a cross-validation, all folds together
        ratio = block["ratios"].get(name)
        rows.append(
            [
                name,
                value_pm(one[SCATTER], 3),
                value_pm(one["bias_dex"], 3),
                value_pm(one["slope"], 3),
                value_pm(ratio[SCATTER], 3) if ratio else NOTHING,
            ]
        )
    sample = block["sample"]
    remark = (
        f"{sample['n_rows']} images of {sample['n_parents']} clusters, {block['definition']}. Standard deviation of "
        f"log10 M_predicted - log10 M_true in {_DEX}"
    )
    return TextTable(title, remark, head, rows)


def _calibration_table(block: Block, title: str) -> TextTable:
    """Return whether errors are what the methods say they are, of all rows and of those that are not flagged."""
    rows = []
    parts = {"results": "", **({"in_domain": ", in-domain"} if block.get("in_domain") else {})}
    for key, part in parts.items():
        for name, one in by_method(block, key).items():
            texts = [value_pm(one[key], 3) for key in ("mean_predicted_sd_dex", SD_OVER_SCATTER)]
            rows.append([f"{name}{part}", *texts, *_coverages(one)])
    head = ["method", "predicted sd [dex]", "over the actual", "in 68 % [%]", "in 95 % [%]"]
    remark = (
        "Mean half-width of the 68 % intervals, the same over the standard deviation of the residuals, and how often "
        "the intervals of 68 and 95 % hold the truth."
    )
    return TextTable(title, remark, head, rows)


def _bin_rows(block: Block, axis: str, first: str) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield what names a bin with rows, and the numbers of each method there; none of one that lacks the bin."""
    for one in block["bins"][first][axis]:
        if one["n_rows"]:
            label = [_AXES[axis], _range_text(one), str(one["n_rows"])]
            yield (
                label,
                {name: _same_bin(tables[axis], one) for name, tables in by_method(block, "bins").items()},
            )


def _same_bin(rows: Sequence[Block], one: Block) -> Block:
    """Return the row of a bin; in bins of what is predicted, methods do not have the same."""
    return next((row for row in rows if (row["low"], row["high"]) == (one["low"], one["high"])), {})


def _range_text(one: Block) -> str:
    return f"from {one['low']:g}" if one["high"] is None else f"{one['low']:g} to {one['high']:g}"


def _scatter_table(block: Block, title: str, axes: Sequence[str], *, bias: str | None = None) -> TextTable:
    """Return the scatter of all methods, and the bias of one, in bins."""
    head = ["bins of", "bin", "images", *block["methods"], *([f"bias of {bias}"] if bias else [])]
    rows = []
    for axis in axes:
        for label, methods in _bin_rows(block, axis, block["methods"][0]):
            texts = [value_pm(one[SCATTER], 3) for one in methods.values()]
            rows.append([*label, *texts, *([value_pm(methods[bias]["bias_dex"], 3)] if bias else [])])
    remark = f"Standard deviation of the residuals in bins of the truth, in {_DEX}"
    return TextTable(title, remark, head, rows)


def _core_table(block: Block) -> TextTable:
    head = ["network", "inside", "outside", "inside over outside", "core"]
    verdicts = {True: "excised", False: "read", None: "not measured"}
    rows = []
    for name, key in ((NETWORK, "core"), ("shown cores only", "control_core")):
        one = block[key]
        texts = [value_pm(one[part], 3) for part in ("inside", "outside", "ratio")]
        rows.append([name, *texts, verdicts[one["is_excised"]]])
    remark = (
        f"Photons that the gradient of the mass adds per R500c², over all photons, within {block['dream']['core']:g} "
        "R500c and around it. "
        f"Excised: in 95 % of the resamples less than {block['core']['limit']:g} of what is around it. A network that "
        "was shown nothing but cores must fail."
    )
    return TextTable("Does the network read the core?", remark, head, rows)


def _annuli(edges: Sequence[float]) -> list[str]:
    return [f"{low:g} to {high:g}" for low, high in pairwise(edges)]


def _dream_table(dream: Block) -> TextTable:
    steps = range(len(dream["rise_dex"]["value"]))
    head = ["R / R500c", *(f"step {i + 1}: dN/N" for i in steps), *(f"step {i + 1}: per area" for i in steps)]
    rows = [
        [annulus] + [value_pm(entry(dream[key], i, j), 3) for key in ("relative", "per_area") for i in steps]
        for j, annulus in enumerate(_annuli(dream["edges"]))
    ]
    rises = ", then ".join(f"{value_pm(entry(dream['rise_dex'], i), 3)} dex" for i in steps)
    remark = (
        "Change of the photons when images are moved up the gradient of the mass, over those in the annulus, and over "
        f"all photons per R500c². The mass rises by {rises}."
    )
    return TextTable("Which photons raise the mass", remark, head, rows)


def _attribution_table(attribution: Block) -> TextTable:
    rows = [
        [annulus, percent_pm(entry(attribution["share"], j))]
        for j, annulus in enumerate(_annuli(attribution["edges"]))
    ]
    gap = attribution["gap"]
    remark = (
        "Integrated gradients: the part of the answer that the photons of an annulus make. Error of the integral: "
        f"{number(None if gap is None else 100 * gap, 1)} %."
    )
    return TextTable("Which photons make the mass", remark, ["R / R500c", "part of the answer [%]"], rows)


def _masking_table(curves: Block) -> TextTable:
    rows = [
        [
            name,
            f"{radius:g}",
            value_pm(entry(one["shift_dex"], i), 3),
            value_pm(entry(one["scatter_dex"], i), 3),
        ]
        for name, one in curves.items()
        for i, radius in enumerate(one["radii"])
    ]
    head = ["network", "mask [R500c]", "mean shift [dex]", "sd [dex]"]
    remark = "Cores replaced by the mean of the ring around them: how far answers move, and how they scatter."
    return TextTable("Masked cores", remark, head, rows)


def _predicted_table(methods: Block) -> TextTable:
    rows = [
        [name, str(i + 1), str(one["n_rows"]), *(value_pm(one[key], 3) for key in ("predicted_dex", SCATTER))]
        for name, bins in methods.items()
        for i, one in enumerate(bins)
    ]
    head = ["method", "bin", "images", "mean predicted sd [dex]", "actual sd [dex]"]
    remark = (
        "Bins of equally many images, from small predicted errors to large. Good: both columns rise alike."
    )
    return TextTable("Predicted and actual errors", remark, head, rows)


def _bright_table(block: Block) -> TextTable:
    bright = block["bright"]
    rows = [
        [
            name,
            value_pm(block["results"][name][SCATTER], 3),
            value_pm(one[SCATTER], 3),
            value_pm(bright["ratio"][name], 3),
            value_pm(one["bias_dex"], 3),
            value_pm(one["slope"]),
        ]
        for name in block["methods"]
        for one in [bright["results"][name]]
    ]
    head = ["method", "all: sd [dex]", "kept: sd [dex]", "kept over all", "kept: bias [dex]", "kept: slope"]
    sample = bright["sample"]
    remark = (
        f"{sample['n_rows']} images of {sample['n_parents']} clusters pass the higher cut in detection and extent "
        "likelihood. The error of the ratio takes both as independent."
    )
    return TextTable("Likelihood cut", remark, head, rows)


def _weights_table(weights: Block) -> TextTable:
    rows = [
        [
            name,
            *(value_pm(one[key], 3) for key in ("slope", SCATTER, "bias_dex")),
            value_pm(weights["ratio"], 3) if name == UNIFORM else NOTHING,
        ]
        for name in (UNIFORM, PLAIN)
        for one in [weights["results"][name]]
    ]
    head = ["weights", "slope", "sd [dex]", "bias [dex]", f"sd over that of {PLAIN}"]
    remark = "Taught with weights that make all masses equally common. The paper: the slope becomes 1, more scatter."
    return TextTable("Uniform weights", remark, head, rows)


def _noise_table(block: Block) -> TextTable:
    head = ["noise on z"]
    for name in ("training", "test"):
        head += [f"{name}: sd [dex]", "ratio", "paper"]
    both: dict[float, list[str]] = {}
    for place, key in enumerate(("noise_training", "noise")):
        for row in block[key]:
            texts = both.setdefault(row["noise"], [NOTHING] * 6)
            texts[3 * place : 3 * place + 3] = [
                value_pm(row["scatter"], 3),
                value_pm(row["ratio"], 3),
                number(row["published"], 3),
            ]
    rows = [[f"{noise:g}", *texts] for noise, texts in sorted(both.items())]
    remark = (
        "Noise of this standard deviation on the redshift; the scatter over that without noise on the same clusters, "
        "beside table C.1 of Krippendorf et al. 2024."
    )
    return TextTable("Redshift noise", remark, head, rows)


def _selection_table(selection: Block) -> TextTable:
    rows = [[name.replace("_", " "), cell(value)] for name, value in selection.items()]
    return TextTable("Selection", "What the survey finds of the painted clusters.", ["fact", "value"], rows)


def _coverage_table(name: str, block: Block) -> TextTable:
    """Return scatter and coverage of the network beside the classical ones, in bins."""
    head = ["bins of", "bin", "images", "sd [dex]", "68 % [%]", "95 % [%]", f"{CLASSICAL}: sd", "68 % [%]"]
    rows = []
    for axis in ("snr", "log10_predicted", "counts", "log10_mass"):
        for label, methods in _bin_rows(block, axis, NETWORK):
            network, other = methods[NETWORK], methods[CLASSICAL]
            rows.append([*label, value_pm(network[SCATTER], 3), *_coverages(network, 0)])
            rows[-1] += [value_pm(other.get(SCATTER, {}), 3), percent_pm(other.get("coverage_68", {}), 0)]
    remark = (
        f"Standard deviation of the residuals of the {NETWORK} in {_DEX[:-1]}, and how often its intervals hold the "
        "truth. In bins of the predicted mass each method stands in those of its own; the images are those of the "
        f"{NETWORK}. Bins of true mass judge it by what it does not know."
    )
    return TextTable(f"{name}: coverage", remark, head, rows)


def _coverages(one: Block, decimals: int = 1) -> list[str]:
    return [percent_pm(one[key], decimals) for key in ("coverage_68", "coverage_95")]


def _variants_table(title: str, what: str, variants: Sequence[Block]) -> TextTable:
    rows = []
    for one in variants:
        network, other = (one["results"][method] for method in (NETWORK, CLASSICAL))
        rows.append([cell(one["value"]), value_pm(network[SCATTER], 3), value_pm(other[SCATTER], 3)])
        rows[-1] += [value_pm(one["ratio"]), value_pm(network["bias_dex"], 3), *_coverages(network)]
    head = [what, "sd [dex]", f"{CLASSICAL}: sd", "ratio", "bias [dex]", "68 % [%]", "95 % [%]"]
    remark = f"Scatter of the {NETWORK} and of the {CLASSICAL} mass on the same images; bias and coverage of the first."
    return TextTable(title, remark, head, rows)


def _flags_table(name: str, block: Block) -> TextTable:
    parts = [percent_pm(block["flags"][flag]) for flag in FLAGS]
    rows = [
        [
            "test set",
            str(block["sample"]["n_rows"]),
            *parts,
            percent_pm(_complement(block["flags"][FLAGS[0]])),
        ]
    ]
    for fault, one in block["faults"].items():
        n = sum(one[flag] for flag in FLAGS)
        parts = [number(100.0 * one[flag] / n if n else None, 1) for flag in FLAGS]
        rows.append([fault, str(n), *parts, percent_pm(one["flagged"])])
    head = ["fault", "images", *(f"{flag} [%]" for flag in FLAGS), "flagged [%]"]
    remark = "Images with something wrong, and the light they get; flagged: any but in-domain, exact binomial errors."
    return TextTable(f"{name}: faults", remark, head, rows)


def _complement(estimate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimate of 1 - x: what was the low end is the high one."""
    other = {"value": "value"} | {
        f"{a}_{n}": f"{b}_{n}" for n in (68, 95) for a, b in (("low", "high"), ("high", "low"))
    }
    return {key: None if estimate[one] is None else 1.0 - estimate[one] for key, one in other.items()}
