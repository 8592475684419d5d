"""The scorecard of maps: closed forms, the statistics of its parts, honest and dishonest errors, paired comparisons."""

import gc
import json
import weakref
from itertools import pairwise

import numpy as np
import pytest

from map_card import EDGES, build, full_card, make_methods, make_true, noisy, times
from zwicky.core.errors import ConfigError, MapError, StoreError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.bootstrap import bootstrap_over_parents, parent_resamples, resampled_sums
from zwicky.evaluation.mapping.apertures import difference_quantiles, mass_bias
from zwicky.evaluation.mapping.comparison import main_methods, pairs_of, wins
from zwicky.evaluation.mapping.judge import length_unit
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.scorecard import read_map_scorecard, write_map_scorecard
from zwicky.evaluation.mapping.similarity import ssim
from zwicky.evaluation.mapping.spectra import power_spectra
from zwicky.inference.mapping.answer import PredictedMaps

KEY = Key(5, Stream.BOOTSTRAP)
INTERVALS = [f"{low:.2f}-{high:.2f}" for low, high in pairwise(EDGES)]


@pytest.fixture(scope="module")
def true():
    return make_true()


@pytest.fixture(scope="module")
def card(true):
    return full_card()


def block(card, method="multi1", group="all"):
    return card["results"][method]["groups"][group]


def values(estimate):
    return np.array([estimate[key] for key in ("value", "low_68", "high_68", "low_95", "high_95")])


def test_a_method_that_is_two_per_cent_high(true):
    one = build(true, [times(true, 1.02)])
    for group in ("all", *INTERVALS):
        found = block(one, group=group)
        for aperture in found["pixels"].values():
            np.testing.assert_allclose(values(aperture["median"]), 0.02, atol=1e-5)
            np.testing.assert_allclose(values(aperture["scatter"]), 0.0, atol=1e-5)
        for radius in ("bias_r200", "bias_r500"):
            np.testing.assert_allclose(values(found[radius]["median"]), 0.02, atol=1e-5)
            np.testing.assert_allclose(values(found[radius]["mean"]), 0.02, atol=1e-5)
            np.testing.assert_allclose(values(found[radius]["scatter"]), 0.0, atol=1e-5)
            np.testing.assert_allclose(values(found[radius]["sd"]), 0.0, atol=1e-5)
        for which in ("cylinder", "annulus"):
            for key in ("low", "median", "high"):
                profile = np.array(found[which][key], float)
                np.testing.assert_allclose(profile[np.isfinite(profile)], 0.02, atol=1e-5)
                assert np.isfinite(profile[-3:]).all()
        np.testing.assert_allclose(values(found["b"]), 1.02, rtol=1e-5)
        np.testing.assert_allclose(values(found["r"]), 1.0, rtol=1e-6)
        np.testing.assert_allclose(found["power_ratio"]["median"], 1.02**2 - 1, atol=1e-5)
        assert found["pixel_coverage"] is found["mass_coverage"] is found["standardised_error"] is None
    densities = np.array(one["results"]["multi1"]["histogram"]["map"])
    edges = np.array(one["histogram_edges"])
    assert edges[densities.argmax()] <= 0.02 <= edges[densities.argmax() + 1]
    assert (densities * np.diff(edges)).sum() == pytest.approx(1.0, rel=1e-4)


def test_the_truth_is_perfect_and_looks_like_itself(true):
    one = build(true, [times(true, 1.0)])
    for group in INTERVALS:
        found = block(one, group=group)
        assert found["ssim"]["value"] == pytest.approx(1.0)
        assert found["mmd"] == {"value": 0.0, "noise": 0.0}
        lines = one["truth"][group]["noise_lines"]
        assert lines["0.02"] < lines["0.05"] < lines["0.1"] < lines["0.2"]


def test_noise_of_a_rung_is_called_by_its_name(true):
    factor = 1.0 + 0.1 * np.random.default_rng(0).standard_normal(true.maps.shape)
    one = build(true, [PredictedMaps("noise", (true.maps * factor).astype(np.float32))])
    for group in INTERVALS:
        assert block(one, "noise", group)["mmd"]["noise"] == pytest.approx(0.1, rel=0.25)


