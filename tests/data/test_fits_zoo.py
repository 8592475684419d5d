"""The zoo: every file that is not what it should be is a named error, or has a treatment that is noted."""

import bz2
import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import FITSFixedWarning
from fits_files import GOOD, OPTIONS, Y, hdu_of, promise, raw_fits, save, y_map

from zwicky.core.errors import FitsError, MapError, ZwickyError
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_cards import no_astropy_surprise
from zwicky.data.fits_in import SkyImage, read_image

# ---------- choosing the image


def two_images(path, **second):
    hdus = [hdu_of(y_map()), hdu_of(2 * y_map(), {**GOOD, **second}, fits.ImageHDU)]
    hdus[1].name = "smooth"
    fits.HDUList(hdus).writeto(path)
    return path


def test_several_images_are_listed(tmp_path):
    path = two_images(tmp_path / "a.fits")
    with pytest.raises(FitsError, match=r"(?s)several images.*HDU 0 PRIMARY.*HDU 1 SMOOTH.*40 x 32.*--hdu N"):
        read_image(path, Y)


@pytest.mark.parametrize(("hdu", "factor"), [(0, 1), (1, 2), ("1", 2), ("smooth", 2), ("SMOOTH", 2)])
def test_an_image_is_chosen_by_number_or_name(tmp_path, hdu, factor):
    path = two_images(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_image(path, Y, hdu=hdu).values, factor * y_map())


def test_an_image_that_names_its_quantity_is_the_one(tmp_path):
    path = two_images(tmp_path / "a.fits", QUANTITY="compton_y")
    np.testing.assert_array_equal(read_image(path, Y).values, 2 * y_map())


@pytest.mark.parametrize("hdu", [2, -1, "rough"])
def test_an_image_that_is_not_there_is_an_error(tmp_path, hdu):
    path = two_images(tmp_path / "a.fits")
    with pytest.raises(FitsError, match=rf"(?s)no such image.*{hdu}"):
        read_image(path, Y, hdu=hdu)


def test_a_cube_is_refused_even_by_number(tmp_path):
    path = save(tmp_path / "a.fits", np.ones((3, 32, 40)))
    with pytest.raises(FitsError, match=r"(?s)no such image.*40 x 32 x 3"):
        read_image(path, Y)
    with pytest.raises(FitsError, match=r"(?s)not an image that can be used.*40 x 32 x 3.*cube"):
        read_image(path, Y, hdu=0)


def test_a_table_is_not_an_image(tmp_path):
    columns = [fits.Column("a", "M", array=np.ones(3, complex))]  # complex numbers exist in tables only
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "a.fits")
    with pytest.raises(FitsError, match=r"(?s)no such image.*bintable, 16 x 3"):
        read_image(tmp_path / "a.fits", Y)


def test_a_tile_compressed_image_is_named(tmp_path):
    image = fits.CompImageHDU(y_map().astype("f4"))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "a.fits")
    with pytest.raises(FitsError, match=r"(?s)no such image.*funpack"):
        read_image(tmp_path / "a.fits", Y)


@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (40, 7), (1, 40)])
def test_an_image_of_a_few_pixels_is_refused(tmp_path, shape):
    with pytest.raises(FitsError, match=r"(?s)not an image that can be used.*8 pixels or more"):
        read_image(save(tmp_path / "a.fits", y_map(shape)), Y)


# ---------- values that cannot be


def flipped_bit(data):
    """Return the map with the highest bit of one exponent flipped: 1e-5 becomes 1e303."""
    bits = data.copy().view(np.uint64)
    bits[5, 6] ^= np.uint64(1) << np.uint64(62)
    return bits.view(np.float64)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (flipped_bit(y_map()), r"(?s)No map of a cluster.*1 pixels beyond.*damage"),
        (y_map() * 1e6, r"(?s)No map of a cluster.*1e-6 Compton-y"),
        (y_map() * 1e-6, "No map of a cluster"),
        (np.zeros((32, 40)), r"(?s)same everywhere.*0 in every pixel"),
        (np.full((32, 40), 1e-5), "same everywhere"),
        (np.full((32, 40), np.nan), r"(?s)holds no number.*1280 pixels of NaN"),
        (np.full((32, 40), -1.6375e30), "holds no number"),
    ],
)
def test_values_that_no_cluster_has(tmp_path, data, match):
    with pytest.raises(MapError, match=match):
        read_image(save(tmp_path / "a.fits", data), Y)


def test_the_limits_on_y_are_for_y_only(tmp_path):
    path = save(tmp_path / "a.fits", 30.0 * y_map() / 1e-5, BUNIT="uK_CMB")
    assert read_image(path, MapQuantity.TEMPERATURE).values.max() > 30.0


@pytest.mark.parametrize("where", ["header", "data"])
def test_a_wrong_checksum_is_an_error(tmp_path, where):
    path = tmp_path / "a.fits"
    hdu_of(y_map()).writeto(path, checksum=True)
    assert read_image(path, Y).notes == ()
    content = bytearray(path.read_bytes())
    if where == "data":
        content[2880 + 7] ^= 1  # the last bit of a mantissa: no range check would see it
    else:
        at = content.index(b"195.0")
        content[at : at + 5] = b"196.0"
    path.write_bytes(content)
    with pytest.raises(FitsError, match=r"(?s)changed since its checksum.*copy or download"):
        read_image(path, Y)


