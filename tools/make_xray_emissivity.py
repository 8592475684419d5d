"""Write the table of X-ray emissivities that zwicky.physics.xray_table reads.

    python tools/make_xray_emissivity.py [PATH/xrtpy] [--output TABLE.npz]

PATH is the folder of the xrtpy package (BSD-2; ``pip install --no-deps xrtpy``), whose ``response/data`` holds spectra
of CHIANTI 9.01; without PATH an installed xrtpy is searched.

Four parts, each an energy per bin, per n_e n_H [1e-24 erg cm^3/s], on (temperature, photon energy):

- hydrogen, and helium per helium-to-hydrogen ratio of 1: free-free and free-bound emission of bare nuclei, computed
  here. Free-free: exact non-relativistic Gaunt factor (Karzas & Latter 1961, ApJS 6, 167; in the form of van Hoof
  et al. 2014, MNRAS 444, 420), averaged over a Maxwellian; times the ratio of the relativistic
  (Bethe-Heitler, formula 3BN of Koch & Motz 1959, RMP 31, 920) to the non-relativistic Born approximation, each
  averaged over its own equilibrium distribution; plus electron-electron bremsstrahlung in the non-relativistic
  quadrupole approximation (Fedyushin 1952; Haug 1975, Z. Naturforsch. 30a, 1546). Free-bound: Milne's relation with
  the exact cross-section of the ground state; its Gaunt factor serves all shells.
- metals of one solar abundance: the CHIANTI spectrum of photospheric abundances less hydrogen and helium. With the
  spectrum of "hybrid" abundances it is split into the elements of low first ionisation potential (Na, Mg, Al, Si, Ca,
  Fe, Ni) and the others, and each half is brought to the abundances of Anders & Grevesse 1989 by the element that rules
  at that photon energy. Above 1e8 K the ratio of metals to hydrogen is extrapolated.

The headers of the spectra name one and the same abundance file, that of the coronal spectrum (iron at 8.10, Feldman et
al. 1992). The ratios of iron lines tell otherwise: 0.63 dex less, 7.47, in the photospheric and 7.85 in the hybrid one.
These are the irons of Scott et al. 2015 and of Schmelz et al. 2012; their other abundances are assumed from that. Lines
of O, Mg and Si agree within 3 %, those of C and N less well.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import mpmath
import numpy as np
from astropy import constants
from astropy import units as u
from scipy.interpolate import RectBivariateSpline
from scipy.io import readsav

OUTPUT = Path(__file__).parents[1] / "src" / "zwicky" / "physics" / "tables" / "xray_emissivity.npz"
SPECTRUM = "response/data/chianti_emission_models/XRT_emiss_model.default_CHIANTI_{}.geny"

RYDBERG_KEV = float(constants.Ryd.to_value(u.keV, equivalencies=u.spectral()))
KEV_PER_K = float(constants.k_B.to_value(u.keV / u.K))
KEV_ANGSTROM = float((constants.h * constants.c).to_value(u.keV * u.AA))
REST_KEV = float((constants.m_e * constants.c**2).to_value(u.keV))
ERG_PER_KEV = float(u.keV.to(u.erg))
ALPHA = float(constants.alpha)
C_CM = float(constants.c.to_value(u.cm / u.s))
ELECTRON_RADIUS_CM = float((constants.alpha**2 * constants.a0).to_value(u.cm))
BOHR_CM = float(constants.a0.to_value(u.cm))

EDGES_KEV = 10.0 ** np.linspace(-2.0, 2.0, 801)
N_EXTRA_TEMPERATURES = 14  # above the 61 of CHIANTI, at the same spacing of 0.05 dex: up to 43 keV
UNIT = 1e-24  # erg cm^3/s
SIGNIFICANT_BITS = 13  # of the mantissa: rounding to 1e-4, so that the table compresses

HELIUM_PHOTOSPHERIC = 10.0**-1.07  # 10.93, Scott et al. 2015
HELIUM_HYBRID = 0.0566  # fits its continuum at 350 Angstrom and 2.7 keV, with sum Z^2 A = 0.129 of its metals
HYBRID_LOW_FIP = 10.0**0.38  # Fe 7.85 over 7.47: measured on Fe IX 171 and Fe XVIII 94 Angstrom
HYBRID_HIGH_FIP = 10.0**-0.08  # O 8.61 over 8.69: measured on O VIII 19.0 Angstrom

# Anders & Grevesse 1989 over Scott et al. 2015, by the element that rules up to that photon energy [keV].
# C 1.35, N 1.66, O 1.74, Ne 1.45, S 1.23, Ar 1.45; Fe 1.586, Mg 0.98, Si 1.10, Ca 1.10, Ni 1.12.
TO_AG89_HIGH_FIP = (
    *((0.40, 1.35), (0.52, 1.66), (0.90, 1.74), (1.25, 1.50), (2.40, 1.70), (2.68, 1.23), (3.08, 1.65)),
    *((3.35, 1.45), (100.0, 1.65)),
)
TO_AG89_LOW_FIP = (
    *(
        (1.325, 1.586),
        (1.360, 0.98),
        (1.460, 1.586),
        (1.485, 0.98),
        (1.830, 1.586),
        (1.875, 1.10),
        (1.990, 1.586),
    ),
    *((2.020, 1.10), (2.170, 1.586), (2.195, 1.10), (3.850, 1.586), (3.910, 1.10), (100.0, 1.586)),
)
# Complexes that fill a small part of their bin of wavelength [Angstrom], and where they lie [keV]: Fe XXV K alpha
# with its satellites, Fe XXVI Lyman alpha, Ni XXVII K alpha with Fe XXV K beta. Two bins without strong lines.
NARROW = ((1.9, 6.60, 6.705), (1.8, 6.93, 6.985), (1.6, 7.76, 7.92))
LINE_FREE_ANGSTROM = (1.7, 2.1)


def gaunt_free_free(final_ryd: float, photon_ryd: float) -> float:
    """Return the free-free Gaunt factor at energies in units of Z^2 Rydberg: van Hoof et al. 2014."""
    eta_i, eta_f = 1.0 / mpmath.sqrt(final_ryd + photon_ryd), 1.0 / mpmath.sqrt(final_ryd)
    x = -4.0 * eta_i * eta_f / (eta_i - eta_f) ** 2

    def integral(order: int) -> mpmath.mpf:
        a, b = order + 1 - 1j * eta_f, order + 1 - 1j * eta_i
        phase = mpmath.exp(1j * (eta_i + eta_f) * mpmath.log((eta_f - eta_i) / (eta_f + eta_i)))
        log_gamma = mpmath.re(
            mpmath.loggamma(order + 1 + 1j * eta_i) + mpmath.loggamma(order + 1 + 1j * eta_f)
        )
        size = mpmath.exp(mpmath.pi * (eta_f - eta_i) / 2 + log_gamma) / mpmath.gamma(2 * order + 2) / 4
        return (-x) ** (order + 1) * size * mpmath.hyp2f1(a, b, 2 * order + 2, x) * phase

    first, second = integral(0), integral(1)
    bracket = (eta_i**2 + eta_f**2 + 2 * eta_i**2 * eta_f**2) * first
    bracket -= 2 * eta_i * eta_f * mpmath.sqrt((1 + eta_i**2) * (1 + eta_f**2)) * second
    return float(mpmath.re(2 * mpmath.sqrt(3) / (mpmath.pi * eta_i * eta_f) * bracket * first))


def averaged_gaunt() -> RectBivariateSpline:
    """Return the Gaunt factor averaged over a Maxwellian, as a function of log10 (Z^2 Ry / kT, photon energy / kT)."""
    log_final, log_photon = np.arange(-4.0, 8.01, 0.25), np.arange(-4.5, 6.01, 0.25)
    exact = [[gaunt_free_free(10.0**a, 10.0**b) for b in log_photon] for a in log_final]
    ln_gaunt = RectBivariateSpline(log_final, log_photon, np.log(exact))
    ln_x = np.linspace(-14.0, 4.2, 200)  # x: final kinetic energy / kT
    weight = np.exp(ln_x - np.exp(ln_x))
    log_gamma2, log_u = np.arange(-4.0, 1.41, 0.1), np.arange(-4.0, 3.01, 0.1)
    grid = np.empty((log_gamma2.size, log_u.size))
    for i, lg in enumerate(log_gamma2):
        final = np.clip(ln_x / np.log(10.0) - lg, -4.0, 8.0)[:, None]
        photon = np.clip(log_u - lg, -4.5, 6.0)[None, :]
        grid[i] = weight @ np.exp(ln_gaunt.ev(final, photon)) / weight.sum()
    return RectBivariateSpline(log_gamma2, log_u, grid)


def free_free(energy_kev: np.ndarray, kt_kev: float, charge: int, gaunt: RectBivariateSpline) -> np.ndarray:
    """Return the non-relativistic free-free emissivity per n_e n_Z [erg cm^3/s/keV]: Rybicki & Lightman, eq. 5.14a."""
    kt_erg, electron_g = kt_kev * ERG_PER_KEV, REST_KEV * ERG_PER_KEV / C_CM**2
    e6 = (ALPHA * constants.hbar.cgs.value * C_CM) ** 3
    size = (
        2**5 * np.pi * e6 / (3.0 * electron_g * C_CM**3) * np.sqrt(2.0 * np.pi / (3.0 * kt_erg * electron_g))
    )
    u_log, gamma2_log = np.log10(energy_kev / kt_kev), np.log10(charge**2 * RYDBERG_KEV / kt_kev)
    g = gaunt.ev(gamma2_log, np.clip(u_log, -4.0, 3.0))
    return size * charge**2 * g * np.exp(-energy_kev / kt_kev) * ERG_PER_KEV / constants.h.cgs.value


def free_bound(energy_kev: np.ndarray, kt_kev: float, charge: int) -> np.ndarray:
    """Return the radiative recombination of a bare nucleus, per n_e n_Z [erg cm^3/s/keV]: Milne's relation.

    The photo-ionisation cross-section is Kramers' times the Gaunt factor of the ground state at the same photon energy
    (Stobbe 1930), which is the limit for all shells far above their edges.
    """
    ground_kev = charge**2 * RYDBERG_KEV
    above = np.maximum(energy_kev, 1.000001 * ground_kev)
    eta = 1.0 / np.sqrt(above / ground_kev - 1.0)
    exact = 512.0 * np.pi**2 / 3.0 * (ground_kev / above) ** 4
    exact *= np.exp(-4.0 * eta * np.arctan(1.0 / eta)) / -np.expm1(-2.0 * np.pi * eta)
    kramers = 64.0 * np.pi / (3.0 * np.sqrt(3.0))
    gaunt = exact / (kramers * (ground_kev / above) ** 3)
    total = np.zeros_like(energy_kev)
    for n in range(1, 30):
        edge_kev = ground_kev / n**2
        sigma_cm2 = ALPHA * BOHR_CM**2 * gaunt * kramers * n / charge**2 * (edge_kev / energy_kev) ** 3
        rate = (
            2.0 * np.sqrt(2.0 / np.pi) * n**2 * energy_kev**3 / (REST_KEV * kt_kev) ** 1.5 * C_CM * sigma_cm2
        )
        total += np.where(energy_kev > edge_kev, rate * np.exp(-(energy_kev - edge_kev) / kt_kev), 0.0)
    return total * ERG_PER_KEV


def electron_electron(energy_kev: np.ndarray, kt_kev: float) -> np.ndarray:
    """Return the electron-electron bremsstrahlung per n_e^2 [erg cm^3/s/keV]: quadrupole term, Haug 1975.

    Integrated over photon energies it gives (20 / 9 sqrt(pi)) (44 - 3 pi^2) alpha r_e^2 m c^3 (kT / m c^2)^1.5.
    """
    kinetic = energy_kev[:, None] * (
        1.0 + kt_kev / energy_kev[:, None] * np.exp(np.linspace(-12.0, 4.0, 160))
    )
    x = np.minimum(
        energy_kev[:, None] / kinetic, 1.0 - 1e-12
    )  # photon over kinetic energy in the centre of mass
    ln_term = (12.0 * (2 - x) ** 4 - 7.0 * x**2 * (2 - x) ** 2 - 3.0 * x**4) / (2 - x) ** 3
    shape = (17.0 - 3.0 * x**2 / (2 - x) ** 2) * np.sqrt(1 - x)
    shape += ln_term * np.log((1.0 + np.sqrt(1 - x)) / np.sqrt(x))
    k_dsigma_cm2 = 4.0 / 15.0 * ALPHA * ELECTRON_RADIUS_CM**2 * shape
    v_cm_s = 2.0 * C_CM * np.sqrt(kinetic / REST_KEV)
    maxwellian = 2.0 / np.sqrt(np.pi) * np.sqrt(kinetic / kt_kev) * np.exp(-kinetic / kt_kev) / kt_kev
    integrand = (
        0.5 * v_cm_s * maxwellian * k_dsigma_cm2 * (kinetic - energy_kev[:, None])
    )  # per d ln(kinetic - E)
    return integrand.sum(axis=1) * 16.0 / 159.0 * ERG_PER_KEV


def bethe_heitler(gamma_i: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return k dsigma/dk in units of alpha Z^2 r_e^2: formula 3BN of Koch & Motz 1959; energies in m c^2."""
    gamma_f = gamma_i - k
    p_i, p_f = np.sqrt(gamma_i**2 - 1), np.sqrt(gamma_f**2 - 1)
    e_i, e_f = 2.0 * np.log(gamma_i + p_i), 2.0 * np.log(gamma_f + p_f)
    gg, pp = gamma_i * gamma_f, p_i * p_f
    ln_term = 2.0 * np.log((gg + pp - 1.0) / k)
    first = 4.0 / 3.0 - 2.0 * gg * (p_f**2 + p_i**2) / pp**2
    first += e_i * gamma_f / p_i**3 + e_f * gamma_i / p_f**3 - e_i * e_f / pp
    second = 8.0 * gg / (3.0 * pp) + k**2 * (gg**2 + pp**2) / pp**3
    last = (gg + p_i**2) / p_i**3 * e_i - (gg + p_f**2) / p_f**3 * e_f + 2.0 * k * gg / pp**2
    return p_f / p_i * (first + ln_term * (second + k / (2.0 * pp) * last))


