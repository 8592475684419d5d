"""The numbers of a cluster: closed forms of an isothermal beta model, expectations over turbulence, mergers."""

from dataclasses import fields, replace

import numpy as np
import plain_anatomy as plain
import pytest
from scipy.integrate import quad

from zwicky.physics.constants import CM_PER_MPC, Y_PER_KEV_CM3_MPC
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3, N_H_OVER_N_E
from zwicky.physics.xray import BOLOMETRIC, SOFT, EnergyBand, cooling_function
from zwicky.simulations.painter.measuring.fields import gas_at, shell_points
from zwicky.simulations.painter.measuring.properties import measure

CENTRAL_CM3 = 1e14 * ELECTRONS_CM3_PER_MSUN_MPC3
CORE = 0.15


def n2_integral(x):
    """Of the beta model of beta = 2/3 inside x core radii [cm^-6 Mpc^3]."""
    return CENTRAL_CM3**2 * 2.0 * np.pi * CORE**3 * (np.arctan(x) - x / (1.0 + x * x))


@pytest.fixture(scope="module")
def beta_model():
    return measure(plain.anatomy())


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("luminosity_erg_s", BOLOMETRIC),
        ("rosat_luminosity_erg_s", EnergyBand(0.1, 2.4)),
        ("soft_luminosity_erg_s", SOFT),
    ],
)
def test_luminosity_of_an_isothermal_beta_model(beta_model, name, band):
    cooling = float(cooling_function(5.0, band))
    expected = cooling * N_H_OVER_N_E * n2_integral(1.0 / CORE) * CM_PER_MPC**3
    assert getattr(beta_model, name) == pytest.approx(expected, rel=2e-3)


def test_without_the_core(beta_model):
    share = 1.0 - n2_integral(1.0) / n2_integral(1.0 / CORE)
    assert beta_model.excised_luminosity_erg_s / beta_model.luminosity_erg_s == pytest.approx(share, rel=1e-3)
    assert beta_model.x_ray_concentration == pytest.approx(1.0 - share, rel=1e-3)


def test_photons_are_counted_in_the_observed_band(beta_model):
    cooling = float(cooling_function(5.0, SOFT, redshift=0.1, photons=True))
    expected = cooling * N_H_OVER_N_E * n2_integral(1.0 / CORE) * CM_PER_MPC**3
    assert beta_model.photon_rate_per_s == pytest.approx(expected, rel=2e-3)
    shifted = measure(plain.anatomy(), photon_band=EnergyBand(1.0, 2.0))
    assert shifted.photon_rate_per_s < 0.7 * beta_model.photon_rate_per_s


def test_compton_parameter_of_an_isothermal_beta_model(beta_model):
    x = 1.0 / CORE
    sphere = 5.0 * CENTRAL_CM3 * 4.0 * np.pi * CORE**3 * (x - np.arctan(x))
    assert beta_model.y500_mpc2 == pytest.approx(Y_PER_KEV_CM3_MPC * sphere, rel=1e-3)

    def ring(r):
        s = np.hypot(CORE, r)
        return 2.0 * np.pi * r * 2.0 * CENTRAL_CM3 * CORE**2 * np.arctan(5.0 / s) / s

    assert beta_model.y_cylinder_mpc2 == pytest.approx(
        Y_PER_KEV_CM3_MPC * 5.0 * quad(ring, 0.0, 1.0)[0], rel=2e-3
    )


def test_temperatures_and_products_of_isothermal_gas(beta_model):
    for name in ("temperature_kev", "excised_temperature_kev", "mass_weighted_temperature_kev"):
        assert getattr(beta_model, name) == pytest.approx(5.0, rel=1e-6)
    assert beta_model.yx_msun_kev == pytest.approx(5.0 * beta_model.gas_mass_msun)
    assert beta_model.gas_fraction == pytest.approx(beta_model.gas_mass_msun / 4e14)


def test_core_numbers(beta_model):
    assert beta_model.central_density_cm3 == pytest.approx(CENTRAL_CM3 / (1.0 + (0.01 / CORE) ** 2), rel=1e-3)
    x2 = (0.04 / CORE) ** 2
    assert beta_model.cuspiness == pytest.approx(2.0 * x2 / (1.0 + x2), rel=1e-2)


def test_stars(beta_model):
    """r^-2 of 1e12 Msun/Mpc: 4 pi A R."""
    assert beta_model.star_mass_msun == pytest.approx(4e12 * np.pi, rel=1e-3)
    galaxy = measure(plain.anatomy(galaxies=plain.one_galaxy([0.0, 0.3, 0.0], mass=2e12)))
    assert galaxy.star_mass_msun - beta_model.star_mass_msun == pytest.approx(2e12, rel=1e-3)


