"""A trained network that maps the mass of clusters, with its recalibration and its warning light, in one folder.

The folder holds ``mapper.json`` (validated), ``network.safetensors`` and ``linear.safetensors``; no pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from zwicky.core.config import Config, parse
from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import CheckpointError, ConfigError, MapError
from zwicky.core.files import sha256_of, write_json
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.inference.folder import checked_tensors, ready
from zwicky.inference.mapping.answer import PredictedMaps
from zwicky.inference.mapping.calibration import (
    N_RADII,
    Calibration,
    aperture_scale,
    aperture_sums,
)
from zwicky.inference.mapping.domain import ViewDomain
from zwicky.inference.mapping.linear_masses import ARRAYS, LinearFacts, LinearMasses
from zwicky.mocks.theory_settings import TheorySurveySettings, quantity_named
from zwicky.mocks.theory_survey import TheorySurvey
from zwicky.models.any_view import AnyView
from zwicky.models.base import Batch, MapModel
from zwicky.models.table import build_map_model
from zwicky.training.checkpoint import read_json, save_tensors, save_weights

FORMAT: Final = "zwicky-mapper"
FORMAT_VERSION: Final = 1
DESCRIPTION: Final = "mapper.json"
WEIGHTS: Final = "network.safetensors"
LINEAR: Final = "linear.safetensors"
BATCH: Final = 64

Present = tuple[bool, ...]


class MapperFacts(Config):
    """What ``mapper.json`` holds besides its format.

    Attributes
    ----------
    model : dict
        Settings of the network.
    sha256, linear_sha256 : str
        Of its weights, and of the linear maps beside it.
    views : tuple of str
        Quantities of the maps that it is given, in order.
    survey : TheorySurveySettings
        What it was trained on: geometry, beam, centring; its simulation is the first of ``physics``.
    physics : tuple of str
        Presets of the painter in the training set.
    seed : int
    calibrations : dict of str to Calibration
        By subset of the views, as ``subset_name`` spells it.
    linear : dict of str to LinearFacts
        Of the linear maps, by subset of the views.
    domain : ViewDomain
        Ranges of the warning light.
    sizes : dict of str to int
        Maps used: train, validation; parents of the training set.
    provenance : dict
    """

    model: dict[str, Any]
    sha256: str
    linear_sha256: str
    views: tuple[str, ...]
    survey: TheorySurveySettings
    physics: tuple[str, ...]
    seed: int
    calibrations: dict[str, Calibration]
    linear: dict[str, LinearFacts]
    domain: ViewDomain
    sizes: dict[str, int]
    provenance: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Mapper:
    """Map the mass of clusters seen as those of the training set were.

    Parameters
    ----------
    facts : MapperFacts
    network : MapModel
    linear : LinearMasses
        The boring estimate beside it.
    """

    facts: MapperFacts
    network: MapModel
    linear: LinearMasses

    @cached_property
    def views(self) -> tuple[MapQuantity, ...]:
        """The quantities of the maps that it is given, in order."""
        return tuple(MapQuantity(name) for name in self.facts.views)

    @cached_property
    def survey(self) -> TheorySurvey:
        """What the training set shows."""
        return self.facts.survey.build(self.facts.seed)

    @property
    def grid(self) -> Grid:
        """The pixels of all maps."""
        return self.survey.grid

    @property
    def beam(self) -> float | None:
        """FWHM of the beam in all maps, in the unit of the grid's pixel; None if there is none."""
        return self.survey.beam_fwhm

    @property
    def cosmology(self) -> Cosmology:
        """Of the training clusters."""
        return self.survey.simulation.cluster(0, 0).cosmology

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Of the training clusters."""
        edges = self.survey.simulation.config.redshift_edges  # type: ignore[attr-defined]
        return float(edges[0]), float(edges[-1])

    @property
    def subsets(self) -> list[Present]:
        """The subsets of the views that it takes, all of them first."""
        return subsets_of(self.network, len(self.views))

    def predict(
        self, maps: np.ndarray, redshift: np.ndarray, present: Present | None = None
    ) -> PredictedMaps:
        """Map some clusters.

        Parameters
        ----------
        maps : (n, view, y, x) array
            In the kept units of the views; what a missing view holds is never read.
        redshift : (n,) array [1]
        present : tuple of bool, optional
            Which views there are; default: all.

        Returns
        -------
        PredictedMaps
            With intervals of pixels and of M(<R); radii are for a grid in Mpc, else in R200c.

        Raises
        ------
        MapError
            If the network cannot do with these views, or the maps are not on its grid.
        """
        there = (True,) * len(self.views) if present is None else tuple(bool(one) for one in present)
        self._check(maps, there)
        mean, median, sd = answer(self.network, maps, redshift, there)
        calibration = self.facts.calibrations[subset_name(self.views, there)]
        half_68, half_95 = calibration.pixels.apply(median, sd)
        mean = calibration.density.apply(mean)
        sums = calibration.apertures.apply(aperture_sums(mean), aperture_scale(mean, sd))
        masses = self.grid.pixel_value**2 * sums
        radii = 0.5 * self.grid.n_pixels * self.grid.pixel_value * np.arange(1, N_RADII + 1) / N_RADII
        return PredictedMaps(
            subset_name(self.views, there), mean, median, half_68, half_95, masses,
            np.broadcast_to(radii, (len(maps), N_RADII)),
        )  # fmt: skip

    def linear_masses(self, maps: np.ndarray, present: Present | None = None) -> np.ndarray:
        """Return what linear maps of the same views say of M(<R), (n, radius, level) [Msun]; as of ``predict``."""
        there = (True,) * len(self.views) if present is None else tuple(bool(one) for one in present)
        self._check(maps, there)
        return self.grid.pixel_value**2 * self.linear.quantiles(subset_name(self.views, there), maps)

    def judge(self, maps: np.ndarray, present: Present) -> tuple[np.ndarray, list[list[str]]]:
        """Return the flag of each cluster, an index into ``domain.FLAGS``, and its reasons in words."""
        return self.facts.domain.judge(maps, present)

    def _check(self, maps: np.ndarray, present: Present) -> None:
        if present not in self.subsets:
            raise MapError(
                "The network cannot map a cluster from these views.",
                expected=" or ".join(subset_name(self.views, one) for one in self.subsets),
                got=subset_name(self.views, present) if len(present) == len(self.views) else str(present),
                fix="give one of these sets of views, or a network for any subset",
            )
        wanted = (len(self.views), *self.grid.shape)
        if maps.ndim != 4 or maps.shape[1:] != wanted:
            raise MapError(
                "The maps are not on the pixels that the network was trained on.",
                expected=f"shape (n, {', '.join(map(str, wanted))}): {', '.join(self.views)} on {self.grid}",
                got=f"shape {maps.shape}",
            )
        shown = maps[:, [i for i, there in enumerate(present) if there]]
        bad = ~(np.isfinite(shown) & (shown > 0.0))
        if bad.any():
            raise MapError(
                "A view has pixels without a positive number, and this network takes logarithms.",
                expected="finite values > 0 in every view that is there",
                got=f"{int(bad.sum())} pixels that are not",
                fix="leave the view out, or fill these pixels",
            )

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write the mapper; ``mapper.json`` last, so that a folder with it is whole.

        Parameters
        ----------
        folder : Path
            Where to.
        half : bool
            Write weights in half precision, for a mapper that ships; see ``save_weights``.
        """
        save_weights(folder / WEIGHTS, self.network, half=half)
        save_tensors(folder / LINEAR, self.linear.tensors())
        digests = {"sha256": sha256_of(folder / WEIGHTS), "linear_sha256": sha256_of(folder / LINEAR)}
        facts = self.facts.model_copy(update=digests)
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, **facts.model_dump(mode="json")}
        write_json(folder / DESCRIPTION, content)

    @classmethod
    def load(cls, folder: Path) -> Mapper:
        """Read a mapper, or raise a CheckpointError that says what is wrong with the folder."""
        path = folder / DESCRIPTION
        if not path.is_file():
            raise CheckpointError(
                "This is not the folder of a mapper.",
                where=str(folder),
                expected=f"a folder with {DESCRIPTION} and {WEIGHTS}",
                fix="give a folder of mappers/ of a run, for example runs/deandres2024-smoke/mappers/any",
            )
        content = read_json(path, FORMAT, FORMAT_VERSION)
        fields = {k: v for k, v in content.items() if k not in ("format", "format_version")}
        try:
            facts = parse(MapperFacts, fields, where=str(path))
            network = build_map_model(facts.model, where=str(path))
            views = tuple(quantity_named(view, f"{path}: views") for view in facts.views)
        except ConfigError as error:
            raise CheckpointError(
                "The mapper's description is damaged.", where=str(path), got=str(error)
            ) from error
        tensors = checked_tensors(folder / WEIGHTS, facts.sha256, "mapper")
        linear = checked_tensors(folder / LINEAR, facts.linear_sha256, "mapper")
        if not _belong_together(facts, views, network, tensors, linear):
            raise CheckpointError(
                "The description is of another network.",
                where=str(path),
                expected="settings that the weights fit, and a calibration for each set of views",
                fix="copy the whole folder again",
            )
        network.load_state_dict(tensors)
        return cls(facts, ready(network), LinearMasses.of(facts.linear, linear))


