"""One number of each cluster and its mass: a power law with log-normal scatter, fitted, and turned round.

The relation says what is seen of a cluster of given mass and redshift,

    ln X = A + [B + delta ln((1+z)/(1+z_p))] ln(M/M_p) + gamma ln((1+z)/(1+z_p))
           + e ln(E(z)/E(z_p)) + d ln(D_L(z)/D_L(z_p))  +- sigma

(Chiu et al. 2022 for count rates and luminosities), with fixed e and d and those of A, B, delta, gamma that a form
leaves free. It is fitted to clusters of known mass by maximising the likelihood of what was measured, P(X_hat | M, z) =
int dlnX N(ln X; relation, sigma) L(X): noise and scatter are told apart, non-detections count, and no straight line has
to be chosen between the regressions of X on M and of M on X. The mass of another cluster is then its posterior,
P(X_hat | M, z) P(M): P(M) is flat in log M over the training range, or the training clusters' own distribution at that
redshift. The first does not know how rare massive clusters are; the second is what a network learns from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.optimize import minimize

from zwicky.core.config import did_you_mean
from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError, TrainingError
from zwicky.inference.classical import quantiles_on_grid
from zwicky.inference.conformal import LEVELS
from zwicky.inference.xray.measured import Measured

N_MASSES: Final = 241
N_SCATTER: Final = 15
N_REDSHIFTS: Final = 16
CHUNK: Final = 1000
MIN_CLUSTERS: Final = 20
"""Fewer cannot tell five numbers."""

_TERMS: Final = ("offset", "slope", "redshift", "redshift_slope")
_START_SIGMA: Final = 0.4


@dataclass(frozen=True)
class Form:
    """Which power law: what is fixed, and what is free.

    Parameters
    ----------
    name, source : str
        How it is called, and where it comes from.
    slope : float [1]
        B to start from, the self-similar one.
    efunc_power, distance_power : float [1]
        Fixed powers e of E(z) and d of the luminosity distance.
    free : tuple of str
        Of "offset", "slope", "redshift" (gamma), "redshift_slope" (delta); the others are zero (the slope: its start).
    pivot_msun : float [Msun]
        M_p.
    pivot_redshift : float [1]
        z_p.
    """

    name: str
    source: str
    slope: float
    efunc_power: float
    distance_power: float = 0.0
    free: tuple[str, ...] = _TERMS
    pivot_msun: float = 2e14
    pivot_redshift: float = 0.35


FORMS: Final[dict[str, Form]] = {
    form.name: form
    for form in (
        Form(
            "count_rate",
            "Chiu et al. 2022: soft-band luminosity E^2 M, seen from a luminosity distance",
            slope=1.0,
            efunc_power=2.0,
            distance_power=-2.0,
        ),
        Form(
            "luminosity",
            "Chiu et al. 2022: self-similar soft-band luminosity E^2 M",
            slope=1.0,
            efunc_power=2.0,
        ),
        Form("luminosity_excised", "as the whole luminosity", slope=1.0, efunc_power=2.0),
        Form(
            "yx",
            "Kravtsov, Vikhlinin & Nagai 2006: self-similar thermal energy E^(2/3) M^(5/3)",
            slope=5.0 / 3.0,
            efunc_power=2.0 / 3.0,
            free=("offset", "slope"),
        ),
    )
}


def form_by_name(name: str) -> Form:
    """Return a form of the table FORMS, or raise a ConfigError that suggests one."""
    if name not in FORMS:
        raise ConfigError(
            "This relation between an X-ray observable and mass is not known.",
            expected=", ".join(FORMS),
            got=repr(name),
            fix=did_you_mean(name, FORMS),
        )
    return FORMS[name]


@dataclass(frozen=True, eq=False)
class ScalarMasses:
    """Masses from one number of each cluster.

    Parameters
    ----------
    log10_quantiles : (cluster, level) array [dex of Msun]
        At ``conformal.LEVELS``.
    snr : (cluster,) array [1]
        Measured value over its noise.
    is_limit : (cluster,) bool array
        True where S/N < 1: the quantiles above the median are then upper limits, those below are the prior's.
    """

    log10_quantiles: np.ndarray
    snr: np.ndarray
    is_limit: np.ndarray


@dataclass(frozen=True, eq=False)
class ScalarRelation:
    """A relation between one number and the mass.

    Parameters
    ----------
    form : Form
        Which power law.
    cosmology : Cosmology
        Of E(z) and distances.
    log10_m500c_range : (float, float) [dex of Msun]
        Where masses are looked for.
    numbers : (float, float, float, float) [1]
        A (ln of X in its own unit), B, gamma, delta.
    sigma_ln : float [1]
        Scatter of ln X at fixed mass and redshift.
    prior : {"flat", "training"}
        P(M): flat in log M, or as often as in the training clusters.
    log_prior : (redshift, mass) array, optional
        ln P(M | z) of the training clusters, set by ``fitted``.
    ln_1z_range : (float, float) [1]
        ln(1 + z) of its first and last row.
    """

    form: Form
    cosmology: Cosmology
    log10_m500c_range: tuple[float, float]
    numbers: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)
    sigma_ln: float = _START_SIGMA
    prior: Literal["flat", "training"] = "flat"
    log_prior: np.ndarray | None = None
    ln_1z_range: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def named(
        cls, name: str, cosmology: Cosmology, log10_m500c_range: tuple[float, float], **options: object
    ) -> ScalarRelation:
        """Return the unfitted relation of a form of FORMS."""
        form = form_by_name(name)
        return cls(form, cosmology, log10_m500c_range, (0.0, form.slope, 0.0, 0.0), **options)  # type: ignore[arg-type]

    @property
    def log10_mass(self) -> np.ndarray:
        """The grid of masses, (mass,) [dex of Msun]."""
        return np.linspace(*self.log10_m500c_range, N_MASSES)

    def ln_mean(self, log10_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return the mean ln X, of the shape of both together.

        Parameters
        ----------
        log10_mass : array [dex of Msun]
            M500c.
        redshift : array [1]
            Of a shape that goes with the masses.
        """
        terms, fixed = self._terms(np.asarray(log10_mass, float), np.asarray(redshift, float))
        return np.asarray(fixed + sum(n * term for n, term in zip(self.numbers, terms, strict=True)))

    def slope_at(self, redshift: np.ndarray) -> np.ndarray:
        """Return d ln X / d ln M [1]."""
        ratio = np.log((1.0 + np.asarray(redshift, float)) / (1.0 + self.form.pivot_redshift))
        return np.asarray(self.numbers[1] + self.numbers[3] * ratio)

    def log10_mass_of(self, ln_x: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return the mass whose mean ln X this is: no noise, scatter or prior [dex of Msun]."""
        pivot = np.log10(self.form.pivot_msun)
        at_pivot = self.ln_mean(np.array(pivot), redshift)
        return np.asarray(pivot + (ln_x - at_pivot) / self.slope_at(redshift) / np.log(10.0))

    def fitted(
        self,
        measured: Measured,
        redshift: np.ndarray,
        log10_mass: np.ndarray,
        mass_sigma_dex: np.ndarray | float = 0.0,
    ) -> ScalarRelation:
        """Return the relation that makes what was measured most likely.

        Parameters
        ----------
        measured : Measured
            Of the training clusters.
        redshift : (cluster,) array [1]
            Redshifts.
        log10_mass : (cluster,) array [dex of Msun]
            Their masses.
        mass_sigma_dex : (cluster,) array or float [dex]
            Errors of these masses, if they are not exact: what they add to the scatter is not counted as scatter. This
            holds where they are small beside the range of masses.

        Raises
        ------
        TrainingError
            If there are less than 20 clusters, or none is seen.
        """
        z, mass = np.asarray(redshift, float), np.asarray(log10_mass, float)
        start = self._first_guess(measured, z, mass)
        where = [_TERMS.index(name) for name in self.form.free]
        terms, fixed = self._terms(mass, z)
        ln_mass_error = np.broadcast_to(np.asarray(mass_sigma_dex, float) * np.log(10.0), z.shape)

        def with_numbers(free: np.ndarray) -> tuple[np.ndarray, float]:
            numbers = np.array(self.numbers)
            numbers[where] = free[:-1]
            return numbers, float(np.exp(np.clip(free[-1], -6.0, 2.0)))

        def misfit(free: np.ndarray) -> float:
            numbers, sigma = with_numbers(free)
            slope = numbers[1] + numbers[3] * np.log((1.0 + z) / (1.0 + self.form.pivot_redshift))
            wide = np.sqrt(sigma**2 + (slope * ln_mass_error) ** 2)
            mean = fixed + sum(n * term for n, term in zip(numbers, terms, strict=True))
            return float(-marginal(measured, mean[:, None], wide[:, None]).mean())

        found = minimize(misfit, start, method="BFGS", options={"gtol": 1e-5})
        numbers, sigma = with_numbers(found.x)
        table, ends = self._training_prior(z, mass)
        kept = tuple(float(one) for one in numbers)
        return replace(self, numbers=kept, sigma_ln=sigma, log_prior=table, ln_1z_range=ends)  # type: ignore[arg-type]

    def weigh(self, measured: Measured, redshift: np.ndarray) -> ScalarMasses:
        """Weigh clusters at known redshifts, (cluster,).

        Raises
        ------
        TrainingError
            If the training clusters are the prior, and the relation was not fitted.
        """
        z = np.asarray(redshift, float)
        rows = [slice(i, i + CHUNK) for i in range(0, len(z), CHUNK)]
        levels = np.array(LEVELS)
        quantiles = [
            quantiles_on_grid(self.log10_mass, self._log_posterior(measured[one], z[one]), levels)
            for one in rows
        ]
        snr = measured.value / measured.sigma
        return ScalarMasses(np.concatenate(quantiles), snr, snr < 1.0)

    def _log_posterior(self, measured: Measured, redshift: np.ndarray) -> np.ndarray:
        mean = self.ln_mean(self.log10_mass[None, :], redshift[:, None])
        log_like = marginal(measured, mean, np.full_like(mean, self.sigma_ln))
        if self.prior == "flat":
            return log_like
        if self.log_prior is None:
            raise TrainingError(
                "The masses of the training clusters are not known.",
                expected="a relation that was fitted",
                got='prior "training" before fitted(...)',
                fix='call fitted first, or take prior "flat"',
            )
        low, high = self.ln_1z_range
        place = np.clip((np.log1p(redshift) - low) / (high - low), 0.0, 1.0) * (len(self.log_prior) - 1)
        row = np.minimum(place.astype(int), len(self.log_prior) - 2)
        part = (place - row)[:, None]
        return log_like + (1.0 - part) * self.log_prior[row] + part * self.log_prior[row + 1]

    def _terms(self, log10_mass: np.ndarray, redshift: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Return what A, B, gamma and delta multiply, and the part that is fixed."""
        form, cosmology = self.form, self.cosmology
        ln_mass = (log10_mass - np.log10(form.pivot_msun)) * np.log(10.0)
        ln_z = np.log((1.0 + redshift) / (1.0 + form.pivot_redshift))
        efunc = np.vectorize(cosmology.efunc, otypes=[float])(redshift) / cosmology.efunc(form.pivot_redshift)
        fixed = form.efunc_power * np.log(efunc)
        if form.distance_power:
            distance = np.vectorize(cosmology.angular_diameter_distance_mpc, otypes=[float])(redshift)
            pivot = cosmology.angular_diameter_distance_mpc(form.pivot_redshift)
            fixed = fixed + form.distance_power * (np.log(distance / pivot) + 2.0 * ln_z)
        return [np.ones_like(ln_mass), ln_mass, ln_z + 0.0 * ln_mass, ln_z * ln_mass], fixed + 0.0 * ln_mass

    def _first_guess(self, measured: Measured, redshift: np.ndarray, log10_mass: np.ndarray) -> np.ndarray:
        """Return the free numbers and ln sigma from a straight line through what is seen."""
        seen = measured.value > 2.0 * measured.sigma
        if len(redshift) < MIN_CLUSTERS or seen.sum() < 2 + len(self.form.free):
            raise TrainingError(
                "There are too few clusters to fit a relation.",
                where=self.form.name,
                expected=f"{MIN_CLUSTERS} clusters or more, most of them seen",
                got=f"{len(redshift)} clusters, {int(seen.sum())} above 2 sigma",
            )
        terms, fixed = self._terms(log10_mass[seen], redshift[seen])
        where = [_TERMS.index(name) for name in self.form.free]
        held = sum(n * terms[i] for i, n in enumerate(self.numbers) if i not in where)
        target = np.log(measured.value[seen]) - fixed - held
        design = np.stack([terms[i] for i in where], axis=1)
        found = np.linalg.lstsq(design, target, rcond=None)[0]
        spread = float(np.std(target - design @ found))
        return np.append(found, np.log(np.clip(spread, 0.05, 1.0)))

    def _training_prior(
        self, redshift: np.ndarray, log10_mass: np.ndarray
    ) -> tuple[np.ndarray, tuple[float, float]]:
        """Return ln P(M | z) on the mass grid at even steps of ln(1 + z): a smoothed histogram."""
        ln_1z = np.log1p(redshift)
        ends = (float(ln_1z.min()), float(max(ln_1z.max(), ln_1z.min() + 1e-3)))
        half_z, half_m = (ends[1] - ends[0]) / (2 * N_REDSHIFTS - 2), np.diff(self.log10_mass)[0] / 2.0
        grid_z = np.linspace(ends[0] - half_z, ends[1] + half_z, N_REDSHIFTS + 1)
        edges_m = np.append(self.log10_mass - half_m, self.log10_mass[-1] + half_m)
        table = np.histogram2d(ln_1z, log10_mass, bins=(grid_z, edges_m))[0]
        # Scott's rule in two dimensions: widths of n^(-1/6) standard deviations.
        width = len(ln_1z) ** (-1.0 / 6.0)
        steps = (np.std(ln_1z) * width / np.diff(grid_z)[0], np.std(log10_mass) * width / (2.0 * half_m))
        smooth = gaussian_filter(table, steps, mode=("nearest", "constant")) + 1e-6 * table.mean()
        return np.log(smooth / smooth.sum(axis=1, keepdims=True)), ends


def marginal(measured: Measured, ln_mean: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return ln of int dlnX N(ln X; ln_mean, sigma) L(X), (cluster, mass) or (cluster, 1).

    Gauss-Hermite nodes are laid on the product of the scatter and a Gaussian approximation of the likelihood in ln X,
    and reweighted: the integrand is as narrow as the noise of bright clusters.

    Parameters
    ----------
    measured : Measured
        Of the clusters.
    ln_mean, sigma : (cluster, mass) array
        Mean and scatter of ln X.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_SCATTER)
    value, noise = measured.value[:, None], measured.sigma[:, None]
    data_precision = (np.maximum(value, 0.0) / noise) ** 2
    data_mean = np.log(np.maximum(value, 1.5 * noise))
    precision = sigma**-2.0 + data_precision
    mean = (ln_mean * sigma**-2.0 + data_mean * data_precision) / precision
    sd = precision**-0.5
    ln_x = mean[..., None] + sd[..., None] * nodes
    logs = (
        np.log(weights / np.sqrt(2.0 * np.pi))
        + np.log(sd / sigma)[..., None]
        - 0.5 * ((ln_x - ln_mean[..., None]) / sigma[..., None]) ** 2
        + 0.5 * nodes**2
        + measured.log_likelihood(ln_x)
    )
    peak = logs.max(axis=-1)
    return np.asarray(peak + np.log(np.exp(logs - peak[..., None]).sum(axis=-1)))
