"""A test set is checked when it is made, and bins of mass average what they should."""

from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, MapError
from zwicky.evaluation.posterior.bins import MassBins


@pytest.mark.parametrize("name", ["samples", "inputs", "log10_m200c", "parent", "log10_m200c_samples"])
def test_parts_of_other_lengths_are_refused(posterior, name):
    with pytest.raises(MapError, match=f"(?s)do not belong together.*{name}"):
        replace(posterior, **{name: getattr(posterior, name)[:-1]})


def test_samples_without_pixels_are_refused(posterior):
    with pytest.raises(MapError, match="do not belong together"):
        replace(posterior, samples=np.ones(3))


def test_few_samples_are_refused(posterior):
    with pytest.raises(MapError, match="several samples"):
        replace(posterior, samples=posterior.samples[:, :3], log10_m200c_samples=None)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("name", ["truth", "samples"])
def test_maps_that_are_not_positive_are_refused_by_name(posterior, name, value):
    maps = getattr(posterior, name).copy()
    maps[7, ..., 3, 4] = value
    with pytest.raises(MapError, match=f"(?s)positive.*{name}, cluster 7"):
        replace(posterior, **{name: maps})


def test_selected_rows_stay_together(posterior):
    some = posterior.selected(np.array([5, 2]))
    assert (len(some), some.n_samples, some.n_pixels) == (2, 19, 16)
    np.testing.assert_array_equal(some.log10_m200c_samples, posterior.log10_m200c_samples[[5, 2]])
    assert replace(posterior, log10_m200c_samples=None).selected(np.array([1])).log10_m200c_samples is None


MASSES = np.array([14.0, 14.2, 14.5, 14.9, 15.3])


def _bins(edges, n_resamples=200, masses=MASSES, parent=None):
    names = np.arange(len(masses)).astype(str) if parent is None else parent
    return MassBins(masses, names, edges, n_resamples, 1)


def test_bins_hold_what_lies_between_their_edges():
    bins = _bins((14.0, 14.5, 15.0))
    assert bins.names == ("all", "14-14.5", "14.5-15")
    np.testing.assert_array_equal(bins.n_clusters, [5, 2, 2])
    drawn = bins.of_means(np.arange(5.0))
    np.testing.assert_allclose(drawn.value, [2.0, 0.5, 2.5])
    assert np.isnan(drawn.resamples).all()  # five parents are too few for errors


def test_an_empty_bin_has_no_value():
    assert np.isnan(_bins((16.0, 17.0)).of_means(np.ones((5, 2))).value[1]).all()


def test_errors_are_those_of_a_mean_over_parents():
    values = np.repeat(np.random.default_rng(1).standard_normal(400), 3)
    bins = _bins((), 1000, np.full(1200, 14.0), np.repeat(np.arange(400), 3).astype(str))
    assert bins.names == ("all",)
    drawn = bins.of_means(values)
    expected = values.std() / np.sqrt(400.0)
    assert drawn.resamples.std() == pytest.approx(expected, rel=0.1)
    rows = _bins((), 1000, np.full(1200, 14.0)).of_means(values)  # the negative control: rows for parents
    assert rows.resamples.std() < 0.7 * expected


@pytest.mark.parametrize(("edges", "n_resamples"), [((15.0, 14.0), 10), ((14.0, 15.0), 0)])
def test_bins_that_make_no_sense_are_refused(edges, n_resamples):
    with pytest.raises(ConfigError, match="ascending edges"):
        _bins(edges, n_resamples)
