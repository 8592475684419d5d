"""What a method says about the mass maps of some clusters: the record between inference and evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.errors import MapError

LEVELS: Final = (0.025, 0.16, 0.5, 0.84, 0.975)
"""The quantile levels of every predicted aperture mass."""


@dataclass(frozen=True, eq=False)
class PredictedMaps:
    """What one method says about n maps.

    Parameters
    ----------
    name : str
        The method.
    mean : (n, y, x) float32 array [Msun Mpc^-2]
        Expected surface density, positive.
    log10_median, half_68_dex, half_95_dex : (n, y, x) float32 arrays [dex of Msun Mpc^-2], optional
        The centre of each pixel's interval, and half of its 68 and 95 % widths: all three or none.
    mass_quantiles_msun : (n, radius, 5) array [Msun], optional
        Of M(<R), at ``LEVELS``.
    radii_mpc : (n, radius) array [Mpc], optional
        Of ``mass_quantiles_msun``.

    Raises
    ------
    MapError
        If the arrays do not belong together.
    """

    name: str
    mean: np.ndarray
    log10_median: np.ndarray | None = None
    half_68_dex: np.ndarray | None = None
    half_95_dex: np.ndarray | None = None
    mass_quantiles_msun: np.ndarray | None = None
    radii_mpc: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_stack(self.mean, f"predictions {self.name!r}")
        pixels = [self.log10_median, self.half_68_dex, self.half_95_dex]
        masses = [self.mass_quantiles_msun, self.radii_mpc]
        for group in (pixels, masses):
            if any(one is None for one in group) and any(one is not None for one in group):
                raise MapError(
                    "An interval needs its centre and its widths.",
                    where=f"predictions {self.name!r}",
                    expected="log10_median, half_68_dex and half_95_dex; mass_quantiles_msun and radii_mpc",
                    got="some of them",
                )
        shapes = [None if one is None else one.shape for one in (*pixels, *masses)]
        wanted: list[tuple[int, ...] | None] = [None if one is None else self.mean.shape for one in pixels]
        if self.radii_mpc is not None:
            n_radii = self.radii_mpc.shape[-1]
            wanted += [(len(self.mean), n_radii, len(LEVELS)), (len(self.mean), n_radii)]
        else:
            wanted += [None, None]
        if shapes != wanted:
            raise MapError(
                "Intervals lie on the pixels and radii of the prediction.",
                where=f"predictions {self.name!r}",
                expected=str(wanted),
                got=str(shapes),
            )

    def selected(self, rows: np.ndarray) -> PredictedMaps:
        """Return the predictions of some maps; ``rows`` is a mask (n,) or indices."""
        optional = (
            self.log10_median, self.half_68_dex, self.half_95_dex, self.mass_quantiles_msun, self.radii_mpc,
        )  # fmt: skip
        return PredictedMaps(
            self.name, self.mean[rows], *(None if one is None else one[rows] for one in optional)
        )


def check_stack(maps: np.ndarray, where: str) -> None:
    """Refuse what is no stack of square positive images (n, y, x), n >= 1."""
    good = maps.ndim == 3 and maps.shape[0] > 0 and maps.shape[1] == maps.shape[2] > 1
    lowest = float(maps.min()) if good else 0.0
    if not (good and lowest > 0.0 and np.isfinite(maps).all()):
        raise MapError(
            "These are not maps of a surface density.",
            where=where,
            expected="finite positive numbers, shape (n, y, x) with square images",
            got=f"shape {maps.shape}" + (f", smallest value {lowest:g}" if good else ""),
        )
