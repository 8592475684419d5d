"""``zwicky infer --counts``: what it prints and writes, and what it refuses, by the name of the option."""

import json

import numpy as np
import pytest
from astropy.io import fits

from tiny_photons import AT, BANDS, NAMES, PhotonMaps, untaught_photon_estimator
from zwicky import cli_infer_counts
from zwicky.cli_infer_counts import PHOTON_ESTIMATORS, default_estimator
from zwicky.core.errors import ConfigError

PARTS = ("where", "expected", "got", "fix")
SOFT = NAMES[1]


@pytest.fixture(scope="module")
def photon_estimator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photons") / "estimator"
    untaught_photon_estimator().save(folder)
    return folder


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return PhotonMaps(tmp_path_factory.mktemp("images")).written()


@pytest.fixture
def own(tmp_path):
    """A place for files of one's own."""
    folder = tmp_path / "own"
    folder.mkdir()
    return PhotonMaps(folder)


@pytest.fixture
def infer(zwicky, maps, photon_estimator):
    """Run the command on some bands; an option of None is left out, and another value takes its place."""

    def run(*more, names=NAMES, z=0.3, center=AT, checkpoint=photon_estimator, **changed):
        arguments = []
        for kind in ("counts", "exposure", "background"):
            texts = changed.get(kind, maps.texts(kind, names))
            arguments += [part for text in texts or () for part in (f"--{kind}", text)]
        for option, value in (("-z", z), ("--center", center), ("--checkpoint", checkpoint)):
            arguments += [] if value is None else [option, value]
        return zwicky("infer", *arguments, *more)

    return run


@pytest.fixture
def refused(infer, tmp_path):
    """Run into an error, in words and as JSON, and return its parts; nothing is written."""

    def run(*options, **how):
        before = sorted(tmp_path.rglob("*"))
        worded, parsed = (
            infer("--out", tmp_path / "out", *options, *json_, **how) for json_ in ((), ("--json",))
        )
        assert sorted(tmp_path.rglob("*")) == before
        assert (worded.status, parsed.status, worded.out, parsed.err) == (2, 2, "", "")
        message = json.loads(parsed.out)
        assert worded.err.startswith(f"{message['error']}: {message['what']}\n")
        assert all(message[part] for part in PARTS), message
        assert "_unit=" not in worded.err
        assert "pixel_arcmin" not in worded.err
        return message

    return run


# ---------- what it says


def test_words_and_json(infer):
    words = infer("--name", "RXC J0000")
    assert (words.status, words.err) == (0, "")
    assert words.out.startswith("RXC J0000, z = 0.3, ")
    assert "network (photon_mass x 1)" in words.out
    assert "  band 1.6-2.2 keV: counts_1.6-2.2.fits" in words.out
    content = json.loads(infer("--json").out)
    for method in ("network", "classical"):
        assert content[method]["p2.5"] < content[method]["p16"] < content[method]["median"]
        assert content[method]["median"] < content[method]["p84"] < content[method]["p97.5"]
    assert content["mass_definition"] == "M500c"
    assert content["luminosity_erg_per_s"] > 10 * content["sigma_luminosity_erg_per_s"] > 0
    assert content["flag"] in ("in-domain", "edge", "out-of-domain")
    assert [tuple(one["band_kev"]) for one in content["inputs"]] == list(BANDS)
    assert content["inputs"][0]["counts_file"] == "counts_0.3-0.6.fits"


