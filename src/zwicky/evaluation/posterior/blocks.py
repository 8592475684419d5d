"""One judged posterior as a block of a scorecard: what tables and figures need, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.mapping.estimates import Drawn, as_json
from zwicky.evaluation.posterior.judged import JudgedPosterior
from zwicky.evaluation.posterior.ranks import RankTests
from zwicky.evaluation.posterior.tarp import Tarp

CENTRE_MPC: Final = 1.0
"""Annuli whose mean radius is below this are the centre (Hsu et al. 2024)."""
LARGE_AND_SMALL: Final = 4
"""The rings of largest and of smallest wavelength that are averaged are each this part of all of them."""

_ENDS: Final = ("value", "low_68", "high_68")
_TARGETS: Final = {
    MapQuantity.GAS_SURFACE_DENSITY: "gas",
    MapQuantity.DARK_SURFACE_DENSITY: "dark matter",
    MapQuantity.STAR_SURFACE_DENSITY: "stars",
    MapQuantity.TOTAL_SURFACE_DENSITY: "all matter",
}
_VIEWS: Final = {MapQuantity.COMPTON_Y: "SZ", MapQuantity.XRAY_SURFACE_BRIGHTNESS: "X-ray"}


def target_name(quantity: MapQuantity) -> str:
    """Return what a target is called in tables."""
    return _TARGETS.get(quantity, quantity.value)


def view_name(quantity: MapQuantity) -> str:
    """Return what a view is called in tables."""
    return _VIEWS.get(quantity, quantity.value)


def estimate(drawn: Drawn) -> dict[str, Any]:
    """Return value and 68 % interval; None where not defined."""
    found = drawn.estimate()
    return {end: found[end] for end in _ENDS}


def plain(value: Any) -> Any:
    """Return nested content as a file keeps it: sorted keys, six significant figures, None for no finite number."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in sorted((str(key), one) for key, one in value.items())}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return as_json(value) if isinstance(value, float) else value


def posterior_block(judged: JudgedPosterior) -> dict[str, Any]:
    """Return what a scorecard keeps of a judged posterior.

    Returns
    -------
    dict
        Estimates are nested lists, first axes (bin, target), of ``value``, ``low_68`` and ``high_68``; ``digest`` has
        the few numbers of each target over all clusters.
    """
    return plain(
        {
            "n_samples": judged.n_samples,
            "bins": _bins(judged),
            "digest": digest(judged),
            "accuracy": _accuracy(judged),
            "profiles": _profiles(judged),
            "spectra": _spectra(judged),
            "standardised": _standardised(judged),
            "convergence": _convergence(judged),
            "coverage": _coverage(judged),
            "ranks": _ranks(judged.ranks),
            "tarp": {"profiles": _tarp(judged.tarp_profiles), "coarse pixels": _tarp(judged.tarp_pixels)},
            "energy": {name: estimate(one) for name, one in vars(judged.energy).items()},
        }
    )


def ablation_block(judged: JudgedPosterior, below_floor: float | None) -> dict[str, Any]:
    """Return what a scorecard keeps of a short training.

    Parameters
    ----------
    judged : JudgedPosterior
    below_floor : float, optional [1]
        Share of the pixels of samples no brighter than the faintest of the training set.
    """
    return plain(
        {
            "n_samples": judged.n_samples,
            "bins": _bins(judged),
            "digest": digest(judged),
            "below_floor": below_floor,
        }
    )


def _bins(judged: JudgedPosterior) -> list[dict[str, Any]]:
    columns = zip(judged.bin_names, judged.bin_clusters, judged.bin_parents, strict=True)
    return [{"name": name, "n_clusters": int(n), "n_parents": parents} for name, n, parents in columns]


def digest(judged: JudgedPosterior) -> dict[str, dict[str, Any]]:
    """Return the few numbers of each target, over all clusters."""
    return {target_name(target): _digest(judged, i) for i, target in enumerate(judged.targets)}


def _digest(judged: JudgedPosterior, i: int) -> dict[str, Any]:
    accuracy, profiles, spectra = judged.accuracy, judged.profiles, judged.spectra
    errors, radius = _of(profiles.mean_error, 0, i), profiles.radius_mpc
    large, small = _rings(len(spectra.wavenumber_per_mpc))
    covered = judged.coverage
    return {
        "profile_centre": _worst(errors, radius, radius < CENTRE_MPC),
        "profile_edge": _worst(errors, radius, np.ones(len(radius), bool)),
        "map_mass_error": estimate(_of(accuracy.map_mass_error, 0, i)),
        "map_mass_scatter": estimate(_of(accuracy.map_mass_scatter, 0, i)),
        "spread_over_rms": estimate(_of(accuracy.spread_over_rms, 0, i)),
        **{
            f"{name}_{where}": estimate(_averaged(_of(getattr(spectra, name), 0, i), rings))
            for name in ("b_samples", "r_samples", "b_mean", "r_mean", "baseline_r")
            for where, rings in (("large", large), ("small", small))
        },
        "mean_above": _margin(spectra.mean_above, spectra.mean_above_baseline, i),
        "samples_above": _margin(spectra.samples_above, spectra.samples_above_baseline, i),
        "z_sd": {space: estimate(_of(judged.standardised.sd, 0, s, i)) for s, space in _spaces(judged)},
        "coverage": {
            name: [estimate(_level(one, level, i)) for level in range(len(covered.levels))]
            for name, one in (
                ("M(<R)", covered.cylinder_mass),
                ("profile", covered.profile),
                ("map mass", covered.map_mass),
                ("pixels", covered.pixels),
            )
        },
    }