# ---------- files that are not FITS


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "file is empty"),
        (b"SIMPLE", "not a FITS file"),
        (b"\x00" * 5000, "not a FITS file"),
        (np.random.default_rng(2).bytes(20_000), "not a FITS file"),
        (b"SIMPLE  =                    F" + b" " * 5730, "not a FITS file"),
        (b"SIMPLE  =                    T" + b" " * 2850, "header does not end"),
        (b"SIMPLE  =                    T" + b" " * 2880 * 1100, r"(?s)header does not end.*1024 blocks"),
        (raw_fits("BITPIX  =                    8"), r"(?s)whole number.*\n.*NAXIS.*nothing"),
        (
            raw_fits("BITPIX  =                    8", "NAXIS   =                  1.5"),
            "whole number.*\n.*NAXIS",
        ),
        (
            raw_fits("BITPIX  =                    8", "NAXIS   =                    T"),
            "whole number.*\n.*NAXIS",
        ),
        (raw_fits("BITPIX  =                    8", "NAXIS   = 999999999999"), "whole number.*\n.*NAXIS"),
        (raw_fits("BITPIX  =                    8", "NAXIS   = 'two'"), "whole number.*\n.*NAXIS"),
        (raw_fits("BITPIX  =                    8", "NAXIS   = ??"), "whole number.*\n.*NAXIS"),
        (promise(8, -5, 5), "whole number.*\n.*NAXIS1"),
        (promise(12, 20, 20), "bits per pixel does not exist.*\n.*BITPIX"),
        (
            promise(-64, 20, 20)[:400]
            + b"CDELT1  = 1E400".ljust(80)
            + promise(-64, 20, 20)[400:2800]
            + bytes(5760),
            "finite",
        ),
        (promise(128, 20, 20), "whole number.*\n.*BITPIX"),
        (
            raw_fits("BITPIX  =  8", "NAXIS   =  2", "NAXIS1  = 0", "NAXIS2  = 9", "GROUPS  = T"),
            "Random groups",
        ),
        (
            promise(-64, 20, 20).replace(b"NAXIS1", b"NAX\x00S1"),
            r"(?s)byte that is not text.*0x00 at byte 24[0-9]",
        ),
        (promise(-64, 20, 20), r"(?s)cut short.*3200 bytes of data.*\n.* 0 bytes"),
        (
            promise(-64, 2**31, 2**31),
            r"(?s)larger than is allowed.*2147483648 x 2147483648.*--max-pixels",
        ),
        (promise(-64, 2**31), "larger than is allowed"),
        (promise(8, 8, 0), "no such image"),
        (raw_fits("BITPIX  =  8", "NAXIS   =  0"), "no such image"),
        (bz2.compress(b"SIMPLE"), r"(?s)not a plain or gzipped.*bzip2.*unpack"),
        (b"PK\x03\x04" + bytes(100), "zip"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstandard"),
        (b"\x1f\x9d\x90", "compress"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x1f\x8b" + bytes(100), "cannot be read"),
        (gzip.compress(b"", mtime=0), "file is empty"),
        (gzip.compress(b"nothing of note", mtime=0), "not a FITS file"),
        (gzip.compress(gzip.compress(b"SIMPLE", mtime=0), mtime=0), "not a FITS file"),
    ],
)
def test_a_file_that_is_not_fits_is_named(tmp_path, content, match):
    path = tmp_path / "a.fits"
    path.write_bytes(content)
    with pytest.raises(FitsError, match=match) as caught:
        read_image(path, Y, **OPTIONS)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    for path in (tmp_path / "nothing.fits", tmp_path):
        with pytest.raises(FitsError, match="cannot be read"):
            read_image(path, Y)


def test_a_file_of_a_thousand_parts_is_refused(tmp_path):
    part = raw_fits("BITPIX  =  8", "NAXIS   =  0")
    extension = part.replace(b"SIMPLE  =                    T", b"XTENSION= 'IMAGE   '          ")
    (tmp_path / "a.fits").write_bytes(part + 1000 * extension)
    with pytest.raises(FitsError, match="more parts than any image"):
        read_image(tmp_path / "a.fits", Y)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_half_a_file(tmp_path, packed, fraction):
    content = save(tmp_path / "a.fits").read_bytes()
    content = gzip.compress(content) if packed else content
    (tmp_path / "b.fits").write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(FitsError, match=r"cut short|does not end|cannot be read"):
        read_image(tmp_path / "b.fits", Y)


def test_half_of_a_fits_file_that_was_gzipped_afterwards(tmp_path):
    content = save(tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress(content[:9000]))
    with pytest.raises(FitsError, match=r"(?s)cut short.*10240 bytes of data.*\n.*6120 bytes"):
        read_image(tmp_path / "b.fits.gz", Y)


