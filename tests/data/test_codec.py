"""16-bit logarithms: every code comes back, the error is the one that is promised, and nothing is bent silently."""

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, StoreError
from zwicky.core.quantities import MapQuantity
from zwicky.data.codec import LOG16, N_STEPS, Log16, log16_of

Y = Log16(-12.0, 0.0)
KINDS = [*LOG16.values(), Log16(-2.0, 3.0), Log16(-37.0, 38.0)]


def decoded(codec, codes):
    out = np.full(codes.shape, np.nan, np.float32)
    codec.decode(codes, out)
    return out


def spread(codec, n=200_000, seed=1):
    """Values that are flat in log over the whole range."""
    log10 = np.random.default_rng(seed).uniform(codec.log10_floor, codec.log10_ceiling, n)
    return (10.0**log10).astype(np.float32)


@pytest.mark.parametrize("codec", KINDS, ids=str)
def test_every_code_comes_back(codec):
    codes = np.arange(65536, dtype=np.uint16)
    again, below = codec.encode(decoded(codec, codes), "here")
    np.testing.assert_array_equal(again, codes)
    assert again.dtype == np.uint16
    assert below == 0


@pytest.mark.parametrize("codec", KINDS, ids=str)
def test_the_error_is_the_one_that_is_promised(codec):
    values = spread(codec)
    codes, below = codec.encode(values, "here")
    error = np.abs(decoded(codec, codes) / values.astype(float) - 1.0)
    assert below == 0
    assert error.max() < codec.relative_error + 1e-6  # float32 rounds as well
    assert error.max() > 0.9 * codec.relative_error  # and is no empty promise
    assert codec.relative_error == pytest.approx(np.log(10.0) / 2 * codec.step_dex, rel=2e-3)


def test_the_usual_ranges_err_by_less_than_three_parts_in_ten_thousand():
    """Half of a step is 9.2e-5 dex, 0.021 %, with 12 dex in 65534 steps, and 0.028 % with 16 dex."""
    assert N_STEPS == 2**16 - 2
    assert Y.relative_error == pytest.approx(2.11e-4, rel=2e-3)
    assert max(codec.relative_error for codec in LOG16.values()) < 2.9e-4


def test_half_precision_of_the_logarithm_would_err_ten_times_more():
    """Why not float16 of log10(v / unit): the same two bytes."""
    values = spread(Log16(-9.0, -3.0)).astype(float)
    half = 10.0 ** (np.log10(values / 1e-6).astype(np.float16).astype(float)) * 1e-6
    ours = decoded(Y, Y.encode(values, "here")[0])
    assert np.abs(half / values - 1).max() > 10 * np.abs(ours / values - 1).max()


def test_the_table_is_the_formula():
    """docs/store.md: 10^(log10_floor + (code - 1) step_dex), and 0 for code 0."""
    codes = np.array([1, 2, 40000, 65535])
    np.testing.assert_allclose(Y.table()[codes], 10.0 ** (-12.0 + (codes - 1) * Y.step_dex), rtol=1e-7)
    assert Y.table()[0] == 0.0
    assert Y.table()[1] == np.float32(1e-12)
    assert Y.table()[65535] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        Y.table()[0] = 1.0


def test_zero_is_zero_and_what_is_below_the_floor_is_counted():
    values = np.array([[0.0, -0.0, 1e-13], [9e-13, 1e-12, 1e-6]])
    codes, below = Y.encode(values, "here")
    assert (codes == 0).tolist() == [[True, True, True], [True, False, False]]
    assert below == 2
    assert codes[1, 1] == 1


@pytest.mark.parametrize(
    ("values", "got"),
    [([1.0, -1e-20], "from -1e-20 to 1"), ([0.0, 1.1], "from 0 to 1.1"), ([-3.0, 2.0], "from -3 to 2")],
)
def test_values_that_do_not_fit(values, got):
    with pytest.raises(
        StoreError, match=rf"(?s)does not fit.*cluster 3.*0 to 1e0.*{got}.*float32: noisy maps"
    ):
        Y.encode(np.array(values), "cluster 3")


@pytest.mark.parametrize(
    "limits", [(0.0, 0.0), (1.0, 0.0), (-38.0, 0.0), (0.0, 39.0), (float("nan"), 0.0), (0.0, float("inf"))]
)
def test_ranges_that_are_none(limits):
    with pytest.raises(ConfigError, match=r"(?s)range of 16-bit logarithms cannot be used.*floor < log10"):
        Log16(*limits)


def test_usual_ranges_by_name():
    assert log16_of([MapQuantity.COMPTON_Y]) == {MapQuantity.COMPTON_Y: LOG16[MapQuantity.COMPTON_Y]}
    with pytest.raises(ConfigError, match=r"(?s)no range.*compton_y.*temperature, xray_counts.*float32"):
        log16_of([MapQuantity.TEMPERATURE, MapQuantity.COMPTON_Y, MapQuantity.XRAY_COUNTS])
