"""Classical X-ray masses: an aperture that depends on the mass, a number measured in it, and a relation for the number.

R500 is not known before the mass is. So a mass is guessed, its R500 is the aperture, what is measured inside gives the
next mass, until it stays (20 steps at most). The relation that is used on the way is fitted to training clusters inside
their true R500; the one that gives the mass in the end is fitted to the same clusters inside the R500 that the
iteration found for them, so that what the iteration adds to scatter and bias is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M500C
from zwicky.inference.xray.beta_model import BetaModels, fit_beta_models, gas_mass_msun
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.measured import CountedMeasured, GaussianMeasured, Measured
from zwicky.inference.xray.profiles import ApertureCounts, RadialCounts, aperture_counts
from zwicky.inference.xray.relation import ScalarRelation
from zwicky.inference.xray.temperature import Temperatures, temperature_of_mass, temperatures

MOST_STEPS: Final = 20
SETTLED_DEX: Final = 1e-3
CORE_PART: Final = 0.15
"""Of R500: inside, cool cores make the scatter of the luminosity (Maughan 2007)."""
ERG_PER_S: Final = 1e44
"""Unit of luminosities in the relations."""
MSUN_KEV: Final = 1e14
"""Unit of Y_X in the relations."""
_LEAST_COVERED: Final = 0.9
_CORE_RADIUS_PART: Final = 1.0 / 6.0  # r_c over R500 to start from
_WELL_SEEN: Final = 5.0  # [sigma] from which on the rate's own correction for gaps is taken


@dataclass(frozen=True, eq=False)
class XRayMasses:
    """Masses, and how they came about.

    Parameters
    ----------
    log10_quantiles : (cluster, level) array [dex of Msun]
        At ``conformal.LEVELS``.
    snr : (cluster,) array [1]
        Of the measured number.
    is_limit : (cluster,) bool array
        S/N < 1: upper limits.
    value, sigma : (cluster,) array
        The number, in counts/s, 1e44 erg/s or 1e14 Msun keV, and its error.
    radius_arcmin : (cluster,) array [arcmin]
        R500 of the last aperture.
    converged : (cluster,) bool array
        False where the aperture did not settle, ended at an end of the range of masses, held no signal, or lay on the
        image by less than 90 %.
    n_steps : int
        Steps of the iteration.
    """

    log10_quantiles: np.ndarray
    snr: np.ndarray
    is_limit: np.ndarray
    value: np.ndarray
    sigma: np.ndarray
    radius_arcmin: np.ndarray
    converged: np.ndarray
    n_steps: int


@dataclass(frozen=True, eq=False)
class _Shapes:
    """What Y_X needs besides counts, measured once."""

    models: BetaModels
    temperature: Temperatures


@dataclass(frozen=True, eq=False)
class XRayWeigher:
    """One X-ray number as a mass: ``count_rate``, ``luminosity``, ``luminosity_excised`` or ``yx``.

    Parameters
    ----------
    relation : ScalarRelation
        Of that name; ``fitted`` sets its numbers.
    bands : tuple of int
        Bands that are added up for counts, soft ones; temperatures take all.
    conversion : Conversion, optional
        Of the instrument; needed for all but count rates.
    aperture_relation : ScalarRelation, optional
        Of the iteration; ``fitted`` sets it.

    Raises
    ------
    ConfigError
        If a luminosity or Y_X has no conversion.
    """

    relation: ScalarRelation
    bands: tuple[int, ...] = (0,)
    conversion: Conversion | None = None
    aperture_relation: ScalarRelation | None = None

    def __post_init__(self) -> None:
        if self.relation.form.name != "count_rate" and self.conversion is None:
            raise ConfigError(
                "Counts cannot be turned into a luminosity or a gas mass.",
                where=self.relation.form.name,
                expected="a Conversion of the instrument",
                got="none",
                fix='weigh with "count_rate", or give conversion=Conversion(instrument, cosmology)',
            )

    @classmethod
    def named(
        cls,
        name: str,
        cosmology: Cosmology,
        log10_m500c_range: tuple[float, float],
        *,
        bands: tuple[int, ...] = (0,),
        conversion: Conversion | None = None,
        prior: str = "flat",
    ) -> XRayWeigher:
        """Return the unfitted weigher of a form of ``relation.FORMS``.

        Parameters
        ----------
        name : str
            "count_rate", "luminosity", "luminosity_excised" or "yx".
        cosmology : Cosmology
            Of radii and distances.
        log10_m500c_range : (float, float) [dex of Msun]
            Where masses are looked for.
        bands, conversion
            As of the class.
        prior : {"flat", "training"}
            Of the masses.
        """
        return cls(ScalarRelation.named(name, cosmology, log10_m500c_range, prior=prior), bands, conversion)

    def fitted(
        self,
        profiles: RadialCounts,
        redshift: np.ndarray,
        log10_mass: np.ndarray,
        kt_kev: np.ndarray | None = None,
    ) -> XRayWeigher:
        """Return the weigher with both relations fitted to training clusters.

        Parameters
        ----------
        profiles : RadialCounts
            Of the training clusters.
        redshift : (cluster,) array [1]
            Redshifts.
        log10_mass : (cluster,) array [dex of Msun]
            Their true M500c.
        kt_kev : (cluster,) array, optional [keV]
            Temperatures, if they are not to be measured from the bands.
        """
        z, truth = np.asarray(redshift, float), np.asarray(log10_mass, float)
        shapes = self._shapes(profiles, z, truth, kt_kev)
        first = self.relation.fitted(self.measure(profiles, z, truth, shapes), z, truth)
        ready = replace(self, aperture_relation=first)
        shapes, masses, _, _ = ready._iterated(profiles, z, kt_kev)
        second = self.relation.fitted(ready.measure(profiles, z, masses, shapes), z, truth)
        return replace(ready, relation=second)

    def weigh(
        self, profiles: RadialCounts, redshift: np.ndarray, kt_kev: np.ndarray | None = None
    ) -> XRayMasses:
        """Weigh clusters at known redshifts, (cluster,); temperatures as for ``fitted``.

        Raises
        ------
        ConfigError
            If the relations were not fitted.
        """
        z = np.asarray(redshift, float)
        shapes, masses, settled, steps = self._iterated(profiles, z, kt_kev)
        measured = self.measure(profiles, z, masses, shapes)
        radius = self.radius_arcmin(masses, z)
        covered = aperture_counts(profiles.bands(*self.bands), radius).covered[:, 0]
        found = self.relation.weigh(measured, z)
        return XRayMasses(
            found.log10_quantiles,
            found.snr,
            found.is_limit,
            measured.value,
            measured.sigma,
            radius,
            settled & (measured.value > 0.0) & (covered >= _LEAST_COVERED),
            steps,
        )

    def radius_arcmin(self, log10_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return R500 of masses on the sky, (cluster,) [arcmin]."""
        cosmology, pivot = self.relation.cosmology, 1e14
        at_pivot = [M500C.radius_mpc(pivot, float(z), cosmology) for z in redshift]
        return np.asarray(
            at_pivot * self._arcmin_per_mpc(redshift) * 10.0 ** ((np.asarray(log10_mass) - 14.0) / 3.0)
        )

    def measure(
        self,
        profiles: RadialCounts,
        redshift: np.ndarray,
        log10_mass: np.ndarray,
        shapes: _Shapes | None = None,
    ) -> Measured:
        """Return the number inside the R500 of these masses, (cluster,).

        Parameters
        ----------
        profiles : RadialCounts
            Of the clusters.
        redshift : (cluster,) array [1]
            Redshifts.
        log10_mass : (cluster,) array [dex of Msun]
            Of the apertures.
        shapes
            Beta models and temperatures, for Y_X only.
        """
        name, radius = self.relation.form.name, self.radius_arcmin(log10_mass, redshift)
        if name == "yx":
            assert shapes is not None
            return self._yx(profiles, redshift, radius, shapes)
        inner = CORE_PART * radius if name == "luminosity_excised" else 0.0
        aperture = aperture_counts(profiles.bands(*self.bands), radius, inner)
        unit = np.ones(len(redshift))
        if name != "count_rate":
            assert self.conversion is not None
            kt = temperature_of_mass(log10_mass, redshift, self.relation.cosmology)
            unit = self.conversion.luminosity_per_rate(kt, redshift, self.bands) / ERG_PER_S
        return _counted(aperture, unit)

    def _yx(
        self, profiles: RadialCounts, redshift: np.ndarray, radius_arcmin: np.ndarray, shapes: _Shapes
    ) -> GaussianMeasured:
        """Return gas mass times temperature, in 1e14 Msun keV."""
        assert self.conversion is not None
        column = self.conversion.column_per_brightness(shapes.temperature.kt_kev, redshift, self.bands)
        gas = gas_mass_msun(shapes.models, column, self._arcmin_per_mpc(redshift), radius_arcmin)
        aperture = aperture_counts(profiles.bands(*self.bands), radius_arcmin)
        snr = np.maximum(aperture.source / aperture.sigma, 0.5)[:, 0]
        yx = gas * shapes.temperature.kt_kev / MSUN_KEV
        # Light goes as the square of the gas. Where nothing is seen, the error is that of one sigma of light.
        nothing = yx <= 0.0
        typical = np.median(yx[~nothing]) if (~nothing).any() else 1.0
        sigma = np.where(nothing, typical, yx) * np.hypot(0.5 / snr, shapes.temperature.sigma_ln)
        return GaussianMeasured(yx, np.maximum(sigma, 1e-12))

    def _shapes(
        self, profiles: RadialCounts, redshift: np.ndarray, log10_mass: np.ndarray, kt_kev: np.ndarray | None
    ) -> _Shapes | None:
        """Return beta models, and temperatures without the core of these masses."""
        if self.relation.form.name != "yx":
            return None
        assert self.conversion is not None
        radius = self.radius_arcmin(log10_mass, redshift)
        models = fit_beta_models(
            profiles.bands(*self.bands),
            core_prior_arcmin=_CORE_RADIUS_PART * radius,
            outer_arcmin=1.5 * radius,
        )
        if kt_kev is not None:
            return _Shapes(models, Temperatures(np.asarray(kt_kev, float), np.zeros(len(redshift))))
        prior = temperature_of_mass(log10_mass, redshift, self.relation.cosmology)
        aperture = aperture_counts(profiles, radius, CORE_PART * radius)
        return _Shapes(models, temperatures(aperture, redshift, self.conversion, prior_kt_kev=prior))

    def _iterated(
        self, profiles: RadialCounts, redshift: np.ndarray, kt_kev: np.ndarray | None
    ) -> tuple[_Shapes | None, np.ndarray, np.ndarray, int]:
        """Return shapes, the masses of the apertures (cluster,), where they settled, and the number of steps."""
        relation = self.aperture_relation
        if relation is None:
            raise ConfigError(
                "The relation of this weigher was not fitted.",
                where=self.relation.form.name,
                expected="fitted(profiles, redshift, log10_mass) first",
            )
        low, high = relation.log10_m500c_range
        masses = np.full(len(redshift), np.clip(np.log10(relation.form.pivot_msun), low, high))
        shapes = self._shapes(profiles, redshift, masses, kt_kev)
        if shapes is not None:  # once more, in the annulus of a better mass
            masses = self._next(profiles, redshift, masses, shapes)
            shapes = self._shapes(profiles, redshift, masses, kt_kev)
        settled, steps = np.zeros(len(redshift), bool), 0
        while steps < MOST_STEPS and not settled.all():
            new = self._next(profiles, redshift, masses, shapes)
            # What has settled stays, so that no mass depends on what else is weighed with it.
            new = np.where(settled, masses, new)
            settled, masses, steps = np.abs(new - masses) < SETTLED_DEX, new, steps + 1
        return shapes, masses, settled & (masses > low) & (masses < high), steps

    def _next(
        self, profiles: RadialCounts, redshift: np.ndarray, log10_mass: np.ndarray, shapes: _Shapes | None
    ) -> np.ndarray:
        relation = self.aperture_relation
        assert relation is not None
        measured = self.measure(profiles, redshift, log10_mass, shapes)
        # Without a signal the mass is that of a tenth of the noise: as low as can be told, and not minus infinity.
        value = np.maximum(measured.value, 0.1 * measured.sigma)
        return np.clip(relation.log10_mass_of(np.log(value), redshift), *relation.log10_m500c_range)

    def _arcmin_per_mpc(self, redshift: np.ndarray) -> np.ndarray:
        return np.array([self.relation.cosmology.arcmin_per_mpc(float(z)) for z in redshift])


def _counted(aperture: ApertureCounts, unit: np.ndarray) -> Measured:
    """Return a rate, times a unit, as counted photons; with Gaussian noise if the background has its own error."""
    source, rate = aperture.source[:, 0], aperture.rate_per_s[:, 0]
    if np.any(aperture.sigma[:, 0] ** 2 > np.maximum(aperture.counts[:, 0], 1.0) * (1.0 + 1e-9)):
        return GaussianMeasured(rate * unit, aperture.rate_sigma_per_s[:, 0] * unit)
    well = (source > _WELL_SEEN * aperture.sigma[:, 0]) & (rate > 0.0)
    seconds = np.where(
        well,
        source / np.where(well, rate, 1.0),
        aperture.seconds[:, 0] * np.minimum(aperture.covered[:, 0], 1.0),
    )
    return CountedMeasured(aperture.counts[:, 0], aperture.background[:, 0], np.maximum(seconds, 1e-6) / unit)
