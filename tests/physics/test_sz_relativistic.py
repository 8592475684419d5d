"""The relativistic SZ spectrum: laws of every order, an exact integral, published null; the temperature of the gas."""

import dataclasses

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import kve

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.physics.constants import ELECTRON_REST_ENERGY_KEV, H_OVER_K_K_PER_GHZ, T_CMB_K
from zwicky.physics.sz import spectral_function
from zwicky.physics.sz_relativistic import _orders, relativistic_spectral_function, temperature_kev

COSMOLOGY = COSMOLOGIES["planck_sz"]  # Om = 0.3, h = 0.7
X_PER_GHZ = H_OVER_K_K_PER_GHZ / T_CMB_K


def legendre(low, high, n):
    """Nodes and weights of Gauss-Legendre between arrays of limits, on a new last axis."""
    t, w = np.polynomial.legendre.leggauss(n)
    half, middle = 0.5 * (high - low)[..., None], 0.5 * (high + low)[..., None]
    return middle + half * t, half * w


def scattering_kernel(s, beta):
    """Probability per ln(frequency ratio) after one Thomson scattering by electrons of one speed: Wright 1979."""
    up, down = (1 - np.exp(-s) * (1 + beta)) / beta, (1 - np.exp(-s) * (1 - beta)) / beta
    mu, w = legendre(np.where(s < 0, -1.0, up), np.where(s < 0, down, 1.0), 24)
    beta = beta[..., None]
    mu_out = (np.exp(s)[..., None] * (1 - beta * mu) - 1) / beta
    angles = 1 + mu**2 * mu_out**2 + 0.5 * (1 - mu**2) * (1 - mu_out**2)
    integral = np.sum(w * (1 + beta * mu_out) * angles / (1 - beta * mu) ** 3, axis=-1)
    return 3 * (1 - beta[..., 0] ** 2) ** 2 / (16 * beta[..., 0]) * integral


def exact_spectral_function(frequency_ghz, kt_kev):
    """Electrons of Juettner's distribution scatter the CMB once; f, and the sum of probabilities (Birkinshaw 1999)."""
    theta, x = kt_kev / ELECTRON_REST_ENERGY_KEV, X_PER_GHZ * frequency_ghz
    momentum, w = legendre(np.array(0.0), np.array(7 * np.sqrt(2 * theta) * (1 + 2 * theta)), 40)
    gamma = np.sqrt(1 + momentum**2)
    electrons = w * momentum**2 * np.exp(-(gamma - 1) / theta) / (theta * kve(2, 1 / theta))
    beta = momentum / gamma
    largest = np.log((1 + beta) / (1 - beta))
    change = total = 0.0
    for low, high in ((-largest, 0 * largest), (0 * largest, largest)):
        s, w = legendre(low, high, 40)
        p = w * electrons[:, None] * scattering_kernel(s, np.broadcast_to(beta[:, None], s.shape))
        shifted = x * np.exp(-s)
        change += np.sum(p * (shifted**3 / np.expm1(shifted) - x**3 / np.expm1(x)))
        total += p.sum()
    return change / theta / (x**4 * np.exp(x) / np.expm1(x) ** 2), total


@pytest.mark.parametrize("kt_kev", [0.5, 2.0, 5.0, 10.0])
def test_against_an_integral_over_the_scattering_kernel(kt_kev):
    for frequency_ghz in (30.0, 90.0, 95.0, 143.0, 150.0, 200.0, 280.0, 350.0):
        exact, total = exact_spectral_function(frequency_ghz, kt_kev)
        assert total == pytest.approx(1.0, abs=1e-10)
        assert relativistic_spectral_function(frequency_ghz, kt_kev) == pytest.approx(exact, rel=1e-3)
    exact, _ = exact_spectral_function(220.0, kt_kev)  # close to the null
    assert relativistic_spectral_function(220.0, kt_kev) == pytest.approx(exact, abs=4e-4)


@pytest.mark.parametrize(
    ("kt_kev", "frequency_ghz", "error"),
    [(10.0, 450.0, 0.008), (15.0, 150.0, 1e-4), (15.0, 350.0, 0.01), (25.0, 150.0, 1e-3), (25.0, 350.0, 0.1)],
)
def test_stated_errors_of_the_expansion(kt_kev, frequency_ghz, error):
    """Where the expansion begins to fail, as the module says."""
    exact, _ = exact_spectral_function(frequency_ghz, kt_kev)
    found = abs(relativistic_spectral_function(frequency_ghz, kt_kev) - exact)
    assert 0.1 * error < found < error or found < 1e-4


def test_the_correction_matters():
    """Negative control of the comparisons above, and the numbers in the module's docstring."""
    loss = [
        1.0 - relativistic_spectral_function(150.0, kt) / spectral_function(150.0) for kt in (5.0, 10.0, 15.0)
    ]
    np.testing.assert_allclose(loss, [0.034, 0.064, 0.091], atol=6e-4)


