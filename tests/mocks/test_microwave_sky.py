"""Drawn microwave skies have the spectra, covariances and noise that they promise, whatever the order."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units as u
from scipy.special import j0

from zwicky.core.config import parse
from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.microwave import MicrowaveInstrument, MicrowaveSettings
from zwicky.instruments.spectrum import multipoles
from zwicky.mocks.microwave_sky import MicrowaveSky, semidefinite_cholesky
from zwicky.physics.cmb import lensed_tt_d_ell_uk2
from zwicky.physics.foregrounds import Foregrounds

NOTHING = Foregrounds.named("none")
GEORGE = Foregrounds.named("george15")
BINS = ((200, 2000), (2000, 4000), (4000, 8000), (8000, 14000), (14000, 21000))


def keys(n, seed=1):
    return [Key(seed, Stream.MICROWAVE_SKY, i) for i in range(n)]


def spt3g(**changes):
    """SPT-3G on pixels of half an arcminute, all bands changed alike."""
    settings = MicrowaveInstrument.named("spt3g").with_grid(20, 0.5 * u.arcmin).settings()
    settings["bands"] = [{**band, **changes} for band in settings["bands"]]
    return MicrowaveInstrument(parse(MicrowaveSettings, settings, where="a test"))


@dataclass(frozen=True)
class Drawn:
    """Mean power of drawn squares beside what a sky promises."""

    sky: MicrowaveSky
    ell: np.ndarray
    power: np.ndarray  # (band, band, ky, kx)

    @classmethod
    def of(cls, sky, n):
        size, pixel, total = sky.n_periodic, sky.grid.pixel_value, 0.0
        for key in keys(n):
            modes = np.fft.rfft2(sky.draw_square(key))
            total = total + (modes[:, None] * modes[None].conj()).real
        return cls(sky, multipoles(size, pixel), total / n * (pixel / size) ** 2)

    def ratios(self, sky=None):
        """Drawn over promised power, (bin, band, band): each mode divided by what is expected of it."""
        expected = (sky or self.sky).power_uk2_arcmin2(self.ell)
        inside = [(self.ell >= low) & (self.ell < high) for low, high in BINS]
        return np.array(
            [(self.power[..., these] / np.moveaxis(expected[these], 0, -1)).mean(-1) for these in inside]
        )


@pytest.fixture(scope="module")
def real():
    """As the telescope sees it."""
    return Drawn.of(MicrowaveSky(spt3g(), GEORGE), 200)


@pytest.fixture(scope="module")
def quiet():
    """Without noise, so that weak signals and cross-spectra show."""
    return Drawn.of(MicrowaveSky(spt3g(white_uk_arcmin=1e-4), GEORGE), 200)


class TestSpectra:
    def test_auto_spectra_with_noise(self, real):
        autos = np.diagonal(real.ratios(), axis1=1, axis2=2)
        np.testing.assert_allclose(autos, 1.0, atol=0.02)

    def test_auto_and_cross_spectra_of_the_signal(self, quiet):
        np.testing.assert_allclose(quiet.ratios(), 1.0, atol=0.02)

    def test_noise_does_not_correlate_bands(self, real):
        """Correlation coefficients as promised, also where noise rules; as strong as the signal's they would not be."""
        expected = np.moveaxis(real.sky.power_uk2_arcmin2(real.ell), (-2, -1), (0, 1))
        drawn, promised = (
            p / np.sqrt(np.einsum("iikl->ikl", expected)[:, None] * np.einsum("iikl->ikl", expected)[None])
            for p in (real.power, expected)
        )
        for low, high in BINS:
            these = (real.ell >= low) & (real.ell < high)
            np.testing.assert_allclose(
                drawn[..., these].mean(-1), promised[..., these].mean(-1), atol=0.02, err_msg=f"{low}"
            )
        high = (real.ell > 14000) & (real.ell < 21000)
        assert abs(drawn[0, 1, high].mean()) < 0.1

    @pytest.mark.parametrize("band", [0, 1, 2])
    def test_a_beam_ten_per_cent_wrong_shows(self, quiet, band):
        """Negative control."""
        settings = quiet.sky.instrument.settings()
        wrong = 1.1 * quiet.sky.instrument.beams_arcmin[band]
        settings["bands"][band]["beam_fwhm"] = f"{wrong} arcmin"
        sky = MicrowaveSky(MicrowaveInstrument(parse(MicrowaveSettings, settings, where="a test")), GEORGE)
        off = np.abs(quiet.ratios(sky)[:, band, band] - 1.0)
        assert (off[2:] > 0.02).all()
        assert off[-1] > 0.3

    def test_other_foregrounds_show(self, quiet):
        """Negative control."""
        sky = MicrowaveSky(quiet.sky.instrument, Foregrounds.named("reichardt20"))
        assert (np.abs(quiet.ratios(sky)[2:] - 1.0) > 0.02).all()

    def test_expected_power_is_cmb_foregrounds_and_noise(self):
        """C_ell = 2 pi D_ell / ell (ell + 1), in square arcminutes; the beam smooths the sky and not the noise."""
        sky, ell = MicrowaveSky(spt3g(), GEORGE), np.array([1000.0, 3000.0])
        power = sky.power_uk2_arcmin2(ell)
        assert power.shape == (2, 3, 3)
        d_ell = lensed_tt_d_ell_uk2(ell) + GEORGE.d_ell_uk2(ell, (95.0, 220.0))[:, 0, 1]
        sigma = np.array([1.57, 1.04]) / np.sqrt(8.0 * np.log(2.0)) / ARCMIN_PER_RAD
        beams = np.exp(-0.5 * ell**2 * (sigma**2).sum())
        expected = 2.0 * np.pi * d_ell / (ell * (ell + 1.0)) * ARCMIN_PER_RAD**2 * beams
        np.testing.assert_allclose(power[:, 0, 2], expected, rtol=1e-12)
        without = MicrowaveSky(spt3g(), NOTHING, with_cmb=False).power_uk2_arcmin2(ell)
        np.testing.assert_allclose(
            without[0], np.diag([9.0 * (1 + 1.2**3), 4.84 * (1 + 2.2**4), 77.44 * (1 + 2.3**4)])
        )
        np.testing.assert_array_equal(sky.power_uk2_arcmin2(np.zeros(1))[0, 0, 1], 0.0)


