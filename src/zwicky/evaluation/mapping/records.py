"""What maps are judged by: the true ones, and what is known of their clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import MapError
from zwicky.inference.mapping.answer import check_stack


@dataclass(frozen=True, eq=False)
class TrueMaps:
    """A test set: n true maps, and what is known of their clusters.

    Parameters
    ----------
    maps : (n, y, x) float32 array [Msun Mpc^-2]
        Total surface density, positive everywhere; centred on the assumed centre of the cluster.
    pixel_mpc : (n,) array [Mpc]
        Side of a pixel.
    r200c_mpc, r500c_mpc : (n,) array [Mpc]
        True radii.
    log10_m200c : (n,) array [dex of Msun]
        True masses.
    parent : (n,) array of str
        The unit of independence.
    physics : (n,) array of str
        Of which simulation.

    Raises
    ------
    MapError
        If the maps are not positive square images, or a column has another length.
    """

    maps: np.ndarray
    pixel_mpc: np.ndarray
    r200c_mpc: np.ndarray
    r500c_mpc: np.ndarray
    log10_m200c: np.ndarray
    parent: np.ndarray
    physics: np.ndarray

    def __post_init__(self) -> None:
        check_stack(self.maps, "true maps")
        for name in ("pixel_mpc", "r200c_mpc", "r500c_mpc", "log10_m200c", "parent", "physics"):
            column = np.asarray(getattr(self, name))
            if column.shape != (len(self.maps),):
                raise MapError(
                    "A test set has one entry per map.",
                    where=name,
                    expected=f"shape ({len(self.maps)},)",
                    got=f"shape {column.shape}",
                )
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.maps)

    def selected(self, rows: np.ndarray) -> TrueMaps:
        """Return some of the maps; ``rows`` is a mask (n,) or indices."""
        return TrueMaps(
            self.maps[rows], self.pixel_mpc[rows], self.r200c_mpc[rows], self.r500c_mpc[rows],
            self.log10_m200c[rows], self.parent[rows], self.physics[rows],
        )  # fmt: skip
