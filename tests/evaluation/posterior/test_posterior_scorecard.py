"""The scorecard of posterior maps: the numbers of what was judged, small, and whole after a trip through a file."""

import json

import numpy as np
import pytest

from posterior_card import EDGES, TARGETS, bare_card, full_card, judged, mass_pair
from zwicky.core.errors import MapError, MassError, StoreError
from zwicky.evaluation.posterior.blocks import plain
from zwicky.evaluation.posterior.masses import MAPS, SCALAR, MassPair, masses_block
from zwicky.evaluation.posterior.run_tables import ablations_table
from zwicky.evaluation.posterior.scorecard import (
    build_posterior_scorecard,
    read_posterior_scorecard,
    write_posterior_scorecard,
)
from zwicky.evaluation.posterior.summary import all_tables
from zwicky.evaluation.posterior.tables import accuracy_table


def test_a_trip_through_a_file(tmp_path):
    path = tmp_path / "scorecard.json"
    write_posterior_scorecard(path, full_card())
    assert read_posterior_scorecard(path) == full_card()
    assert "NaN" not in path.read_text(encoding="utf-8")
    path.write_text(json.dumps(full_card() | {"format_version": 2}), encoding="utf-8")
    with pytest.raises(StoreError, match="another version"):
        read_posterior_scorecard(path)


def test_numbers_are_those_that_were_judged():
    one = judged()
    digest = full_card()["results"]["fast"]["digest"]
    for i, target in enumerate(("gas", "dark matter")):
        found = digest[target]
        assert found["map_mass_error"]["value"] == pytest.approx(
            one.accuracy.map_mass_error.value[0, i], rel=1e-5
        )
        errors = one.profiles.mean_error.value[0, i]
        assert abs(found["profile_edge"]["value"]) == pytest.approx(np.abs(errors).max(), rel=1e-5)
        centre = np.abs(errors[one.profiles.radius_mpc < 1.0])
        assert abs(found["profile_centre"]["value"]) == pytest.approx(centre.max(), rel=1e-5)
        above = one.spectra.mean_above.value[0, i]
        assert found["mean_above"]["above"] == (above > 0.0).sum()
        assert found["mean_above"]["n"] == len(above)
        assert found["mean_above"]["smallest"]["value"] == pytest.approx(above.min(), rel=1e-5)
        assert found["mean_above"]["ring"] == above.argmin()
        covered = one.coverage.cylinder_mass.value[0, :, i].mean(axis=-1)
        assert [level["value"] for level in found["coverage"]["M(<R)"]] == pytest.approx(covered, rel=1e-5)
        quarter = len(above) // 4
        assert found["r_mean_small"]["value"] == pytest.approx(
            one.spectra.r_mean.value[0, i, -quarter:].mean(), rel=1e-5
        )


def test_large_scales_come_first():
    assert (np.diff(judged().spectra.wavenumber_per_mpc) > 0.0).all()


def test_each_view_has_the_better_of_itself_and_its_logarithm():
    spectra = judged().spectra
    assert spectra.input_names == ("compton_y", "xray_surface_brightness", "log10 compton_y", "log10 xray_surface_brightness")  # fmt: skip # noqa: E501
    views = full_card()["results"]["fast"]["spectra"]["r_views"]
    assert list(views) == ["SZ", "X-ray"]
    both = np.maximum(np.array(views["SZ"]), np.array(views["X-ray"]))
    np.testing.assert_allclose(both, spectra.baseline_r.value[0], rtol=1e-5)


def test_bins_without_errors_have_values():
    error = full_card()["results"]["fast"]["accuracy"]["map_mass_error"]
    assert len(error["value"]) == 1 + len(EDGES) - 1
    assert error["low_68"][0][0] < error["value"][0][0] < error["high_68"][0][0]
    assert error["value"][1][0] is not None
    assert error["low_68"][1][0] is None


def test_recalibration_shows():
    results = full_card()["results"]
    before, after = (
        results[name]["digest"]["gas"]["z_sd"]["log10"]["value"] for name in ("published", "fast")
    )
    assert before < 0.85 < after