def test_cold_electrons_are_not_relativistic():
    frequency_ghz = np.array([30.0, 95.0, 150.0, 220.0, 350.0])
    np.testing.assert_allclose(
        relativistic_spectral_function(frequency_ghz, 0.0), spectral_function(frequency_ghz), rtol=1e-14
    )


@pytest.mark.parametrize("order", range(5))
def test_scattering_keeps_photons_and_feeds_energy(order):
    """Thomson scattering keeps the number of photons and raises their energy by 4 theta K3(1/theta) / K2(1/theta).

    The series of that ratio is 4 theta + 10 theta^2 + 15/2 theta^3 - 15/2 theta^4 + 135/32 theta^5.
    """

    x, w = legendre(np.array(0.0), np.array(80.0), 240)
    density = w * x * np.exp(-x) / np.expm1(-x) ** 2 * _orders(x)[order]
    energy = (4.0, 10.0, 7.5, -7.5, 135.0 / 32.0)[order] * np.pi**4 / 15.0
    assert np.sum(x**2 * density) == pytest.approx(0.0, abs=1e-9 * np.sum(x**2 * np.abs(density)))
    assert np.sum(x**3 * density) == pytest.approx(energy, rel=1e-8)


def test_the_limit_of_low_frequencies():
    """-2 theta (1 - 17/10 theta + 123/40 theta^2 - ...): Itoh, Kohyama & Nozawa 1998 and others."""
    y = _orders(1e-3)
    assert y[0] == pytest.approx(-2.0, abs=1e-6)
    assert y[1] == pytest.approx(2.0 * 17.0 / 10.0, abs=1e-5)
    assert y[2] == pytest.approx(-2.0 * 123.0 / 40.0, abs=1e-4)


@pytest.mark.parametrize("kt_kev", [0.0, 3.0, 8.0, 12.0, 15.0])
def test_the_null_moves_up(kt_kev):
    """x0 = 3.830 (1 + 1.1674 theta - 0.8533 theta^2): Itoh, Kohyama & Nozawa 1998."""
    theta = kt_kev / ELECTRON_REST_ENERGY_KEV
    null_ghz = brentq(lambda nu: relativistic_spectral_function(nu, kt_kev), 200.0, 240.0)
    assert null_ghz * X_PER_GHZ == pytest.approx(3.830 * (1 + 1.1674 * theta - 0.8533 * theta**2), rel=5e-4)
    assert kt_kev < 3.0 or null_ghz * X_PER_GHZ > 3.85


def test_arrays_of_frequencies_and_temperatures():
    found = relativistic_spectral_function(np.array([[95.0], [150.0]]), np.array([1.0, 5.0, 9.0]))
    assert found.shape == (2, 3)
    assert found[1, 2] == pytest.approx(relativistic_spectral_function(150.0, 9.0))
    assert np.all(np.diff(found, axis=1) > 0.0)  # the hotter, the smaller the decrement
    assert relativistic_spectral_function(300.0, 5.0, t_cmb_k=2 * T_CMB_K) == pytest.approx(
        relativistic_spectral_function(150.0, 5.0)
    )


@pytest.mark.parametrize("kt_kev", [-1.0, 25.1, np.nan, 5.8e7])
def test_temperatures_outside_the_range(kt_kev):
    with pytest.raises(ConfigError, match=r"not known at this electron temperature.*\n.*\n.*0 to 25 keV"):
        relativistic_spectral_function(150.0, np.array([5.0, kt_kev]))


@pytest.mark.parametrize("frequency_ghz", [0.0, -150.0, 460.0, 1.5e11, np.nan])
def test_frequencies_outside_the_range(frequency_ghz):
    with pytest.raises(ConfigError, match="not known at this frequency"):
        relativistic_spectral_function(frequency_ghz, 5.0)


def test_temperature_of_a_mass():
    """Arnaud, Pointecouteau & Pratt 2005: E(z) M500 = 3.84e14 h70^-1 Msun (k T / 5 keV)^1.71."""
    pivot_msun = 3.84e14 / COSMOLOGY.efunc(0.5)
    assert temperature_kev(pivot_msun, 0.5, COSMOLOGY) == pytest.approx(5.0)
    masses = np.array([1e14, 1e15])
    found = temperature_kev(masses, 0.1, COSMOLOGY)
    assert np.log(found[1] / found[0]) / np.log(10.0) == pytest.approx(1.0 / 1.71)
    other = dataclasses.replace(COSMOLOGY, h=0.5)
    assert temperature_kev(3e14 / other.h70, 0.3, other) == pytest.approx(
        temperature_kev(3e14, 0.3, COSMOLOGY)
    )
    assert temperature_kev(3e14, 0.7, COSMOLOGY) > temperature_kev(3e14, 0.1, COSMOLOGY)
