"""Masses that carry their definition: overdensity, reference density, never per h."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import MassError

Reference = Literal["critical", "mean"]


@dataclass(frozen=True)
class MassDefinition:
    """A spherical overdensity: 500 times critical is written ``M500c``.

    Parameters
    ----------
    overdensity : float
        Mean density inside the radius in units of the reference density.
    reference : {"critical", "mean"}
        Critical density, or mean matter density, at the cluster's redshift.
    """

    overdensity: float
    reference: Reference

    def __post_init__(self) -> None:
        dense = math.isfinite(self.overdensity) and self.overdensity > 1.0
        if not dense or self.reference not in ("critical", "mean"):
            raise MassError(
                "This is not a spherical overdensity.",
                expected="an overdensity > 1 and reference 'critical' or 'mean'",
                got=f"{self.overdensity}, {self.reference!r}",
                fix="for example MassDefinition(500, 'critical')",
            )

    def __str__(self) -> str:
        return f"M{self.overdensity:g}{self.reference[0]}"

    @classmethod
    def parse(cls, text: str) -> MassDefinition:
        """Read ``"M500c"``, ``"500c"`` or ``"M200m"``."""
        match = re.fullmatch(r"[Mm]?(\d+(?:\.\d+)?)([cm])", text.strip())
        if match is None:
            raise MassError(
                "This mass definition cannot be read.",
                expected="M500c, M200c, M200m, ...",
                got=repr(text),
                fix="give the overdensity and c (critical) or m (mean)",
            )
        return cls(float(match[1]), "critical" if match[2] == "c" else "mean")

    def density_msun_mpc3(self, redshift: float, cosmology: Cosmology) -> float:
        """Return the mean density inside the radius [Msun Mpc^-3, proper]."""
        critical = self.reference == "critical"
        density = cosmology.critical_density_msun_mpc3 if critical else cosmology.mean_density_msun_mpc3
        return self.overdensity * density(redshift)

    def radius_mpc(self, mass_msun: float, redshift: float, cosmology: Cosmology) -> float:
        """Return R = (3 M / 4 pi Delta rho)^(1/3) [Mpc, proper]."""
        density = self.density_msun_mpc3(redshift, cosmology)
        return float((3.0 * mass_msun / (4.0 * math.pi * density)) ** (1.0 / 3.0))


M500C: Final = MassDefinition(500, "critical")
M200C: Final = MassDefinition(200, "critical")
M200M: Final = MassDefinition(200, "mean")


@dataclass(frozen=True)
class Mass:
    """A mass inside a sphere.

    Parameters
    ----------
    msun : float [Msun]
        Solar masses; never per h.
    definition : MassDefinition
        The sphere.

    Raises
    ------
    MassError
        If it is not a positive number, or so small or large that a unit must be wrong.
    """

    msun: float
    definition: MassDefinition

    def __post_init__(self) -> None:
        _check_msun(self.msun, f"{self.definition}")

    @property
    def log10_msun(self) -> float:
        """Decimal logarithm of the mass in solar masses [dex]."""
        return math.log10(self.msun)

    def radius_mpc(self, redshift: float, cosmology: Cosmology) -> float:
        """Return the radius of the sphere [Mpc, proper]."""
        return self.definition.radius_mpc(self.msun, redshift, cosmology)

    def __str__(self) -> str:
        return f"{self.definition} = {self.msun:.3e} Msun"


@dataclass(frozen=True)
class ProjectedMass:
    """A mass inside a cylinder along the line of sight: never silently a sphere.

    Parameters
    ----------
    msun : float [Msun]
        Solar masses; never per h.
    radius_mpc : float [Mpc, proper]
        Radius of the cylinder.
    """

    msun: float
    radius_mpc: float

    def __post_init__(self) -> None:
        _check_msun(self.msun, "projected mass")
        if not (math.isfinite(self.radius_mpc) and self.radius_mpc > 0.0):
            raise MassError("A cylinder needs a radius.", expected="radius_mpc > 0", got=self.radius_mpc)


def _check_msun(msun: float, where: str) -> None:
    # A galaxy has 1e10 and the most massive cluster 4e15: outside 1e8..1e18 a unit is wrong.
    if not (math.isfinite(msun) and 1e8 < msun < 1e18):
        raise MassError(
            "This cannot be the mass of a cluster in solar masses.",
            where=where,
            expected="1e8 < M < 1e18 Msun",
            got=repr(msun),
            fix="check the unit: solar masses, not 1e14 Msun, not Msun/h",
        )
