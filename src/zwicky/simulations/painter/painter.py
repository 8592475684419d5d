"""The painter as a simulation: realistic clusters, each a pure function of seed and index."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.cosmology import Cosmology, cosmology_by_name
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200C, M500C, Mass
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.physics.xray import EnergyBand
from zwicky.simulations.base import Simulation
from zwicky.simulations.emission import EmissionCube
from zwicky.simulations.painter.anatomy import Anatomy
from zwicky.simulations.painter.drawing.draw import draw
from zwicky.simulations.painter.metals import radial_metallicity
from zwicky.simulations.painter.painting.emission import KT_KEV, brightness, emission_maps
from zwicky.simulations.painter.painting.field_steps import ENVIRONMENT_CELLS, TURBULENCE_CELLS
from zwicky.simulations.painter.painting.paint import QUANTITIES, Columns, Pixels, paint, project_columns
from zwicky.simulations.painter.painting.scene import (
    Prepared,
    emissivity_table,
    orientation,
    prepare,
)
from zwicky.simulations.painter.painting.turbulence import (
    Field,
    environment_field,
    turbulence_field,
)
from zwicky.simulations.painter.settings import PainterSettings


class _Recent:
    """The last cluster that was asked for, so that its lines of sight share their work; never part of a pickle."""

    def __init__(self) -> None:
        self.anatomy: tuple[int, Anatomy] | None = None
        self.prepared: tuple[int, tuple[Prepared, Columns]] | None = None

    def __reduce__(self) -> tuple[type[_Recent], tuple[()]]:
        return _Recent, ()


@dataclass(frozen=True)
class Painter(Simulation):
    """Draw clusters in three dimensions and paint them along any line of sight.

    A map is a pure function of settings, seed, cluster, sight-line and grid: the same whatever was asked before. The
    lines of sight of one cluster are fastest asked one after the other.

    Parameters
    ----------
    config : PainterSettings
        What is drawn.
    seed : int
        Another seed is another universe.
    """

    config: PainterSettings
    seed: int
    _recent: _Recent = field(default_factory=_Recent, init=False, repr=False, compare=False)

    @property
    def quantities(self) -> tuple[MapQuantity, ...]:
        """Dark, gas, star and total surface density, Compton y, bolometric and photon X-ray brightness."""
        return QUANTITIES

    @property
    def cosmology(self) -> Cosmology:
        """In which the clusters live."""
        return cosmology_by_name(self.config.cosmology)

    @property
    def _depth_mpc(self) -> float:
        return float(self.config.depth.to_value(u.Mpc))

    def settings(self) -> dict[str, object]:
        """Return the settings, the preset's numbers written out, and the seed."""
        return {
            **self.config.model_dump(mode="json"),
            "physics": self.config.cluster_physics.model_dump(mode="json"),
            "seed": self.seed,
        }

    def anatomy(self, cluster_index: int) -> Anatomy:
        """Return a cluster in three dimensions."""
        recent = self._recent.anatomy
        if recent is None or recent[0] != cluster_index:
            recent = (cluster_index, draw(self.config, self.seed, cluster_index))
            self._recent.anatomy = recent
        return recent[1]

    def cluster(self, cluster_index: int, sight_line: int = 0) -> Cluster:
        """Return the truth: masses in both definitions, and the drawn numbers."""
        anatomy = self.anatomy(cluster_index)
        name = f"{self.config.preset}-{self.seed}-{cluster_index:07d}"
        return Cluster(
            id=f"{name}-{sight_line:03d}",
            redshift=anatomy.redshift,
            masses={M200C: Mass(anatomy.m200c_msun, M200C), M500C: Mass(anatomy.m500c_msun, M500C)},
            # The same seed and index in another physics is the same halo: one parent.
            parent=f"painter-{self.seed}-{cluster_index:07d}",
            sight_line=sight_line,
            cosmology=self.cosmology,
            properties=anatomy.properties,
        )

    def theory(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> MapSet:
        """Paint all quantities on a grid of any kind."""
        view = self._view(cluster_index, sight_line, grid, centre)
        prepared, columns = self.prepared(cluster_index)
        images = paint(prepared, columns, *view)
        if self.config.metallicity_profile != "constant":
            cube = self.emission(cluster_index, sight_line, grid, centre)
            images |= brightness(
                cube, EnergyBand.parse(self.config.xray_band), self.config.column_density_cm2
            )
        maps = {
            quantity: Map(image, quantity, UNIT_OF[quantity], grid, "theory")
            for quantity, image in images.items()
        }
        return MapSet(
            self.cluster(cluster_index, sight_line), maps, {"simulation": f"painter {self.config.preset}"}
        )

    def emission(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> EmissionCube:
        """Return the emission measure by temperature on a grid of any kind, of the gas that ``theory`` paints.

        Parameters
        ----------
        cluster_index, sight_line : int
            Which cluster, seen from where.
        grid : Grid
            The pixels; each holds the mean over its area.
        centre : (y, x)
            Where the cluster's centre falls, as an offset from the grid's centre in the unit of its pixel.
        """
        view = self._view(cluster_index, sight_line, grid, centre)
        prepared, _ = self.prepared(cluster_index)
        metallicity = self.config.metallicity
        if self.config.metallicity_profile == "constant":
            (measure,) = emission_maps(prepared, *view)
            metals = np.float32(metallicity) * measure
        else:
            radial = radial_metallicity(prepared.anatomy, metallicity)
            measure, metals = emission_maps(prepared, *view, weights=(radial,))
        return EmissionCube(self.cluster(cluster_index, sight_line), KT_KEV.copy(), measure, metals, grid)

    def _view(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float]
    ) -> tuple[np.ndarray, float, Pixels]:
        """Return the rotation to the sky, the depth [Mpc] and the pixels."""
        unit_mpc = self._mpc_per_grid_unit(self.anatomy(cluster_index), grid)
        offset_mpc = (centre[0] * unit_mpc, centre[1] * unit_mpc)
        pixels = Pixels.around(grid.n_pixels, grid.pixel_value * unit_mpc, offset_mpc)
        return orientation(self.seed, cluster_index, sight_line), self._depth_mpc, pixels

    def _mpc_per_grid_unit(self, anatomy: Anatomy, grid: Grid) -> float:
        if grid.kind == "proper":
            return 1.0
        if grid.kind == "scaled":
            return anatomy.r200c_mpc
        return 1.0 / self.cosmology.arcmin_per_mpc(anatomy.redshift)

    def prepared(self, cluster_index: int) -> tuple[Prepared, Columns]:
        """Return what all lines of sight of a cluster share."""
        recent = self._recent.prepared
        if recent is None or recent[0] != cluster_index:
            anatomy = self.anatomy(cluster_index)
            prepared = prepare(anatomy, *self._fields(cluster_index), self._emissivity(anatomy))
            recent = (cluster_index, (prepared, project_columns(anatomy, self._depth_mpc)))
            self._recent.prepared = recent
        return recent[1]

    def _fields(self, cluster_index: int) -> tuple[Field, Field]:
        if not self.config.cluster_physics.with_fluctuations:
            return (
                Field(np.zeros(1, np.int32), TURBULENCE_CELLS, 1.0),
                Field(np.zeros(1, np.float32), ENVIRONMENT_CELLS, 1.0),
            )
        return turbulence_field(self.seed, cluster_index), environment_field(self.seed, cluster_index)

    def _emissivity(self, anatomy: Anatomy) -> np.ndarray:
        config = self.config
        band = EnergyBand.parse(config.xray_band)
        return emissivity_table(band, anatomy.redshift, config.metallicity, config.column_density_cm2)
