"""Microwave telescopes: every number has a source, noise and beam are those specified, what cannot be is refused."""

import math
import pickle
import tomllib
from importlib import resources

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.config import parse
from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.units import UK_CMB
from zwicky.instruments.instrument import Instrument, catalogue_names, read_catalogue
from zwicky.instruments.microwave import (
    BANDS,
    FLAT_BELOW_ELL,
    MICROWAVE,
    MicrowaveInstrument,
    MicrowaveSettings,
)

NAMES = catalogue_names(MICROWAVE)
SPT = "sptpol_150"


def made(**band):
    """An instrument of one band, with changes to it."""
    settings = MicrowaveInstrument.named(SPT).settings()
    settings["bands"] = [{**settings["bands"][0], **band}]
    return MicrowaveInstrument(parse(MicrowaveSettings, settings, where="a test"))


class TestCatalogue:
    def test_the_two_kinds_are_apart(self):
        assert NAMES == ["act_dr6", "so_lat", "spt3g", "sptpol_150"]
        assert "planck_milca" in catalogue_names()
        assert not set(NAMES) & set(catalogue_names())

    def test_no_file_is_of_neither_kind(self):
        files = (resources.files("zwicky.instruments") / "catalogue").iterdir()
        assert {file.name for file in files} == {
            f"{name}.toml" for name in [*NAMES, *catalogue_names(), *catalogue_names("photon")]
        }

    def test_the_kind_is_no_setting(self):
        """A store of y maps that was made before there were kinds keeps its settings."""
        assert "kind" not in Instrument.named("planck_milca").settings()
        assert "kind" not in MicrowaveInstrument.named(SPT).settings()

    @pytest.mark.parametrize("name", NAMES)
    def test_every_number_has_a_source(self, name):
        text = (resources.files("zwicky.instruments") / "catalogue" / f"{name}.toml").read_text()
        table = tomllib.loads(text)
        assert table["name"] == name
        sources = [table["grid"]["source"]]
        for band in table["bands"]:
            sources += [band["frequency_source"], band["beam_source"], band["white_source"]]
            sources += [band["one_over_f"]["source"]] if "one_over_f" in band else []
        assert min(len(source) for source in sources) > 15

    @pytest.mark.parametrize("name", NAMES)
    def test_every_instrument_is_usable(self, name):
        instrument = MicrowaveInstrument.named(name)
        assert instrument.grid.shape == (40, 40)
        assert set(instrument.channels) <= set(BANDS)
        for channel, frequency in zip(instrument.channels, instrument.frequencies_ghz, strict=True):
            assert abs(frequency / float(channel.rsplit("_", 1)[1]) - 1.0) < 0.1
            assert UNIT_OF[channel] == UK_CMB
        assert pickle.loads(pickle.dumps(instrument)) == instrument
        again = parse(MicrowaveSettings, instrument.settings(), where="again")
        assert MicrowaveInstrument(again).settings() == instrument.settings()

    def test_gupta_and_reichardt(self):
        spt = MicrowaveInstrument.named(SPT)
        assert (spt.frequencies_ghz, spt.beams_arcmin) == ((150.0,), (1.0,))
        assert (spt.grid.n_pixels, spt.grid.pixel_value) == (40, 0.25)
        assert spt.bands[0].white_uk_arcmin == 5.0
        assert spt.bands[0].one_over_f is None

    def test_red_noise_of_the_simons_observatory(self):
        """Ade et al. 2019: N_red (ell / 1000)^-3.5 + N_white, 40 % of the sky in 5 years x 0.2 x 0.85."""
        lat = MicrowaveInstrument.named("so_lat")
        seconds = 5 * 365.25 * 86400 * 0.2 * 0.85
        arcmin2_per_s = 4 * math.pi * 0.4 * ARCMIN_PER_RAD**2 / seconds
        ell = np.array([500.0, 1000.0, 3000.0, 8000.0])
        for power, white, red in zip(
            lat.noise_power_uk2_arcmin2(ell), (8, 10, 22), (230, 1500, 17000), strict=True
        ):
            np.testing.assert_allclose(
                power, white**2 + red * arcmin2_per_s * (ell / 1000) ** -3.5, rtol=2e-3
            )

    def test_combined_depth_of_act(self):
        """Median combined depth of 10 uK arcmin: Naess et al. 2025, abstract."""
        weights = [band.white_uk_arcmin**-2 for band in MicrowaveInstrument.named("act_dr6").bands]
        assert sum(weights) ** -0.5 == pytest.approx(10.0, rel=0.05)

    @pytest.mark.parametrize("name", ["spt3g", "sptpol_150", "so_lat"])
    def test_a_microwave_instrument_makes_no_y_map(self, name):
        with pytest.raises(ConfigError, match=r"(?s)not in the catalogue.*planck_milca"):
            read_catalogue(name)