def test_a_damaged_gzip_is_noticed_by_its_own_checksum(tmp_path):
    content = bytearray(gzip.compress(save(tmp_path / "a.fits").read_bytes(), compresslevel=0))
    content[5000] ^= 1  # stored, not deflated: a flipped bit of one pixel
    (tmp_path / "b.fits.gz").write_bytes(content)
    with pytest.raises(FitsError, match=r"(?s)cannot be read.*CRC"):
        read_image(tmp_path / "b.fits.gz", Y)


@pytest.mark.parametrize("packed", [False, True])
def test_whatever_bits_are_flipped_it_is_read_or_named(tmp_path, packed):
    """Never another exception, never a warning: a thousand damaged headers and data."""
    hdus = [hdu_of(y_map((9, 9))), hdu_of(y_map((9, 9)), kind=fits.ImageHDU)]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    content = gzip.compress(content) if packed else content
    rng = np.random.default_rng(3)
    outcomes = set()
    for _ in range(400):
        damaged = bytearray(content)
        for at in rng.integers(len(content) if packed else 1600, size=rng.integers(1, 4)):
            damaged[at] ^= 1 << rng.integers(8)
        (tmp_path / "b.fits").write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                outcomes.add(type(read_image(tmp_path / "b.fits", Y, hdu=0)))
        except ZwickyError as error:
            outcomes.add(type(error))
    assert FitsError in outcomes
    assert SkyImage in outcomes


def test_a_warning_of_astropy_is_an_error_unless_it_reports_a_harmless_repair():
    with (
        pytest.raises(FitsError, match=r"(?s)astropy warns.*the place.*too bad"),
        no_astropy_surprise("the place", []),
    ):
        warnings.warn("too   bad", UserWarning, stacklevel=1)
    notes = []
    with no_astropy_surprise("the place", notes):
        warnings.warn("mended", FITSFixedWarning, stacklevel=1)
    assert notes == ["astropy: mended"]


# ---------- bombs


class Counted:
    """Counts the bytes that are unpacked, and fails as soon as they are too many."""

    def __init__(self, monkeypatch, limit_bytes):
        read, self.n_bytes = gzip.GzipFile.read, 0

        def counting(stream, size=-1):
            block = read(stream, size)
            self.n_bytes += len(block)
            assert 0 <= size <= limit_bytes, f"{size} bytes at once"
            assert self.n_bytes <= limit_bytes, f"{self.n_bytes} bytes unpacked"
            return block

        monkeypatch.setattr(gzip.GzipFile, "read", counting)


def bomb(path, header, n_mebibytes):
    with gzip.open(path, "wb", compresslevel=9) as stream:
        stream.write(header)
        for _ in range(n_mebibytes):
            stream.write(bytes(1 << 20))
    return path


def test_a_bomb_is_refused_from_its_header(tmp_path, monkeypatch):
    path = bomb(tmp_path / "a.fits.gz", promise(-64, 8192, 8192), 256)  # 512 MiB are promised
    assert path.stat().st_size < 400_000
    counted = Counted(monkeypatch, 2880)
    with pytest.raises(FitsError, match=r"(?s)larger than is allowed.*--max-pixels 67108864"):
        read_image(path, Y, **OPTIONS)
    assert counted.n_bytes == 2880


def test_a_bomb_behind_an_honest_image_is_not_unpacked(tmp_path, monkeypatch):
    path = bomb(tmp_path / "a.fits.gz", save(tmp_path / "b.fits").read_bytes(), 64)
    Counted(monkeypatch, 40_000)
    assert any("not read" in note for note in read_image(path, Y).notes)


def test_a_bomb_in_a_table_is_not_unpacked_beyond_the_allowed_pixels(tmp_path, monkeypatch):
    primary = raw_fits("BITPIX  =  8", "NAXIS   =  0")
    table = promise(8, 2**20, 64).replace(
        b"SIMPLE  =                    T", b"XTENSION= 'BINTABLE'          "
    )
    path = bomb(tmp_path / "a.fits.gz", primary + table, 64)
    Counted(monkeypatch, 8 * 10_000 + 1024 * 2880)
    with pytest.raises(FitsError, match=r"(?s)unpacks to more than is allowed.*--max-pixels"):
        read_image(path, Y, max_pixels=10_000)


def test_a_bomb_of_header_is_stopped(tmp_path, monkeypatch):
    path = bomb(tmp_path / "a.fits.gz", b"SIMPLE  =                    T" + b" " * (1100 * 2880 - 30), 64)
    Counted(monkeypatch, 1100 * 2880)
    with pytest.raises(FitsError, match="header does not end"):
        read_image(path, Y)


def test_the_limit_can_be_raised_and_lowered(tmp_path):
    path = save(tmp_path / "a.fits")
    assert read_image(path, Y, max_pixels=32 * 40).values.shape == (32, 40)
    with pytest.raises(FitsError, match=r"(?s)at most 1279 pixels.*--max-pixels 1280"):
        read_image(path, Y, max_pixels=32 * 40 - 1)
