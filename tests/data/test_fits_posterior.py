"""Samples in a file: the same numbers back, the same bytes again, and summaries that belong to them."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from zwicky.core.cluster import Cluster
from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import FitsError, MapError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_in import read_image
from zwicky.data.fits_posterior import (
    LEVELS,
    SampledMap,
    read_sampled_map,
    sample_quantiles,
    write_sampled_map,
)

CENTER = SkyCoord(195.0, 28.0, unit="deg")
SKY = Grid(16, 3.3 * u.arcmin, "sky")
EXTENSIONS = ["MEAN", "SD", "Q2.5", "Q16", "Q50", "Q84", "Q97.5", "SAMPLES"]


def sampled_map(n=7, **changes):
    samples = 10.0 ** np.random.default_rng(3).normal(13.0, 0.3, (n, *SKY.shape))
    made = {
        "cluster": Cluster("A 2142", 0.05, cosmology=COSMOLOGIES["planck_sz"]),
        "quantity": MapQuantity.GAS_SURFACE_DENSITY,
        "grid": SKY,
        "pixel_mpc": 0.2,
        "beam_arcmin": None,
        "center": CENTER,
        "samples": samples.astype(np.float32),
        "light": "edge",
        "evaluations": 18,
        "seed": 5,
        "mapper": {"sampler": {"solver": "dpm2m"}, "commit": "abc", "versions": "x" * 200},
    }
    return SampledMap(**{**made, **changes})


@pytest.mark.parametrize("center", [CENTER, None])
@pytest.mark.parametrize("beam_arcmin", [5.0, None])
def test_samples_come_back_bit_for_bit(tmp_path, center, beam_arcmin):
    one = sampled_map(center=center, beam_arcmin=beam_arcmin)
    write_sampled_map(one, tmp_path / "a.fits")
    back = read_sampled_map(tmp_path / "a.fits")
    for name in ("samples", "mean", "sd"):
        np.testing.assert_array_equal(getattr(back, name), getattr(one, name))
    for name in ("cluster", "quantity", "grid", "pixel_mpc", "light", "evaluations", "seed", "mapper"):
        assert getattr(back, name) == getattr(one, name), name
    assert back.samples.dtype == np.float32
    assert back.beam_arcmin == (None if beam_arcmin is None else pytest.approx(beam_arcmin, rel=1e-12))
    assert (back.center is None) == (center is None)
    assert center is None or back.center.separation(center) < 1e-9 * u.arcsec


def test_the_same_samples_give_the_same_bytes(tmp_path):
    for name in ("a.fits", "b.fits"):
        write_sampled_map(sampled_map(), tmp_path / name)
    write_sampled_map(sampled_map(seed=6), tmp_path / "c.fits")
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    assert (tmp_path / "a.fits").read_bytes() != (tmp_path / "c.fits").read_bytes()


def test_any_program_finds_its_way(tmp_path):
    one = sampled_map()
    write_sampled_map(one, tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", *EXTENSIONS]
        primary = hdus[0].header
        assert (primary["OBJECT"], primary["REDSHIFT"], primary["LIGHT"]) == ("A 2142", 0.05, "edge")
        cards = [primary[name] for name in ("POSTMAPV", "PIXMPC", "NSAMPLES", "NFE", "SEED")]
        assert cards == [1, 0.2, 7, 18, 5]
        assert hdus["SAMPLES"].data.shape == (7, 16, 16)
        assert hdus["SAMPLES"].data.dtype == ">f4"
        for hdu in hdus[1:]:
            assert {"CHECKSUM", "DATASUM"} <= set(hdu.header)
            assert u.Unit(hdu.header["BUNIT"], format="fits") == u.Msun / u.Mpc**2
            sky = WCS(hdu.header).celestial.pixel_to_world([7.5, 7.5, 6.5], [7.5, 8.5, 7.5])
            assert sky[0].separation(CENTER) < 1e-6 * u.arcsec
            assert CENTER.position_angle(sky[1]).wrap_at("180d").deg == pytest.approx(0.0, abs=1e-5)
            assert CENTER.position_angle(sky[2]).deg == pytest.approx(90.0, abs=0.05)
        np.testing.assert_allclose(hdus["MEAN"].data, hdus["SAMPLES"].data.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(hdus["SD"].data, hdus["SAMPLES"].data.std(axis=0, ddof=1), rtol=1e-5)
        stack = [hdus[name].data for name in LEVELS]
        assert (np.diff(stack, axis=0) >= 0.0).all()
        np.testing.assert_allclose(hdus["Q50"].data, np.median(hdus["SAMPLES"].data, axis=0), rtol=1e-6)


def test_this_package_finds_its_way_to_the_mean(tmp_path):
    write_sampled_map(sampled_map(beam_arcmin=5.0), tmp_path / "a.fits")
    image = read_image(tmp_path / "a.fits", MapQuantity.GAS_SURFACE_DENSITY)
    np.testing.assert_allclose(image.values, sampled_map().mean, rtol=1e-6)


def test_intervals_of_few_samples_cover():
    """A truth of the samples' own distribution is inside as often as said; by the common rule it is not."""
    draws = np.random.default_rng(1).normal(size=(12, 40000))
    truth, samples = draws[0], draws[1:]
    for quantiles, inside in (
        (sample_quantiles(samples, (0.16, 0.84)), True),
        (np.quantile(samples, (0.16, 0.84), axis=0), False),
    ):
        coverage = ((quantiles[0] < truth) & (truth < quantiles[1])).mean()
        # 4 standard errors of 40 000 trials: 0.009.
        assert (abs(coverage - 0.68) < 0.02) == inside, coverage


