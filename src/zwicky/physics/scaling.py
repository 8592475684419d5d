"""Relations between the integrated Compton parameter and the mass: the simplest way to weigh a cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from zwicky.core.config import did_you_mean
from zwicky.core.cosmology import COSMOLOGIES, Cosmology
from zwicky.core.errors import ConfigError
from zwicky.physics.constants import FloatT
from zwicky.physics.gnfw import GNFW, PIVOT_MSUN, PROFILES
from zwicky.physics.sz import y500_sphere_mpc2


@dataclass(frozen=True)
class YMRelation:
    """A power law between Y500, inside the sphere of R500c, and M500c.

    E(z)^(-2/3) Y500 = 10^log10_amplitude Mpc^2 h70^h70_power [(1 - b) M500 / (pivot h70^-1)]^slope

    Parameters
    ----------
    name : str
        As in RELATIONS.
    source : str
        Paper and equation.
    log10_amplitude : float [dex of Mpc^2]
        At the pivot, E(z) = 1 and h70 = 1.
    slope : float [1]
        Power of the mass.
    pivot_msun : float [Msun]
        At h70 = 1.
    h70_power : float [1]
        Beyond the h70 of the pivot: -2 if Y was measured on the sky, D_A^2 Y.
    sigma_dex : float or None [dex]
        Published log-normal scatter of Y500 at fixed mass; None if there is none.

    Source: the attribute ``source``.
    Checked by: tests/physics/test_scaling.py (published numbers, round trips).
    """

    name: str
    source: str
    log10_amplitude: float
    slope: float
    pivot_msun: float
    h70_power: float
    sigma_dex: float | None = None

    @classmethod
    def from_profile(cls, profile: GNFW) -> YMRelation:
        """Return the relation that a pressure profile implies: exact, for all masses and redshifts.

        Source: Arnaud et al. 2010, section 6.
        Checked by: tests/physics/test_scaling.py (y500_sphere_mpc2 at other masses, redshifts, cosmologies).
        """
        h70_is_one = COSMOLOGIES["planck_sz"]
        return cls(
            name=profile.name,
            source=f"integral of the pressure profile {profile.name!r}",
            log10_amplitude=math.log10(y500_sphere_mpc2(PIVOT_MSUN, 0.0, h70_is_one, profile)),
            slope=5.0 / 3.0 + profile.mass_slope,
            pivot_msun=PIVOT_MSUN,
            h70_power=-1.0 + profile.h70_power,  # R500^3 gives h70^-3 and P500 gives h70^2
        )

    def y500_mpc2(
        self, m500_msun: FloatT, redshift: float, cosmology: Cosmology, one_minus_bias: float = 1.0
    ) -> FloatT:
        """Return the mean Y500 of clusters of this mass.

        Parameters
        ----------
        m500_msun : float or array [Msun]
            M500c, > 0: the true mass, if one_minus_bias is not 1.
        redshift : float [1]
            Redshift.
        cosmology : Cosmology
            In which the mass holds.
        one_minus_bias : float [1]
            Hydrostatic over true mass.

        Returns
        -------
        float or array [Mpc^2, proper]
            D_A^2 Y500 in the sphere of R500c, median at this mass.

        Source: the attribute ``source``.
        Checked by: tests/physics/test_scaling.py (published numbers).
        """
        mass_ratio = one_minus_bias * m500_msun * cosmology.h70 / self.pivot_msun
        return self._amplitude_mpc2(redshift, cosmology) * mass_ratio**self.slope

    def m500_msun(
        self, y500_mpc2: FloatT, redshift: float, cosmology: Cosmology, one_minus_bias: float = 1.0
    ) -> FloatT:
        """Return the mass whose mean Y500 this is: the inverse of `y500_mpc2`.

        Parameters
        ----------
        y500_mpc2 : float or array [Mpc^2, proper]
            D_A^2 Y500 in the sphere of R500c, > 0.
        redshift : float [1]
            Redshift.
        cosmology : Cosmology
            In which the distance holds.
        one_minus_bias : float [1]
            Hydrostatic over true mass.

        Returns
        -------
        float or array [Msun]
            M500c: the true mass, if one_minus_bias is not 1. Not corrected for scatter and the mass
            function.

        Source: the attribute ``source``.
        Checked by: tests/physics/test_scaling.py (round trips).
        """
        mass_ratio = (y500_mpc2 / self._amplitude_mpc2(redshift, cosmology)) ** (1.0 / self.slope)
        return mass_ratio * self.pivot_msun / (cosmology.h70 * one_minus_bias)

    def _amplitude_mpc2(self, redshift: float, cosmology: Cosmology) -> float:
        evolution = cosmology.efunc(redshift) ** (2.0 / 3.0)
        return float(10.0**self.log10_amplitude * evolution * cosmology.h70**self.h70_power)


RELATIONS: Final[dict[str, YMRelation]] = {
    relation.name: relation
    for relation in (
        *(YMRelation.from_profile(profile) for profile in PROFILES.values()),
        # Y500 in 1e-4 Mpc^2; h70^(slope - 2) there is h70^-2 times the h70^slope of our pivot.
        YMRelation(
            name="planck13_xx",
            source="Planck 2013 XX, eq. 7 and table 1, with the self-similar E(z)^(2/3)",
            log10_amplitude=-4.0 - 0.19,
            slope=1.79,
            pivot_msun=6e14,
            h70_power=-2.0,
            sigma_dex=0.075,
        ),
    )
}


def relation_by_name(name: str) -> YMRelation:
    """Return a relation of the table RELATIONS.

    Raises
    ------
    ConfigError
        If there is none of this name; the message suggests one.

    Source: RELATIONS.
    Checked by: tests/physics/test_scaling.py (unknown names).
    """
    if name not in RELATIONS:
        raise ConfigError(
            "This relation between Y and mass is not known.",
            expected=", ".join(RELATIONS),
            got=repr(name),
            fix=did_you_mean(name, RELATIONS),
        )
    return RELATIONS[name]
