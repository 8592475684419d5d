"""Errors say what, where, expected, got, fix; to a reader and to a machine."""

import pickle

import pytest

from zwicky.core import errors
from zwicky.core.errors import SamplingError, UnitError, ZwickyError

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


class TestSamplingError:
    def test_it_names_the_rows_for_who_knows_their_clusters(self):
        error = SamplingError("The sampler diverged.", where="step 3 of 18", got="NaN", rows=(4, 7))
        assert error.rows == (4, 7)
        assert str(error) == "The sampler diverged.\n  where:    step 3 of 18\n  got:      NaN"
        assert "rows" not in error.as_dict()

    def test_it_may_be_about_no_row(self):
        assert SamplingError("Nothing is asked for.", got=0).rows == ()

    def test_the_rows_survive_the_way_back_from_a_worker_process(self):
        returned = pickle.loads(pickle.dumps(SamplingError("The sampler diverged.", rows=(4, 7))))
        assert returned.rows == (4, 7)
        assert str(returned) == "The sampler diverged."
