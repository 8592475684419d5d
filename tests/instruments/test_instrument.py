"""What the telescope does: the beam keeps the flux, the noise has its spectrum, every number has a source."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.instrument import Instrument, catalogue_names, read_catalogue
from zwicky.instruments.spectrum import GaussianField, PowerSpectrum, multipoles

Y = MapQuantity.COMPTON_Y


@pytest.fixture(scope="module")
def planck():
    return Instrument.named("planck_milca")


def theory(grid, values):
    return Map(values, Y, UNIT_OF[Y], grid, "theory")


@pytest.mark.parametrize("name", catalogue_names())
def test_every_instrument_of_the_catalogue_is_complete(name):
    settings = read_catalogue(name)
    assert settings.name == name
    for part in (settings.grid, settings.beam, settings.noise):
        assert len(part.source) > 10
    Instrument(settings).field.draw(Key(0, Stream.TEST))


def test_beam_keeps_the_flux_and_has_its_width(planck):
    """A point source: sum unchanged, second moment = sigma^2 of a 10 arcmin FWHM."""
    grid = planck.theory_grid
    point = np.zeros(grid.shape)
    point[grid.n_pixels // 2, grid.n_pixels // 2] = 1.0
    seen = planck.smooth(theory(grid, point))
    assert seen.grid.n_pixels == 96
    assert seen.beam_arcmin == 10.0
    assert seen.values.sum() == pytest.approx(1.0, abs=1e-9)
    axis = (np.arange(96) - 48) * planck.grid.pixel_value
    sigma = np.sqrt((seen.values * axis[None, :] ** 2).sum())
    assert sigma == pytest.approx(10.0 / 2.35482, rel=1e-3)


def test_beam_sees_no_edge_of_the_painted_sky(planck):
    """A constant sky stays constant to the last pixel of the stamp."""
    grid = planck.theory_grid
    seen = planck.smooth(theory(grid, np.full(grid.shape, 3.0)))
    np.testing.assert_allclose(seen.values, 3.0, rtol=1e-12)
    one_sided = np.zeros(grid.shape)
    one_sided[:, : grid.n_pixels // 2] = 1.0
    far = planck.smooth(theory(grid, one_sided)).values[:, -10:]
    assert np.abs(far).max() < 1e-9  # nothing wraps around from the other side


def test_drawn_noise_has_the_specified_spectrum():
    """White and coloured: binned power of drawn stamps = input within 3 standard errors; a wrong one fails."""
    spectrum = PowerSpectrum(ell=(10.0, 500.0, 10000.0), power_arcmin2=(4e-10, 1e-10, 1e-11), source="a test")
    field = GaussianField(64, 2.0, (spectrum,))
    stamps = np.array([field.draw(Key(3, Stream.TEST, i)) for i in range(300)])
    ell = multipoles(64, 2.0)
    window = np.outer(np.hanning(64), np.hanning(64))
    power = (np.abs(np.fft.rfft2(stamps * window)) ** 2).mean(axis=0) * 4.0 / (window**2).sum()
    for low, high in ((600, 900), (900, 1500), (1500, 2500), (2500, 4500)):
        inside = (ell >= low) & (ell < high)
        expected = spectrum(ell[inside]).mean()
        assert power[inside].mean() == pytest.approx(expected, rel=0.04)
        assert power[inside].mean() != pytest.approx(1.2 * expected, rel=0.04)


def test_rms_and_covariance_of_drawn_noise(planck):
    """Pixel variance, covariance of neighbours and of opposite edges = those of the spectrum."""
    field = planck.field
    stamps = np.array([field.draw(Key(1, Stream.TEST, i)) for i in range(400)])
    assert stamps.std() == pytest.approx(field.rms, rel=0.03)
    lag = 4
    measured = (stamps[:, :, :-lag] * stamps[:, :, lag:]).mean()
    assert measured == pytest.approx(field.covariance[0, lag], rel=0.05)
    opposite = (stamps[:, :, 0] * stamps[:, :, -1]).mean() / field.rms**2
    assert abs(opposite - field.covariance[0, 95] / field.rms**2) < 0.1


def test_sampling_noise_differs_from_stamp_to_stamp(planck):
    """Power above multipole 5000 spreads over its whole range, and the expected level is its mean."""
    n = planck.grid.n_pixels
    ell = multipoles(n, planck.grid.pixel_value)
    window = np.outer(np.hanning(n), np.hanning(n))
    stamps = [planck.field.draw(Key(2, Stream.TEST, i)) for i in range(150)]
    high = [
        (np.abs(np.fft.rfft2(s * window)) ** 2)[ell > 5000].mean()
        * planck.grid.pixel_value**2
        / (window**2).sum()
        for s in stamps
    ]
    top = planck.config.sampling.rms_max**2 * planck.grid.pixel_value**2
    assert min(high) < 0.05 * top
    assert max(high) > 0.8 * top
    assert np.mean(high) == pytest.approx(planck.field.power_at(np.array([7000.0]))[0], rel=0.2)


def test_noise_is_keyed(planck):
    a, b = (planck.field.draw(Key(1, Stream.INSTRUMENT_NOISE, 4)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    for other in (
        Key(2, Stream.INSTRUMENT_NOISE, 4),
        Key(1, Stream.INSTRUMENT_NOISE, 5),
        Key(1, Stream.INSTRUMENT_NOISE, 4, 1),
    ):
        assert abs(np.corrcoef(a.ravel(), planck.field.draw(other).ravel())[0, 1]) < 0.3
        assert not np.array_equal(a, planck.field.draw(other))


def test_residual_sky_can_be_switched_off(planck):
    quiet = Instrument.named("planck_milca", with_residual_sky=False)
    assert quiet.field.rms < 0.87 * planck.field.rms
    assert quiet.settings() != planck.settings()


def test_observing_adds_noise_to_the_smoothed_map(planck):
    grid = planck.theory_grid
    cluster = Cluster("one", 0.2)
    sky = MapSet(cluster, {Y: theory(grid, np.exp(-0.5 * (grid.radius() / 8) ** 2) * 1e-4)})
    key = Key(9, Stream.INSTRUMENT_NOISE, 1)
    seen = planck.observe(sky, key)[Y]
    np.testing.assert_allclose(seen.values, planck.smooth(sky[Y]).values + planck.field.draw(key), atol=1e-18)
    assert seen.stage == "observed"


def test_a_map_that_is_not_painted_for_it_is_refused(planck):
    with pytest.raises(MapError, match="padded grid"):
        planck.smooth(theory(planck.grid, np.zeros(planck.grid.shape)))
    grid = planck.theory_grid
    observed = Map(np.zeros(grid.shape), Y, UNIT_OF[Y], grid, "observed")
    with pytest.raises(MapError, match="padded grid"):
        planck.smooth(observed)
    assert Grid(3, 1 * u.arcmin, "sky") != grid


def test_an_unknown_instrument_is_named_with_a_suggestion():
    with pytest.raises(ConfigError, match="did you mean 'planck_milca'"):
        Instrument.named("planck_milka")


@pytest.mark.data
def test_drawn_noise_matches_the_half_ring_difference(real_data):
    """Planck noise: rms and spectrum of drawn stamps against the half-ring difference of the real Coma maps."""
    from astropy.io import fits

    stem = real_data / "coma_planck"
    first, last = (fits.getdata(stem / f"map2048_MILCA_Coma_20deg_{n}.fits.gz", 1) for n in ("first", "last"))
    real = (first - last) / 2.0
    noise_only = Instrument.named("planck_milca").config
    field = GaussianField(96, noise_only.grid.pixel.value, (noise_only.noise,))
    drawn = np.array([field.draw(Key(4, Stream.TEST, i)) for i in range(100)])
    assert drawn.std() == pytest.approx(real.std(), rel=0.03)

    cuts = np.array([real[i : i + 96, j : j + 96] for i in range(10, 600, 96) for j in range(10, 600, 96)])
    ell = multipoles(96, noise_only.grid.pixel.value)
    window = np.outer(np.hanning(96), np.hanning(96))
    spectra = [(np.abs(np.fft.rfft2(s * window)) ** 2).mean(axis=0) for s in (drawn, cuts)]
    for low, high in ((200, 400), (400, 700), (700, 1000), (1000, 1400), (1400, 1800), (1800, 2400)):
        inside = (ell >= low) & (ell < high)
        assert spectra[0][inside].mean() == pytest.approx(spectra[1][inside].mean(), rel=0.12), (low, high)
    # Negative control: white noise of the same rms has another spectrum.
    inside = (ell >= 200) & (ell < 400)
    white = real.std() ** 2 * (window**2).sum()
    assert white != pytest.approx(spectra[1][inside].mean(), rel=0.5)


@pytest.mark.data
def test_sky_around_real_clusters_is_as_noisy_as_the_mocks(real_data):
    """Residual sky included, the rms of a stamp's outskirts is that around PSZ2 G359 (no Coma in its making)."""
    from astropy.io import fits

    stamp = fits.getdata(real_data / "psz2_g359" / "PSZ2G359.07-32.12.fits").astype(float)
    planck = Instrument.named("planck_milca")
    outskirts = planck.grid.radius() > 50
    drawn = [planck.field.draw(Key(6, Stream.TEST, i))[outskirts].std() for i in range(60)]
    assert abs(stamp[outskirts].std() - np.mean(drawn)) < 3 * np.std(drawn)
    quiet = Instrument.named("planck_milca", with_residual_sky=False)
    without = [quiet.field.draw(Key(6, Stream.TEST, i))[outskirts].std() for i in range(60)]
    assert stamp[outskirts].std() - np.mean(without) > 3 * np.std(
        without
    )  # half-ring noise alone is too little