def test_turbulence_brightens_and_leaves_mass_and_pressure(beta_model):
    stirred = measure(plain.anatomy(host=plain.host(rms=0.3, environment_rms=0.1)))
    assert stirred.gas_mass_msun == pytest.approx(beta_model.gas_mass_msun)
    assert stirred.y500_mpc2 == pytest.approx(beta_model.y500_mpc2)
    clumping = np.exp(0.3**2 + 0.1**2)
    # Temperatures swing too, by 0.18 in ln T, which moves the cooling function by a per cent.
    assert stirred.luminosity_erg_s / beta_model.luminosity_erg_s == pytest.approx(clumping, rel=0.02)


def test_expectations_over_turbulence_are_those_of_random_gas():
    """Monte-Carlo of the painter's fluctuations: n = e^(s g - s^2/2), T = e^(t h - t^2/2 - r t s), corr(g, h) = r."""
    s, t, r = 0.4, 0.24, 0.35
    rng = np.random.default_rng(2)
    g, other = rng.normal(size=(2, 400_000))
    h = r * g + np.sqrt(1.0 - r * r) * other
    n, kev = np.exp(s * g - s * s / 2.0), 5.0 * np.exp(t * h - t * t / 2.0 - r * t * s)
    stirred, calm = measure(plain.anatomy(host=plain.host(rms=s))), measure(plain.anatomy())
    bright = (n**2 * cooling_function(kev, SOFT)).mean() / float(cooling_function(5.0, SOFT))
    assert stirred.soft_luminosity_erg_s / calm.soft_luminosity_erg_s == pytest.approx(bright, rel=0.01)
    spectral = (n**2 * kev**0.25).mean() / (n**2 * kev**-0.75).mean()
    assert stirred.temperature_kev == pytest.approx(spectral, rel=0.01)
    assert (n * kev).mean() == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize("place", [(0.5, 0.0, 0.0), (0.05, 0.1, 0.0), (0.2, 0.6, 0.5)])
def test_small_bright_clumps_are_not_missed(place):
    """Against a fine grid of shells round the clump; its core is a tenth of the distance between the host's points."""
    made = plain.anatomy(gas_clumps=plain.one_gas_clump(place, density=3e15, core=0.02, truncation=0.06))
    added = measure(made).luminosity_erg_s - measure(plain.anatomy()).luminosity_erg_s
    offset, volume = shell_points(2e-5, 0.24, n_radii=60, n_directions=1500)
    points = np.asarray(place) + offset
    emission = []
    for anatomy in (made, plain.anatomy()):
        gas = gas_at(anatomy, points)
        emission.append(gas.electron_density_cm3**2 * cooling_function(gas.temperature_kev, BOLOMETRIC))
    weight = volume * (np.linalg.norm(points, axis=1) < 1.0)
    expected = weight @ (emission[0] - emission[1]) * N_H_OVER_N_E * CM_PER_MPC**3
    assert added > 0.5 * measure(plain.anatomy()).luminosity_erg_s
    assert added == pytest.approx(expected, rel=0.03)


def test_the_view_matters_for_the_cylinder_only():
    made = plain.anatomy(host=plain.host(axes=np.array([1.6, 1.0, 1 / 1.6])))
    along, across = measure(made, view=(1.0, 0.0, 0.0)), measure(made, view=(0.0, 0.0, 2.0))
    assert along.y_cylinder_mpc2 > 1.1 * across.y_cylinder_mpc2
    assert replace(along, y_cylinder_mpc2=0.0) == pytest.approx(replace(across, y_cylinder_mpc2=0.0))


def test_what_was_drawn_is_handed_on():
    halo = plain.one_halo([0.4, 0.0, 0.0], mass=6e13)
    made = plain.anatomy(
        merging_halo=halo,
        dark_clumps=plain.one_dark_clump([0.3, 0.0, 0.0], mass=1.2e13),
        properties={
            "core_state": -0.5,
            "disturbance": 1.0,
            "brightest_galaxy_msun": 5e11,
        },
        host=plain.host(axes=np.array([2.0, 1.0, 0.5])),
    )
    numbers = measure(made)
    drawn = (numbers.core_state, numbers.disturbance, numbers.brightest_galaxy_msun)
    assert drawn == (-0.5, 1.0, 5e11)
    assert numbers.merger_mass_ratio == pytest.approx(0.1)
    assert numbers.subhalo_fraction == pytest.approx(0.02)
    assert (numbers.middle_axis, numbers.short_axis) == (0.5, 0.25)
    assert all(np.isfinite(getattr(numbers, one.name)) for one in fields(numbers))


def test_gas_too_cold_for_a_spectrum_has_no_temperature():
    assert np.isnan(measure(plain.anatomy(host=plain.host(kev=0.1))).temperature_kev)
