"""X-ray telescopes of the catalogue: every number has a source, published numbers come out, bad ones are refused."""

import math
import pickle
import tomllib
from importlib import resources

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.quantities import MapQuantity
from zwicky.instruments.instrument import catalogue_names
from zwicky.instruments.photon import PHOTON, PhotonInstrument, PhotonSettings

NAMES = catalogue_names(PHOTON)


def sources(table):
    """Every text that says where numbers come from, at any depth, and every table without one."""
    found = [str(value) for key, value in table.items() if key == "source" or key.endswith("_source")]
    for value in table.values():
        found += sources(value) if isinstance(value, dict) else []
    return found


def tables_of_numbers(table, name=""):
    """Yield tables that hold numbers."""
    if any(isinstance(value, int | float | list) for value in table.values()):
        yield name, table
    for key, value in table.items():
        if isinstance(value, dict):
            yield from tables_of_numbers(value, f"{name}.{key}")


class TestCatalogue:
    def test_names(self):
        assert NAMES == ["chandra_acisi", "erosita_efeds", "rosat_pspc", "xmm_mos"]
        assert not set(NAMES) & {*catalogue_names(), *catalogue_names("microwave")}

    @pytest.mark.parametrize("name", NAMES)
    def test_every_number_has_a_source(self, name):
        text = (resources.files("zwicky.instruments") / "catalogue" / f"{name}.toml").read_text("utf-8")
        table = tomllib.loads(text)
        assert table["name"] == name
        for where, part in tables_of_numbers(table):
            assert any("source" in key for key in part), where
        assert min(len(source) for source in sources(table)) > 10

    @pytest.mark.parametrize("name", NAMES)
    def test_what_was_recalled_says_so(self, name):
        text = (resources.files("zwicky.instruments") / "catalogue" / f"{name}.toml").read_text("utf-8")
        for source in sources(tomllib.loads(text)):
            assert "recalled" not in source or "not seen" in source or "seen in it" in source

    @pytest.mark.parametrize("name", NAMES)
    def test_every_instrument_is_usable(self, name):
        instrument = PhotonInstrument.named(name)
        n_bands = len(instrument.bands_kev)
        assert instrument.grid.kind == "sky"
        assert instrument.channels == tuple(MapQuantity(f"counts_{i}") for i in range(n_bands))
        assert instrument.response.shape == (n_bands, instrument.energy_edges_kev.size - 1)
        assert instrument.response.min() >= 0.0
        assert instrument.particle_rate.shape == (n_bands,)
        assert instrument.exposure_map(0).shape == instrument.grid.shape
        again = parse(PhotonSettings, instrument.settings(), where="again")
        assert PhotonInstrument(again).settings() == instrument.settings()
        loaded = pickle.loads(pickle.dumps(instrument))
        assert loaded == instrument
        np.testing.assert_array_equal(loaded.response, instrument.response)

    def test_bands_of_krippendorf(self):
        bands = PhotonInstrument.named("erosita_efeds").bands_kev
        np.testing.assert_allclose(bands, 0.250 + 0.205 * (np.arange(10)[:, None] + [0, 1]))

    def test_stamps(self):
        shapes = {name: PhotonInstrument.named(name).grid.n_pixels for name in NAMES}
        assert shapes == {"chandra_acisi": 128, "erosita_efeds": 50, "rosat_pspc": 128, "xmm_mos": 128}
        assert PhotonInstrument.named("erosita_efeds").grid.pixel_value == pytest.approx(6 * 4 / 60)