def relativistic_factor(energy_kev: np.ndarray, kt_kev: float) -> np.ndarray:
    """Return relativistic over non-relativistic electron-ion bremsstrahlung, both in the Born approximation.

    Each is averaged over its own equilibrium distribution of momenta (Maxwell-Juettner, Maxwell).
    """
    theta = kt_kev / REST_KEV
    k = np.minimum(energy_kev, 40.0 * kt_kev)[:, None] / REST_KEV
    final = theta * np.exp(np.linspace(-9.0, 4.0, 200))  # final kinetic energy / m c^2
    kinetic = k + final
    damping = np.exp(-(kinetic - k) / theta) * final
    momentum2 = kinetic * (kinetic + 2.0)  # of Maxwell-Juettner: v p^2 dp = p^2 dE
    ln_norm = -0.5 * np.log(np.pi / 2.0 * theta**3) - np.log1p(15.0 / 8.0 * theta + 105.0 / 128.0 * theta**2)
    relativistic = (momentum2 * damping * bethe_heitler(1.0 + kinetic, k)).sum(axis=1) * np.exp(ln_norm)
    born = (
        16.0 / 3.0 * np.log((np.sqrt(kinetic) + np.sqrt(final)) / (np.sqrt(kinetic) - np.sqrt(final))) / 2.0
    )
    plain = (2.0 * np.sqrt(2.0 / np.pi) * damping * born).sum(axis=1) / theta**1.5
    return relativistic / plain


