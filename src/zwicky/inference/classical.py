"""The classical mass: matched filter for Y500, then the Y-M relation with its scatter.

For each mass M of a grid the relation gives theta500 and the mean Y500, and the filter at that theta500 the measured
Y500 and its noise. The likelihood of the mass is that of this measurement, with a log-normal scatter A of Y500 at
fixed mass marginalised:

    L(M) = int dlnA N(ln A; offset, sigma_lnY) exp(-(A Y(M) - Y_hat(M))^2 / 2 sigma_Y(M)^2).

The posterior has a flat prior in log M over the training range, as the network has. The degeneracy of Y500 with size
is thus broken by the relation, as in the masses of the PSZ2 catalogue (Planck 2015 XXVII, section 5.3). How well each
size fits the stamp is deliberately not used: the shapes of clusters scatter, and a bright cluster's profile would then
overrule its Y500.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import minimize

from zwicky.core.cosmology import Cosmology
from zwicky.core.masses import M500C
from zwicky.inference.conformal import LEVELS
from zwicky.inference.matched_filter import Filtered, MatchedFilter
from zwicky.physics.gnfw import profile_by_name
from zwicky.physics.sz import mpc2_to_arcmin2, y500_sphere_mpc2

N_MASSES: Final = 241
N_SCATTER: Final = 15
CHUNK: Final = 1000


@dataclass(frozen=True, eq=False)
class ClassicalMasses:
    """Classical answers for a list of stamps.

    Parameters
    ----------
    log10_quantiles : (stamp, level) array [dex of Msun]
        At ``conformal.LEVELS``.
    snr : (stamp,) array [1]
        Y500 over its noise at the median mass.
    y500_arcmin2, sigma_arcmin2 : (stamp,) array [arcmin^2]
        Measured at the median mass.
    theta500_arcmin : (stamp,) array [arcmin]
        Of the median mass.
    """

    log10_quantiles: np.ndarray
    snr: np.ndarray
    y500_arcmin2: np.ndarray
    sigma_arcmin2: np.ndarray
    theta500_arcmin: np.ndarray


@dataclass(frozen=True)
class ClassicalEstimator:
    """Matched filter and Y-M relation.

    Parameters
    ----------
    matched_filter : MatchedFilter
        Of the instrument.
    cosmology : Cosmology
    log10_m500c_range : (float, float) [dex of Msun]
        Of the flat prior.
    one_minus_bias : float [1]
        Hydrostatic over true mass.
    ln_y_offset, sigma_ln_y : float [1]
        The relation's offset from the pressure profile's own, and its scatter; ``fitted`` sets them.
    """

    matched_filter: MatchedFilter
    cosmology: Cosmology
    log10_m500c_range: tuple[float, float]
    one_minus_bias: float = 1.0
    ln_y_offset: float = 0.0
    sigma_ln_y: float = 0.173

    @property
    def log10_mass(self) -> np.ndarray:
        """The grid of masses, (mass,) [dex of Msun]."""
        return np.linspace(*self.log10_m500c_range, N_MASSES)

    def relation(self, redshift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ln theta500 [arcmin] and ln Y500 [arcmin^2] on the mass grid, each (redshift, mass)."""
        mass = 10.0**self.log10_mass * self.one_minus_bias
        profile = profile_by_name(self.matched_filter.pressure_profile)
        log_theta, log_y = np.empty((2, len(redshift), len(mass)))
        for i, z in enumerate(np.asarray(redshift, float)):
            # Self-similar powers of the mass: R500 ~ M^(1/3), and Y500 ~ M^(5/3 + slope of the profile).
            pivot = 3e14
            theta = M500C.radius_mpc(pivot, z, self.cosmology) * self.cosmology.arcmin_per_mpc(z)
            y = mpc2_to_arcmin2(y500_sphere_mpc2(pivot, z, self.cosmology, profile), z, self.cosmology)
            log_theta[i] = np.log(theta) + np.log(mass / pivot) / 3.0
            log_y[i] = np.log(y) + np.log(mass / pivot) * (5.0 / 3.0 + profile.mass_slope)
        return log_theta, log_y

    @staticmethod
    def centre_and_scale(log10_quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return median and half of the 16-84 % range of kept quantiles, each (stamp,) [dex of Msun]."""
        low, middle, high = (log10_quantiles[:, LEVELS.index(level)] for level in (0.16, 0.5, 0.84))
        return middle, 0.5 * (high - low)

    def weigh(self, stamps: np.ndarray, redshift: np.ndarray) -> ClassicalMasses:
        """Weigh stamps, (stamp, y, x) in Compton y, at known redshifts, (stamp,)."""
        parts = [
            self._weigh_chunk(
                self.matched_filter(stamps[i : i + CHUNK]), np.asarray(redshift[i : i + CHUNK], float)
            )
            for i in range(0, len(stamps), CHUNK)
        ]
        return ClassicalMasses(
            *(np.concatenate([getattr(p, f) for p in parts]) for f in ClassicalMasses.__dataclass_fields__)
        )

    def _weigh_chunk(self, filtered: Filtered, redshift: np.ndarray) -> ClassicalMasses:
        log_theta, log_y = self.relation(redshift)
        y, sigma = filtered.at(log_theta)
        log_like = self._log_likelihood(np.exp(log_y), y, sigma)
        quantiles = quantiles_on_grid(self.log10_mass, log_like, np.array(LEVELS))
        middle = np.abs(self.log10_mass[None, :] - quantiles[:, [LEVELS.index(0.5)]]).argmin(axis=1)
        rows = np.arange(len(redshift))
        y_mid, sigma_mid = y[rows, middle], sigma[rows, middle]
        return ClassicalMasses(
            quantiles, y_mid / sigma_mid, y_mid, sigma_mid, np.exp(log_theta[rows, middle])
        )

    def _log_likelihood(self, y_mean: np.ndarray, y_hat: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """Marginalise over the scatter with Gauss-Hermite nodes, (stamp, mass).

        The integrand in ln A is as narrow as the noise for bright clusters, so that the nodes are laid on the product
        of the prior and a Gaussian approximation of the likelihood in ln A, and reweighted.
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(N_SCATTER)
        # ln A = ln(Y_hat / Y) +- sigma / Y_hat where the cluster is detected; the prior rules elsewhere.
        detected = np.maximum(y_hat, 1.5 * sigma)
        data_mean = np.log(detected / y_mean)
        data_precision = (np.maximum(y_hat, 0.0) / sigma) ** 2
        prior_precision = self.sigma_ln_y**-2
        precision = prior_precision + data_precision
        mean = (prior_precision * self.ln_y_offset + data_precision * data_mean) / precision
        sd = precision**-0.5
        total = np.zeros_like(mean)
        peak = np.full_like(mean, -np.inf)
        logs = []
        for node, weight in zip(nodes, weights, strict=True):
            ln_a = mean + sd * node
            prior = -0.5 * ((ln_a - self.ln_y_offset) / self.sigma_ln_y) ** 2
            misfit = -0.5 * ((np.exp(ln_a) * y_mean - y_hat) / sigma) ** 2
            logs.append(np.log(weight) + np.log(sd) + prior + misfit + 0.5 * node**2)
            peak = np.maximum(peak, logs[-1])
        for one in logs:
            total += np.exp(one - peak)
        return np.log(total) + peak

    def fitted(self, stamps: np.ndarray, redshift: np.ndarray, log10_mass: np.ndarray) -> ClassicalEstimator:
        """Return the estimator with offset and scatter of the relation fitted to training clusters.

        Maximises the summed log posterior of the true masses.

        Parameters
        ----------
        stamps : (stamp, y, x) array [Compton y]
        redshift : (stamp,) array [1]
        log10_mass : (stamp,) array [dex of Msun]
            The truth.
        """
        coarse = slice(None, None, 2)  # half of the masses are plenty for two numbers
        log_theta, log_y = (table[:, coarse] for table in self.relation(np.asarray(redshift, float)))
        y, sigma = self.matched_filter(stamps).at(log_theta)
        place = np.abs(self.log10_mass[coarse] - np.asarray(log10_mass)[:, None]).argmin(axis=1)

        def with_relation(numbers: np.ndarray) -> ClassicalEstimator:
            return replace(self, ln_y_offset=float(numbers[0]), sigma_ln_y=float(np.exp(numbers[1])))

        def misfit(numbers: np.ndarray) -> float:
            log_like = with_relation(numbers)._log_likelihood(np.exp(log_y), y, sigma)
            log_like -= log_like.max(axis=1, keepdims=True)
            norm = np.log(np.exp(log_like).sum(axis=1))
            return float((norm - log_like[np.arange(len(place)), place]).mean())

        start = np.array([self.ln_y_offset, np.log(self.sigma_ln_y)])
        simplex = start + np.array([[0.0, 0.0], [0.05, 0.0], [0.0, 0.2]])
        found = minimize(
            misfit,
            start,
            method="Nelder-Mead",
            options={"xatol": 2e-3, "fatol": 1e-5, "initial_simplex": simplex},
        )
        return with_relation(found.x)


def quantiles_on_grid(grid: np.ndarray, log_density: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return quantiles of densities tabulated on a common even grid.

    Parameters
    ----------
    grid : (point,) array
        Evenly spaced.
    log_density : (row, point) array
        Natural logarithms, unnormalised.
    levels : (level,) array

    Returns
    -------
    (row, level) array
    """
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    cumulative = np.zeros_like(density)
    np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]), axis=1, out=cumulative[:, 1:])
    cumulative /= cumulative[:, -1:]
    return np.array([np.interp(levels, row, grid) for row in cumulative])
