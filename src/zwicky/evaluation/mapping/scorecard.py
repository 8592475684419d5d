"""The scorecard of mass maps: every statistic of every method, overall and per mass interval, with its errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.card_file import CardFormat
from zwicky.evaluation.mapping.comparison import Resampled, compare, pairs_of
from zwicky.evaluation.mapping.estimates import as_json
from zwicky.evaluation.mapping.judge import HISTOGRAM_STEP, Judge, groups_of, length_unit
from zwicky.evaluation.mapping.measures import DIFFERENCE_EDGES, RADII_R200C, Truth
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.spectra import Spectra
from zwicky.evaluation.scorecard import sizes
from zwicky.inference.mapping.answer import PredictedMaps

_KEYS: Final = frozenset(
    {
        "format", "format_version", "seed", "n_resamples", "mass_edges_log10", "groups", "sample", "length_unit",
        "radii_r200c", "scales", "histogram_edges", "methods", "results", "truth", "views", "comparisons",
    }
)  # fmt: skip

MAP_CARD: Final = CardFormat("zwicky map scorecard", 1, _KEYS, indent=None)
"""How these scorecards are kept."""

write_map_scorecard = MAP_CARD.write
read_map_scorecard = MAP_CARD.read


def build_map_scorecard(
    true: TrueMaps,
    methods: Iterable[PredictedMaps],
    *,
    mass_edges_log10: Sequence[float],
    seed: int,
    n_resamples: int,
    view_spectra: Mapping[str, Spectra] | None = None,
) -> dict[str, Any]:
    """Judge the maps of every method.

    Parameters
    ----------
    true : TrueMaps
        The test set.
    methods : iterable of PredictedMaps
        Taken one at a time, so that a generator keeps one method in memory.
    mass_edges_log10 : sequence of float [dex of Msun]
        Of the intervals of M200c.
    seed, n_resamples : int
        Of the bootstrap over parents. All methods see the same resamples, so that their differences are paired.
    view_spectra : dict of Spectra, optional
        Of each input view (as ``predicted``) with the true maps: their r(k) is what a linear map of one view reaches.

    Returns
    -------
    dict
        Ready for JSON: ``None`` where a number is not defined.

    Raises
    ------
    MapError
        If there is no method, two have one name, or one has other maps.
    ConfigError
        If the edges are none, or no resample is asked for.
    """
    unit, pixel = length_unit(true)
    judge = Judge(Truth.of(true), groups_of(true, mass_edges_log10), n_resamples, Key(seed, Stream.BOOTSTRAP))
    results: dict[str, Any] = {}
    resampled: dict[str, Resampled] = {}
    for predicted in methods:
        if predicted.name in results:
            raise MapError("Two methods have one name.", where="methods", got=repr(predicted.name))
        results[predicted.name], resampled[predicted.name] = judge.method(predicted)
        del predicted  # before the next is made
    if not results:
        raise MapError("There is no method to judge.", where="methods", expected="at least one", got="none")
    return {
        "format": MAP_CARD.name,
        "format_version": MAP_CARD.version,
        "seed": seed,
        "n_resamples": n_resamples,
        "mass_edges_log10": [float(edge) for edge in mass_edges_log10],
        "groups": [
            {"name": g.name, "kind": g.kind, "low": g.low, "high": g.high} | sizes(true.parent[g.rows])
            for g in judge.groups
        ],
        "sample": sizes(true.parent),
        "length_unit": unit,
        "radii_r200c": as_json(RADII_R200C),
        "scales": as_json(judge.truth.spectra.wavelength_pixels * pixel),
        "histogram_edges": as_json(DIFFERENCE_EDGES[::HISTOGRAM_STEP]),
        "methods": list(results),
        "results": results,
        "truth": judge.truth_block(),
        "views": {name: judge.view(spectra) for name, spectra in (view_spectra or {}).items()},
        "comparisons": [
            compare(resampled[candidate], resampled[baseline])
            for candidate, baseline in pairs_of(list(results))
        ],
    }
