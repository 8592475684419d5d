"""From files of any subset of the views to a mass map: what the mapper is shown, and what is refused before it is."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from painted_views import (
    ARCMIN_PER_MPC,
    AT,
    BEAM_MPC,
    CENTER,
    PEAK,
    REDSHIFT,
    FakeMapper,
    expected_stamp,
    write_view,
)
from zwicky.core.errors import CheckpointError, ConfigError, FitsError, MapError, RedshiftError, UnitError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_mass_map import write_mass_map
from zwicky.data.fits_out import write_map
from zwicky.mocks.theory_survey import FIXED_PROPER, TheorySurvey
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.workflows.mapping.infer import infer_map, pixel_text
from zwicky.workflows.mapping.views import VIEWS, ViewFile, view_files

# Three telescopes: coarse and turned, fine and mirrored, very fine.
TELESCOPES = {
    "y": {"pixel": 0.6, "beam": 2.0, "turn_deg": 25.0, "shape": (120, 130)},
    "xray": {"pixel": 0.25, "beam": 0.5, "parity": 1, "shape": (260, 250)},
    "stars": {"pixel": 0.1, "beam": 0.3, "matrix": "PC", "turn_deg": 100.0, "shape": (600, 600)},
}


@pytest.fixture
def telescopes(tmp_path):
    return {name: write_view(tmp_path / f"{name}.fits", name, **how) for name, how in TELESCOPES.items()}


def infer(paths, mapper=None, settings=(), *, redshift=REDSHIFT, center=AT, **options):
    return infer_map(view_files(paths, settings), redshift, mapper or FakeMapper(), center=center, **options)


def one_view(tmp_path, name="y", **how):
    return {name: write_view(tmp_path / f"{name}.fits", name, **how)}


# ---------- what the mapper is shown


@pytest.mark.parametrize(
    "names", [("y",), ("xray",), ("stars",), ("y", "stars"), ("stars", "xray"), ("y", "xray", "stars")]
)
def test_the_mapper_sees_each_view_on_its_own_pixels(telescopes, names):
    mapper = FakeMapper()
    answer = infer({name: telescopes[name] for name in names}, mapper)
    ((maps, redshift, present),) = mapper.seen
    assert maps.shape == (1, 3, 40, 40)
    assert maps.dtype == np.float32
    assert list(redshift) == [REDSHIFT]
    assert present == tuple(name in names for name in VIEWS)
    assert answer.missing == tuple(name for name in VIEWS if name not in names)
    for i, name in enumerate(VIEWS):
        if name not in names:
            assert np.isnan(maps[0, i]).all()
        else:
            np.testing.assert_allclose(
                maps[0, i], expected_stamp(name), atol=6e-3 * expected_stamp(name).max()
            )


def test_units_are_converted(telescopes):
    """The files hold erg/s/kpc2 and Msun/kpc2: a factor lost would be six orders of magnitude."""
    mapper = FakeMapper()
    infer(telescopes, mapper)
    for image, name in zip(mapper.seen[0][0][0], VIEWS, strict=True):
        assert 0.5 * PEAK[name] < image.max() < 1.5 * PEAK[name]


def test_views_in_another_order_of_the_mapper(telescopes):
    mapper = FakeMapper(views=(MapQuantity.STAR_SURFACE_DENSITY, MapQuantity.COMPTON_Y))
    answer = infer({"y": telescopes["y"]}, mapper)
    maps, _, present = mapper.seen[0]
    assert present == (False, True)
    assert 0.5 * PEAK["y"] < maps[0, 1].max() < 1.5 * PEAK["y"]
    assert answer.missing == ("stars",)


def test_the_answer_lies_on_the_sky_at_the_scale_of_the_redshift(telescopes):
    answer = infer(telescopes)
    one = answer.mass_map
    assert one.grid.agrees_with(Grid(40, 0.1 * ARCMIN_PER_MPC * u.arcmin, "sky"), rtol=1e-9)
    assert (one.pixel_mpc, one.beam_arcmin) == (0.1, pytest.approx(BEAM_MPC * ARCMIN_PER_MPC))
    assert one.center.separation(CENTER) < 1e-6 * u.arcsec
    assert (one.cluster.id, one.cluster.redshift, one.light) == ("y", REDSHIFT, "in-domain")
    assert (one.mapper["model"], one.mapper["commit"]) == ({"kind": "fake"}, "abc")
    further = infer(telescopes, redshift=0.12).mass_map
    ratio = FakeMapper().cosmology.arcmin_per_mpc(0.12) / ARCMIN_PER_MPC
    assert further.grid.pixel_value == pytest.approx(ratio * one.grid.pixel_value)
    assert infer(telescopes, name="A 2142").mass_map.cluster.id == "A 2142"
    assert {view.beam_arcmin for view in one.inputs.values()} == {one.beam_arcmin}
    assert "40 x 40 pixels of 0.1 Mpc (0.9037 arcmin), beam 0.3 Mpc (2.711 arcmin)" in pixel_text(one)


def test_what_the_mapper_said_is_kept(telescopes):
    mapper = FakeMapper(flag=2)
    answer = infer(telescopes, mapper)
    told = mapper.predict(*mapper.seen[0])
    np.testing.assert_array_equal(answer.mass_map.mean, told.mean[0])
    np.testing.assert_array_equal(answer.mass_map.half_95_dex, told.half_95_dex[0])
    np.testing.assert_array_equal(answer.mass_quantiles_msun, told.mass_quantiles_msun[0])
    np.testing.assert_array_equal(answer.radii_mpc, told.radii_mpc[0])
    assert (answer.mass_map.light, answer.reasons) == ("out-of-domain", ("the brightest pixel is odd",))


def test_the_answer_can_be_asked_again(telescopes, tmp_path):
    """The views inside an answer are as wide as the stamp: nobody has to say where the cluster is."""
    first = infer(telescopes)
    write_mass_map(first.mass_map, tmp_path / "answer.fits")
    again = infer(dict.fromkeys(VIEWS, tmp_path / "answer.fits"), center=None)
    np.testing.assert_allclose(again.mass_map.mean, first.mass_map.mean, rtol=1e-5)
    assert again.mass_map.center.separation(CENTER) < 1e-3 * u.arcsec


def test_without_a_wcs_all_views_are_taken_at_their_middle(tmp_path):
    mapper = FakeMapper()
    paths = {
        name: write_view(
            tmp_path / f"{name}.fits", name, leave_out=("WCS",), shift=(0.0, 0.0), pixel=pixel, shape=shape
        )
        for name, pixel, shape in (("y", 0.4, (131, 131)), ("stars", 0.3, (150, 150)))
    }
    answer = infer(paths, mapper, ["y.pixel=0.4", "stars.pixel=0.3"], center=None)
    for i, name in ((0, "y"), (2, "stars")):
        np.testing.assert_allclose(
            mapper.seen[0][0][0, i], expected_stamp(name), atol=8e-3 * expected_stamp(name).max()
        )
    assert answer.mass_map.center is None


def test_holes_are_filled_and_said(tmp_path):
    path = one_view(tmp_path)["y"]
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[80:82, 85:87] = np.nan
    answer = infer({"y": path})
    assert answer.mass_map.inputs["y"].mask.sum() >= 1
    assert any(note.startswith("y: ") and "no measurement" in note for note in answer.notes)


def test_a_note_when_the_cluster_is_a_little_beyond_the_training_redshifts(telescopes):
    inside = infer(telescopes, FakeMapper(redshift_range=(0.1, 0.1)))
    beyond = infer(telescopes, FakeMapper(redshift_range=(0.05, 0.05)))
    assert not any("evolution" in note for note in inside.notes)
    assert any("z = 0.1, but the training clusters have z = 0.05" in note for note in beyond.notes)


@pytest.mark.parametrize(("stem", "name"), [("Abell-\u03b1", "Abell-?"), (" ", "cluster")])
def test_a_file_name_that_no_header_holds(tmp_path, stem, name):
    path = write_view(tmp_path / f"{stem}.fits", "y")
    assert infer({"y": path}).mass_map.cluster.id == name


@pytest.mark.slow
def test_painted_clusters_are_shown_as_the_training_set_shows_them(tmp_path):
    """Views of finer pixels and smaller beams against what the survey of the training set makes of the same cluster."""
    painter = Painter(PainterSettings(preset="gadgetx", redshift_edges=(REDSHIFT, REDSHIFT)), 11)
    quantities = tuple(view.quantity for view in VIEWS.values())
    taught = TheorySurvey(painter, quantities, FIXED_PROPER, 0.15).observe(3, 0)
    arcmin_per_mpc = painter.cosmology.arcmin_per_mpc(REDSHIFT)
    paths = {}
    for name, pixel_mpc, beam_mpc in (("y", 0.025, 0.09), ("xray", 0.025, 0.06), ("stars", 0.0125, 0.04)):
        grid = Grid(round(4.6 / pixel_mpc), pixel_mpc * u.Mpc, "proper")
        seen = TheorySurvey(painter, quantities, grid, beam_mpc).observe(3, 0)[VIEWS[name].quantity]
        sky = Grid(grid.n_pixels, pixel_mpc * arcmin_per_mpc * u.arcmin, "sky")
        paths[name] = tmp_path / f"{name}.fits"
        write_map(replace(seen, grid=sky, beam_arcmin=beam_mpc * arcmin_per_mpc), paths[name], center=CENTER)
    mapper = FakeMapper(grid=FIXED_PROPER, beam=0.15, cosmology=painter.cosmology)
    infer(paths, mapper)
    # Gas is painted with the texture of its grid, which differs by a few percent from grid to grid; stars are not.
    for image, name, scatter_dex in zip(mapper.seen[0][0][0], VIEWS, (0.03, 0.04, 0.03), strict=True):
        truth = taught[VIEWS[name].quantity].values
        assert np.log10(image / truth).std() < scatter_dex, name
        assert image.sum() == pytest.approx(truth.sum(), rel=0.02), name
        assert np.log10(image[:, ::-1] / truth).std() > 3 * scatter_dex, "a mirror image is seen"


# ---------- what is refused


def test_a_scaled_grid_needs_the_true_radius(telescopes):
    scaled = FakeMapper(grid=Grid(40, 0.05 * u.dimensionless_unscaled, "scaled"))
    with pytest.raises(CheckpointError, match="cannot be used on an observed cluster") as refused:
        infer(telescopes, scaled)
    assert "needs the true radius" in str(refused.value)
    assert scaled.seen == []
    with pytest.raises(CheckpointError, match="cannot be used on an observed cluster") as refused:
        infer(telescopes, FakeMapper(grid=Grid(40, 1.0 * u.arcmin, "sky")))
    assert "true radius" not in str(refused.value)


def test_a_mapper_without_a_beam_or_errors(telescopes):
    with pytest.raises(CheckpointError, match="trained on maps without a beam"):
        infer(telescopes, FakeMapper(beam=None))
    with pytest.raises(CheckpointError, match="does not know its errors"):
        infer(telescopes, FakeMapper(with_errors=False))


@pytest.mark.parametrize(
    ("redshift", "match"),
    [(None, "missing"), (0.0, "cannot be used"), (0.26, "outside what the mapper"), (1e-4, "outside what")],
)
def test_redshifts(telescopes, redshift, match):
    with pytest.raises(RedshiftError, match=match):
        infer(telescopes, FakeMapper(redshift_range=(0.1, 0.2)), redshift=redshift)


def test_a_view_that_the_mapper_does_not_know(telescopes):
    mapper = FakeMapper(views=(MapQuantity.COMPTON_Y, MapQuantity.STAR_SURFACE_DENSITY))
    with pytest.raises(ConfigError, match="does not know this view") as refused:
        infer(telescopes, mapper)
    assert refused.value.expected == "--y, --stars"
    assert "xray.fits" in refused.value.where


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"beam": 3.0}, r"blurrier than .* \(view y\)"),
        ({"pixel": 1.5, "shape": (60, 60)}, "too coarse for the beam"),
        ({"shape": (80, 80)}, "smaller than the stamp"),
        ({"shift": (200.0, 0.0)}, "position lies outside the map"),
        ({"shift": (60.0, 0.0)}, "over the edge"),
    ],
)
def test_views_that_cannot_be_brought_to_the_stamp(tmp_path, telescopes, how, match):
    paths = {**telescopes, "y": write_view(tmp_path / "bad.fits", "y", **how)}
    with pytest.raises(MapError, match=match) as refused:
        infer(paths)
    assert "bad.fits" in str(refused.value)


def test_views_of_another_sky(tmp_path, telescopes):
    away = CENTER.directional_offset_by(90 * u.deg, 3 * u.deg)
    values = np.ones((160, 170)) + np.eye(160, 170)
    paths = {**telescopes, "y": write_view(tmp_path / "away.fits", "y", at=away, values=1e-5 * values)}
    with pytest.raises(MapError, match="outside the map"):
        infer(paths)


def test_views_with_and_without_a_wcs_do_not_go_together(tmp_path, telescopes):
    lost = write_view(tmp_path / "lost.fits", "y", leave_out=("WCS",))
    with pytest.raises(MapError, match="A view has no WCS") as refused:
        infer({**telescopes, "y": lost}, settings=["y.pixel=0.4"], center=None)
    assert "lost.fits" in refused.value.where
    assert "a WCS in xray, stars; none in y" in refused.value.got
    with pytest.raises(MapError, match="A view has no WCS") as refused:
        infer({"y": lost}, settings=["y.pixel=0.4"])
    assert "--center 195 28" in refused.value.got


def test_wide_views_need_a_position(telescopes):
    with pytest.raises(MapError, match="Where in these maps is the cluster"):
        infer(telescopes, center=None)


def test_a_noisy_view_is_refused(tmp_path):
    path = one_view(tmp_path)["y"]
    with fits.open(path, mode="update") as hdus:
        hdus[0].data += 1e-4 * np.random.default_rng(1).standard_normal(hdus[0].data.shape).astype("f4")
    with pytest.raises(MapError, match=r"zero or negative \(view y\)"):
        infer({"y": path})


def test_a_stack_of_holes_is_refused(tmp_path):
    path = one_view(tmp_path, "xray")["xray"]
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[60:90, 60:90] = np.nan
    with pytest.raises(MapError, match=r"no measurement \(view xray\)"):
        infer({"xray": path})


# ---------- headers, and what --set says about them


@pytest.mark.parametrize(
    ("name", "key", "value", "leave_out"),
    [
        ("y", "unit", "Compton-y", ("BUNIT",)),
        ("xray", "unit", "erg/s/kpc2", ("BUNIT",)),
        ("stars", "unit", "Msun/kpc2", ("BUNIT",)),
        ("y", "beam", "1.2", ("BMAJ", "BMIN")),
        ("xray", "hdu", "0", ()),
    ],
)
def test_what_a_header_leaves_out_is_stated_for_its_view(tmp_path, name, key, value, leave_out):
    whole = infer(one_view(tmp_path, name))
    paths = one_view(tmp_path, name, leave_out=leave_out)
    if leave_out:
        error = UnitError if key == "unit" else MapError
        with pytest.raises(error) as refused:
            infer(paths)
        assert f"--set {name}.{key}=" in refused.value.fix
        assert f"--{key} " not in str(refused.value)
    stated = infer(paths, settings=[f"{name}.{key}={value}"])
    np.testing.assert_array_equal(stated.mass_map.mean, whole.mass_map.mean)
    if leave_out:
        assert any(f"as stated by --set {name}.{key}" in note for note in stated.notes)


@pytest.mark.parametrize(
    ("name", "unit", "advice"),
    [
        ("y", "uK_CMB", "divided by T_CMB"),
        ("xray", "erg / (s cm2 arcmin2)", "4 pi (1+z)^4"),
        ("stars", "mag", "stellar mass per proper area"),
    ],
)
def test_a_unit_of_something_else_comes_with_advice(tmp_path, name, unit, advice):
    with pytest.raises(UnitError, match=rf"does not measure .* \(view {name}\)") as refused:
        infer(one_view(tmp_path, name, cards={"BUNIT": unit}))
    assert advice in refused.value.fix


def test_a_bare_number_is_no_unit_of_a_view(tmp_path):
    with pytest.raises(UnitError, match="could be anything") as refused:
        infer(one_view(tmp_path, "xray", cards={"BUNIT": "1e-3"}))
    assert refused.value.fix == "state it: --set xray.unit='erg / (s kpc2)'"


def test_a_contradiction_names_the_setting(tmp_path):
    with pytest.raises(MapError, match="contradict") as refused:
        infer(one_view(tmp_path), settings=["y.beam=1.5"])
    assert "leave --set y.beam out" in refused.value.fix


def test_errors_of_a_file_name_the_view(tmp_path):
    with pytest.raises(FitsError, match=r"\(view stars\)"):
        infer({"stars": tmp_path / "nowhere.fits"})
    with pytest.raises(FitsError, match="large"):
        infer(one_view(tmp_path), max_pixels=100)


@pytest.mark.parametrize(
    ("setting", "match", "fix"),
    [
        ("beam=1.2", "cannot be read", "--set y.beam=1.2"),
        ("y.beam", "cannot be read", "--set y.beam=1.2"),
        ("y.beam=", "cannot be read", "--set y.beam=1.2"),
        ("y.baem=1.2", "no such setting", "did you mean 'beam'?"),
        ("xary.beam=1.2", "no such view", "did you mean 'xray'?"),
        ("stars.beam=1.2", "no such view", "choose one of: y, xray"),
        ("y.beam=1.2 arcmin", "not a number", None),
    ],
)
def test_settings_that_cannot_be_used(setting, match, fix):
    with pytest.raises(ConfigError, match=match) as refused:
        view_files({"y": "y.fits", "xray": "x.fits", "stars": None}, [setting])
    assert fix is None or fix in refused.value.fix


def test_settings_are_read():
    given = ["y.beam = 1.2", "y.pixel=0.5", "xray.unit=erg / (s kpc2)", "xray.hdu=1"]
    files = view_files({"y": "y.fits", "xray": "x.fits", "stars": None}, given)
    assert files == [
        ViewFile("y", "y.fits", beam_arcmin=1.2, pixel_arcmin=0.5),
        ViewFile("xray", "x.fits", unit="erg / (s kpc2)", hdu="1"),
    ]
    with pytest.raises(ConfigError, match="stated twice"):
        view_files({"y": "y.fits"}, ["y.beam=1.2", "y.beam=1.2"])
    with pytest.raises(ConfigError, match="no view of the cluster"):
        view_files({"y": None})