def in_bins(spectrum: np.ndarray) -> np.ndarray:
    """Integrate a spectrum at the nodes of ``nodes_kev`` over the bins."""
    points, weights = np.polynomial.legendre.leggauss(3)
    return (spectrum.reshape(-1, points.size) * weights).sum(axis=1) / 2.0 * np.diff(EDGES_KEV)


def nodes_kev() -> np.ndarray:
    """Return three photon energies in each bin, those of Gauss and Legendre [keV]."""
    points, _ = np.polynomial.legendre.leggauss(3)
    low, high = EDGES_KEV[:-1, None], EDGES_KEV[1:, None]
    return (0.5 * (low + high) + 0.5 * (high - low) * points).ravel()


def bare_nuclei(kt_kev: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hydrogen, helium (per nucleus) and electron-electron emission per bin [erg cm^3/s]: (kT, bin)."""
    energy_kev, gaunt = nodes_kev(), averaged_gaunt()
    rows: list[list[np.ndarray]] = [[], [], []]
    for kt in kt_kev:
        factor = relativistic_factor(energy_kev, kt) if kt > 0.2 else 1.0  # 2e-4 at 0.2 keV
        for charge, row in ((1, rows[0]), (2, rows[1])):
            emission = factor * free_free(energy_kev, kt, charge, gaunt)
            row.append(in_bins(emission + free_bound(energy_kev, kt, charge)))
        rows[2].append(in_bins(electron_electron(energy_kev, kt)))
    return np.array(rows[0]), np.array(rows[1]), np.array(rows[2])


def read_spectrum(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kT [keV], the edges of the bins [keV, falling] and the energies per bin [erg cm^3/s] of CHIANTI."""
    model = readsav(folder / SPECTRUM.format(name))["p0"][0]
    wave = np.asarray(
        model["WAVE"], float
    )  # Angstrom, the middle of bins of 0.1 (Fe IX 171.07 lies in 171.1)
    step = 0.1
    energy_erg = KEV_ANGSTROM / wave * ERG_PER_KEV
    per_bin = np.asarray(model["SPEC"], float) * 4.0 * np.pi * step * energy_erg  # from photons/sr/Angstrom
    edges_kev = KEV_ANGSTROM / np.append(wave - step / 2.0, wave[-1] + step / 2.0)
    return np.asarray(model["TEMP"], float) * KEV_PER_K, edges_kev, per_bin


def tail(edges_kev: np.ndarray, per_bin: np.ndarray, at_kev: np.ndarray) -> np.ndarray:
    """Return the energy above each of some photon energies, between bin edges exponential in energy."""
    above = np.append(np.cumsum(per_bin[::-1])[::-1], 0.0)
    ln_above = np.log(np.maximum(above, 1e-300))
    return np.exp(np.interp(at_kev, edges_kev, ln_above))


def metals_in_bins(residual: np.ndarray, wave_edges_kev: np.ndarray, hydrogen: np.ndarray) -> np.ndarray:
    """Move what lies in bins of wavelength to bins of energy, inside each in the shape of the hydrogen continuum."""
    share = tail(EDGES_KEV, hydrogen, wave_edges_kev)  # rises along falling energy
    rest, lines = residual.copy(), np.zeros_like(hydrogen)
    free = [bin_of(wave_edges_kev, wave) for wave in LINE_FREE_ANGSTROM]
    if share[free[0]] > 1e-200:  # otherwise too cold for any light there
        ratio = np.mean([residual[i] / (share[i + 1] - share[i]) for i in free])
        for wave, low_kev, high_kev in NARROW:
            i = bin_of(wave_edges_kev, wave)
            excess = max(residual[i] - ratio * (share[i + 1] - share[i]), 0.0)
            overlap_kev = np.minimum(EDGES_KEV[1:], high_kev) - np.maximum(EDGES_KEV[:-1], low_kev)
            lines += excess * np.maximum(overlap_kev, 0.0) / (high_kev - low_kev)
            rest[i] -= excess
    above = np.append(0.0, np.cumsum(rest))
    return lines + np.diff(np.interp(tail(EDGES_KEV, hydrogen, EDGES_KEV), share, above)[::-1])[::-1]


def bin_of(wave_edges_kev: np.ndarray, wave_angstrom: float) -> int:
    """Return the index of the bin of a wavelength."""
    return int(np.searchsorted(KEV_ANGSTROM / wave_edges_kev, wave_angstrom)) - 1


def scale(energy_kev: np.ndarray, table: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Return the factor of a table of (up to which energy [keV], factor)."""
    tops, factors = np.array(table).T
    return factors[np.searchsorted(tops, energy_kev)]


def metals(folder: Path, hydrogen: np.ndarray, helium: np.ndarray) -> np.ndarray:
    """Return the emission of metals of one solar abundance of Anders & Grevesse 1989 per bin: (kT of CHIANTI, bin)."""
    kt_kev, wave_edges_kev, photospheric = read_spectrum(folder, "photospheric")
    _, _, hybrid = read_spectrum(folder, "hybrid")
    middle_kev = np.sqrt(EDGES_KEV[1:] * EDGES_KEV[:-1])
    inside = (wave_edges_kev[-1] < EDGES_KEV[:-1]) & (EDGES_KEV[1:] < wave_edges_kev[0])
    result = np.zeros((kt_kev.size, middle_kev.size))
    for i in range(kt_kev.size):
        parts = []
        for spectrum, helium_ratio in ((photospheric, HELIUM_PHOTOSPHERIC), (hybrid, HELIUM_HYBRID)):
            light = hydrogen[i] + helium_ratio * helium[i]
            residual = spectrum[i] - np.diff(tail(EDGES_KEV, light, wave_edges_kev))
            parts.append(metals_in_bins(residual, wave_edges_kev, hydrogen[i]))
        low = (parts[1] - HYBRID_HIGH_FIP * parts[0]) / (HYBRID_LOW_FIP - HYBRID_HIGH_FIP)
        low = np.clip(low, 0.0, np.maximum(parts[0], 0.0))
        high = np.maximum(parts[0] - low, 0.0)
        solar = scale(middle_kev, TO_AG89_LOW_FIP) * low + scale(middle_kev, TO_AG89_HIGH_FIP) * high
        result[i] = np.where(inside, solar, 0.0)
        last = np.flatnonzero(inside)[-1]
        top = slice(last - 12, last + 1)  # 0.06 dex without a line
        ratio = solar[top].sum() / hydrogen[i, top].sum() if hydrogen[i, top].sum() > 0.0 else 0.0
        result[i, last + 1 :] = ratio * hydrogen[i, last + 1 :]
    return result


def extended(metal: np.ndarray, hydrogen: np.ndarray) -> np.ndarray:
    """Continue ln(metals / hydrogen) above 1e8 K as a parabola in ln T through 1e7.6, 1e7.8 and 1e8 K, never rising."""
    n = len(metal)
    steps = np.arange(1, len(hydrogen) - n + 1)[:, None]
    last, middle, first = (np.log(np.maximum(metal[i] / hydrogen[i], 1e-9)) for i in (n - 1, n - 5, n - 9))
    curvature = np.clip((last - 2.0 * middle + first) / 16.0, -0.01, 0.0)
    slope = np.clip((last - middle) / 4.0 + 2.0 * curvature, -0.4, 0.0)
    ratio = np.where(metal[n - 1] > 0.0, np.exp(last + slope * steps + 0.5 * curvature * steps**2), 0.0)
    return np.concatenate([metal, ratio * hydrogen[n:]])


def rounded(values: np.ndarray) -> np.ndarray:
    """Return float32 in the table's unit with a short mantissa, and nothing below 1e-30."""
    mantissa, exponent = np.frexp(np.where(values > 1e-30 * UNIT, values / UNIT, 0.0))
    return np.ldexp(np.round(mantissa * 2**SIGNIFICANT_BITS) / 2**SIGNIFICANT_BITS, exponent).astype(
        np.float32
    )


def xrtpy_folder(given: Path | None) -> Path:
    """Return the folder of the package xrtpy."""
    if given is None:
        found = importlib.util.find_spec("xrtpy")
        if found is None or found.origin is None:
            raise SystemExit("xrtpy is not installed: pip install --no-deps xrtpy, or give its folder")
        given = Path(found.origin).parent
    if not (given / SPECTRUM.format("photospheric")).is_file():
        raise SystemExit(
            f"no {SPECTRUM.format('photospheric')} in {given}: give the folder of the package xrtpy"
        )
    return given


def main(folder: Path, output: Path) -> None:
    """Write the table."""
    kt_kev = read_spectrum(folder, "photospheric")[0]
    extra = kt_kev[-1] * 10.0 ** (0.05 * np.arange(1, N_EXTRA_TEMPERATURES + 1))
    n, kt_kev = kt_kev.size, np.append(kt_kev, extra)
    hydrogen, helium, electrons = bare_nuclei(kt_kev)
    metal = extended(metals(folder, hydrogen[:n], helium[:n]), hydrogen)
    output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        output,
        kt_kev=kt_kev,
        edges_kev=EDGES_KEV,
        hydrogen=rounded(hydrogen + electrons),
        helium=rounded(helium + 2.0 * electrons),
        metals=rounded(metal),
    )
    print(f"{output}: {output.stat().st_size / 1024:.0f} KiB, kT {kt_kev[0]:.4f} to {kt_kev[-1]:.2f} keV")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("xrtpy", type=Path, nargs="?", help="folder of the package xrtpy")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    main(xrtpy_folder(arguments.xrtpy), arguments.output)
