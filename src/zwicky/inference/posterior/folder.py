"""The folder of a posterior mapper: ``posterior.json``, ``network.safetensors``, ``moments.safetensors``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from zwicky.core.config import parse
from zwicky.core.errors import CheckpointError, ConfigError
from zwicky.core.files import sha256_of, write_json
from zwicky.inference.folder import checked_tensors, ready
from zwicky.inference.posterior.drawing import Networks
from zwicky.inference.posterior.facts import PosteriorFacts
from zwicky.inference.posterior.recalibration import Recalibration
from zwicky.mocks.theory_settings import quantity_named
from zwicky.models.base import Model, SampleModel
from zwicky.models.map_moments import MapMoments
from zwicky.models.residual_maps import ResidualMaps
from zwicky.models.table import build_either
from zwicky.training.checkpoint import read_json, save_weights

FORMAT: Final = "zwicky-posterior-mapper"
FORMAT_VERSION: Final = 1
DESCRIPTION: Final = "posterior.json"
NETWORK: Final = "network.safetensors"
MOMENTS: Final = "moments.safetensors"


def save_posterior(folder: Path, facts: PosteriorFacts, networks: Networks, *, half: bool = False) -> None:
    """Write a posterior mapper; ``posterior.json`` last, so that a folder with it is whole.

    Parameters
    ----------
    folder : Path
        Where to.
    facts : PosteriorFacts
        Digests of the weights are filled in.
    networks : Networks
    half : bool
        Write weights in half precision; see ``save_weights``.
    """
    save_weights(folder / NETWORK, networks.sampled, half=half)
    digests = {"network_sha256": sha256_of(folder / NETWORK), "moments_sha256": ""}
    if networks.moments is not None:
        save_weights(folder / MOMENTS, networks.moments, half=half)
        digests["moments_sha256"] = sha256_of(folder / MOMENTS)
    whole = facts.model_copy(update=digests)
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, **whole.model_dump(mode="json")}
    write_json(folder / DESCRIPTION, content)


def load_posterior(folder: Path) -> tuple[PosteriorFacts, Networks]:
    """Read a posterior mapper.

    Raises
    ------
    CheckpointError
        If the folder is none, damaged, or of parts that do not belong together.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise CheckpointError(
            "This is not the folder of a posterior mapper.",
            where=str(folder),
            expected=f"a folder with {DESCRIPTION} and {NETWORK}",
            fix="give a folder of posteriors of a run of hsu2024",
        )
    content = read_json(path, FORMAT, FORMAT_VERSION)
    fields = {k: v for k, v in content.items() if k not in ("format", "format_version")}
    try:
        facts = parse(PosteriorFacts, fields, where=str(path))
        for quantity in (*facts.views, *facts.targets):
            quantity_named(quantity, f"{path}: views and targets")
        network = build_either(facts.network, where=f"{path}: network")
        moments = None if facts.moments is None else build_either(facts.moments, where=f"{path}: moments")
        grid = facts.grid
    except ConfigError as error:
        raise CheckpointError(
            "The posterior mapper's description is damaged.", where=str(path), got=str(error)
        ) from error
    tensors = checked_tensors(folder / NETWORK, facts.network_sha256, "posterior")
    more = {} if moments is None else checked_tensors(folder / MOMENTS, facts.moments_sha256, "posterior")
    known = isinstance(network, SampleModel) and isinstance(moments, MapMoments | None)
    paired = isinstance(network, ResidualMaps) == (moments is not None)
    fits = _fits(network, tensors, facts) and (moments is None or _fits(moments, more, facts))
    grid_fits = facts.deprojection.grid.agrees_with(grid)
    if not (known and paired and fits and grid_fits and _parts_fit(facts)):
        raise CheckpointError(
            "The description is of another network.",
            where=str(path),
            expected="settings that the weights, the views, the targets and the recalibration fit",
            fix="copy the whole folder again",
        )
    network.load_state_dict(tensors)
    if moments is not None:
        moments.load_state_dict(more)
        moments = ready(moments)
    return facts, Networks(ready(network), moments)  # type: ignore[arg-type]


def _fits(network: Model, tensors: Mapping[str, Tensor], facts: PosteriorFacts) -> bool:
    """Say whether weights are of the network, and the network of the maps described."""
    state = {name: t.shape for name, t in network.state_dict().items()}
    config: Any = network.config
    sizes = (len(facts.views), len(facts.targets), facts.grid.n_pixels)
    named = tuple(getattr(config, name, None) for name in ("n_views", "n_targets", "n_pixels"))
    return state == {name: t.shape for name, t in tensors.items()} and named == sizes


def _parts_fit(facts: PosteriorFacts) -> bool:
    """Say whether recalibration, deprojection, masses and warning light are of the maps described."""
    n_targets = len(facts.targets)
    features = n_targets * len(facts.deprojection.radii_mpc)
    masses = facts.masses is None or len(facts.masses.cylinders) == n_targets
    return (
        _recalibrates(facts.recalibration, n_targets, facts.grid.n_pixels)
        and len(facts.deprojection.feature_mean) == features
        and facts.domain.view_names == facts.views
        and masses
    )


def _recalibrates(recalibration: Recalibration, n_targets: int, n_pixels: int) -> bool:
    """Say whether a recalibration is of so many targets, and of maps with such a side."""
    profiles = recalibration.profiles
    of_maps = profiles is None or (len(profiles.shifts), profiles.edges_pixels[-1]) == (
        n_targets,
        0.5 * n_pixels,
    )
    return len(recalibration.scales.variance_ratios) == n_targets and of_maps
