"""The background cosmology, as a plain record: no global state, distances in proper Mpc."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from zwicky.core.errors import ConfigError, RedshiftError

if TYPE_CHECKING:
    from astropy.cosmology import FlatLambdaCDM

ARCMIN_PER_RAD: Final = 60.0 * 180.0 / math.pi


@dataclass(frozen=True)
class Cosmology:
    """A flat Lambda-CDM universe.

    Parameters
    ----------
    name : str
        How it is called in files and messages.
    h : float [100 km/s/Mpc]
        Hubble constant today.
    omega_m, omega_b : float [1]
        Matter and baryon density today, in critical densities.
    sigma8, n_s : float [1]
        Amplitude and tilt of the linear power spectrum (used for concentrations only).
    """

    name: str
    h: float
    omega_m: float
    omega_b: float
    sigma8: float
    n_s: float

    def __post_init__(self) -> None:
        if not (0.2 < self.h < 2.0 and 0.0 < self.omega_b < self.omega_m <= 1.0):
            raise ConfigError(
                "This cosmology is not a flat Lambda-CDM universe.",
                where=f"cosmology {self.name!r}",
                expected="0.2 < h < 2 and 0 < omega_b < omega_m <= 1",
                got=f"h={self.h}, omega_m={self.omega_m}, omega_b={self.omega_b}",
                fix="give densities in units of the critical density and h in units of 100 km/s/Mpc",
            )

    @property
    def h70(self) -> float:
        """Hubble constant in units of 70 km/s/Mpc."""
        return self.h / 0.7

    def efunc(self, redshift: float) -> float:
        """Return E(z) = H(z)/H0 [1] for matter and a cosmological constant."""
        return math.sqrt(self.omega_m * (1.0 + redshift) ** 3 + 1.0 - self.omega_m)

    def critical_density_msun_mpc3(self, redshift: float) -> float:
        """Return the critical density [Msun Mpc^-3, proper]."""
        # 3 (100 km/s/Mpc)^2 / 8 pi G, with IAU 2015 GM_sun and CODATA G through astropy's Msun.
        return 2.77536627e11 * self.h**2 * self.efunc(redshift) ** 2

    def mean_density_msun_mpc3(self, redshift: float) -> float:
        """Return the mean matter density [Msun Mpc^-3, proper]."""
        return 2.77536627e11 * self.h**2 * self.omega_m * (1.0 + redshift) ** 3

    def angular_diameter_distance_mpc(self, redshift: float) -> float:
        """Return the angular diameter distance [Mpc, proper]; raises RedshiftError unless z > 0."""
        check_redshift(redshift)
        return _angular_diameter_distance_mpc(self, float(redshift))

    def arcmin_per_mpc(self, redshift: float) -> float:
        """Return the angle of one proper Mpc [arcmin Mpc^-1]."""
        return ARCMIN_PER_RAD / self.angular_diameter_distance_mpc(redshift)

    def astropy(self) -> FlatLambdaCDM:
        """Return the same universe as an astropy object (no radiation, so that E(z) agrees)."""
        from astropy.cosmology import FlatLambdaCDM

        return FlatLambdaCDM(H0=100.0 * self.h, Om0=self.omega_m, Ob0=self.omega_b, Tcmb0=0.0)

    def as_dict(self) -> dict[str, float | str]:
        """Return the parameters, for files."""
        return asdict(self)


@lru_cache(maxsize=4096)
def _angular_diameter_distance_mpc(cosmology: Cosmology, redshift: float) -> float:
    from scipy.integrate import quad

    hubble_distance_mpc = 2997.92458 / cosmology.h  # c / (100 km/s/Mpc)
    integral, _ = quad(lambda z: 1.0 / cosmology.efunc(z), 0.0, redshift, epsrel=1e-10)
    return hubble_distance_mpc * integral / (1.0 + redshift)


def check_redshift(
    redshift: float | None, *, low: float = 0.0, high: float = 20.0, where: str = "redshift"
) -> float:
    """Return the redshift as a float, or raise a RedshiftError that says how to mend it.

    Parameters
    ----------
    redshift : float or None
        What the user gave.
    low, high : float
        Allowed range: low < z <= high (low >= 0).
    where : str
        The option, keyword or column that it came from.
    """
    expected = f"a finite number, {low:g} < z <= {high:g}"
    if redshift is None:
        raise RedshiftError(
            "The redshift is missing.", where=where, expected=expected, got="nothing", fix="give --redshift Z"
        )
    try:
        value = float(redshift)
    except (TypeError, ValueError) as error:
        raise RedshiftError(
            "The redshift is not a number.",
            where=where,
            expected=expected,
            got=repr(redshift),
            fix="give --redshift 0.15",
        ) from error
    if not (math.isfinite(value) and low < value <= high):
        raise RedshiftError(
            "The redshift cannot be used.",
            where=where,
            expected=expected,
            got=repr(value),
            fix="give the cosmological redshift z, not a velocity or a distance",
        )
    return value


COSMOLOGIES: Final[dict[str, Cosmology]] = {
    # The cosmology of the PSZ2 catalogue's masses (Planck 2015 XXVII, section 1).
    "planck_sz": Cosmology("planck_sz", h=0.70, omega_m=0.30, omega_b=0.048, sigma8=0.80, n_s=0.96),
    # Planck 2018 VI, table 2, TT,TE,EE+lowE+lensing+BAO.
    "planck18": Cosmology("planck18", h=0.6766, omega_m=0.3111, omega_b=0.0490, sigma8=0.8102, n_s=0.9665),
    # The Three Hundred / MultiDark (Klypin et al. 2016).
    "multidark": Cosmology("multidark", h=0.6777, omega_m=0.307, omega_b=0.048, sigma8=0.823, n_s=0.96),
}


def cosmology_by_name(name: str) -> Cosmology:
    """Return a cosmology of the table, or raise a ConfigError that lists them."""
    if name not in COSMOLOGIES:
        raise ConfigError(
            "This cosmology is not known.",
            expected=", ".join(sorted(COSMOLOGIES)),
            got=repr(name),
            fix="choose one of them, or add a line to COSMOLOGIES in core/cosmology.py",
        )
    return COSMOLOGIES[name]
