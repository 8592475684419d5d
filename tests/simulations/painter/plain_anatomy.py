"""Clusters simple enough for closed forms: a host of given profiles and, if asked, one body of each kind."""

from dataclasses import replace

import numpy as np

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.simulations.painter.anatomy import (
    Anatomy,
    CoreDetail,
    DarkClumps,
    Filaments,
    Galaxies,
    GasClumps,
    Host,
    MergingHalo,
)

RADIUS = np.geomspace(2e-4, 20.0, 1200)
ROUND = np.ones(3)
NO_PLACES = np.zeros((0, 3))
NONE = np.zeros(0)


def beta_gas(r, central=1e14, core=0.15):
    """A beta model of beta = 2/3."""
    return central / (1.0 + (r / core) ** 2)


def quiet_core(**changes):
    core = CoreDetail(
        slosh_amplitude=0.0,
        slosh_mpc=0.1,
        slosh_phase_rad=0.0,
        cavity_position_mpc=NO_PLACES,
        cavity_radius_mpc=NONE,
        shock_position_mpc=np.zeros(3),
        shock_radius_mpc=0.1,
        shock_strength=0.0,
    )
    return replace(core, **changes)


def host(gas=beta_gas, kev=5.0, axes=ROUND, rms=0.0, environment_rms=0.0):
    """Power-law dark matter and stars; the gas that is asked for."""
    flat = np.ones_like(RADIUS)
    return Host(
        radius_mpc=RADIUS,
        dark_axes=axes,
        gas_axes=axes,
        star_axes=axes,
        dark_density=1e14 * RADIUS**-2.0,
        gas_density=gas(RADIUS),
        temperature_kev=kev * flat,
        star_density=1e12 * RADIUS**-2.0,
        ln_density_rms=rms * flat,
        ln_environment_rms=environment_rms * flat,
    )


def anatomy(**changes):
    """Only a host; R500 is 1 Mpc."""
    plain = Anatomy(
        redshift=0.1,
        cosmology=COSMOLOGIES["planck18"],
        m200c_msun=6e14,
        m500c_msun=4e14,
        r200c_mpc=1.6,
        r500c_mpc=1.0,
        baryon_fraction=0.16,
        host=host(),
        dark_clumps=DarkClumps(NO_PLACES, NONE, NONE, NONE, NONE),
        merging_halo=None,
        gas_clumps=GasClumps(NO_PLACES, NONE, NONE, NONE, NONE),
        galaxies=Galaxies(NO_PLACES, NONE, NONE),
        filaments=Filaments(NO_PLACES, NONE, NONE, NONE, NONE, NONE, NONE),
        core=quiet_core(),
        properties={
            "concentration": 5.0,
            "core_state": 0.0,
            "disturbance": 0.0,
            "brightest_galaxy_msun": 1e12,
        },
    )
    return replace(plain, **changes)


def one_dark_clump(position, mass=1e13, core=0.01, truncation=0.1, edge=0.4):
    return DarkClumps(np.array([position]), *(np.array([v]) for v in (mass, core, truncation, edge)))


def one_gas_clump(position, density=1e14, core=0.05, truncation=0.2, kev=2.0):
    return GasClumps(np.array([position]), *(np.array([v]) for v in (density, core, truncation, kev)))


def one_halo(position, mass=1e14, radius=0.8, concentration=5.0):
    return MergingHalo(np.array(position), mass, radius, concentration)


def one_galaxy(position, mass=1e11, width=0.012):
    return Galaxies(np.array([position]), np.array([mass]), np.array([width]))


def one_filament(direction=(1.0, 0.0, 0.0), gas=1e12, dark=5e12):
    numbers = (gas, dark, 0.4, 3.0, 1.0, 0.3)
    return Filaments(np.array([direction]), *(np.array([v]) for v in numbers))