class TestCovariance:
    def test_variance_and_covariance_of_pixels(self, real):
        """Over whole squares: the mean product of pixels some lag apart, within 4 standard errors."""
        n = real.sky.n_periodic
        expected = real.sky.covariance()
        assert expected.shape == (3, 3, n, n)
        drawn = np.fft.irfft2(real.power, s=(n, n)) / real.sky.grid.pixel_value**2
        variance = np.diagonal(expected, axis1=0, axis2=1)
        # Of a mean over 200 periodic squares: at most twice the mean square of the covariance (Isserlis).
        error = 4.0 * np.sqrt(2.0 * (variance**2).mean(axis=(0, 1)).max() / 200)
        assert error < 0.12 * variance[0, 0].min()
        for lag in ((0, 0), (0, 3), (5, -7), (0, 19)):
            np.testing.assert_allclose(drawn[:, :, *lag], expected[:, :, *lag], atol=error)
        assert np.abs(drawn[..., 0, 0] - 1.2 * expected[..., 0, 0]).min() > error

    def test_of_stamps(self):
        """Without the stamp's mean, of which there is one number only; within 4 standard errors."""
        sky = MicrowaveSky(spt3g(), GEORGE)
        stamps = sky.draw_many(keys(300))
        lags = np.arange(20)
        matrix = sky.covariance()[..., lags[:, None] - lags[None], :][..., lags[:, None] - lags[None]]
        about_mean = sky.covariance()[..., 0, 0] - matrix.mean(axis=(2, 3, 4, 5))
        rest = stamps - stamps.mean(axis=(2, 3), keepdims=True)
        drawn = np.einsum("niyx,njyx->nij", rest, rest) / (20 * 20)
        error = 4.0 * drawn.std(axis=0) / np.sqrt(300)
        assert (np.abs(drawn.mean(axis=0) - about_mean) < error).all()
        assert (np.abs(drawn.mean(axis=0) - 1.3 * about_mean) > error).all()

    @pytest.mark.parametrize(("width", "kept"), [(20.0, 0.59), (40.0, 0.91), (96.0, 1.00)])
    def test_how_much_of_the_cmb_a_square_keeps(self, width, kept):
        """The docstring's table: variance about the mean of 10 arcmin, against the sky's own correlation function."""
        sky = MicrowaveSky(MicrowaveInstrument.named("sptpol_150"), NOTHING, padded_arcmin=width)
        axis = np.arange(0, 40, 4)
        lag = axis[:, None] - axis[None]
        periodic = sky.covariance()[0, 0]
        of_square = periodic[0, 0] - periodic[lag[:, None, :, None], lag[None, :, None, :]].mean()

        ell = np.arange(2.0, 12000.0)
        weight = ell / (2.0 * np.pi * ARCMIN_PER_RAD**2) * sky.signal_power_uk2_arcmin2(ell)[:, 0, 0]
        angle = 0.25 / ARCMIN_PER_RAD * np.hypot(lag[:, None, :, None], lag[None, :, None, :])
        angles, which = np.unique(angle, return_inverse=True)
        xi = np.array([weight @ j0(ell * one) for one in angles])
        noise = sky.instrument.bands[0].white_uk_arcmin ** 2 / 0.25**2
        of_sky = xi[0] - xi[which].mean()
        assert (of_square - noise * (1 - 1 / axis.size**2)) / of_sky == pytest.approx(kept, abs=0.006)