def test_numbers_are_those_of_the_statistics(true):
    predicted = noisy(true, 0.05)
    one = build(true, [predicted])
    for group, low, high in zip(INTERVALS, EDGES[:-1], EDGES[1:], strict=True):
        rows = (true.log10_m200c >= low) & (true.log10_m200c < high)
        part, maps = true.selected(rows), predicted.mean[rows]
        found = block(one, group=group)
        for which, numbers in found["pixels"].items():
            expected = difference_quantiles(part, maps, which)
            got = [numbers[key]["value"] for key in ("median", "plus", "minus")]
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
        bias = mass_bias(part.maps, maps, part.pixel_mpc, part.r500c_mpc[:, None])[:, 0]
        assert found["bias_r500"]["median"]["value"] == pytest.approx(np.median(bias), abs=1e-6)
        assert found["bias_r500"]["sd"]["value"] == pytest.approx(bias.std(), rel=1e-4)
        half = 0.5 * np.subtract(*np.quantile(bias, (0.84, 0.16)))
        assert found["bias_r500"]["scatter"]["value"] == pytest.approx(half, rel=1e-4)
        spectra = power_spectra(part.maps, maps)
        np.testing.assert_allclose(found["b"]["value"], spectra.b(), rtol=1e-4)
        np.testing.assert_allclose(found["r"]["value"], spectra.r(), rtol=1e-4)
    assert one["groups"][0]["n_rows"] == len(true)
    np.testing.assert_allclose(one["scales"], spectra.wavelength_pixels * 2 / 24, rtol=1e-5)


def test_errors_of_r_are_those_of_resampled_maps(true):
    predicted = noisy(true, 0.1)
    spectra = power_spectra(true.maps, predicted.mean)
    expected = bootstrap_over_parents(true.parent, lambda rows: spectra.r(rows), 60, KEY)
    found = block(build(true, [predicted]))["r"]
    for name, end in vars(expected).items():
        np.testing.assert_allclose(found[name], end, rtol=1e-4)
    assert np.array(found["low_68"]).max() < 1.0


def test_errors_of_pixel_scatter_are_those_of_resampled_pixels(true):
    """Clusters differ in their errors, so that resamples differ."""
    sd = np.where(np.arange(len(true)) % 4 < 2, 0.02, 0.08)[:, None, None]
    factor = 10 ** (sd * np.random.default_rng(2).standard_normal(true.maps.shape))
    predicted = PredictedMaps("uneven", (true.maps * factor).astype(np.float32))
    difference = (predicted.mean - true.maps) / true.maps

    def scatter(rows):
        quantiles = np.quantile(difference[rows].reshape(len(rows), -1), (0.16, 0.84), axis=1)
        return 0.5 * (quantiles[1] - quantiles[0])

    expected = bootstrap_over_parents(true.parent, scatter, 60, KEY)
    found = block(build(true, [predicted]), "uneven")["pixels"]["map"]["scatter"]
    width = float(expected.high_68 - expected.low_68)
    assert width > 0.005
    assert found["low_68"] == pytest.approx(float(expected.low_68), abs=0.05 * width)
    assert found["high_68"] == pytest.approx(float(expected.high_68), abs=0.05 * width)


def test_means_of_parents_with_unequal_numbers_of_maps(true):
    rows = np.flatnonzero(np.arange(len(true)) % 5 != 1)
    part, predicted = true.selected(rows), noisy(true, 0.05).selected(rows)
    similarity = ssim(part.maps, predicted.mean)
    expected = bootstrap_over_parents(part.parent, lambda drawn: similarity[drawn].mean(axis=-1), 60, KEY)
    found = block(build(part, [predicted]))["ssim"]
    for name, end in vars(expected).items():
        assert found[name] == pytest.approx(float(end), rel=1e-4)


def test_sums_of_resamples_are_sums_over_their_rows():
    rng = np.random.default_rng(4)
    parent = rng.integers(0, 12, 50)
    rows_of = list(parent_resamples(parent, 20, KEY))
    column = rng.standard_normal((50, 3, 2))
    np.testing.assert_allclose(
        resampled_sums(parent, column, 20, KEY), np.array([column[rows].sum(axis=0) for rows in rows_of])
    )
    with pytest.raises(ConfigError, match="needs resamples"):
        resampled_sums(parent, column, 0, KEY)


