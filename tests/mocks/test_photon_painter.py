"""Photons of painted clusters: the painter's own X-ray map, at the telescope."""

import pickle

import numpy as np
import pytest
from photon_balls import erosita, flat

from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.quantities import MapQuantity
from zwicky.mocks.photon_sources import PhotonSky
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.physics.constants import CM_PER_MPC
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings

PAINTER = Painter(PainterSettings(xray_band="0.5-2 keV", column_density_cm2=0.0), 3)


def test_counts_are_the_photon_map_over_a_sphere():
    telescope = flat([[0.5, 2.0]])
    ideal = PhotonSurvey(PAINTER, telescope, 3, "ideal", sky=PhotonSky(0.0))
    counts = ideal.observe(2, 0)
    redshift, cosmology = counts.cluster.redshift, counts.cluster.cosmology.astropy()
    emitted = PAINTER.theory(2, 0, telescope.grid)[MapQuantity.XRAY_PHOTON_BRIGHTNESS].values * 1e50
    side_mpc = (
        telescope.grid.pixel_value / ARCMIN_PER_RAD * cosmology.angular_diameter_distance(redshift).value
    )
    sphere_cm2 = 4.0 * np.pi * (cosmology.luminosity_distance(redshift).value * CM_PER_MPC) ** 2
    expected = emitted * side_mpc**2 * (1.0 + redshift) / sphere_cm2 * 100.0 * 1e3
    found = counts[MapQuantity.COUNTS_0].values
    assert found.sum() == pytest.approx(expected.sum(), rel=0.01)
    np.testing.assert_allclose(found, expected, rtol=0.03)
    assert found.sum() > 10.0


def test_a_painted_cluster_is_the_same_again():
    survey = PhotonSurvey(PAINTER, erosita(16), 3, centre_error_arcmin=0.2)
    first = survey.observe(2, 1)
    survey.observe(5, 0)
    again, copy = survey.observe(2, 1), pickle.loads(pickle.dumps(survey)).observe(2, 1)
    for quantity in survey.channels:
        np.testing.assert_array_equal(first[quantity].values, again[quantity].values)
        np.testing.assert_array_equal(first[quantity].values, copy[quantity].values)
    assert sum(one.values.sum() for one in first) > 100.0
    assert first.cluster.properties.keys() == survey.observe(5, 0).cluster.properties.keys()
