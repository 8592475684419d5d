"""The beta model: surface brightness of isothermal gas, fitted to counts in rings, and the gas that it stands for.

    S(r) = S0 [1 + (r / r_c)^2]^(-3 beta + 1/2),    n_e(r) = n_0 [1 + (r / r_c)^2]^(-3 beta / 2)

(Cavaliere & Fusco-Femiano 1976). The fit is by maximum likelihood of Poisson counts over a known background, with a
Gaussian prior on beta and on ln r_c: few photons cannot tell them apart, and then the shape is that of the prior. The
blur of the telescope is not taken out: r_c of a cluster no wider than that is too large, its gas inside R500 is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import gamma

from zwicky.inference.xray.poisson import best_amplitude, cash
from zwicky.inference.xray.profiles import RadialCounts
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3, N_H_OVER_N_E

BETA_RANGE: Final = (0.4, 1.5)
"""Below 0.5 the light, at any beta up to 1 the gas, grows without end: masses are inside a radius."""
_N_RADII: Final = 64
_CHUNK: Final = 1000
_FIRST_STEP: Final = (0.4, 0.1)
"""Of ln r_c and beta."""
_LAST_STEP: Final = 0.03
_MOST_ROUNDS: Final = 40
_AROUND: Final = np.array(
    [(0, 0)] + [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)], float
)


@dataclass(frozen=True, eq=False)
class BetaModels:
    """Fits to many clusters.

    Parameters
    ----------
    brightness : (cluster,) array
        S0 [counts s^-1 arcmin^-2].
    core_radius_arcmin : (cluster,) array [arcmin]
        r_c.
    beta : (cluster,) array [1]
        The slope.
    c_statistic : (cluster,) array [1]
        C of the best fit, without the prior: about the number of rings that hold photons.
    """

    brightness: np.ndarray
    core_radius_arcmin: np.ndarray
    beta: np.ndarray
    c_statistic: np.ndarray

    def rate_per_s(self, radius_arcmin: np.ndarray) -> np.ndarray:
        """Return the count rate inside circles, (cluster,) to (cluster,) [counts s^-1]."""
        return np.asarray(
            self.brightness * within(np.asarray(radius_arcmin, float), self.core_radius_arcmin, self.beta)
        )


def within(radius_arcmin: np.ndarray, core_arcmin: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return the integral of S / S0 over a circle, [arcmin^2]: closed form, also at beta = 1/2.

    Parameters
    ----------
    radius_arcmin, core_arcmin : array [arcmin]
        Radius of the circle, and r_c.
    beta : array [1]
        Broadcast with the radii.
    """
    power = 1.5 - 3.0 * np.asarray(beta, float)
    log = np.log1p((radius_arcmin / core_arcmin) ** 2)
    flat = np.abs(power) < 1e-6
    grown = np.where(flat, log, np.expm1(power * log) / np.where(flat, 1.0, power))
    return np.asarray(np.pi * core_arcmin**2 * grown)


def fit_beta_models(
    profiles: RadialCounts,
    *,
    core_prior_arcmin: np.ndarray | float,
    core_sigma_ln: float = 0.7,
    beta_prior: float = 2.0 / 3.0,
    beta_sigma: float = 0.15,
    outer_arcmin: np.ndarray | float = np.inf,
) -> BetaModels:
    """Fit a beta model to each cluster; bands are added up.

    Parameters
    ----------
    profiles : RadialCounts
        In circles.
    core_prior_arcmin : (cluster,) array or float [arcmin]
        Median of the prior on r_c; a sixth of R500 is usual.
    core_sigma_ln, beta_prior, beta_sigma : float [1]
        Widths of the priors, and the middle of that on beta.
    outer_arcmin : (cluster,) array or float [arcmin]
        Rings that end beyond this are left out.
    """
    summed = profiles.bands(*range(profiles.counts.shape[1]))
    rows = len(profiles)
    prior = _Prior(
        np.log(np.broadcast_to(np.asarray(core_prior_arcmin, float), rows)),
        core_sigma_ln,
        beta_prior,
        beta_sigma,
    )
    outer = np.maximum(np.broadcast_to(np.asarray(outer_arcmin, float), rows), profiles.edges_arcmin[2])
    seen = summed.exposure_arcmin2_s[:, 0] * (profiles.edges_arcmin[1:] <= outer[:, None])
    used = seen > 0.0
    data = (summed.counts[:, 0] * used, summed.background[:, 0] * used, seen, profiles.true_edges_arcmin)
    parts = [
        _fit(
            _Rings(*(one[i : i + _CHUNK] for one in data)),
            replace(prior, ln_core=prior.ln_core[i : i + _CHUNK]),
        )
        for i in range(0, rows, _CHUNK)
    ]
    return BetaModels(*(np.concatenate([part[j] for part in parts]) for j in range(4)))


@dataclass(frozen=True)
class _Prior:
    """Gaussians of ln r_c, (cluster,), and beta."""

    ln_core: np.ndarray
    core_sigma: float
    beta: float
    beta_sigma: float