class TestNumbers:
    @pytest.mark.parametrize(
        ("name", "response", "energies", "areas"),
        [
            ("chandra_acisi", "cycle0", [0.5, 1, 1.5, 2, 3, 5, 7], [98, 424, 621, 420, 348, 319, 101]),
            ("chandra_acisi", "cycle19", [0.5, 1, 1.5, 2, 3, 5, 7], [4.0, 111, 382, 333, 322, 329, 118]),
            ("erosita_efeds", "seven", [0.3, 0.5, 1, 1.5, 2, 3, 5], [146, 1082, 2189, 2504, 1982, 683, 432]),
            ("rosat_pspc", "pspcb", [0.15, 0.28, 0.5, 0.93, 1, 1.5, 2], [90, 255, 38, 194, 208, 182, 60]),
            ("xmm_mos", "thin", [0.5, 1, 1.5, 2, 3, 5, 7], [181, 369.5, 543.5, 438, 374, 333.5, 153]),
        ],
    )
    def test_areas_of_the_files(self, name, response, energies, areas):
        found = PhotonInstrument.named(name).config.responses[response].area(np.array(energies))
        np.testing.assert_allclose(found, areas, rtol=0.02, atol=1.0)

    def test_particles(self):
        """Sums over the file of ACIS; eROSITA flat; XMM's lines of Al and Si."""
        chandra = PhotonInstrument.named("chandra_acisi").with_bands([(0.5, 2.0), (2.0, 7.0)])
        np.testing.assert_allclose(chandra.particle_rate, [6.05e-4, 1.79e-3], rtol=0.01)
        assert PhotonInstrument.named("chandra_acisi").particle_rate == pytest.approx(2.39e-3, rel=2e-3)
        erosita = PhotonInstrument.named("erosita_efeds")
        np.testing.assert_allclose(erosita.particle_rate, 4.3e-4 * 0.205)
        mos = PhotonInstrument.named("xmm_mos").with_bands([(0.5, 2.0), (2.0, 7.0)])
        np.testing.assert_allclose(mos.particle_rate, 4.6e-4, rtol=0.02)

    def test_mean_vignetting_of_the_scan(self):
        """Column CORRVIGN of the survey's file: 0.564 at 1 keV; the bands follow it."""
        erosita = PhotonInstrument.named("erosita_efeds")
        for energy, mean in [(0.5, 0.5508), (1.0, 0.5639), (2.0, 0.5149), (6.0, 0.2744)]:
            radius = (np.arange(4000) + 0.5) / 4000 * 30.9
            factor = erosita.vignetting(radius, energy)
            assert np.average(factor, weights=radius) == pytest.approx(mean, abs=1e-3)
        factors = [erosita.scan_factor(band) for band in range(10)]
        means = np.interp(
            erosita.band_energies_kev,
            [0.3, 0.5, 0.7, 1, 1.5, 2, 2.3],
            [0.5405, 0.5508, 0.5575, 0.5639, 0.5475, 0.5149, 0.4872],
        )
        np.testing.assert_allclose(factors, means, atol=4e-3)

    def test_vignetting_of_chandra(self):
        """1 keV: 0.945 at 5, 0.855 at 10 arcmin; 6 keV: 0.885 and 0.681."""
        chandra = PhotonInstrument.named("chandra_acisi")
        found = chandra.vignetting(np.array([0.0, 5.0, 10.0])[:, None], np.array([1.0, 6.0]))
        np.testing.assert_allclose(found, [[1, 1], [0.945, 0.885], [0.855, 0.681]], atol=2e-3)
        assert chandra.vignetting(7.5, 6.0) == pytest.approx(0.5 * (0.885 + 0.681))
        low, high = chandra.vignetting(10.0, 0.5), chandra.vignetting(10.0, 7.0)
        assert high < chandra.band_vignetting(0, 10.0) < low

    def test_counts_per_s(self):
        """A line in the middle of a wide band counts the area; (..., e) becomes (band, ...)."""
        xmm = PhotonInstrument.named("xmm_mos").with_bands([(0.5, 2.5), (2.5, 7.0)])
        photons = np.zeros((3, xmm.energy_edges_kev.size - 1))
        photons[:, np.searchsorted(xmm.energy_edges_kev, 1.5) - 1] = [0.0, 1.0, 2.0]
        counts = xmm.counts_per_s(photons)
        assert counts.shape == (2, 3)
        np.testing.assert_allclose(counts[0], [0.0, 543.5, 1087.0], rtol=0.02)
        np.testing.assert_allclose(counts[1], 0.0, atol=1e-9)