def test_files_and_an_existing_answer(infer, tmp_path):
    out = tmp_path / "answers" / "first"
    done = infer("--out", out, "--json")
    assert (done.status, done.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["answer.json", "stamp.fits"]
    kept = json.loads((out / "answer.json").read_text())
    assert kept.pop("estimator")["experiment"] == "tiny"
    assert kept == json.loads(done.out)
    again = infer("--out", out)
    assert again.status == 2
    assert "already holds an answer" in again.err


def test_one_exposure_of_all_bands_one_file_and_some_bands(infer, maps, tmp_path):
    both = fits.HDUList([fits.PrimaryHDU()])
    for name, kind, unit in (
        ("IMAGE", "counts", "count"),
        ("TIME", "exposure", "s"),
        ("BACK", "background", ""),
    ):
        hdu = fits.ImageHDU(maps.values(kind)[1], fits.getheader(maps.path(kind, SOFT)), name=name)
        hdu.header["BUNIT"] = unit
        both.append(hdu)
    path = tmp_path / "all.fits"
    both.writeto(path)
    one = infer(
        "--json", counts=[f"0.6-1.1={path}[IMAGE]"], exposure=[f"{path}[TIME]"], background=[f"{path}[BACK]"]
    )
    assert one.status == 0, one.out
    separate = infer("--json", names=(SOFT,))
    assert json.loads(one.out)["network"] == json.loads(separate.out)["network"]


def test_options_reach_the_reader(infer, own, maps):
    plain = json.loads(infer("--json", names=(SOFT,)).out)
    in_ks = own.write("ks.fits", maps.values("exposure")[1] / 1e3, BUNIT=None)
    ks = infer("--json", "--exposure-unit", "ks", names=(SOFT,), exposure=[in_ks])
    assert json.loads(ks.out)["network"] == plain["network"]
    scaled = json.loads(infer("--json", "--exposure-scale", "0.6-1.1=0.5", names=(SOFT,)).out)
    assert scaled["luminosity_erg_per_s"] > 1.9 * plain["luminosity_erg_per_s"]
    assert scaled["inputs"][0]["exposure_scale"] == 0.5
    holed = maps.values("exposure")[1].copy()
    holed[:6, :6] = 0.0
    masked = infer(
        "--json",
        "--zero-exposure",
        "mask",
        names=(SOFT,),
        exposure=[own.write("hole.fits", holed, BUNIT="s")],
    )
    assert any("where the exposure is zero were masked" in note for note in json.loads(masked.out)["notes"])
    mask = np.ones(own.grid.shape, "i2")
    mask[20:30, 20:30] = 0
    hidden = infer("--json", "--mask", own.write("mask.fits", mask, BUNIT=None), names=(SOFT,))
    assert json.loads(hidden.out)["unseen_fraction"] == pytest.approx(100 / 64**2)
    half = own.write("half.fits", 0.5 * maps.values("background")[1], BUNIT=None)
    sky = infer("--json", "--add-sky", names=(SOFT,), background=[half])
    noted = infer("--json", names=(SOFT,), background=[half])
    assert any("what the background lacks" in note for note in json.loads(sky.out)["notes"])
    assert any("--add-sky adds what it lacks" in note for note in json.loads(noted.out)["notes"])


# ---------- which estimator


def test_the_default_is_that_of_the_bands():
    assert default_estimator([(0.42, 2.01)]) == "krippendorf2024_rosat"
    assert default_estimator([(1.1, 1.6), (0.3, 0.6)]) == "krippendorf2024_erosita"
    with pytest.raises(ConfigError, match="No estimator of these bands ships"):
        default_estimator([(0.42, 2.01), (0.3, 0.6)])


def test_bands_that_no_shipped_estimator_has(refused, maps):
    counts = [f"500-2000={maps.path('counts', SOFT)}"]
    message = refused(counts=counts, exposure=[maps.path("exposure", SOFT)], background=None, checkpoint=None)
    assert "No estimator of these bands" in message["what"]
    for name in PHOTON_ESTIMATORS:
        assert name in message["expected"]
    assert "0.3-0.6, 0.6-1.1, 1.1-1.6, 1.6-2.2" in message["expected"]
    assert message["got"] == "500-2000"
    assert "eV" in message["fix"]


def test_the_default_is_taken(infer, photon_estimator, monkeypatch):
    monkeypatch.setattr(cli_infer_counts, "PHOTON_ESTIMATORS", {str(photon_estimator): BANDS})
    assert infer(checkpoint=None).status == 0


def test_a_band_that_is_none_of_the_estimators(refused, maps):
    message = refused(counts=[f"0.5-2.0={maps.path('counts', SOFT)}"], exposure=[maps.path("exposure", SOFT)],
                      background=None)  # fmt: skip
    assert message["what"] == "The estimator has no such band."
    assert "0.3-0.6, 0.6-1.1, 1.1-1.6, 1.6-2.2" in message["expected"]
    assert message["got"] == "0.5-2"


def test_an_estimator_of_something_else(refused, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "estimator.json").write_text('{"format": "zwicky-estimator", "format_version": 1}')
    message = refused(checkpoint=folder)
    assert message["error"] == "CheckpointError"
    assert message["expected"] == "zwicky-photon-estimator"
    assert "krippendorf2024_rosat" in message["fix"]
    assert "no such estimator" in refused(checkpoint="krippendorf")["what"]


# ---------- options that do not apply


@pytest.mark.parametrize(
    "option",
    [
        ("--unit", "count"), ("--beam", 1), ("--hdu", 1), ("--recenter", 1), ("--set", "150.beam=1"),
        ("--one-minus-bias", 0.8),
    ],
)  # fmt: skip
def test_options_of_maps_are_not_passed_over(refused, option):
    message = refused(*option)
    assert message["what"] == "This option is one of maps, views and bands only."
    assert message["got"] == option[0]
    assert "--exposure" in message["fix"]


@pytest.mark.parametrize(
    "option",
    [
        ("--exposure", "e.fits"), ("--background", "b.fits"), ("--mask", "m.fits"), ("--zero-exposure", "mask"),
        ("--exposure-unit", "ks"), ("--exposure-scale", 0.5), ("--add-sky",),
    ],
)  # fmt: skip
def test_options_of_photons_need_photons(zwicky, maps, option):
    done = zwicky("infer", maps.path("counts", SOFT), "-z", 0.1, *option, "--json")
    message = json.loads(done.out)
    assert message["what"] == "This option is one of photons only."
    assert message["got"] == option[0]
    assert "--counts LOW-HIGH=FILE" in message["fix"]


def test_several_questions_at_once(refused, maps):
    two = refused("--band", f"150={maps.path('counts', SOFT)}")
    assert "are two questions" in two["what"]
    assert "--band 150=" in two["got"]
    assert "--counts 0.3-0.6=" in two["got"]


def test_a_position_is_asked_for_by_name(refused):
    message = refused(center=None)
    assert "Where in this image is the cluster" in message["what"]
    assert "--center RA,DEC" in message["fix"]


# ---------- images that cannot be: each error names its option


def says(message, error, what, where, **parts):
    assert message["error"] == error
    assert what in message["what"]
    assert message["where"].startswith(where), message["where"]
    for name, text in parts.items():
        assert text in message[name], message[name]


def changed(maps, own, kind, values=None, name="changed.fits", **cards):
    """Return the texts of an option for one band, with another image in the place of its own."""
    values = maps.values(kind)[1].copy() if values is None else values
    return [f"{SOFT}={own.write(name, values, **cards)}"]


def test_exposure_in_kiloseconds(refused, maps, own):
    said_s = changed(maps, own, "exposure", maps.values("exposure")[1] / 1e3, BUNIT="s")
    message = refused(names=(SOFT,), exposure=said_s)
    says(
        message,
        "MapError",
        "cannot be in seconds",
        f"--exposure {SOFT}=",
        got="1.4",
        fix="--exposure-unit ks",
    )


def test_exposure_that_makes_the_sky_too_bright(refused, maps, own):
    short = changed(maps, own, "exposure", np.full(own.grid.shape, 25.0), BUNIT="s")
    many = changed(maps, own, "counts", np.full(own.grid.shape, 9.0), "many.fits", BUNIT="count")
    message = refused(names=(SOFT,), exposure=short, counts=many, background=None)
    says(message, "MapError", "counts that fast", f"--counts {SOFT}=", fix="--exposure-unit ks")


def test_relative_exposure(refused, maps, own):
    message = refused(
        names=(SOFT,), exposure=changed(maps, own, "exposure", np.ones(own.grid.shape), BUNIT=None)
    )
    says(message, "MapError", "relative, not in seconds", f"--exposure {SOFT}=", fix="time on axis")


def test_exposure_in_another_unit(refused, maps, own):
    message = refused(names=(SOFT,), exposure=changed(maps, own, "exposure", BUNIT="cm2 s"))
    says(message, "UnitError", "not a time", f"--exposure {SOFT}=", got="cm2 s", fix="seconds")
    says(refused("--exposure-unit", "kilo"), "UnitError", "not a time", "--exposure-unit", got="kilo")


@pytest.mark.parametrize("unit", ["erg/s/cm2", "ct / s", "count/s"])
def test_flux_images_as_counts(refused, maps, own, unit):
    message = refused(names=(SOFT,), counts=changed(maps, own, "counts", BUNIT=unit))
    says(
        message, "UnitError", "rates or fluxes", f"--counts {SOFT}=", got=unit, fix="divided by the exposure"
    )


def test_negative_counts(refused, maps, own):
    values = maps.values("counts")[1] - 1.0
    message = refused(names=(SOFT,), counts=changed(maps, own, "counts", values, BUNIT="count"))
    says(
        message,
        "MapError",
        "negative",
        f"--counts {SOFT}=",
        got="-1",
        fix="before the background is subtracted",
    )


def test_fractional_counts(refused, maps, own):
    values = maps.values("counts")[1] / 1400.0
    message = refused(names=(SOFT,), counts=changed(maps, own, "counts", values, BUNIT=None))
    says(
        message, "MapError", "not whole numbers", f"--counts {SOFT}=", got="fractions", fix="image of events"
    )


@pytest.mark.parametrize("kind", ["exposure", "background"])
def test_another_shape(refused, maps, own, kind):
    small = changed(maps, own, kind, maps.values(kind)[1][:40, :40], BUNIT=None)
    message = refused(names=(SOFT,), **{kind: small})
    says(message, "MapError", "another shape", f"--{kind} {SOFT}=", expected="(72, 72)", got="(40, 40)")


def test_a_mask_of_another_shape_or_of_nothing(refused, own):
    small = own.write("small.fits", np.ones((40, 40), "i2"), BUNIT=None)
    says(refused("--mask", small), "MapError", "another shape", f"--mask {small}")
    empty = own.write("empty.fits", np.zeros(own.grid.shape, "i2"), BUNIT=None)
    says(refused("--mask", empty), "MapError", "not a mask", f"--mask {empty}")


def test_no_exposure_under_counts(refused, maps, own):
    dark = maps.values("exposure")[1].copy()
    dark[30:40, 30:40] = 0.0
    message = refused(names=(SOFT,), exposure=changed(maps, own, "exposure", dark, BUNIT="s"))
    says(message, "MapError", "nothing was exposed", f"--counts {SOFT}=", fix="--zero-exposure mask")


def test_a_background_that_is_negative_or_too_large(refused, maps, own):
    low = changed(maps, own, "background", -maps.values("background")[1], BUNIT="count")
    says(
        refused(names=(SOFT,), background=low), "MapError", "background is negative", f"--background {SOFT}="
    )
    high = changed(maps, own, "background", 1e3 * maps.values("background")[1], "high.fits", BUNIT="count")
    message = refused(names=(SOFT,), background=high)
    says(message, "MapError", "larger than all that was counted", "--counts", fix="counts per pixel")


def test_no_pixel_scale_without_a_wcs(refused, maps, own):
    no_wcs = dict.fromkeys(
        f"{name}{i}" for name in ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT") for i in (1, 2)
    )
    message = refused(names=(SOFT,), counts=changed(maps, own, "counts", BUNIT=None, **no_wcs), center=None)
    says(message, "MapError", "pixel scale is not known", f"--counts {SOFT}=", fix="--pixel-scale ARCMIN")


def test_a_file_that_is_not_there_and_one_that_is_too_large(refused, maps, own):
    message = refused(names=(SOFT,), exposure=[own.folder / "none.fits"])
    says(message, "FitsError", "", f"--exposure {SOFT}={own.folder / 'none.fits'}")
    assert "larger than is allowed" in refused("--max-pixels", 100)["what"]


def test_a_missing_exposure_and_a_wrong_choice(refused):
    says(refused(exposure=None), "ConfigError", "--exposure is missing", "--exposure")
    says(
        refused("--zero-exposure", "keep"), "ConfigError", "cannot be treated", "--zero-exposure", got="keep"
    )


def test_help_tells_of_photons(zwicky, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = " ".join(zwicky("infer", "--help").out.replace("│", " ").split())
    for word in (
        "--counts",
        "LOW-HIGH=FILE",
        "--exposure",
        "--background",
        "--mask",
        "krippendorf2024_erosita",
    ):
        assert word in words
