"""Absorption by our Galaxy: published polynomials, edges, limits."""

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.physics.xray_absorption import _PIECES, cross_section_cm2, transmission

EDGES_KEV = {
    "C": 0.284,
    "N": 0.400,
    "O": 0.532,
    "Fe L": 0.707,
    "Ne": 0.867,
    "Mg": 1.303,
    "Si": 1.840,
    "S": 2.471,
    "Ar": 3.210,
    "Ca": 4.038,
    "Fe": 7.111,
    "Ni": 8.331,
}


@pytest.mark.parametrize(
    ("energy_kev", "sigma_e3"), [(0.2, 34.6 + 53.58 - 19.044), (1.0, 242.2), (1.5, 290.625), (5.0, 440.65)]
)
def test_polynomials_of_morrison_and_mccammon_1983(energy_kev, sigma_e3):
    """Worked out by hand from their Table 2, in 1e-24 cm^2 keV^3."""
    assert 1e24 * cross_section_cm2(energy_kev) * energy_kev**3 == pytest.approx(sigma_e3, rel=1e-6)


@pytest.mark.parametrize(
    ("energy_kev", "sigma_e22"),
    [
        (0.2, 86.4201),
        (0.3, 31.1582),
        (0.5, 7.35601),
        (0.6, 7.45295),
        (0.8, 3.76133),
        (1.0, 2.422),
        (1.5, 0.86111),
        (2.0, 0.43013),
        (3.0, 0.1477),
        (5.0, 0.03525),
        (8.0, 0.01711),
        (10.0, 0.00953),
    ],
)
def test_cross_sections_of_xspec_wabs(energy_kev, sigma_e22):
    """Read from the table of XSPEC's model wabs that astromodels 2.6.0 carries."""
    assert 1e22 * cross_section_cm2(energy_kev) == pytest.approx(sigma_e22, rel=5e-4)


def test_the_pieces_join_but_for_the_edges_of_the_elements():
    """Each polynomial was fitted alone: a coefficient with a wrong digit would open a gap."""
    tops = _PIECES[:-1, 0]
    jump = dict(
        zip(
            tops,
            cross_section_cm2(tops * (1 + 1e-9)) / cross_section_cm2(tops * (1 - 1e-9)) - 1.0,
            strict=True,
        )
    )
    assert abs(jump.pop(0.100)) < 1e-3  # no edge here
    assert set(jump) == set(EDGES_KEV.values())
    assert min(jump.values()) > 0.0
    assert sorted(jump, key=jump.__getitem__)[-2:] == [EDGES_KEV["O"], EDGES_KEV["Fe"]]
    assert max(jump.values()) < 0.9
    assert cross_section_cm2(0.532) > 1.5 * cross_section_cm2(0.5319)  # at the edge itself oxygen absorbs


def test_the_cross_section_falls_about_as_the_cube_of_the_energy():
    energy_kev = np.geomspace(0.03, 90.0, 400)
    slope = np.diff(np.log(cross_section_cm2(energy_kev))) / np.diff(np.log(energy_kev))
    assert np.median(slope) == pytest.approx(-2.6, abs=0.3)
    assert 0 < np.sum(slope > 0.0) <= len(EDGES_KEV)  # upwards at edges alone
    assert 1e22 * cross_section_cm2(10.0) < 0.01


def test_shapes():
    assert cross_section_cm2(1.0).shape == ()
    assert cross_section_cm2(np.ones((2, 3))).shape == (2, 3)
    assert np.array_equal(transmission(np.array([0.001, 1.0]), 0.0), [1.0, 1.0])


def test_a_table_of_energies_is_the_same_as_its_rows():
    table = np.geomspace(0.1, 10.0, 12).reshape(3, 4)
    rows = [cross_section_cm2(row) for row in table]
    np.testing.assert_array_equal(cross_section_cm2(table), rows)


def test_two_columns_in_a_row_are_one_column_of_their_sum():
    energy_kev = np.geomspace(0.1, 10.0, 50)
    together = transmission(energy_kev, 3e20) * transmission(energy_kev, 5e20)
    np.testing.assert_allclose(together, transmission(energy_kev, 8e20), rtol=1e-12)
    assert np.all(transmission(energy_kev, 8e20) < transmission(energy_kev, 3e20))


def test_some_soft_light_is_lost_behind_3e20():
    """The familiar size of Galactic absorption far from the Milky Way: 7 % at 1 keV, 20 % at 0.5 keV."""
    assert 1.0 - transmission(1.0, 3e20) == pytest.approx(0.07, abs=0.01)
    assert 1.0 - transmission(0.5, 3e20) == pytest.approx(0.20, abs=0.01)


def test_unknown_energies_and_columns_are_named():
    with pytest.raises(ConfigError, match=r"not known at this photon energy"):
        cross_section_cm2([1.0, 0.02])
    with pytest.raises(ConfigError, match=r"not known at this photon energy"):
        transmission(np.nan, 1e20)
    for column in (-1.0, 2e24, np.nan):
        with pytest.raises(ConfigError, match=r"column density of hydrogen cannot be used"):
            transmission(1.0, column)