def test_one_sample_has_no_spread(tmp_path):
    one = sampled_map(n=1)
    write_sampled_map(one, tmp_path / "a.fits")
    back = read_sampled_map(tmp_path / "a.fits")
    assert (back.sd == 0.0).all()
    np.testing.assert_array_equal(back.quantile(0.84), one.samples[0])


def test_short_names():
    assert sampled_map().short_name == "gas"
    assert sampled_map(quantity=MapQuantity.DARK_SURFACE_DENSITY).short_name == "dark"


def spoiled(value):
    samples = sampled_map().samples.copy()
    samples[1, 2, 3] = value
    return samples


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"grid": Grid(16, 0.2 * u.Mpc, "proper")}, "lies on the sky"),
        ({"samples": np.ones((16, 16), np.float32)}, "finite positive numbers"),
        ({"samples": np.ones((0, 16, 16), np.float32)}, "finite positive numbers"),
        ({"samples": np.ones((2, 8, 8), np.float32)}, "finite positive numbers"),
        *(
            ({"samples": spoiled(value)}, "with numbers that are not")
            for value in (np.nan, np.inf, 0.0, -1.0)
        ),
    ],
)
def test_what_are_no_samples(changes, match):
    with pytest.raises(MapError, match=match):
        sampled_map(**changes)


def test_an_existing_file_is_kept(tmp_path):
    write_sampled_map(sampled_map(), tmp_path / "a.fits")
    with pytest.raises(FitsError, match="exists already"):
        write_sampled_map(sampled_map(), tmp_path / "a.fits")
    write_sampled_map(sampled_map(light="in-domain"), tmp_path / "a.fits", overwrite=True)
    assert read_sampled_map(tmp_path / "a.fits").light == "in-domain"


def test_a_name_that_no_header_holds(tmp_path):
    one = sampled_map(cluster=Cluster("Abell \N{GREEK SMALL LETTER ALPHA}", 0.05))
    with pytest.raises(FitsError, match="cannot stand in a FITS header"):
        write_sampled_map(one, tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []


def damaged(tmp_path, change):
    write_sampled_map(sampled_map(), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        change(hdus)
        for hdu in hdus:
            hdu.add_checksum()
    return tmp_path / "a.fits"


def scaled(name):
    def change(hdus):
        hdus[name].data = hdus[name].data * np.float32(1.001)

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda hdus: hdus["SD"].header.set("EXTNAME", "ERROR"), "does not hold posterior maps"),
        (lambda hdus: hdus[0].header.remove("POSTMAPV"), "does not hold posterior maps"),
        (lambda hdus: hdus[0].header.set("POSTMAPV", 2), "not a whole number in its range"),
        (lambda hdus: hdus[0].header.set("MAPPER", "{"), "provenance is not JSON"),
        (lambda hdus: hdus[0].header.set("MAPPER", "3"), "provenance is not JSON"),
        (lambda hdus: hdus[0].header.remove("LIGHT"), "keyword is missing"),
        (lambda hdus: hdus[0].header.remove("SEED"), "not a whole number in its range"),
        *((scaled(name), rf"does not belong to the samples(.|\n)*{name}") for name in ("MEAN", *LEVELS)),
        (scaled("SAMPLES"), "does not belong to the samples"),
        (
            lambda hdus: setattr(hdus["SD"], "data", np.ones((4, 4), np.float32)),
            "does not belong to the samples",
        ),
    ],
)
def test_damage_is_said(tmp_path, change, match):
    with pytest.raises(FitsError, match=match):
        read_sampled_map(damaged(tmp_path, change))


def test_flipped_bytes_are_found(tmp_path):
    write_sampled_map(sampled_map(), tmp_path / "a.fits")
    raw = bytearray((tmp_path / "a.fits").read_bytes())
    raw[-3000] ^= 1  # inside the cube
    (tmp_path / "a.fits").write_bytes(raw)
    with pytest.raises(FitsError, match=r"CHECKSUM|DATASUM"):
        read_sampled_map(tmp_path / "a.fits")


def test_undamaged_is_read(tmp_path):
    assert read_sampled_map(damaged(tmp_path, lambda hdus: None)).light == "edge"
    assert replace(sampled_map(), light="x").light == "x"