class TestNoise:
    def test_white_noise_of_five(self):
        """5 uK arcmin are 20 uK in a pixel of a quarter arcminute; pixels are independent."""
        sky = MicrowaveSky(MicrowaveInstrument.named("sptpol_150"), NOTHING, with_cmb=False)
        stamps = sky.draw_many(keys(40))[:, 0]
        assert stamps.std() == pytest.approx(20.0, rel=0.01)
        assert abs((stamps[:, 1:] * stamps[:, :-1]).mean()) < 0.02 * 400
        np.testing.assert_allclose(sky.covariance()[0, 0, :2, :2], [[400.0, 0.0], [0.0, 0.0]], atol=1e-9)

    def test_the_stream_of_noise_is_its_own(self):
        """Twice the noise on the same sky: the difference is the noise, and not part of the sky."""
        key = Key(7, Stream.MICROWAVE_SKY, 3, 2)
        draws = [
            MicrowaveSky(spt3g(white_uk_arcmin=level, one_over_f=None), GEORGE).draw(key)
            for level in (5.0, 10.0, 1e-6)
        ]
        noise = draws[1] - draws[0]
        np.testing.assert_allclose(draws[0] - noise, draws[2], atol=1e-4)
        assert noise.std() == pytest.approx(10.0, rel=0.1)
        corr = np.corrcoef(np.concatenate([noise.reshape(3, -1), draws[2].reshape(3, -1)]))
        assert np.abs(corr[:3, 3:]).max() < 0.2
        assert np.abs(corr[:3, :3] - np.eye(3)).max() < 0.2


class TestBandsSeeOneSky:
    def test_cmb_alone_is_the_same_in_bands_of_one_beam(self):
        """The covariance of the bands has rank 1."""
        instrument = spt3g(beam_fwhm="1.2 arcmin", white_uk_arcmin=1e-6, one_over_f=None)
        maps = MicrowaveSky(instrument, NOTHING).draw(keys(1)[0])
        assert maps[0].std() > 10.0
        np.testing.assert_allclose(maps[1:], np.broadcast_to(maps[0], (2, 20, 20)), atol=2e-5)

    def test_foregrounds_tell_them_apart(self):
        """Negative control: dust and radio sources are not of the CMB's colour."""
        instrument = spt3g(beam_fwhm="1.2 arcmin", white_uk_arcmin=1e-6, one_over_f=None)
        maps = MicrowaveSky(instrument, GEORGE).draw(keys(1)[0])
        assert (maps[2] - maps[1]).std() > 3.0

    def test_a_beam_only_smooths(self):
        """Multiplying the modes of one band by the ratio of the beams gives the other."""
        instrument = spt3g(white_uk_arcmin=1e-6, one_over_f=None)
        square = MicrowaveSky(instrument, NOTHING).draw_square(keys(1)[0])
        beam = instrument.beam(multipoles(192, 0.5))
        modes = np.fft.rfft2(square[2]) * beam[0] / beam[2]
        np.testing.assert_allclose(np.fft.irfft2(modes, s=(192, 192)), square[0], atol=1e-3)


class TestKeys:
    SKY = MicrowaveSky(MicrowaveInstrument.named("so_lat"), GEORGE)

    def test_same_key_same_sky(self):
        key = Key(3, Stream.MICROWAVE_SKY, 5, 1)
        first = self.SKY.draw(key)
        self.SKY.draw(keys(1)[0])
        assert first.shape == (3, 40, 40)
        np.testing.assert_array_equal(first, self.SKY.draw(key))
        np.testing.assert_array_equal(first, pickle.loads(pickle.dumps(self.SKY)).draw(key))

    @pytest.mark.parametrize("other", [(4, 5, 1), (3, 6, 1), (3, 5, 2)])
    def test_other_key_other_sky(self, other):
        a = self.SKY.draw(Key(3, Stream.MICROWAVE_SKY, 5, 1))
        b = self.SKY.draw(Key(other[0], Stream.MICROWAVE_SKY, *other[1:]))
        assert not np.isclose(a, b).mean() > 0.01

    def test_many_are_each_bit_by_bit(self):
        some = keys(5)
        many = self.SKY.draw_many(some)
        assert many.shape == (5, 3, 40, 40)
        for one, key in zip(many, some, strict=True):
            np.testing.assert_array_equal(one, self.SKY.draw(key))
        np.testing.assert_array_equal(self.SKY.draw_many(some[::-1])[::-1], many)
        assert self.SKY.draw_many([]).shape == (0, 3, 40, 40)

    def test_a_stamp_is_the_middle_of_its_square(self):
        square = self.SKY.draw_square(keys(1)[0])
        assert square.shape == (3, 384, 384)
        np.testing.assert_allclose(
            square[:, 172:212, 172:212], self.SKY.draw(keys(1)[0]), rtol=1e-9, atol=1e-9
        )

    def test_the_key_of_the_noise_is_refused(self):
        with pytest.raises(ValueError, match="not that of its noise"):
            self.SKY.draw(Key(3, Stream.MICROWAVE_NOISE, 5))