def _belong_together(
    facts: MapperFacts,
    views: tuple[MapQuantity, ...],
    network: MapModel,
    tensors: Mapping[str, torch.Tensor],
    linear: Mapping[str, torch.Tensor],
) -> bool:
    """Say whether weights, linear maps and calibrations are of the network and the views described."""
    shapes, found = (
        {name: t.shape for name, t in state.items()} for state in (network.state_dict(), tensors)
    )
    subsets = subsets_of(network, len(views))
    names = {subset_name(views, one) for one in subsets if len(one) == len(views)}
    arrays = {f"{name}.{array}" for name in facts.linear for array in ARRAYS}
    whole = len(names) == len(subsets) and names <= set(facts.calibrations) and names <= set(facts.linear)
    return whole and shapes == found and arrays == set(linear)


def subsets_of(network: MapModel, n_views: int) -> list[Present]:
    """Return the subsets of views that a network takes, all of them first."""
    if isinstance(network, AnyView):
        return [tuple(one) for one in network.subsets.tolist()]
    return [(True,) * n_views]


SHORT_NAMES: Final[dict[MapQuantity, str]] = {
    MapQuantity.COMPTON_Y: "sz",
    MapQuantity.XRAY_SURFACE_BRIGHTNESS: "xray",
    MapQuantity.STAR_SURFACE_DENSITY: "star",
}
"""What a view is called in tables."""


