"""The errors of zwicky: each says what, where, what was expected, what was given, how to fix it.

Which one to raise:

=================  =====================================================================================
ConfigError        a setting, option or experiment file that cannot be used
UnitError          a unit or quantity that is missing, unknown or contradictory
RedshiftError      a redshift that is missing, not finite, not positive or outside a range
MassError          a mass outside a table or in the wrong definition
MapError           an image whose shape, values, pixel or position cannot be used
FitsError          a file that is not the FITS image it should be
StoreError         a store of mock observations that is incomplete, damaged or of another kind
LockError          a folder that another process is writing to
CheckpointError    a checkpoint that is missing, damaged, unsafe or made for other inputs
TrainingError      a training that cannot go on
SamplingError      a posterior that cannot be sampled: a sampler that left the numbers, or nothing asked of it
=================  =====================================================================================

Plain ``ValueError`` and ``RuntimeError`` are for mistakes inside the package, never for a user's.
"""

from __future__ import annotations


class ZwickyError(Exception):
    """A problem that the user can mend.

    Parameters
    ----------
    what : str
        One sentence: what is wrong.
    where : str, optional
        File, HDU, keyword, row or option.
    expected, got : object, optional
        What was allowed, and what was found.
    fix : str, optional
        What to type or change.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        expected: object = None,
        got: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.expected, self.got, self.fix = what, where, expected, got, fix
        super().__init__(self._text())

    def _text(self) -> str:
        details = {"where": self.where, "expected": self.expected, "got": self.got, "fix": self.fix}
        lines = [f"  {name + ':':10s}{value}" for name, value in details.items() if value is not None]
        return "\n".join([self.what, *lines])

    def as_dict(self) -> dict[str, str | None]:
        """Return the parts of the message, for machines (``--json``)."""
        parts = {
            "what": self.what,
            "where": self.where,
            "expected": self.expected,
            "got": self.got,
            "fix": self.fix,
        }
        texts = {name: None if value is None else str(value) for name, value in parts.items()}
        return {"error": type(self).__name__, **texts}


class ConfigError(ZwickyError):
    """A setting, option or experiment file that cannot be used."""


class UnitError(ZwickyError):
    """A unit or quantity that is missing, unknown or contradictory."""


class RedshiftError(ZwickyError):
    """A redshift that is missing, not finite, not positive or outside a range."""


class MassError(ZwickyError):
    """A mass outside a table or in the wrong definition."""


class MapError(ZwickyError):
    """An image whose shape, values, pixel or position cannot be used."""


class FitsError(ZwickyError):
    """A file that is not the FITS image it should be."""


class StoreError(ZwickyError):
    """A store of mock observations that is incomplete, damaged or of another kind."""


class LockError(ZwickyError):
    """A folder that another process is writing to."""


class CheckpointError(ZwickyError):
    """A checkpoint that is missing, damaged, unsafe or made for other inputs."""


class TrainingError(ZwickyError):
    """A training that cannot go on."""


class SamplingError(ZwickyError):
    """A posterior that cannot be sampled: a sampler that left the numbers, or nothing asked of it.

    Parameters
    ----------
    what, where, expected, got, fix
        As of `ZwickyError`.
    rows : tuple of int
        Rows of the batch that it happened to, for who knows the names of their clusters.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        expected: object = None,
        got: object = None,
        fix: str | None = None,
        rows: tuple[int, ...] = (),
    ) -> None:
        self.rows = rows
        super().__init__(what, where=where, expected=expected, got=got, fix=fix)