class TestExposure:
    def test_scan_is_uniform(self):
        erosita = PhotonInstrument.named("erosita_efeds")
        found = erosita.exposure_map(3, pointing=(40.0, 3.0))
        assert np.ptp(found) == 0.0
        assert found[0, 0] == pytest.approx(2600.0 * 0.564, rel=0.01)
        np.testing.assert_array_equal(erosita.live_time_map(), 2600.0)

    def test_pointing(self):
        """The axis falls where it is said to be; the field ends 15 arcmin from it."""
        xmm = PhotonInstrument.named("xmm_mos")
        found = xmm.exposure_map(0, pointing=(5.0, -3.0))
        distance = xmm.grid.radius(5.0, -3.0)
        assert np.unravel_index(found.argmax(), found.shape) == np.unravel_index(
            distance.argmin(), found.shape
        )
        assert found.max() == pytest.approx(25000.0, rel=0.01)
        assert np.all((found > 0.0) == (distance <= 15.0))
        np.testing.assert_array_equal(
            xmm.live_time_map((5.0, -3.0)), np.where(distance <= 15.0, 25000.0, 0.0)
        )
        inside = distance < 15.0
        np.testing.assert_allclose(found[inside], 25000.0 * xmm.band_vignetting(0, distance[inside]))

    def test_one_pointing_of_chandra(self):
        chandra = (
            PhotonInstrument.named("chandra_acisi").with_mode("pointed").with_grid(160, 7.872 * u.arcsec)
        )
        time = chandra.live_time_map()
        area = time.sum() / 1e5 * chandra.grid.pixel_value**2
        assert area == pytest.approx(4 * (1024 * 0.492 / 60) ** 2, rel=1e-3)
        assert np.all(chandra.exposure_map(0) <= time)
        assert chandra.exposure_map(0).max() == pytest.approx(1e5, rel=0.01)
        # The gap, 10.8 arcsec wide, 28 arcsec below the axis.
        row = np.argmin(np.abs((np.arange(160) - 79.5) * chandra.grid.pixel_value + 0.4674))
        assert time[row - 1 : row + 2].max(axis=1).min() < 0.2e5

    def test_window_of_rosat(self):
        rosat = PhotonInstrument.named("rosat_pspc")
        found, distance = rosat.exposure_map(0), rosat.grid.radius()
        ring = found[(distance > 20.0) & (distance < 21.5)].mean()
        assert ring < 0.75 * found[(distance > 14.0) & (distance < 15.0)].mean()
        assert rosat.live_time_map()[distance < 50.0].min() == pytest.approx(1e4, rel=1e-6)

    def test_scan_sees_the_supports_of_the_window(self):
        """A scan with ROSAT is the mean of its pointing: ring and ribs take a tenth."""
        rosat = PhotonInstrument.named("rosat_pspc").with_grid(140, 1 * u.arcmin)
        mean = rosat.exposure_map(0).sum() / rosat.live_time_map().sum()
        assert rosat.scan_factor(0) == pytest.approx(mean, rel=5e-3)

    def test_scan_sees_mean_of_the_field(self):
        """A mosaic of pointings is their mean, and its point spread is wider than on axis."""
        chandra = PhotonInstrument.named("chandra_acisi")
        mosaic = chandra.with_mode("scan")
        pointed = chandra.with_mode("pointed").with_grid(256, 5 * u.arcsec)
        time = pointed.live_time_map()
        mean = pointed.exposure_map(0).sum() / time.sum()
        assert mosaic.scan_factor(0) == pytest.approx(mean, abs=2e-3)
        assert mosaic.encircled_energy(0, 2.0) < 0.7 * pointed.encircled_energy(0, 2.0, 0.0)
        assert mosaic.encircled_energy(0, 2.0, 0.0) == mosaic.encircled_energy(0, 2.0, 9.0)
        inside, outside = pointed.encircled_energy(0, 2.0, 1.0), pointed.encircled_energy(0, 2.0, 12.0)
        assert outside < mosaic.encircled_energy(0, 2.0) < inside