@dataclass(frozen=True)
class _Rings:
    """Counts, background and exposure times area of the rings in use, (cluster, ring) each; edges of all rings."""

    counts: np.ndarray
    background: np.ndarray
    exposure: np.ndarray
    edges_arcmin: np.ndarray

    def fitted(self, ln_core: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return amplitude and C of shapes, (cluster, shape) each."""
        edges = self.edges_arcmin[:, None]
        inside = within(edges, np.exp(ln_core)[..., None], beta[..., None])
        area = np.maximum(np.pi * np.diff(edges**2), 1e-30)
        template = np.diff(inside, axis=-1) / area * self.exposure[:, None]
        amplitude = best_amplitude(self.counts[:, None], template, self.background[:, None])
        model = amplitude[..., None] * template + self.background[:, None]
        return amplitude, cash(self.counts[:, None], model)


def _fit(rings: _Rings, prior: _Prior) -> tuple[np.ndarray, ...]:
    """Return S0, r_c, beta and C, (cluster,) each.

    All clusters at once. Around a shape eight neighbours are tried, and the lowest point of the parabola through the
    nine: the best of them is the next shape; where it is the middle one, the step is halved.
    """
    place = np.stack([prior.ln_core, np.full(len(prior.ln_core), prior.beta)], axis=1)
    step = np.ones(len(place))
    rows = np.arange(len(place))

    def misfit(shapes: np.ndarray) -> np.ndarray:
        off = (shapes - np.stack([prior.ln_core, np.full(len(place), prior.beta)], axis=1)[:, None]) / [
            prior.core_sigma,
            prior.beta_sigma,
        ]
        return np.asarray(rings.fitted(shapes[..., 0], shapes[..., 1])[1] + (off**2).sum(axis=2))

    for _ in range(_MOST_ROUNDS):
        scale = step[:, None, None] * np.array(_FIRST_STEP)
        shapes = _inside_range(place[:, None] + scale * _AROUND)
        value = misfit(shapes)
        lowest = _inside_range(place[:, None] + scale * _parabola_minimum(value)[:, None])
        shapes, value = np.concatenate([shapes, lowest], 1), np.concatenate([value, misfit(lowest)], 1)
        best = value.argmin(axis=1)
        place = shapes[rows, best]
        step = np.where((best == 0) | (best == len(_AROUND)), 0.5 * step, step)
        if np.all(step < _LAST_STEP):
            break
    amplitude, c = rings.fitted(place[:, :1], place[:, 1:])
    return amplitude[:, 0], np.exp(place[:, 0]), place[:, 1], c[:, 0]


def _inside_range(shapes: np.ndarray) -> np.ndarray:
    return np.stack([shapes[..., 0], np.clip(shapes[..., 1], *BETA_RANGE)], axis=-1)


def _parabola_minimum(value: np.ndarray) -> np.ndarray:
    """Return where the parabola through values at ``_AROUND`` is lowest, (cluster, 2), in steps, at most 3 away."""
    x, y = _AROUND.T
    design = np.stack([np.ones(9), x, y, 0.5 * x**2, x * y, 0.5 * y**2], axis=1)
    _, slope_x, slope_y, bend_x, cross, bend_y = np.linalg.pinv(design) @ value.T
    determinant = bend_x * bend_y - cross**2
    bowl = (bend_x > 0.0) & (determinant > 0.0)
    safe = np.where(bowl, determinant, 1.0)
    move = (
        np.stack([cross * slope_y - bend_y * slope_x, cross * slope_x - bend_x * slope_y], axis=1)
        / safe[:, None]
    )
    return np.clip(np.where(bowl[:, None], move, 0.0), -3.0, 3.0)


def gas_mass_msun(
    models: BetaModels, column_cm6_mpc: np.ndarray, arcmin_per_mpc: np.ndarray, radius_arcmin: np.ndarray
) -> np.ndarray:
    """Return the gas inside spheres, from the deprojected beta model, (cluster,) [Msun].

    The integral of n_e n_H along the middle is sqrt(pi) Gamma(3 beta - 1/2) / Gamma(3 beta) n_0^2 (n_H / n_e) r_c.

    Parameters
    ----------
    models : BetaModels
        Of the clusters.
    column_cm6_mpc : (cluster,) array
        Integral of n_e n_H dl that makes a brightness of 1 count/s/arcmin^2 [cm^-6 Mpc].
    arcmin_per_mpc : (cluster,) array [arcmin Mpc^-1]
        Angle of a proper Mpc.
    radius_arcmin : (cluster,) array [arcmin]
        Of the spheres.
    """
    beta, core_mpc = models.beta, models.core_radius_arcmin / arcmin_per_mpc
    shape = np.sqrt(np.pi) * gamma(3.0 * beta - 0.5) / gamma(3.0 * beta)
    central = np.sqrt(models.brightness * column_cm6_mpc / (shape * N_H_OVER_N_E * core_mpc))
    end = np.asarray(radius_arcmin, float) / models.core_radius_arcmin
    nodes, weights = np.polynomial.legendre.leggauss(_N_RADII)
    # Even in asinh(r / r_c): linear inside the core, logarithmic outside.
    t = 0.5 * np.arcsinh(end)[:, None] * (nodes + 1.0)
    x = np.sinh(t)
    integrand = x**2 * (1.0 + x**2) ** (-1.5 * beta[:, None]) * np.cosh(t)
    volume = 4.0 * np.pi * core_mpc**3 * 0.5 * np.arcsinh(end) * (integrand @ weights)
    return np.asarray(central / ELECTRONS_CM3_PER_MSUN_MPC3 * volume)
