"""Images that know what they show, in which unit, on which grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.quantities import UNIT_OF, MapQuantity, check_unit

Stage = Literal["theory", "observed", "inferred"]


@dataclass(frozen=True, eq=False)
class Map:
    """One image of one quantity.

    Parameters
    ----------
    values : (y, x) float array
        Finite everywhere outside the mask; in ``unit``.
    quantity : MapQuantity
        What it shows.
    unit : astropy unit
        Must measure the quantity.
    grid : Grid
        Its pixels.
    stage : {"theory", "observed", "inferred"}
        Theory has no telescope in it; observed has beam and noise; inferred is a network's answer.
    sigma : (y, x) array, optional
        Standard deviation per pixel, in ``unit``.
    mask : (y, x) bool array, optional
        True where the pixel must not be used.
    beam_arcmin : float, optional [arcmin]
        FWHM of the Gaussian beam that is in it; None if none or unknown.

    Raises
    ------
    MapError
        If shapes differ or unmasked values are not finite.
    UnitError
        If the unit does not measure the quantity.
    """

    values: np.ndarray
    quantity: MapQuantity
    unit: u.UnitBase
    grid: Grid
    stage: Stage
    sigma: np.ndarray | None = None
    mask: np.ndarray | None = None
    beam_arcmin: float | None = None

    def __post_init__(self) -> None:
        check_unit(self.quantity, self.unit)
        for name in ("values", "sigma", "mask"):
            array = getattr(self, name)
            if array is not None and np.shape(array) != self.grid.shape:
                raise MapError(
                    f"The {name} do not lie on the grid.",
                    where=f"{self.quantity} map",
                    expected=f"shape {self.grid.shape}",
                    got=f"shape {np.shape(array)}",
                )
        good = np.ones(self.grid.shape, bool) if self.mask is None else ~np.asarray(self.mask, bool)
        bad = int((~np.isfinite(self.values[good])).sum())
        if bad:
            raise MapError(
                "The map has pixels that are not numbers.",
                where=f"{self.quantity} map",
                expected="finite values outside the mask",
                got=f"{bad} of {good.sum()} are NaN or infinite",
                fix="mask them, or cut the map where it is complete",
            )

    def to_kept_unit(self) -> Map:
        """Return the map in the unit that its quantity is kept in."""
        factor = check_unit(self.quantity, self.unit)
        sigma = None if self.sigma is None else self.sigma * factor
        return replace(self, values=self.values * factor, sigma=sigma, unit=UNIT_OF[self.quantity])


@dataclass(frozen=True, eq=False)
class MapSet:
    """One cluster seen once: its maps, all on one grid.

    Parameters
    ----------
    cluster : Cluster
        The cluster, with its truth if it is a mock.
    maps : dict of MapQuantity to Map
        At least one.
    provenance : dict of str to str
        Where it comes from.
    """

    cluster: Cluster
    maps: Mapping[MapQuantity, Map]
    provenance: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.maps:
            raise MapError("A map set holds at least one map.", where=f"cluster {self.cluster.id}")
        for quantity, one in self.maps.items():
            if one.quantity != quantity or not one.grid.agrees_with(self.grid):
                raise MapError(
                    "The maps of a set share one grid, each under its own quantity.",
                    where=f"cluster {self.cluster.id}, {quantity}",
                    expected=f"{quantity} on {self.grid}",
                    got=f"{one.quantity} on {one.grid}",
                )

    @property
    def grid(self) -> Grid:
        """The common grid."""
        return next(iter(self.maps.values())).grid

    def __getitem__(self, quantity: MapQuantity) -> Map:
        if quantity not in self.maps:
            raise MapError(
                "The set has no such map.",
                where=f"cluster {self.cluster.id}",
                expected=", ".join(self.maps),
                got=str(quantity),
            )
        return self.maps[quantity]

    def __iter__(self) -> Iterator[Map]:
        return iter(self.maps.values())
