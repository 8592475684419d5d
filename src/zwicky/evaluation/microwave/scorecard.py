"""The scorecard of masses from microwave skies: the tests of Gupta & Reichardt 2020, each number with its error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zwicky.core.errors import ConfigError, MassError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.card_file import CardFormat
from zwicky.evaluation.mapping.estimates import as_json
from zwicky.evaluation.microwave.judge import LN_EDGES, Judge, empty_block
from zwicky.evaluation.microwave.records import (
    NO_SCATTER,
    SCATTER_ON_M,
    SCATTER_ON_Y,
    TRAINED,
    EmptySkies,
    ProfileResidual,
    WeighedSet,
)
from zwicky.evaluation.microwave.statistics import Bootstrap, residual_fractions
from zwicky.evaluation.scorecard import bin_edges, sizes

MATCHED_FILTER: Final = "matched filter"
"""The baseline, unless another is named."""

_KEYS: Final = frozenset(
    {
        "format", "format_version", "seed", "n_resamples", "methods", "baseline", "trained_range_msun", "y_m_slope",
        "snr_edges", "ln_edges", "sets", "decomposition", "empty", "residual",
    }
)  # fmt: skip

MICROWAVE_CARD: Final = CardFormat("zwicky microwave scorecard", 1, _KEYS)
"""How these scorecards are kept."""

write_microwave_scorecard = MICROWAVE_CARD.write
read_microwave_scorecard = MICROWAVE_CARD.read


def build_microwave_scorecard(
    sets: Sequence[WeighedSet],
    empty: EmptySkies,
    residual: ProfileResidual,
    *,
    y_m_slope: float,
    snr_edges: Sequence[float],
    seed: int,
    n_resamples: int = 500,
    baseline: str = MATCHED_FILTER,
) -> dict[str, Any]:
    """Judge every method on every set, and each beside the baseline.

    Parameters
    ----------
    sets : sequence of WeighedSet
        One of them ``trained``, whose masses are the trained ones; all with the same methods.
    empty : EmptySkies
        With the same methods.
    residual : ProfileResidual
        Of the method that predicts profiles.
    y_m_slope : float [1]
        Of ln Y on ln M in the training clusters: 1.79 for Arnaud et al. 2010. It carries a scatter from Y to M.
    snr_edges : sequence of float [1]
        Of the bins of the matched filter's S/N.
    seed, n_resamples : int
        Of the bootstrap over parents.
    baseline : str
        The method that the others stand beside.

    Returns
    -------
    dict
        Ready for JSON: ``None`` where a number is not defined.

    Raises
    ------
    MassError
        If two sets have one name, none is ``trained``, their methods differ, or the scatter of a set is not what its
        name says.
    ConfigError
        If the baseline is no method, the slope is not positive, or the edges are none.
    """
    by_name = _checked(sets, empty, baseline)
    edges = bin_edges(snr_edges, where="snr_edges")
    if not (math.isfinite(y_m_slope) and y_m_slope > 0.0):
        raise ConfigError("Y rises with M.", where="y_m_slope", expected="a slope above 0", got=y_m_slope)
    masses = by_name[TRAINED].true_msun
    trained = (float(masses.min()), float(masses.max()))
    judge = Judge(Bootstrap(n_resamples, Key(seed, Stream.BOOTSTRAP)), trained)
    methods = by_name[TRAINED].methods
    return {
        "format": MICROWAVE_CARD.name,
        "format_version": MICROWAVE_CARD.version,
        "seed": seed,
        "n_resamples": n_resamples,
        "methods": list(methods),
        "baseline": baseline,
        "trained_range_msun": list(trained),
        "y_m_slope": float(y_m_slope),
        "snr_edges": list(edges),
        "ln_edges": as_json(LN_EDGES),
        "sets": {
            name: _description(one)
            | {"results": {method: judge.result(one, method) for method in methods}}
            | {"snr": judge.snr_table(one, edges, baseline)}
            for name, one in by_name.items()
        },
        "decomposition": _decompositions(judge, by_name, methods, y_m_slope),
        "empty": empty_block(empty),
        "residual": _residual_block(residual),
    }


def _checked(sets: Sequence[WeighedSet], empty: EmptySkies, baseline: str) -> dict[str, WeighedSet]:
    """Return the sets by name, or raise unless they can stand in one card."""
    by_name = {one.name: one for one in sets}
    if TRAINED not in by_name or len(by_name) != len(sets):
        raise MassError(
            "Sets are told apart by their names, and one holds the trained masses.",
            where="sets",
            expected=f"different names, {TRAINED!r} among them",
            got=[one.name for one in sets],
        )
    methods = by_name[TRAINED].methods
    for where, names in [*((one.name, one.methods) for one in sets), ("empty", tuple(empty.estimated_msun))]:
        if set(names) != set(methods):
            raise MassError(
                "All sets are weighed by the same methods.",
                where=f"set {where!r}",
                expected=", ".join(methods),
                got=", ".join(names),
            )
    if baseline not in methods:
        raise ConfigError(
            "The baseline is one of the methods.", expected=", ".join(methods), got=repr(baseline)
        )
    return by_name


def _description(one: WeighedSet) -> dict[str, Any]:
    return {
        "sample": sizes(one.parent),
        "sz_scatter": one.sz_scatter,
        "sigma_ln": one.sigma_ln,
        "is_rescaled": one.is_rescaled,
        "rescaling": {"mean": as_json(one.rescaling.mean()), "sd": as_json(one.rescaling.std())},
    }


def _decompositions(
    judge: Judge, sets: Mapping[str, WeighedSet], methods: Sequence[str], slope: float
) -> list[dict[str, Any]]:
    """Return what each method recovers of each injected scatter; nothing without a set that has none."""
    if NO_SCATTER not in sets:
        return []
    return [
        judge.decomposition(sets[name], sets[NO_SCATTER], method, slope)
        for name in (SCATTER_ON_Y, SCATTER_ON_M)
        if name in sets
        for method in methods
    ]


def _residual_block(profile: ProfileResidual) -> dict[str, Any]:
    columns = {name: as_json(column) for name, column in vars(profile).items()}
    return columns | {
        "fractions": {name: as_json(value) for name, value in residual_fractions(profile).items()}
    }
