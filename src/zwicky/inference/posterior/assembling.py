"""From trained networks to a posterior mapper: everything that is fitted after the training, on whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import MapData, selected
from zwicky.inference.folder import ready
from zwicky.inference.mapping.domain import domain_of
from zwicky.inference.posterior.cylinders import (
    MassCalibration,
    cylinder_masses,
    enough_for_masses,
    radii_of,
)
from zwicky.inference.posterior.deprojection import Deprojection
from zwicky.inference.posterior.drawing import Progress
from zwicky.inference.posterior.facts import PosteriorFacts
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.inference.posterior.recalibration import Recalibration
from zwicky.mocks.theory_settings import TheorySurveySettings, grid_named
from zwicky.models.base import SampleModel
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.map_moments import MapMoments

MOST_CLUSTERS: Final = 400
"""Held-out clusters that are sampled, at most: gains are then known to 2 %, the 95 % interval's ends to 1 point."""


def assemble(
    network: SampleModel,
    moments: MapMoments | None,
    training: MapData,
    validation: MapData,
    *,
    views: Sequence[MapQuantity],
    targets: Sequence[MapQuantity],
    survey: TheorySurveySettings,
    physics: Sequence[str],
    seed: int,
    sampler: Sampler | None = None,
    n_samples: int = 24,
    most_clusters: int = MOST_CLUSTERS,
    c5: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PosteriorMapper:
    """Fit deprojection and warning light on the training set, recalibrations on held-out clusters.

    Of each held-out parent one sight-line is sampled. The recalibration of the maps (a dozen numbers) and that of the
    masses see the same clusters; that of the masses is left out where these are fewer than 100.

    Parameters
    ----------
    network : SampleModel
    moments : MapMoments, optional
        As ``PosteriorMapper`` takes them; trained.
    training, validation : MapData
        With views as maps, ``target`` (n, target, y, x) and the true number ``log10_m200c``.
    views, targets : sequences of MapQuantity
        In the order of the maps.
    survey : TheorySurveySettings
        What they show.
    physics : sequence of str
        Presets of the painter in the training set.
    seed : int
        Of the samples.
    sampler : Sampler, optional
        Default: that of the network.
    n_samples : int
        Of each held-out cluster.
    most_clusters : int
        Held-out clusters that are sampled, at most.
    c5, provenance : dict, optional
        As ``PosteriorFacts`` keeps them.
    progress : Progress, optional

    Raises
    ------
    TrainingError
        If there are too few clusters: 40 parents to learn from, 20 held out.
    """
    assert training.target is not None and validation.target is not None
    names = tuple(str(view) for view in views)
    deprojection = Deprojection.fit(
        training.target.numpy(),
        grid_named(survey.grid, "survey.grid"),
        training.truth["log10_m200c"],
        training.parent,
    )
    held_out = one_of_each_parent(validation, most_clusters)
    facts = PosteriorFacts(
        network=network.config.model_dump(mode="json"),
        moments=None if moments is None else moments.config.model_dump(mode="json"),
        views=names,
        targets=tuple(str(target) for target in targets),
        survey=survey,
        physics=tuple(physics),
        seed=seed,
        sampler=sampler or network.default_sampler,
        c5=dict(c5 or {}),
        recalibration=Recalibration.none(len(targets)),
        deprojection=deprojection,
        domain=domain_of(training, validation, names),
        sizes={
            "train": len(training),
            "train_parents": len(np.unique(training.parent)),
            "validation": len(validation),
            "recalibration_clusters": len(held_out),
            "recalibration_samples": n_samples,
            "parameters": network.n_parameters + (0 if moments is None else moments.n_parameters),
        },
        provenance=dict(provenance or {}),
    )
    plain = PosteriorMapper(facts, ready(network), None if moments is None else ready(moments))
    recalibration, masses = _recalibrations(plain, held_out, n_samples, progress)
    whole = facts.model_copy(update={"recalibration": recalibration, "masses": masses})
    return PosteriorMapper(whole, plain.network, plain.moments)


def one_of_each_parent(data: MapData, most: int) -> MapData:
    """Return the first sight-line of each parent, evenly thinned where there are more than ``most``."""
    _, first = np.unique(data.parent, return_index=True)
    rows = np.sort(first)
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    return selected(data, rows)


def _recalibrations(
    mapper: PosteriorMapper, data: MapData, n_samples: int, progress: Progress | None
) -> tuple[Recalibration, MassCalibration | None]:
    """Sample held-out clusters, and compare with the truth: first maps, then the masses of recalibrated maps."""
    assert data.target is not None
    seed, truth = mapper.facts.seed, data.target.numpy()
    names = [str(one) for one in (data.id if data.id.size else data.parent)]
    drawn = mapper.sample(
        data.maps.numpy(), data.redshift.numpy(), n_samples, seed, names,
        recalibrated=False, progress=progress,
    )  # fmt: skip
    log10_samples = np.log10(drawn.samples)
    recalibration = Recalibration.fit(log10_samples, np.log10(truth))
    if not enough_for_masses(len(data)):
        return recalibration, None
    better = mapper.from_log10(recalibration.apply(log10_samples), seed, names, mapper.facts.sampler)
    radii = radii_of(mapper.grid)
    return recalibration, MassCalibration.fit(
        radii,
        cylinder_masses(truth, mapper.grid, radii),
        cylinder_masses(better.samples, mapper.grid, radii),
        np.asarray(data.truth["log10_m200c"], float),
        better.log10_m200c,
    )
