"""The scorecard of posterior samples of maps: two models, what changes them, how few evaluations do, and masses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from zwicky.core.errors import MapError
from zwicky.evaluation.card_file import CardFormat
from zwicky.evaluation.posterior.blocks import (
    ablation_block,
    plain,
    posterior_block,
    target_name,
    view_name,
)
from zwicky.evaluation.posterior.judged import JudgedPosterior
from zwicky.evaluation.posterior.masses import MassPair, masses_block

FAST: Final = "fast"
FAST_BEFORE: Final = "fast before recalibration"
PUBLISHED: Final = "published"
PUBLISHED_RECALIBRATED: Final = "published, recalibrated"
GAUSSIAN: Final = "gaussian"
METHODS: Final = (FAST, FAST_BEFORE, PUBLISHED, PUBLISHED_RECALIBRATED, GAUSSIAN)
"""The names that the tables of the papers look for; a card may have fewer, and others."""

_KEYS: Final = frozenset(
    {
        "format", "format_version", "seed", "n_resamples", "targets", "views", "methods", "results",
        "trainings", "ablations", "convergence", "exact", "masses", "sizes", "timings",
    }
)  # fmt: skip

POSTERIOR_CARD: Final = CardFormat("zwicky posterior scorecard", 1, _KEYS, indent=None)
"""How these scorecards are kept."""

write_posterior_scorecard = POSTERIOR_CARD.write
read_posterior_scorecard = POSTERIOR_CARD.read


def build_posterior_scorecard(
    judged: Mapping[str, JudgedPosterior],
    *,
    ablations: Mapping[str, JudgedPosterior] | None = None,
    below_floor: Mapping[str, float] | None = None,
    convergence: Mapping[str, Mapping[str, Any]] | None = None,
    exact: Mapping[str, Mapping[str, Any]] | None = None,
    masses: MassPair | None = None,
    mass_edges: Sequence[float] = (),
    sizes: Mapping[str, Any] | None = None,
    timings: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Gather what an experiment with posterior maps found.

    Parameters
    ----------
    judged : dict of JudgedPosterior
        By name, usually those of ``METHODS``; seed and resamples are those of the first.
    ablations : dict of JudgedPosterior, optional
        Of short trainings, by name.
    below_floor : dict of float, optional [1]
        Of methods and ablations: share of the pixels of samples no brighter than the faintest of the training set.
    convergence : dict, optional
        Gate C5 by model: ``rows`` of ``solver``, ``steps``, ``evaluations``, ``error`` and ``error_se`` [1],
        ``coverage_shift`` [percentage points] and ``passes``; ``chosen``, ``fewest_euler_maruyama``, ``reference``.
    exact : dict, optional
        Gate C1: ``sampler`` (exact denoiser) and ``trained``, each by model: ``mean_error_in_sd``, ``sd_ratio`` (list)
        and ``passes``; may have ``is_decisive``.
    masses : MassPair, optional
        M200c from maps and from a network on the same clusters.
    mass_edges : sequence of float [dex of Msun]
        Of the bins of ``masses``.
    sizes : dict, optional
        ``clusters``: by split; ``models``: by name, such as ``parameters``, ``images_seen``, ``evaluations``.
    timings : dict of float, optional [s]

    Returns
    -------
    dict
        Ready for JSON, keys inside its parts sorted: ``methods`` and ``trainings`` (of the ablations) have the order.
        Six significant figures, None where a number is not defined.

    Raises
    ------
    MapError
        If nothing is judged, or two are not of the same maps and bins.
    MassError
        If masses cannot be compared.
    """
    if not judged:
        raise MapError("There is no posterior to judge.", where="judged", expected="at least one", got="none")
    first = next(iter(judged.values()))
    for name, one in judged.items():
        _check_alike(name, _maps_of(first) + first.bin_names, _maps_of(one) + one.bin_names)
    for name, one in (ablations or {}).items():
        _check_alike(name, _maps_of(first), _maps_of(one))
    floors = below_floor or {}
    return {
        "format": POSTERIOR_CARD.name,
        "format_version": POSTERIOR_CARD.version,
        "seed": first.seed,
        "n_resamples": first.n_resamples,
        "targets": [target_name(one) for one in first.targets],
        "views": [view_name(one) for one in first.views],
        "methods": list(judged),
        "results": {
            name: posterior_block(one) | {"below_floor": plain(floors.get(name))}
            for name, one in judged.items()
        },
        "trainings": list(ablations or {}),
        "ablations": {name: ablation_block(one, floors.get(name)) for name, one in (ablations or {}).items()},
        "convergence": plain(convergence or {}),
        "exact": plain(exact),
        "masses": None if masses is None else masses_block(masses, mass_edges, first.n_resamples, first.seed),
        "sizes": plain(sizes),
        "timings": plain(timings),
    }


def _maps_of(judged: JudgedPosterior) -> tuple[str, ...]:
    return tuple(quantity.value for quantity in (*judged.targets, *judged.views))


def _check_alike(name: str, expected: tuple[str, ...], got: tuple[str, ...]) -> None:
    """Refuse a posterior of other maps or bins: tables have one head for all."""
    if got != expected:
        raise MapError(
            "These posteriors are not of the same maps and mass bins.",
            where=name,
            expected=", ".join(expected),
            got=", ".join(got),
        )