def _spaces(judged: JudgedPosterior) -> list[tuple[int, str]]:
    return list(enumerate(judged.standardised.spaces))


def _rings(n: int) -> tuple[slice, slice]:
    """Return the rings of largest and of smallest wavelength."""
    part = max(1, n // LARGE_AND_SMALL)
    return slice(0, part), slice(n - part, n)


def _of(drawn: Drawn, *place: int) -> Drawn:
    """Return one entry of the first axes."""
    resamples = drawn.resamples
    whole: Any = (slice(None), *place)
    return Drawn(np.asarray(drawn.value[place]), None if resamples is None else np.asarray(resamples[whole]))


def _averaged(drawn: Drawn, part: slice) -> Drawn:
    """Return the mean over a part of the last axis."""
    resamples = drawn.resamples
    return Drawn(
        np.asarray(drawn.value[..., part].mean(axis=-1)),
        None if resamples is None else resamples[..., part].mean(axis=-1),
    )


def _level(drawn: Drawn, level: int, i: int) -> Drawn:
    """Return the coverage (bin, level, target, ...) of all clusters, averaged over radii if there are any."""
    one = _of(drawn, 0, level, i)
    return one if np.ndim(one.value) == 0 else _averaged(one, slice(None))


def _worst(errors: Drawn, radius_mpc: np.ndarray, rows: np.ndarray) -> dict[str, Any] | None:
    """Return the error of largest size among some annuli, and where; None if there are none."""
    size = np.where(rows & np.isfinite(errors.value), np.abs(errors.value), -1.0)
    place = int(size.argmax()) if size.size else 0
    if not size.size or size[place] < 0.0:
        return None
    return estimate(_of(errors, place)) | {"radius_mpc": float(radius_mpc[place])}


def _margin(above: Drawn, surely: np.ndarray, i: int) -> dict[str, Any]:
    """Return the smallest r minus baseline, and at how many k it is positive and surely so."""
    values = above.value[0, i]
    defined = np.isfinite(values)
    counts = {
        "n": int(defined.sum()),
        "above": int((values[defined] > 0.0).sum()),
        "surely": int(surely[0, i].sum()),
    }
    if not defined.any():
        return {"smallest": None, "ring": None} | counts
    ring = int(np.where(defined, values, np.inf).argmin())
    return {"smallest": estimate(_of(above, 0, i, ring)), "ring": ring} | counts


def _accuracy(judged: JudgedPosterior) -> dict[str, Any]:
    found = judged.accuracy
    kept = (
        "mass_error",
        "mass_scatter",
        "map_mass_error",
        "map_mass_scatter",
        "rms_dex",
        "spread_dex",
        "spread_over_rms",
    )
    return {"radii_mpc": found.radii_mpc} | {name: estimate(getattr(found, name)) for name in kept}


def _profiles(judged: JudgedPosterior) -> dict[str, Any]:
    found = judged.profiles
    return {
        "radius_mpc": found.radius_mpc,
        "edges_mpc": found.edges_mpc,
        "truth_msun_mpc2": found.stacked_truth_msun_mpc2.value,
        "mean_msun_mpc2": found.stacked_mean_msun_mpc2.value,
        "half_width_68": found.half_width_68.value,
        "stacked_error": estimate(found.stacked_error),
        "mean_error": estimate(found.mean_error),
    }


def _spectra(judged: JudgedPosterior) -> dict[str, Any]:
    """Return b(k) and r(k); the correlation with a view is the larger of that with it and with its log10."""
    found = judged.spectra
    kept = ("b_samples", "r_samples", "b_mean", "r_mean", "baseline_r")
    views = {}
    for view in judged.views:
        rows = [i for i, name in enumerate(found.input_names) if name.split()[-1] == view.value]
        views[view_name(view)] = np.fmax.reduce(found.r_inputs.value[0][:, rows], axis=1)  # (target, k)
    return {"wavenumber_per_mpc": found.wavenumber_per_mpc, "r_views": views} | {
        name: estimate(getattr(found, name)) for name in kept
    }


def _standardised(judged: JudgedPosterior) -> dict[str, Any]:
    found = judged.standardised
    return {
        "spaces": found.spaces,
        "correction": found.correction,
        "mean": estimate(found.mean),
        "sd": estimate(found.sd),
        "expected_sd": found.expected_sd,
        "reach": found.reach,
        "within": estimate(_of(found.within, 0)),
        "expected_within": found.expected_within,
        "histogram_edges": found.histogram_edges,
        "histogram": found.histogram[0],
        "expected_density": found.expected_density,
    }


def _convergence(judged: JudgedPosterior) -> dict[str, Any]:
    return dict(vars(judged.convergence))


def _coverage(judged: JudgedPosterior) -> dict[str, Any]:
    found = judged.coverage
    return {
        name: estimate(one) if isinstance(one, Drawn) else one
        for name, one in vars(found).items()
    }  # fmt: skip


def _ranks(found: RankTests) -> dict[str, Any]:
    return {
        "names": found.names,
        "targets": [
            target_name(MapQuantity(one)) if one in set(MapQuantity) else one for one in found.targets
        ],
        "n_clusters": found.n_clusters,
        "n_samples": found.n_samples,
        "fraction": found.fraction,
        "ecdf_difference": np.round(found.ecdf_difference, 4),  # a thousandth of the width of the band
        "band_low": found.band_low,
        "band_high": found.band_high,
        "p_value": found.p_value,
        "inside": found.inside,
    }


def _tarp(found: Tarp) -> dict[str, Any]:
    return dict(vars(found))