class TestKernel:
    @pytest.mark.parametrize("name", NAMES)
    def test_is_what_the_stamp_needs(self, name):
        instrument = PhotonInstrument.named(name)
        kernel = instrument.psf_kernel(0)
        assert kernel.shape[0] % 2 == 1
        assert kernel.sum() == pytest.approx(1.0)
        assert kernel.shape[0] <= instrument.grid.n_pixels
        assert kernel[kernel.shape[0] // 2, kernel.shape[0] // 2] == kernel.max()

    def test_wider_off_axis_and_in_smaller_pixels(self):
        rosat = PhotonInstrument.named("rosat_pspc")
        assert rosat.psf_kernel(0, 30.0).max() < 0.5 * rosat.psf_kernel(0, 0.0).max()
        assert rosat.psf_kernel(0, 0.0, 0.25).shape > rosat.psf_kernel(0).shape


class TestChoices:
    def test_responses(self):
        """Contamination took most of the soft photons between 1999 and cycle 19."""
        cycle19 = PhotonInstrument.named("chandra_acisi")
        cycle0 = PhotonInstrument.named("chandra_acisi", response="cycle0")
        assert cycle19.config.response == "cycle19"
        assert cycle0 == cycle19.with_response("cycle0")
        soft = [each.with_bands([(0.5, 0.8)]) for each in (cycle19, cycle0)]
        counts = [np.diff(-1.0 / each.energy_edges_kev) @ each.response[0] for each in soft]
        assert counts[0] < 0.2 * counts[1]

    def test_others(self):
        erosita = PhotonInstrument.named("erosita_efeds")
        few = erosita.with_bands(erosita.bands_kev[1:3]).with_exposure(1e4).with_grid(300, 4 * u.arcsec)
        assert few.channels == (MapQuantity.COUNTS_0, MapQuantity.COUNTS_1)
        assert few.exposure_s == 1e4
        assert few.grid.n_pixels == 300
        assert few.with_grid(60).grid.pixel_value == pytest.approx(4 / 60)
        assert few.settings() != erosita.settings()
        one, all_ten = few.with_bands(few.bands_kev[:1]), erosita
        shared = np.isin(all_ten.energy_edges_kev[:-1], one.energy_edges_kev[:-1])
        np.testing.assert_allclose(one.response[0], all_ten.response[1][shared])


class TestRefusals:
    def test_unknown_instrument(self):
        with pytest.raises(ConfigError, match=r"(?s)not in the catalogue.*did you mean 'chandra_acisi'"):
            PhotonInstrument.named("chandra_aciss")

    def test_unknown_response(self):
        with pytest.raises(
            ConfigError, match=r"(?s)no such response.*cycle19, cycle0.*did you mean 'cycle19'"
        ):
            PhotonInstrument.named("chandra_acisi", response="cycle18")

    def test_unknown_mode(self):
        with pytest.raises(ConfigError, match=r"(?s)cannot observe in this way.*pointed, scan.*'drift'"):
            PhotonInstrument.named("xmm_mos").with_mode("drift")

    @pytest.mark.parametrize("exposure_s", [0.0, -1.0, math.nan, math.inf])
    def test_exposure(self, exposure_s):
        with pytest.raises(ConfigError, match=r"(?s)exposure must be positive.*erosita_efeds: exposure_s"):
            PhotonInstrument.named("erosita_efeds").with_exposure(exposure_s)

    @pytest.mark.parametrize("bands", [[], [(0.5 + 0.1 * i, 0.6 + 0.1 * i) for i in range(11)]])
    def test_number_of_bands(self, bands):
        with pytest.raises(ConfigError, match=r"(?s)bands cannot be observed.*1 \.\. 10 bands"):
            PhotonInstrument.named("xmm_mos").with_bands(bands)

    @pytest.mark.parametrize(
        "bands",
        [
            [(0.1, 1.0)],
            [(1.0, 20.0)],
            [(2.0, 1.0)],
            [(1.0, 1.0)],
            [(0.5, 2.0), (1.9, 3.0)],
            [(2.0, 3.0), (0.5, 1.0)],
            [(math.nan, 1.0)],
        ],
    )
    def test_bands(self, bands):
        text = r"(?s)This band cannot be observed.*xmm_mos: bands_kev.*inside 0\.3 \.\. 9\.997 keV"
        with pytest.raises(ConfigError, match=text):
            PhotonInstrument.named("xmm_mos").with_bands(bands)

    def test_no_grid(self):
        with pytest.raises(MapError, match="measured in another unit"):
            PhotonInstrument.named("xmm_mos").with_grid(40, 0.1 * u.Mpc)

    def test_unknown_key(self):
        settings = {**PhotonInstrument.named("xmm_mos").settings(), "exposures": 3.0}
        with pytest.raises(ConfigError, match=r"(?s)not known.*did you mean 'exposure_s'"):
            parse(PhotonSettings, settings, where="a test")