@pytest.mark.parametrize(("stated", "honest"), [(1.0, True), (0.5, False), (2.0, False)])
def test_honest_errors_cover_as_promised(true, stated, honest):
    found = block(build(true, [noisy(true, 0.05, stated=stated)]))
    for which in ("pixel_coverage", "mass_coverage"):
        for level, nominal in (("68", 0.68), ("95", 0.95)):
            measured = np.mean(found[which][level]["value"])
            assert (abs(measured - nominal) < 0.03) == honest, (which, level, measured)
    # Half of a 68 % interval is 0.9945 standard deviations.
    assert found["standardised_error"]["sd"]["value"] == pytest.approx(1 / (0.994458 * stated), rel=0.01)
    assert found["standardised_error"]["mean"]["value"] == pytest.approx(0.0, abs=0.03)


def test_coverage_is_known_per_physics_and_radius(card):
    names = [group["name"] for group in card["groups"]]
    assert names == ["all", *INTERVALS, "physics: gadgetx", "physics: gizmo"]
    for name in names:
        assert len(block(card, "any", name)["mass_coverage"]["95"]["value"]) == 10
    np.testing.assert_allclose(card["results"]["any"]["coverage_radii"], np.linspace(0.1, 1.0, 10), rtol=1e-5)
    assert card["results"]["sz"]["coverage_radii"] is None


def test_only_one_method_is_in_memory(true):
    alive = []

    def methods():
        for i in range(3):
            gc.collect()
            assert [one() for one in alive if one() is not None] == []
            made = times(true, 1.0 + 0.01 * i, f"method {i}")
            alive.append(weakref.ref(made))
            yield made
            del made

    assert build(true, methods())["methods"] == ["method 0", "method 1", "method 2"]


def test_too_few_parents_have_no_intervals():
    few = make_true(n_parents=6)
    found = block(build(few, [noisy(few, 0.05, "sz"), noisy(few, 0.05, "linear: sz")]), "sz")
    assert found["bias_r200"]["median"]["value"] is not None
    for estimate in (found["bias_r200"]["median"], found["pixels"]["map"]["scatter"], found["ssim"]):
        assert estimate["low_68"] is estimate["high_95"] is None
    assert set(found["r"]["low_68"]) == {None}


def test_the_same_seed_gives_the_same_card(true):
    one, other = (build(true, [noisy(true, 0.05)], n_resamples=20) for _ in range(2))
    assert json.dumps(one) == json.dumps(other)
    assert json.dumps(one) != json.dumps(build(true, [noisy(true, 0.05)], n_resamples=20, seed=6))


def test_less_noise_wins_at_every_scale(card):
    win = wins(card, "multi1", "linear: all")
    assert win.everywhere
    assert win.surely_above == win.n_scales > 5
    assert win.surely_below == 0
    assert str(win).startswith("above at every scale")


def test_more_noise_loses_and_equal_noise_is_no_win(card):
    lost = wins(card, "sz", "multi1")
    assert (lost.above, lost.surely_below) == (0, lost.n_scales)
    assert str(lost).startswith(f"above at 0 of {lost.n_scales} scales")
    even = wins(card, "any", "multi1")
    assert even.surely_above + even.surely_below < 0.4 * even.n_scales


def test_ratios_of_scatters_are_paired(card):
    (one,) = (c for c in card["comparisons"] if (c["candidate"], c["baseline"]) == ("multi1", "sz"))
    ratio = one["pixel_scatter_ratio"]
    assert ratio["value"] == pytest.approx(3 / 7, rel=0.03)
    assert ratio["low_95"] < ratio["value"] < ratio["high_95"]
    assert one["scatter_r200_ratio"]["low_68"] > 0.0


def test_what_two_methods_share_cancels(true):
    one = noisy(true, 0.05, "sz")
    (found, _) = build(true, [one, PredictedMaps("xray", one.mean)])["comparisons"]
    assert set(found["r_difference"]["low_95"]) == set(found["r_difference"]["high_95"]) == {0.0}
    np.testing.assert_array_equal(values(found["pixel_scatter_ratio"]), 1.0)
    np.testing.assert_array_equal(values(found["scatter_r200_ratio"]), 1.0)


