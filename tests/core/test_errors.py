"""Errors say what, where, expected, got, fix; to a reader and to a machine."""

import pickle

import pytest

from zwicky.core import errors
from zwicky.core.errors import UnitError, ZwickyError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ZwickyError)]


def test_the_message_has_one_line_for_each_part():
    error = UnitError("No unit.", where="map.fits", expected="K_CMB", got="nothing", fix="--unit K_CMB")
    assert str(error).splitlines() == [
        "No unit.",
        "  where:    map.fits",
        "  expected: K_CMB",
        "  got:      nothing",
        "  fix:      --unit K_CMB",
    ]


def test_parts_that_are_not_known_are_left_out_but_zero_is_not():
    assert str(UnitError("No unit.")) == "No unit."
    assert str(UnitError("Too few.", got=0)) == "Too few.\n  got:      0"


def test_machines_get_the_same_parts():
    error = UnitError("No unit.", expected=("a", "b"), got=0)
    assert error.as_dict() == {
        "error": "UnitError",
        "what": "No unit.",
        "where": None,
        "expected": "('a', 'b')",
        "got": "0",
        "fix": None,
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_survives_the_way_back_from_a_worker_process(kind):
    error = kind("Wrong.", where="here", expected=1, got=2, fix="3")
    returned = pickle.loads(pickle.dumps(error))
    assert type(returned) is kind
    assert (str(returned), returned.as_dict()) == (str(error), error.as_dict())
