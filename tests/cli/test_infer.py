"""``zwicky infer`` on good maps: what it prints, what it writes, and what stays the same when it must."""

import json
from itertools import pairwise

import pytest

from tiny_experiment import CENTER
from zwicky.core.masses import M500C
from zwicky.workflows.shipped import shipped_names

DEGREES = f"{CENTER.ra.deg},{CENTER.dec.deg}"
SEXAGESIMAL = "13:00:00 +28:00:00"
ANSWER = ("network", "classical", "snr", "y500_arcmin2", "sigma_y500_arcmin2", "flag", "reasons")


@pytest.fixture
def infer(zwicky, maps, tiny_run):
    """Weigh a map of the bright cluster; return the answer as a dictionary."""

    def run(path, *options):
        done = zwicky(
            "infer",
            path,
            "-z",
            maps.redshift,
            "--checkpoint",
            tiny_run.folder / "estimator",
            "--json",
            *options,
        )
        assert (done.status, done.err) == (0, "")
        return json.loads(done.out)

    return run


def believed(answer):
    return {name: answer[name] for name in ANSWER}


def test_words(zwicky, maps, tiny_run):
    bare = maps.write("bare.fits", BUNIT=None, BMAJ=None, BMIN=None)
    done = zwicky(
        *("infer", bare, "-z", maps.redshift, "--checkpoint", tiny_run.folder / "estimator"),
        *("--unit", "Compton-y", "--beam", 10),
    )
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith(f"bare.fits, z = {maps.redshift:g}, matched-filter S/N")
    assert "M500c [1e14 Msun]" in lines[1]
    assert lines[2].split()[:4] == ["network", "(radial_cnn", "x", "1)"]
    assert lines[3].split()[0] == "classical"
    assert any(line.startswith("  light: ") for line in lines)
    assert "  note: unit Compton-y as stated by --unit" in lines
    assert "  note: beam 10 arcmin as stated by --beam" in lines
    assert any("1-b = 1 (" in line for line in lines)


def test_json_says_the_same_to_machines(infer, maps):
    answer = infer(maps.stamp)
    for method in ("network", "classical"):
        quantiles = [answer[method][name] for name in ("p2.5", "p16", "median", "p84", "p97.5")]
        assert all(low < high for low, high in pairwise(quantiles)), method
    assert (answer["mass_definition"], answer["mass_unit"]) == ("M500c", "Msun")
    assert answer["flag"] in ("in-domain", "edge", "out-of-domain")
    assert bool(answer["reasons"]) == (answer["flag"] != "in-domain")
    truth = maps.observed.cluster.mass(M500C).msun
    assert answer["classical"]["median"] == pytest.approx(truth, rel=0.25)
    assert answer["classical"]["p2.5"] < truth < answer["classical"]["p97.5"]
    assert answer["network"]["p2.5"] < truth < answer["network"]["p97.5"]
    assert answer["snr"] > 10


def test_masses_scale_with_the_hydrostatic_bias(infer, maps):
    hydrostatic, true = infer(maps.stamp), infer(maps.stamp, "--one-minus-bias", 0.8)
    assert (hydrostatic["one_minus_bias"], true["one_minus_bias"]) == (1.0, 0.8)
    for method in ("network", "classical"):
        for name in ("p2.5", "p16", "median", "p84", "p97.5"):
            assert true[method][name] == pytest.approx(hydrostatic[method][name] / 0.8, rel=1e-12)
    assert true["snr"] == hydrostatic["snr"]


@pytest.mark.parametrize("center", [DEGREES, SEXAGESIMAL])
def test_a_cluster_is_found_in_a_wide_map(infer, maps, center):
    assert believed(infer(maps.wide, "--center", center)) == believed(infer(maps.stamp))


def test_another_place_of_the_wide_map_is_another_answer(infer, maps):
    beside = f"{CENTER.ra.deg + 0.2},{CENTER.dec.deg}"
    assert believed(infer(maps.wide, "--center", beside)) != believed(infer(maps.stamp))


def test_recentring_finds_the_peak_and_says_so(infer, maps):
    off = f"{CENTER.ra.deg},{CENTER.dec.deg + 6 / 60}"
    there, missed = infer(maps.stamp), infer(maps.wide, "--center", off)
    found = infer(maps.wide, "--center", off, "--recenter", 10)
    (note,) = [note for note in found["notes"] if note.startswith("recentred by")]
    assert float(note.split()[2]) == pytest.approx(6.0, abs=2.0)
    assert not any("recentred" in note for note in missed["notes"])
    assert found["classical"]["median"] == pytest.approx(there["classical"]["median"], rel=0.1)
    assert missed["classical"]["median"] < 0.9 * there["classical"]["median"]


def test_the_answer_and_the_stamp_are_kept(infer, maps, tmp_path, tiny_run):
    folder = tmp_path / "answers" / "first"
    off = f"{CENTER.ra.deg},{CENTER.dec.deg + 0.01}"
    answer = infer(maps.wide, "--center", off, "--recenter", 5, "--out", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["answer.json", "stamp.fits"]
    kept = json.loads((folder / "answer.json").read_text())
    estimator = kept.pop("estimator")
    assert kept == answer
    assert estimator["model"]["kind"] == "radial_cnn"
    assert estimator["survey"]["instrument"] == "planck_milca"
    assert (
        estimator["config_hash"]
        == json.loads((tiny_run.folder / "provenance.json").read_text())["config_hash"]
    )
    again = infer(folder / "stamp.fits")
    assert believed(again) == believed(answer)
    assert again["name"] == "stamp.fits"


def test_one_image_of_several_is_named(infer, maps):
    from astropy.io import fits

    path = maps.folder / "two.fits"
    first, second = (fits.ImageHDU(v, name=n) for v, n in ((maps.values, "MILCA"), (2 * maps.values, "NILC")))
    with fits.open(maps.stamp) as stamp:
        for hdu in (first, second):
            hdu.header.extend(card for card in stamp[0].header.cards if card.keyword not in hdu.header)
    fits.HDUList([fits.PrimaryHDU(), first, second]).writeto(path)
    assert (
        believed(infer(path, "--hdu", 1))
        == believed(infer(path, "--hdu", "milca"))
        == believed(infer(maps.stamp))
    )
    assert infer(path, "--hdu", "NILC")["y500_arcmin2"] > 1.9 * infer(path, "--hdu", 1)["y500_arcmin2"]


def test_a_wild_map_still_has_an_answer_and_a_red_light(infer, maps):
    wild = maps.write("wild.fits", maps.values * (9e-3 / maps.values.max()))
    answer = infer(wild)
    assert answer["flag"] == "out-of-domain"
    assert any("brightest" in reason for reason in answer["reasons"])


@pytest.mark.skipif("deandres2022" not in shipped_names(), reason="no estimator ships with this tree")
def test_without_a_checkpoint_the_shipped_one_weighs(zwicky, maps):
    done = zwicky("infer", maps.stamp, "-z", maps.redshift, "--json")
    answer = json.loads(done.out)
    truth = maps.observed.cluster.mass(M500C).msun
    for method in ("network", "classical"):
        assert answer[method]["median"] == pytest.approx(truth, rel=0.25)
    assert answer["network"]["method"].startswith("radial_cnn")
    assert answer["flag"] != "out-of-domain"