def subset_name(views: Sequence[MapQuantity], present: Present) -> str:
    """Return the name of a subset of views, such as "sz+star"."""
    pairs = zip(views, present, strict=True)
    return "+".join(SHORT_NAMES.get(view, str(view)) for view, there in pairs if there) or "nothing"


@torch.inference_mode()
def answer(
    network: MapModel, maps: np.ndarray, redshift: np.ndarray, present: Present
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run a network.

    Parameters
    ----------
    network : MapModel
    maps : (n, view, y, x) array
    redshift : (n,) array [1]
    present : tuple of bool
        For all clusters alike.

    Returns
    -------
    mean : (n, y, x) float32 array
        In the kept unit of the target.
    log10_median, sd_dex : (n, y, x) float32 arrays [dex]
        An ``sd_dex`` of 0 is none.
    """
    device = next(network.parameters()).device
    there = torch.tensor(present, device=device)
    outs = [np.empty((len(maps), *maps.shape[2:]), np.float32) for _ in range(3)]
    for start in range(0, len(maps), BATCH):
        rows = slice(start, start + BATCH)
        chunk = torch.from_numpy(np.ascontiguousarray(maps[rows], np.float32)).to(device)
        z = torch.from_numpy(np.asarray(redshift[rows], np.float32)).to(device)
        given = network.predict(Batch(chunk, z, present=there.expand(len(chunk), -1)))
        for out, part in zip(outs, (given.mean, given.log10_median, given.sd_dex), strict=True):
            out[rows] = part.cpu().numpy()
    return outs[0], outs[1], outs[2]