class TestNoiseAndBeam:
    def test_white_noise(self):
        np.testing.assert_array_equal(
            MicrowaveInstrument.named(SPT).noise_power_uk2_arcmin2(np.array([[0.0, 10.0], [3e3, 3e4]])),
            [[[25.0] * 2] * 2],
        )

    def test_one_over_f(self):
        """Twice the white noise at the knee, the slope below, flat where maps are filtered."""
        band = made(one_over_f={"ell_knee": 2000.0, "alpha": 3.0, "source": "a test"}).bands[0]
        at_knee, below, white = band.noise_power_uk2_arcmin2(np.array([2000.0, 1000.0, 1e6]))
        assert at_knee == 50.0
        assert below == 25.0 * 9.0
        assert white == pytest.approx(25.0)
        lowest = band.noise_power_uk2_arcmin2(np.array([0.0, 100.0, FLAT_BELOW_ELL]))
        assert np.ptp(lowest) == 0.0
        assert lowest[0] > below

    def test_beam_falls_to_a_half_at_half_its_width(self):
        """The transform of exp(-theta^2 / 2 sigma^2), of area 1: back in real space, a half at FWHM / 2."""
        spt = made(beam_fwhm="1.2 arcmin")
        ell = np.linspace(0.0, 60000.0, 20001)
        beam = spt.beam(ell)[0]
        assert beam[0] == 1.0
        from scipy.special import j0

        def at(theta_arcmin):
            return np.sum(ell * beam * j0(ell * theta_arcmin / ARCMIN_PER_RAD))

        assert at(0.6) / at(0.0) == pytest.approx(0.5, rel=1e-3)
        assert at(0.66) / at(0.0) != pytest.approx(0.5, rel=1e-2)

    def test_bands_come_first(self):
        lat, ell = MicrowaveInstrument.named("so_lat"), np.full((4, 5), 2000.0)
        assert lat.beam(ell).shape == lat.noise_power_uk2_arcmin2(ell).shape == (3, 4, 5)


class TestChoices:
    def test_some_bands_in_any_order(self):
        lat = MicrowaveInstrument.named("so_lat").with_bands(["temperature_220", MapQuantity.TEMPERATURE_90])
        assert lat.channels == (MapQuantity.TEMPERATURE_220, MapQuantity.TEMPERATURE_90)
        assert lat.frequencies_ghz == (225.0, 93.0)
        assert lat.settings() != MicrowaveInstrument.named("so_lat").settings()

    def test_another_grid(self):
        lat = MicrowaveInstrument.named("so_lat")
        wider, finer = lat.with_grid(80), lat.with_grid(60, 0.2 * u.arcmin)
        assert (wider.grid.n_pixels, wider.grid.pixel_value) == (80, 0.25)
        assert (finer.grid.n_pixels, finer.grid.pixel_value) == (60, 0.2)
        assert lat.with_grid(20, 30 * u.arcsec).grid.pixel_value == pytest.approx(0.5)
        assert finer.settings() != lat.settings()


class TestRefusals:
    def test_unknown_instrument(self):
        with pytest.raises(ConfigError, match=r"(?s)not in the catalogue.*did you mean 'spt3g'"):
            MicrowaveInstrument.named("spt_3g")

    def test_unknown_band(self):
        lat = MicrowaveInstrument.named("so_lat")
        with pytest.raises(ConfigError, match=r"(?s)no such band.*so_lat.*did you mean 'temperature_150'"):
            lat.with_bands(["temperature_15"])
        with pytest.raises(ConfigError, match=r"(?s)no such band.*temperature_150\n"):
            MicrowaveInstrument.named(SPT).with_bands(["temperature_90"])

    @pytest.mark.parametrize("names", [[], ["temperature_150", "temperature_150"]])
    def test_no_band_or_one_twice(self, names):
        with pytest.raises(ConfigError, match="cannot be observed"):
            MicrowaveInstrument.named("so_lat").with_bands(names)

    def test_a_band_that_is_no_temperature(self):
        with pytest.raises(ConfigError, match=r"(?s)cannot be observed.*temperature_220.*got: +compton_y"):
            made(name="compton_y")

    @pytest.mark.parametrize("pixel", [0.51, 1.0, 30.0])
    def test_too_coarse_a_pixel(self, pixel):
        text = (
            r"(?s)too coarse.*sptpol_150: temperature_150.*at most half a beam, 0\.5 arcmin.*smaller pixels"
        )
        with pytest.raises(MapError, match=text):
            MicrowaveInstrument.named(SPT).with_grid(40, pixel * u.arcmin)

    def test_half_a_beam_is_fine(self):
        assert MicrowaveInstrument.named(SPT).with_grid(40, 0.5 * u.arcmin).grid.pixel_value == 0.5

    @pytest.mark.parametrize(
        ("changes", "where"),
        [
            ({"white_uk_arcmin": 0.0}, "white_uk_arcmin"),
            ({"white_uk_arcmin": -5.0}, "white_uk_arcmin"),
            ({"white_uk_arcmin": math.nan}, "white_uk_arcmin"),
            ({"frequency_ghz": -150.0}, "frequency_ghz"),
            ({"frequency_ghz": math.inf}, "frequency_ghz"),
            ({"beam_fwhm": "0 arcmin"}, "beam_fwhm"),
            ({"one_over_f": {"ell_knee": 0.0, "alpha": 3.0, "source": "a test"}}, "one_over_f.ell_knee"),
            ({"one_over_f": {"ell_knee": 9.0, "alpha": -3.0, "source": "a test"}}, "one_over_f.alpha"),
        ],
    )
    def test_numbers_that_cannot_be(self, changes, where):
        with pytest.raises(ConfigError, match=rf"(?s)cannot have this number.*temperature_150\.{where}"):
            made(**changes)

    def test_a_grid_that_is_none(self):
        with pytest.raises(MapError, match="measured in another unit"):
            MicrowaveInstrument.named(SPT).with_grid(40, 0.1 * u.Mpc)
