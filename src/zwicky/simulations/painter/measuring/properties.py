"""The numbers by which observers know a cluster, as integrals over its anatomy in three dimensions.

Expectations over the turbulence that the painter adds: it keeps the means of n and n T, but raises that of n^2 by
exp(s^2), s the rms of ln n (clumping).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.physics.constants import CM_PER_MPC, Y_PER_KEV_CM3_MPC
from zwicky.physics.plasma import N_H_OVER_N_E
from zwicky.physics.xray import BOLOMETRIC, SOFT, EnergyBand, cooling_function
from zwicky.simulations.painter.anatomy import T_DENSITY_CORRELATION, T_PER_DENSITY_RMS, Anatomy, GasClumps
from zwicky.simulations.painter.measuring.fields import (
    GasState,
    directions,
    galaxies_inside,
    gas_at,
    gauss_nodes,
    host_star_density_at,
    mean_density_msun_mpc3,
    shell_points,
)
from zwicky.simulations.painter.measuring.total_mass import measured_concentration

CORE_RADIUS: Final = 0.15
"""In R500: what "core-excised" leaves out (Pratt et al. 2009, section 2.3)."""

_COLD_KEV: Final = 0.5  # the spectroscopic-like temperature knows no colder gas
_INNERMOST: Final = 1e-4  # in R500
_ROSAT: Final = EnergyBand(0.1, 2.4)
_KEV_NODES: Final = np.geomspace(0.01, 43.0, 240)  # as far as the cooling function is known
_DEFAULT_VIEW: Final = (0.36, 0.48, 0.80)  # no axis of symmetry


@dataclass(frozen=True)
class ClusterProperties:
    """One cluster in numbers; inside the sphere of R500c unless said otherwise.

    Parameters
    ----------
    redshift, e_of_z : float [1]
        Redshift and E(z) = H(z)/H0.
    m200c_msun, m500c_msun : float [Msun]
        The label, and the mass inside R500c.
    r200c_mpc, r500c_mpc : float [Mpc, proper]
        Their radii.
    gas_mass_msun, star_mass_msun : float [Msun]
        Gas and all stars.
    gas_fraction, star_fraction : float [1]
        Over m500c_msun.
    temperature_kev, excised_temperature_kev, mass_weighted_temperature_kev : float [keV]
        Spectroscopic-like in 0-1 and 0.15-1 R500; mass-weighted.
    y500_mpc2, y_cylinder_mpc2 : float [Mpc^2, proper]
        Compton parameter times D_A^2: of the sphere, and of the cylinder of R500 through 5 R500 to either side.
    yx_msun_kev : float [Msun keV]
        Gas mass times excised temperature.
    luminosity_erg_s, excised_luminosity_erg_s : float [erg/s]
        Bolometric: in 0-1 and 0.15-1 R500.
    rosat_luminosity_erg_s, soft_luminosity_erg_s : float [erg/s]
        In 0.1-2.4 and 0.5-2 keV, rest frame.
    photon_rate_per_s : float [1/s]
        Photons emitted into the observed band.
    central_density_cm3 : float [cm^-3]
        Of electrons, at 0.01 R500.
    cuspiness : float [1]
        -d ln n_e / d ln r at 0.04 R500.
    x_ray_concentration : float [1]
        Bolometric luminosity inside 0.15 R500 over that inside R500.
    short_axis, middle_axis : float [1]
        Axis ratios c/a and b/a of the dark matter of the host.
    merger_mass_ratio : float [1]
        Dark mass of the merging halo over m200c_msun; 0 without one.
    subhalo_fraction : float [1]
        Dark mass of clumps inside R200c over m200c_msun.
    c200c : float [1]
        Concentration of all matter by its largest circular velocity, as halo finders measure it.
    core_state, disturbance : float [1]
        As drawn: the standard normal numbers of the core and of the dynamical state.
    brightest_galaxy_msun : float [Msun]
        As drawn: its stars.
    """

    redshift: float
    e_of_z: float
    m200c_msun: float
    m500c_msun: float
    r200c_mpc: float
    r500c_mpc: float
    gas_mass_msun: float
    star_mass_msun: float
    gas_fraction: float
    star_fraction: float
    temperature_kev: float
    excised_temperature_kev: float
    mass_weighted_temperature_kev: float
    y500_mpc2: float
    y_cylinder_mpc2: float
    yx_msun_kev: float
    luminosity_erg_s: float
    excised_luminosity_erg_s: float
    rosat_luminosity_erg_s: float
    soft_luminosity_erg_s: float
    photon_rate_per_s: float
    central_density_cm3: float
    cuspiness: float
    x_ray_concentration: float
    short_axis: float
    middle_axis: float
    merger_mass_ratio: float
    subhalo_fraction: float
    c200c: float
    core_state: float
    disturbance: float
    brightest_galaxy_msun: float


@dataclass(frozen=True, eq=False)
class _Sampled:
    """The gas at points that integrate over the sphere of R500: (n,) arrays."""

    gas: GasState
    volume_mpc3: np.ndarray
    outside_core: np.ndarray
    clumping: np.ndarray

    def integral(self, values: np.ndarray, *, excised: bool = False) -> float:
        """Return the integral of a field over the sphere, times Mpc^3."""
        volume = self.volume_mpc3 * self.outside_core if excised else self.volume_mpc3
        return float(volume @ values)


def measure(
    anatomy: Anatomy,
    *,
    photon_band: EnergyBand = SOFT,
    metallicity: float = 0.3,
    view: tuple[float, float, float] = _DEFAULT_VIEW,
) -> ClusterProperties:
    """Return the numbers of a cluster.

    Parameters
    ----------
    anatomy : Anatomy
        The cluster.
    photon_band : EnergyBand
        Of the photon rate, in the observer's frame.
    metallicity : float [solar]
        Of the gas.
    view : (x, y, z)
        Direction of the cylinder in the cluster's own frame; any length.
    """
    sampled = _sample(anatomy)
    m500, r500 = anatomy.m500c_msun, anatomy.r500c_mpc
    sphere_mpc3 = 4.0 / 3.0 * np.pi * r500**3
    pressure = sampled.gas.electron_pressure_kev_cm3
    gas_mass = sampled.integral(sampled.gas.density_msun_mpc3)
    gas_mass += mean_density_msun_mpc3(anatomy)["gas"] * sphere_mpc3
    mean_kev = sampled.integral(pressure) / sampled.integral(sampled.gas.electron_density_cm3)
    kev, excised_kev = (_spectroscopic_kev(sampled, excised) for excised in (False, True))
    star_mass = _star_mass(anatomy)
    luminosity = _emission(sampled, BOLOMETRIC, metallicity)
    drawn = anatomy.properties
    halo = anatomy.merging_halo
    axes = anatomy.host.dark_axes
    return ClusterProperties(
        redshift=anatomy.redshift,
        e_of_z=anatomy.cosmology.efunc(anatomy.redshift),
        m200c_msun=anatomy.m200c_msun,
        m500c_msun=m500,
        r200c_mpc=anatomy.r200c_mpc,
        r500c_mpc=r500,
        gas_mass_msun=gas_mass,
        star_mass_msun=star_mass,
        gas_fraction=gas_mass / m500,
        star_fraction=star_mass / m500,
        temperature_kev=kev,
        excised_temperature_kev=excised_kev,
        mass_weighted_temperature_kev=mean_kev,
        y500_mpc2=Y_PER_KEV_CM3_MPC * sampled.integral(pressure),
        y_cylinder_mpc2=_y_cylinder_mpc2(anatomy, view),
        yx_msun_kev=gas_mass * excised_kev,
        luminosity_erg_s=sampled.integral(luminosity),
        excised_luminosity_erg_s=sampled.integral(luminosity, excised=True),
        rosat_luminosity_erg_s=sampled.integral(_emission(sampled, _ROSAT, metallicity)),
        soft_luminosity_erg_s=sampled.integral(_emission(sampled, SOFT, metallicity)),
        photon_rate_per_s=sampled.integral(
            _emission(sampled, photon_band, metallicity, redshift=anatomy.redshift, photons=True)
        ),
        **_core_numbers(anatomy),
        x_ray_concentration=1.0 - sampled.integral(luminosity, excised=True) / sampled.integral(luminosity),
        short_axis=float(axes[2] / axes[0]),
        middle_axis=float(axes[1] / axes[0]),
        merger_mass_ratio=0.0 if halo is None else halo.mass_msun / anatomy.m200c_msun,
        subhalo_fraction=_subhalo_mass(anatomy) / anatomy.m200c_msun,
        c200c=measured_concentration(anatomy),
        **{name: drawn[name] for name in ("core_state", "disturbance", "brightest_galaxy_msun")},
    )


def _sample(anatomy: Anatomy) -> _Sampled:
    """Return the gas at points of the sphere of R500, denser round the clumps.

    Each clump has a ball of points of its own. They count by a share that is 1 at the centre of the clump and falls to
    0 at the edge of the ball; what the balls leave is the share of the points round the host (Becke 1988).
    """
    r500 = anatomy.r500c_mpc
    radii = ((_INNERMOST, CORE_RADIUS), (CORE_RADIUS, 1.0))
    parts = [shell_points(low * r500, high * r500, n_radii=24, n_directions=160) for low, high in radii]
    position, volume = (np.concatenate(part) for part in zip(*parts, strict=True))
    balls = _balls(anatomy.gas_clumps, r500)
    shares = [_left(position, balls)]
    positions, volumes = [position], [volume]
    for i, (centre, reach) in enumerate(balls):
        offset, ball_volume = shell_points(0.02 * reach, reach, n_radii=12, n_directions=40)
        positions.append(centre + offset)
        volumes.append(ball_volume)
        shares.append((1.0 - _left(positions[-1], balls[i : i + 1])) * _left(positions[-1], balls[:i]))
    position = np.concatenate(positions)
    radius = np.linalg.norm(position, axis=1)
    gas = gas_at(anatomy, position)
    return _Sampled(
        gas,
        np.concatenate(volumes) * np.concatenate(shares) * (radius < r500),
        radius > CORE_RADIUS * r500,
        np.exp(gas.ln_density_rms**2 + gas.ln_environment_rms**2),
    )


def _balls(clumps: GasClumps, r500_mpc: float) -> list[tuple[np.ndarray, float]]:
    """Return centre and radius of the ball of each clump that reaches into the sphere of R500.

    Four core radii, and as wide as several of the host's points are apart; but short of the host's cusp.
    """
    distance = np.linalg.norm(clumps.position_mpc, axis=1)
    reach = np.clip(4.0 * clumps.core_mpc, 0.4 * distance, 0.7 * distance)
    inside = (distance - reach < r500_mpc) & (reach > 0.0)
    return [(clumps.position_mpc[i], float(reach[i])) for i in np.nonzero(inside)[0]]


def _left(position_mpc: np.ndarray, balls: list[tuple[np.ndarray, float]]) -> np.ndarray:
    """Return the share that balls leave to others, (n,): 0 at their centres, 1 outside."""
    left = np.ones(len(position_mpc))
    for centre, reach in balls:
        inside = np.maximum(1.0 - ((position_mpc - centre) ** 2).sum(axis=1) / reach**2, 0.0)
        left *= 1.0 - inside**2
    return left


def _swings(sampled: _Sampled) -> tuple[np.ndarray, np.ndarray]:
    """Return the two temperatures [keV] that stand for the turbulent ones where n^2 weighs them.

    Weighted by n^2, ln T is a Gaussian of mean (r t s - t^2 / 2) about the given one, t = 0.6 s its width and r the
    correlation; two points at +-t give the mean of any cubic in ln T.
    """
    s = sampled.gas.ln_density_rms
    t = T_PER_DENSITY_RMS * s
    centre = sampled.gas.temperature_kev * np.exp(T_DENSITY_CORRELATION * t * s - 0.5 * t**2)
    return centre * np.exp(-t), centre * np.exp(t)


def _spectroscopic_kev(sampled: _Sampled, excised: bool) -> float:
    """Return the temperature of a fit to the spectrum: weights n^2 T^-0.75 (Mazzotta et al. 2004, equation 14)."""
    n2 = sampled.gas.electron_density_cm3**2 * sampled.clumping
    above = below = 0.0
    for kev in _swings(sampled):
        weight = np.where(kev > _COLD_KEV, n2 * kev**-0.75, 0.0)
        above += sampled.integral(weight * kev, excised=excised)
        below += sampled.integral(weight, excised=excised)
    return above / below if below > 0.0 else math.nan


def _emission(
    sampled: _Sampled, band: EnergyBand, metallicity: float, *, redshift: float = 0.0, photons: bool = False
) -> np.ndarray:
    """Return what each cubic Mpc emits into a band, (n,): erg/s, or photons per second."""
    table = cooling_function(_KEV_NODES, band, redshift=redshift, metallicity=metallicity, photons=photons)
    ln_nodes = np.log(_KEV_NODES)
    cooling = 0.5 * sum(np.interp(np.log(kev), ln_nodes, table) for kev in _swings(sampled))
    n2 = sampled.gas.electron_density_cm3**2 * N_H_OVER_N_E * sampled.clumping
    return n2 * cooling * CM_PER_MPC**3


def _y_cylinder_mpc2(anatomy: Anatomy, view: tuple[float, float, float]) -> float:
    """Return y integrated over the disc of R500, through 5 R500 to either side of the centre."""
    r500 = anatomy.r500c_mpc
    axis = np.asarray(view, float) / np.linalg.norm(view)
    side = np.linalg.svd(axis[None, :])[2][1:]  # two unit vectors across
    node, weight = gauss_nodes(10)
    across, disc = 0.5 * r500 * (node + 1.0), 0.5 * r500 * weight
    disc = disc * across * 2.0 * np.pi / 12.0
    # z = 0.05 R500 sinh(t): dense where the gas is
    node, weight = gauss_nodes(32)
    half = math.asinh(5.0 / 0.05)
    along, length = 0.05 * r500 * np.sinh(half * node), 0.05 * r500 * np.cosh(half * node) * half * weight
    angle = (np.arange(12) + 0.5) * 2.0 * np.pi / 12.0
    ring = np.cos(angle)[:, None] * side[0] + np.sin(angle)[:, None] * side[1]
    position = across[:, None, None, None] * ring[:, None] + along[:, None] * axis
    pressure = gas_at(anatomy, position.reshape(-1, 3)).electron_pressure_kev_cm3.reshape(10, 12, 32)
    return float(Y_PER_KEV_CM3_MPC * np.einsum("i,ijk,k->", disc, pressure, length))


def _core_numbers(anatomy: Anatomy) -> dict[str, float]:
    """Return the central density and the cuspiness, from the mean density of spheres (Andrade-Santos et al. 2017)."""
    radii = np.array([0.01, 0.04 * math.exp(-0.1), 0.04 * math.exp(0.1)]) * anatomy.r500c_mpc
    unit = directions(48)
    position = (radii[:, None, None] * unit).reshape(-1, 3)
    density = gas_at(anatomy, position).electron_density_cm3.reshape(3, -1).mean(axis=1)
    return {
        "central_density_cm3": float(density[0]),
        "cuspiness": float(math.log(density[1] / density[2]) / 0.2),
    }


def _star_mass(anatomy: Anatomy) -> float:
    """Return the mass of all stars inside R500 [Msun]."""
    r500 = anatomy.r500c_mpc
    position, volume = shell_points(_INNERMOST * r500, r500, n_radii=20, n_directions=48)
    return float(volume @ host_star_density_at(anatomy, position)) + galaxies_inside(anatomy, r500)


def _subhalo_mass(anatomy: Anatomy) -> float:
    clumps = anatomy.dark_clumps
    inside = np.linalg.norm(clumps.position_mpc, axis=1) < anatomy.r200c_mpc
    return float(clumps.mass_msun[inside].sum())