class TestSquare:
    @pytest.mark.parametrize(
        ("n_pixels", "pixel", "padded", "n"),
        [
            (40, 0.25, 96.0, 384),
            (40, 0.25, 1.0, 80),
            (300, 0.25, 96.0, 600),
            (41, 0.3, 96.0, 320),
            (20, 0.5, 97.0, 200),
        ],
    )
    def test_it_is_wide_enough(self, n_pixels, pixel, padded, n):
        instrument = MicrowaveInstrument.named("sptpol_150").with_grid(n_pixels, pixel * u.arcmin)
        sky = MicrowaveSky(instrument, NOTHING, padded_arcmin=padded)
        assert sky.n_periodic == n
        assert n % 2 == 0
        assert n >= 2 * n_pixels
        assert n * pixel >= padded - 1e-9

    @pytest.mark.parametrize("padded", [0.0, -1.0, np.nan, np.inf, 1300.0])
    def test_a_width_that_cannot_be(self, padded):
        with pytest.raises(ConfigError, match=r"(?s)cannot be as wide.*0 < width <= 1200 arcmin"):
            MicrowaveSky(MicrowaveInstrument.named("sptpol_150"), NOTHING, padded_arcmin=padded)

    def test_a_stamp_that_is_not_flat(self):
        with pytest.raises(ConfigError, match=r"(?s)cannot be as wide.*stamps of 625 arcmin"):
            MicrowaveSky(MicrowaveInstrument.named("sptpol_150").with_grid(2500), NOTHING)

    def test_a_frequency_that_foregrounds_do_not_know(self):
        with pytest.raises(ConfigError, match=r"(?s)not known at these frequencies.*30"):
            MicrowaveSky(spt3g(frequency_ghz=30.0), GEORGE)


def test_settings_say_everything():
    instrument = MicrowaveInstrument.named("spt3g")
    base = MicrowaveSky(instrument, GEORGE)
    others = [
        MicrowaveSky(instrument, Foregrounds.named("reichardt20")),
        MicrowaveSky(instrument, Foregrounds.named("george15", index_scatter=0.2)),
        MicrowaveSky(instrument, GEORGE, with_cmb=False),
        MicrowaveSky(instrument, GEORGE, padded_arcmin=40.0),
        MicrowaveSky(instrument.with_bands(["temperature_150"]), GEORGE),
        MicrowaveSky(instrument.with_grid(42), GEORGE),
    ]
    assert all(other.settings() != base.settings() for other in others)
    assert MicrowaveSky(instrument, Foregrounds.named("george15")).settings() == base.settings()


class TestCholesky:
    @pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
    def test_any_rank(self, rank):
        parts = np.random.default_rng(rank).normal(size=(50, 4, rank))
        matrices = parts @ parts.swapaxes(-1, -2) * np.geomspace(1e-12, 1e12, 50)[:, None, None]
        root = semidefinite_cholesky(matrices)
        np.testing.assert_array_equal(root, np.tril(root))
        scale = np.abs(matrices).max(axis=(-2, -1), keepdims=True) + 1e-300
        np.testing.assert_allclose(root @ root.swapaxes(-1, -2) / scale, matrices / scale, atol=1e-6)

    def test_definite_matrices_have_the_usual_root(self):
        parts = np.random.default_rng(1).normal(size=(20, 3, 5))
        matrices = parts @ parts.swapaxes(-1, -2)
        np.testing.assert_allclose(semidefinite_cholesky(matrices), np.linalg.cholesky(matrices), atol=1e-12)

    def test_the_first_may_be_nothing(self):
        root = semidefinite_cholesky(np.diag([0.0, 4.0, 0.0]))
        np.testing.assert_array_equal(root, np.diag([0.0, 2.0, 0.0]))
