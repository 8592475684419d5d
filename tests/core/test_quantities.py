"""Each map quantity has one unit, and refuses units that measure something else."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import UnitError
from zwicky.core.quantities import UNIT_OF, MapQuantity, check_unit
from zwicky.core.units import K_CMB, UK_CMB, parse_unit, unit_text


def test_the_table_is_complete():
    assert set(UNIT_OF) == set(MapQuantity)


@pytest.mark.parametrize("quantity", MapQuantity)
def test_the_kept_unit_is_kept_and_its_text_is_read_back(quantity):
    assert check_unit(quantity, UNIT_OF[quantity]) == 1.0
    assert check_unit(quantity, parse_unit(unit_text(UNIT_OF[quantity]))) == 1.0


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        (MapQuantity.COMPTON_Y, parse_unit("1e-6 Compton-y"), 1e-6),
        (MapQuantity.TEMPERATURE, K_CMB, 1e6),
        (MapQuantity.GAS_SURFACE_DENSITY, u.Msun / u.kpc**2, 1e6),
        (MapQuantity.TOTAL_SURFACE_DENSITY, u.Unit(1e10 * u.Msun / u.Mpc**2), 1e10),
    ],
)
def test_multiples_are_converted(quantity, unit, factor):
    assert check_unit(quantity, unit) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        (MapQuantity.COMPTON_Y, UK_CMB),
        (MapQuantity.TEMPERATURE, u.K),
        (MapQuantity.XRAY_COUNTS, u.count / u.s),
        (MapQuantity.TOTAL_SURFACE_DENSITY, u.Msun),
    ],
)
def test_a_unit_that_measures_something_else_is_refused(quantity, unit):
    with pytest.raises(UnitError, match=rf"does not measure {quantity.value}\.[\s\S]*where: +my map"):
        check_unit(quantity, unit, where="my map")


@pytest.mark.parametrize(
    ("quantity", "core_per_mpc2"),
    [
        (MapQuantity.XRAY_SURFACE_BRIGHTNESS, 1e47 * u.erg / u.s / u.Mpc**2),
        (MapQuantity.XRAY_PHOTON_BRIGHTNESS, 1e56 * u.photon / u.s / u.Mpc**2),
    ],
)
def test_the_x_rays_of_a_core_fit_into_single_precision(quantity, core_per_mpc2):
    """In erg/s/Mpc2, without the power of ten, a cool core is beyond 3.4e38."""
    kept = core_per_mpc2.to_value(UNIT_OF[quantity])
    assert 1e3 < np.float32(kept) < 1e12
    assert check_unit(quantity, core_per_mpc2.unit) * core_per_mpc2.value == pytest.approx(kept)
    assert (
        core_per_mpc2.value > np.finfo(np.float32).max
    )  # negative control: without the power of ten it does not
