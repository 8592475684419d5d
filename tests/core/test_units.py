"""Units are read, never guessed; what is written is read back."""

import contextlib

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from zwicky.core.errors import UnitError
from zwicky.core.units import COMPTON_Y, K_CMB, MK_CMB, UK_CMB, parse_unit, quantity_text, unit_text

KNOWN = [COMPTON_Y, K_CMB, MK_CMB, UK_CMB, u.Msun / u.Mpc**2, u.erg / u.s / u.Mpc**2, u.count, u.K]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("Compton-y", COMPTON_Y),
        ("compton_y", COMPTON_Y),
        ("  COMPTON   Y ", COMPTON_Y),
        ("y", COMPTON_Y),
        ("K_CMB", K_CMB),
        ("Kcmb", K_CMB),
        ("mK_CMB", MK_CMB),
        ("uK_CMB", UK_CMB),
        ("\N{MICRO SIGN}K_CMB", UK_CMB),
        ("Msun/Mpc2", u.Msun / u.Mpc**2),
        ("erg / (s Mpc2)", u.erg / u.s / u.Mpc**2),
        ("erg/s/Mpc2", u.erg / u.s / u.Mpc**2),
        ("K", u.K),
    ],
)
def test_accepted_spellings(text, unit):
    read = parse_unit(text)
    assert read == unit
    assert unit_text(read) == unit_text(unit)


@pytest.mark.parametrize(
    "text", ["1e-6 Compton-y", "1E-06 y", "10**-6 Compton-y", "0.000001 y", "1e-6 * Compton-y", "1.e-6 y"]
)
def test_a_factor_in_front_counts(text):
    assert parse_unit(text).to(COMPTON_Y) == pytest.approx(1e-6, rel=1e-12)


def test_prefixes_of_cmb_temperature():
    assert UK_CMB.to(K_CMB) == pytest.approx(1e-6, rel=1e-12)
    assert MK_CMB.to(UK_CMB) == pytest.approx(1e3, rel=1e-12)


@pytest.mark.parametrize("other", [u.K, COMPTON_Y, u.dimensionless_unscaled])
def test_a_cmb_temperature_is_nothing_else(other):
    assert not K_CMB.is_equivalent(other)


@pytest.mark.parametrize("text", [None, "", "   "])
def test_a_missing_unit_is_an_error(text):
    with pytest.raises(UnitError, match=r"The map has no unit[\s\S]*where: +a\.fits[\s\S]*--unit Compton-y"):
        parse_unit(text, where="a.fits")


@pytest.mark.parametrize(
    "text", ["furlongs per", "0 Compton-y", "10**999 Compton-y", "1.2.3 y", ". y", "1e-6 comptony2", "1Es20"]
)
def test_an_unknown_unit_is_an_error_that_lists_the_accepted_ones(text):
    with pytest.raises(UnitError, match=r"This unit is not known[\s\S]*Compton-y \(also compton_y, y\)"):
        parse_unit(text)


@pytest.mark.parametrize("text", ["1", "%", "1e-6", "rad/rad"])
def test_a_bare_number_is_not_taken_for_a_compton_parameter(text):
    with pytest.raises(UnitError, match="A number without a unit could be anything"):
        parse_unit(text)


@given(st.text(alphabet="kKmMuyY_cmbCMBpctonsu0123456789.eE+-*/^() ", max_size=14))
def test_whatever_is_written_is_a_unit_or_a_unit_error(text):
    with contextlib.suppress(UnitError):
        assert isinstance(parse_unit(text), u.UnitBase)


@given(st.sampled_from(KNOWN), st.floats(1e-12, 1e12))
def test_what_is_written_is_read_back(unit, factor):
    scaled = u.Unit(factor * unit)
    assert parse_unit(unit_text(unit)) == unit
    assert parse_unit(unit_text(scaled)).to(unit) == pytest.approx(factor, rel=1e-12)


@given(
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    st.sampled_from([u.arcmin, u.Mpc, u.dimensionless_unscaled]),
)
def test_a_quantity_is_read_back_to_the_very_same_number(number, unit):
    read = u.Quantity(quantity_text(u.Quantity(number, unit)))
    assert read.unit == unit
    assert np.float64(read.value) == number


def test_multiples_are_written_as_factor_and_unit():
    assert unit_text(parse_unit("10**-6 y")) == "1e-06 Compton-y"
    assert unit_text(parse_unit("1e-6 uK_CMB")) == "1e-06 uK_CMB"


def test_quantities_are_written_plainly():
    assert quantity_text(10.0 * u.arcmin) == "10 arcmin"
    assert quantity_text(0.1 * u.Mpc) == "0.1 Mpc"
    assert quantity_text(u.Quantity(0.25)) == "0.25"