def test_which_methods_are_compared():
    names = [
        "sz",
        "multi1",
        "any",
        "any: sz",
        "any: sz+xray",
        "linear: sz",
        "linear: sz, best r(k)",
        "mean profile",
    ]
    baselines = names[5:]
    assert main_methods(names) == ["sz", "multi1", "any"]
    pairs = pairs_of(names)
    assert [b for a, b in pairs if a == "sz"] == ["multi1", "any", *baselines]
    assert [b for a, b in pairs if a == "any: sz"] == ["sz", *baselines]
    assert [b for a, b in pairs if a == "any: sz+xray"] == baselines
    assert not any(a in baselines for a, _ in pairs)


def test_bare_views_have_a_correlation(card):
    assert list(card["views"]["sz"]) == ["all", *INTERVALS]
    r = np.array(card["views"]["sz"]["all"]["value"])
    assert (r > 0.3).all()
    assert (r < 1.0).all()


def test_scales_are_in_mpc_where_maps_have_one_size_in_mpc():
    proper = make_true(n_parents=12, scaled=False)
    one = build(proper, [noisy(proper, 0.05)])
    assert one["length_unit"] == "Mpc"
    wavelength = power_spectra(proper.maps, proper.maps).wavelength_pixels
    np.testing.assert_allclose(one["scales"], wavelength * 2 / 24, rtol=1e-5)
    np.testing.assert_allclose(
        one["results"]["multi1"]["coverage_radii"], np.linspace(0.1, 1.0, 10), rtol=1e-5
    )


def test_maps_without_a_common_scale_are_refused(true):
    columns = vars(true) | {"pixel_mpc": true.pixel_mpc * np.linspace(1.0, 1.1, len(true))}
    with pytest.raises(MapError, match="no common scale"):
        length_unit(TrueMaps(**columns))


@pytest.mark.parametrize(
    ("methods", "options", "error", "message"),
    [
        (lambda t: [], {}, MapError, "no method to judge"),
        (lambda t: [times(t, 1.0), times(t, 1.1)], {}, MapError, "one name"),
        (lambda t: [times(t.selected(np.arange(5)), 1.0)], {}, MapError, "maps of the test set"),
        (lambda t: [times(t, 1.0)], {"mass_edges_log10": (15.0, 14.0)}, ConfigError, "not the edges"),
        (lambda t: [times(t, 1.0)], {"n_resamples": 0}, ConfigError, "needs resamples"),
    ],
)
def test_what_cannot_be_judged(true, methods, options, error, message):
    with pytest.raises(error, match=message):
        build(true, methods(true), **options)


def test_methods_that_were_not_compared(card):
    with pytest.raises(ConfigError, match="not compared"):
        wins(card, "linear: sz", "sz")


def test_cards_are_written_and_read(card, tmp_path):
    path = tmp_path / "scorecard.json"
    write_map_scorecard(path, card)
    assert read_map_scorecard(path) == json.loads(json.dumps(card))
    with pytest.raises(StoreError, match="does not exist"):
        read_map_scorecard(tmp_path / "nothing.json")
    path.write_text("{")
    with pytest.raises(StoreError, match="not JSON"):
        read_map_scorecard(path)
    path.write_text("[1]")
    with pytest.raises(StoreError, match="not a scorecard"):
        read_map_scorecard(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "zwicky mass scorecard"}, "not a scorecard"),
        ({"format_version": 0}, "another version"),
        ({"groups": None}, "incomplete"),
    ],
)
def test_cards_that_are_refused(card, tmp_path, change, message):
    changed = {key: value for key, value in (card | change).items() if value is not None}
    with pytest.raises(StoreError, match=message):
        write_map_scorecard(tmp_path / "card.json", changed)
    assert list(tmp_path.iterdir()) == []


def test_every_method_has_its_block(card, true):
    names = [one.name for one in make_methods(true)]
    assert card["methods"] == names == list(card["results"])
