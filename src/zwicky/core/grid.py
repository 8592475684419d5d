"""A square pixel grid, centred on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from astropy import units as u

from zwicky.core.errors import MapError
from zwicky.core.units import quantity_text

GridKind = Literal["sky", "proper", "scaled"]
PIXEL_UNIT: Final[dict[str, u.UnitBase]] = {
    "sky": u.arcmin,
    "proper": u.Mpc,
    "scaled": u.dimensionless_unscaled,
}


@dataclass(frozen=True)
class Grid:
    """A square grid of square pixels; the cluster sits at pixel (n_pixels - 1) / 2 on both axes.

    Parameters
    ----------
    n_pixels : int
        Pixels per side.
    pixel : astropy Quantity, scalar
        Side of a pixel: an angle ("sky"), a proper length ("proper") or a fraction of R200c ("scaled").
    kind : {"sky", "proper", "scaled"}
        What the pixel measures. A "scaled" grid needs the true radius, that is the mass.

    Raises
    ------
    MapError
        If there is no pixel, or its side is not a positive length of the right kind.
    """

    n_pixels: int
    pixel: u.Quantity
    kind: GridKind

    def __post_init__(self) -> None:
        if self.kind not in PIXEL_UNIT:
            raise MapError(
                "This kind of grid is not known.", expected=", ".join(PIXEL_UNIT), got=repr(self.kind)
            )
        if int(self.n_pixels) != self.n_pixels or self.n_pixels < 1:
            raise MapError(
                "A grid has at least one pixel per side.", expected="n_pixels >= 1", got=self.n_pixels
            )
        unit = PIXEL_UNIT[self.kind]
        try:
            side = float(u.Quantity(self.pixel).to_value(unit))
        except (TypeError, ValueError) as error:  # astropy's UnitConversionError is a TypeError
            raise MapError(
                f"The pixel of a {self.kind!r} grid is measured in another unit.",
                expected=f"a quantity in {unit or 'R200c'}",
                got=str(self.pixel),
            ) from error
        if not (np.isfinite(side) and side > 0.0):
            raise MapError(
                "The pixel scale must be positive.", expected="a finite pixel > 0", got=str(self.pixel)
            )
        object.__setattr__(self, "pixel", u.Quantity(side, unit))
        object.__setattr__(self, "n_pixels", int(self.n_pixels))

    def __str__(self) -> str:
        return f"{self.n_pixels} x {self.n_pixels} pixels of {quantity_text(self.pixel)} ({self.kind})"

    @property
    def pixel_value(self) -> float:
        """Side of a pixel in the unit of its kind: arcmin, Mpc or R200c."""
        return float(self.pixel.value)

    @property
    def width(self) -> u.Quantity:
        """Side of the whole grid."""
        return self.n_pixels * self.pixel

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x)."""
        return (self.n_pixels, self.n_pixels)

    def radius(self, dy: float = 0.0, dx: float = 0.0) -> np.ndarray:
        """Return the distance of each pixel centre from a point, in the unit of the pixel.

        Parameters
        ----------
        dy, dx : float
            The point, as an offset from the grid's centre in the unit of the pixel.

        Returns
        -------
        (y, x) array
        """
        axis = (np.arange(self.n_pixels) - (self.n_pixels - 1) / 2.0) * self.pixel_value
        return np.hypot((axis - dy)[:, None], (axis - dx)[None, :])

    def padded(self, n_extra: int) -> Grid:
        """Return the grid with ``n_extra`` more pixels on every side."""
        return Grid(self.n_pixels + 2 * n_extra, self.pixel, self.kind)

    def agrees_with(self, other: Grid, *, rtol: float = 1e-3) -> bool:
        """Say whether two grids have the same kind, size and (within ``rtol``) the same pixel."""
        same = self.kind == other.kind and self.n_pixels == other.n_pixels
        return bool(same and np.isclose(self.pixel_value, other.pixel_value, rtol=rtol))

    def as_dict(self) -> dict[str, object]:
        """Return the grid, for files."""
        return {
            "n_pixels": self.n_pixels,
            "pixel": quantity_text(self.pixel),
            "kind": self.kind,
        }

    @classmethod
    def from_dict(cls, fields: dict[str, object]) -> Grid:
        """Read what ``as_dict`` wrote."""
        return cls(int(str(fields["n_pixels"])), u.Quantity(str(fields["pixel"])), fields["kind"])  # type: ignore[arg-type]
