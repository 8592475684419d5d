"""Which published numbers a preset is held against, and what is understood of its failures.

Presets that were fitted to a simulation keep that simulation's gas, stars and concentrations: they are held against its
tables, what real clusters say stands beside, and what follows from the difference is said in words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from zwicky.evaluation.relations import LUMINOSITY, OBSERVED, Relation

# Medians of the halo tables of Cui et al. 2022 (github.com/weiguangcui/The300-GIZMO-SIMBA-plots) in 0.2 dex of M500c.
_THREE_HUNDRED: Final = {
    "gadgetx": {
        "gas fraction at 1e14 Msun": 0.113,
        "gas fraction at 3e14 Msun": 0.126,
        "gas fraction at 1e15 Msun": 0.135,
        "star fraction at 1e14 Msun": 0.0160,
        "star fraction at 5e14 Msun": 0.0134,
        "gas mass - M500: slope": 1.07,
        "star mass - M500: slope": 0.91,
    },
    "gizmo": {
        "gas fraction at 1e14 Msun": 0.055,
        "gas fraction at 3e14 Msun": 0.095,
        "gas fraction at 1e15 Msun": 0.123,
        "star fraction at 1e14 Msun": 0.0181,
        "star fraction at 5e14 Msun": 0.0138,
        "gas mass - M500: slope": 1.28,
        "star mass - M500: slope": 0.85,
    },
}
_FIT_TOLERANCE: Final = 0.10  # of medians that were fitted
_SLOPE_TOLERANCE: Final = 0.06

_LUMINOSITY_SLOPE: Final = (
    "L goes as the square of the gas fraction: the default gas masses, M^1.16, give M^1.2 in a soft band. The "
    "slope of REXCESS needs gas fractions that fall as M^0.3 towards groups, more than most measurements of them say."
)
_GAS_OF_SIMULATION: Final = (
    "Follows from the gas fractions of the simulation, which this preset keeps and real clusters do not: L goes as "
    "their square."
)
_MEAN_PRESSURE: Final = (
    "All clusters of this preset have the mean pressure profile of a published fit, whatever their halo: Y has the "
    "scatter that the preset adds, and T = P / n mirrors the gas of each cluster instead of its mass."
)
_CONCENTRATION_OF_SIMULATION: Final = (
    "Fitted to the concentrations of the simulation's haloes with their gas and stars, which are not those of the "
    "simulations of dark matter alone that the band is taken from."
)
_SCATTER_OF_SIMULATION: Final = (
    "Fitted to the scatter of the gas fractions in the simulation (docs/the300.md), which is not that of real "
    "clusters."
)
_STEEP_GAS: Final = (
    "Y goes as the gas mass times T, and the gas fractions of this simulation fall towards groups as M^0.28: added to "
    "the self-similar 5/3 that is 1.95."
)
_NARROW_GAS: Final = (
    "The gas fractions of this preset scatter by 6 % only, as in the simulation: L is then left to the state of the "
    "core, which Y does not feel."
)
_SWITCHED_OFF: Final = "Switched off in this preset on purpose: its clusters are round, smooth and alone."
_BY_CHOICE: Final = (
    "The fractions of this preset are choices: rich in gas and stars, as the simulation that it stands for."
)
_SMOOTH_NAMES: Final = frozenset(
    {
        "c200c - M200c: scatter of ln c",
        "shortest over longest axis, dark matter",
        "subhalo mass inside R200c",
        "clusters with a merging halo above 1:10 in mass",
        "residuals of concentration and gas mass",
    }
)
_PRESSURE_NAMES: Final = frozenset(
    {
        "Y500 - M500: scatter of ln Y",
        "Y of the cylinder - M500: scatter of ln Y",
        "T - M500: slope",
        "T - M500: scatter of ln T",
        "Yx - M500: slope",
        "Yx - M500: scatter in mass",
        "residuals of gas mass and T",
        "residuals of Y500 and L",
        "cool cores: L(< 0.15 R500) > 0.4 L(< R500)",
    }
)


_FITTED_HALOES: Final = {
    "c200c at M200c = 1e14 Msun": _CONCENTRATION_OF_SIMULATION,
    "c200c at M200c = 1e15 Msun": _CONCENTRATION_OF_SIMULATION,
    "gas mass - M500: scatter of ln M": _SCATTER_OF_SIMULATION,
    "residuals of Y500 and L": _NARROW_GAS,
}
_REASONS: Final = {
    "gadgetx": _FITTED_HALOES,
    "gizmo": {
        **_FITTED_HALOES,
        "Y500 - M500: slope": _STEEP_GAS,
        "Yx - M500: slope": _STEEP_GAS,
    },
    "spherical_a10": dict.fromkeys(_SMOOTH_NAMES, _SWITCHED_OFF),
    "illustris": {
        "gas fraction at 1e14 Msun": _BY_CHOICE,
        "gas fraction at 3e14 Msun": _BY_CHOICE,
        "star fraction at 5e14 Msun": _BY_CHOICE,
        "residuals of Y500 and L": _NARROW_GAS,
    },
}


def relations_for(preset: str, pressure: str = "hse") -> tuple[Relation, ...]:
    """Return the relations that a preset is held against, with what is understood of the painter's failures.

    Presets that were fitted to a simulation are held against that simulation's fractions of gas and stars; what real
    clusters say stands beside it.

    Parameters
    ----------
    preset : str
        Name of the painter's preset; any but "gadgetx" and "gizmo" is held against observations.
    pressure : str
        "hse", or the mean profile that the preset uses.
    """
    fitted = _THREE_HUNDRED.get(preset, {})
    return tuple(
        _as_simulated(one, preset, fitted[one.name])
        if one.name in fitted
        else _explained(one, preset, mean_pressure=pressure != "hse")
        for one in OBSERVED
    )


def _explained(relation: Relation, preset: str, *, mean_pressure: bool) -> Relation:
    """Return the relation with the reason why the painter may lie outside its band, if there is one."""
    simulated = preset in _THREE_HUNDRED
    if relation in LUMINOSITY and relation.statistic == "slope":
        reason = _GAS_OF_SIMULATION if simulated else _LUMINOSITY_SLOPE
        return replace(relation, explanation=reason, explained_side="below")
    if relation in LUMINOSITY and relation.statistic == "value" and (simulated or preset == "illustris"):
        return replace(relation, explanation=_GAS_OF_SIMULATION, explained_side="above")
    if mean_pressure and relation.name in _PRESSURE_NAMES:
        return replace(relation, explanation=_MEAN_PRESSURE)
    if reason := _REASONS.get(preset, {}).get(relation.name, ""):
        return replace(relation, explanation=reason)
    return relation


def _as_simulated(relation: Relation, preset: str, value: float) -> Relation:
    margin = _SLOPE_TOLERANCE if relation.statistic == "slope" else _FIT_TOLERANCE * value
    return replace(
        relation,
        literature=f"{value:g} in the simulation; observed: {relation.literature}",
        low=value - margin,
        high=value + margin,
        source=f"halo tables of The Three Hundred {preset} (Cui et al. 2022); observed: {relation.source}",
    )