def test_what_a_run_did_not_make_is_absent():
    card = bare_card(n=8, with_masses=False)
    assert [card[key] for key in ("exact", "masses", "sizes", "timings")] == [None] * 4
    assert card["ablations"] == card["convergence"] == {}
    assert card["results"]["fast"]["coverage"]["log10_m200c"] is None
    assert card["results"]["fast"]["digest"]["gas"]["map_mass_error"]["low_68"] is None


def test_json_has_no_numpy_and_no_nan():
    found = plain(
        {1: np.float32(0.123456789), "a": (np.bool_(True), float("inf")), "b": np.arange(2), "c": "text"}
    )
    assert found == {"1": 0.123457, "a": [True, None], "b": [0, 1], "c": "text"}
    assert type(found["a"][0]) is bool


def test_nothing_to_judge():
    with pytest.raises(MapError, match="no posterior"):
        build_posterior_scorecard({})


@pytest.mark.parametrize("part", ["judged", "ablations"])
def test_other_maps_are_refused(part):
    other = judged(targets=TARGETS[:1])
    methods = {"fast": judged()} | ({"published": other} if part == "judged" else {})
    with pytest.raises(MapError, match=r"not of the same maps"):
        build_posterior_scorecard(methods, ablations={"plain": other} if part == "ablations" else None)


def test_masses_have_their_bias_scatter_and_correlation():
    pair = mass_pair(n=4000, maps_bias=0.03, scalar_bias=-0.02, shared=0.05)
    block = masses_block(pair, EDGES, 20, 1)
    values = {
        name: {key: est["value"][0] for key, est in one.items()} for name, one in block["methods"].items()
    }
    assert values[MAPS]["bias_dex"] == pytest.approx(0.03, abs=0.005)
    assert values[SCALAR]["bias_dex"] == pytest.approx(-0.02, abs=0.005)
    assert values[MAPS]["scatter_dex"] == pytest.approx(0.05 * 2**0.5, rel=0.05)
    assert block["error_correlation"]["value"][0] == pytest.approx(0.5, abs=0.05)
    assert block["difference_dex"]["value"][0] == pytest.approx(0.05, abs=0.005)
    assert block["difference_scatter_dex"]["value"][0] == pytest.approx(0.05 * 2**0.5, rel=0.05)
    assert block["n_clusters"][0] == 4000 == sum(block["n_clusters"][1:])
    assert len(block["points"]["true"]) == 1000


def test_masses_that_are_calibrated_are_covered_and_others_are_not():
    right = masses_block(mass_pair(n=4000), (), 20, 1)["methods"]
    for one in right.values():
        assert one["coverage"]["value"][0] == pytest.approx([0.68, 0.95], abs=0.03)
    off = masses_block(mass_pair(n=4000, shared=0.05), (), 20, 1)["methods"]
    assert all(one["coverage"]["value"][0][0] < 0.6 for one in off.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scalar_sd_dex": np.ones(3)}, "not of the same clusters"),
        ({"log10_map_samples": np.ones((40, 1))}, "not of the same clusters"),
        ({"log10_true": np.full(40, np.nan)}, "not a number"),
    ],
)
def test_masses_that_cannot_be_compared(change, message):
    with pytest.raises(MassError, match=message):
        MassPair(**(vars(mass_pair()) | change))


def test_a_card_is_small(tmp_path):
    path = tmp_path / "scorecard.json"
    write_posterior_scorecard(path, full_card())
    assert path.stat().st_size < 250_000
    curves = np.array(full_card()["results"]["fast"]["ranks"]["ecdf_difference"])
    np.testing.assert_allclose(curves, judged().ranks.ecdf_difference, atol=5.1e-5)


def test_tables_are_the_same_after_a_trip_through_a_file(tmp_path):
    path = tmp_path / "scorecard.json"
    write_posterior_scorecard(path, full_card())
    assert all_tables(read_posterior_scorecard(path)) == all_tables(full_card())
    rows = {(row[0], row[1]): row for row in accuracy_table(full_card()).rows}
    for i, target in enumerate(("gas", "dark matter")):
        assert rows["fast", target][7].startswith(f"{judged().accuracy.rms_dex.value[0, i]:.4f} ±")
    assert [row[0] for row in ablations_table(full_card()).rows[::2]] == ["plain", "linear"]
