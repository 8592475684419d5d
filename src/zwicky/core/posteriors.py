"""What is believed about a cluster: posterior masses and posterior maps, as samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from astropy import units as u

from zwicky.core.errors import MapError, MassError
from zwicky.core.grid import Grid
from zwicky.core.masses import Mass, MassDefinition, ProjectedMass
from zwicky.core.quantities import UNIT_OF, MapQuantity, check_unit

INTERVAL_68: Final = (0.16, 0.84)
INTERVAL_95: Final = (0.025, 0.975)


def lognormal_sd(mean: np.ndarray, sd_dex: np.ndarray) -> np.ndarray:
    """Return the standard deviation of a log-normal, in the unit of its mean: mean sqrt(exp((ln(10) sd)^2) - 1).

    Parameters
    ----------
    mean : array
    sd_dex : array [dex]
        Standard deviation of log10.
    """
    return np.asarray(mean * np.sqrt(np.expm1((math.log(10.0) * sd_dex) ** 2)))


@dataclass(frozen=True, eq=False)
class MassPosterior:
    """Samples of a cluster's mass.

    Parameters
    ----------
    samples_msun : (sample,) array [Msun]
        Equally weighted; at least two.
    definition : MassDefinition
        Which mass.
    method : str
        Who says so: the model, or the classical relation.
    """

    samples_msun: np.ndarray
    definition: MassDefinition
    method: str = ""

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples_msun, float)
        bad = int((~(np.isfinite(samples) & (samples > 0.0))).sum())
        if samples.ndim != 1 or samples.size < 2 or bad:
            raise MassError(
                "A mass posterior needs samples.",
                where=self.method or "posterior",
                expected="a 1-D array of at least two positive finite masses",
                got=f"shape {samples.shape}, {bad} not positive and finite",
            )
        object.__setattr__(self, "samples_msun", samples)

    def quantile(self, level: float) -> Mass:
        """Return the mass below which a fraction ``level`` of the posterior lies."""
        return Mass(float(np.exp(np.quantile(np.log(self.samples_msun), level))), self.definition)

    @property
    def median(self) -> Mass:
        """The median mass."""
        return self.quantile(0.5)

    def interval(self, levels: tuple[float, float] = INTERVAL_68) -> tuple[Mass, Mass]:
        """Return the masses at two levels; 16-84 % unless told otherwise."""
        return self.quantile(levels[0]), self.quantile(levels[1])

    @property
    def sd_dex(self) -> float:
        """Half of the 16-84 % range of log10 M [dex]."""
        low, high = self.interval()
        return 0.5 * (high.log10_msun - low.log10_msun)


@dataclass(frozen=True, eq=False)
class MapPosterior:
    """Samples of a map of one quantity.

    Parameters
    ----------
    samples : (sample, y, x) array
        Equally weighted, in ``unit``.
    quantity : MapQuantity
        What it shows.
    unit : astropy unit
        Must measure the quantity.
    grid : Grid
        Its pixels.
    provenance : dict of str to str
        Where it comes from.
    """

    samples: np.ndarray
    quantity: MapQuantity
    unit: u.UnitBase
    grid: Grid
    provenance: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_unit(self.quantity, self.unit, where="map posterior")
        on_grid = self.samples.ndim == 3 and self.samples.shape[1:] == self.grid.shape
        bad = int((~np.isfinite(self.samples)).sum())
        if not on_grid or bad:
            raise MapError(
                "A map posterior needs finite samples on its grid.",
                expected=f"(sample, {self.grid.n_pixels}, {self.grid.n_pixels})",
                got=f"shape {self.samples.shape}, {bad} not finite",
            )

    def mean(self) -> np.ndarray:
        """Return the posterior mean, (y, x), in ``unit``."""
        return np.asarray(self.samples.mean(axis=0))

    def sd(self) -> np.ndarray:
        """Return the posterior standard deviation, (y, x), in ``unit``."""
        return np.asarray(self.samples.std(axis=0, ddof=1))

    def quantile(self, level: float) -> np.ndarray:
        """Return the map of a quantile, (y, x), in ``unit``."""
        return np.asarray(np.quantile(self.samples, level, axis=0))

    def mass_within(self, radius_mpc: float) -> list[ProjectedMass]:
        """Return a projected mass for each sample: M(<R) = sum of Sigma times pixel area.

        A pixel counts when its centre lies inside the circle.

        Raises
        ------
        MapError
            If the map is not a surface density on a proper grid, or if the circle leaves the map or holds no
            pixel.
        """
        if self.grid.kind != "proper" or not self.quantity.value.endswith("surface_density"):
            raise MapError(
                "Only a surface density on a proper grid has a mass.",
                expected="a *_surface_density map on a 'proper' grid [Mpc]",
                got=f"{self.quantity} on a {self.grid.kind!r} grid",
            )
        pixel_radius_mpc = self.grid.radius()
        smallest_mpc, largest_mpc = pixel_radius_mpc.min(), 0.5 * self.grid.width.to_value(u.Mpc)
        if not smallest_mpc < radius_mpc <= largest_mpc:
            raise MapError(
                "The circle does not fit on the map.",
                expected=f"{smallest_mpc:g} < R <= {largest_mpc:g} Mpc",
                got=f"{radius_mpc} Mpc",
            )
        inside = pixel_radius_mpc < radius_mpc
        factor = check_unit(self.quantity, self.unit) * UNIT_OF[self.quantity].to(u.Msun / u.Mpc**2)
        masses_msun = self.samples[:, inside].sum(axis=1) * factor * self.grid.pixel_value**2
        return [ProjectedMass(float(mass), radius_mpc) for mass in masses_msun]
