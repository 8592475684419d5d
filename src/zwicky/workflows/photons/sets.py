"""Stores of photon images, and what the workflows read from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from zwicky.core.masses import M500C
from zwicky.data.dataset import MapData, load_split
from zwicky.data.generate import ProgressBar, generate
from zwicky.data.plan import StorePlan
from zwicky.data.sight_lines import sight_lines_of
from zwicky.data.splits import SplitFractions
from zwicky.data.store import Store
from zwicky.evaluation.xray.annuli import Footprints
from zwicky.inference.xray.profiles import RadialCounts, radial_counts
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.workflows.experiment import StoreSettings

Say = Callable[[str], None]

CHUNK: Final = 500
"""Images whose rings are summed at a time, in double precision."""


def make_photon_store(
    settings: PhotonSurveySettings, store: StoreSettings, seed: int, place: Path, workers: int, say: Say
) -> None:
    """Make a store of photon images, or finish it."""
    survey = settings.build(seed)
    plan = StorePlan(
        survey.settings(),
        n_clusters=store.n_clusters,
        sight_lines=sight_lines_of(store.sight_lines, survey.simulation, store.n_clusters),
        clusters_per_shard=store.clusters_per_shard,
        fractions=SplitFractions(*store.fractions),
        split_seed=seed,
    )
    say(f"{place.name}: {plan.n_samples} photon images of {plan.n_clusters} clusters")
    with ProgressBar(place.name) as bar:
        made = generate(survey, plan, place, workers, bar)
    for note in made.notes:
        say(f"  note: {note}")


def read_photons(place: Path, split: str) -> MapData:
    """Return the counts of one split, with M500c."""
    return load_split(Store.open(place), split, M500C)


def added_up(data: MapData) -> MapData:
    """Return the sum of all bands as one band: sums of Poisson numbers are Poisson numbers."""
    return replace(data, maps=data.maps.sum(1, keepdim=True))


def profiles_of(data: MapData, survey: PhotonSurvey) -> RadialCounts:
    """Return the counts in rings, with the exposure and the mean background that all images of a scan share."""
    exposure_s = survey.observer.times()[0][None]
    background = survey.mean_background()[None]
    pixel_arcmin = survey.grid.pixel_value
    n_bands = data.maps.shape[1]
    if n_bands == 1 and exposure_s.shape[1] > 1:
        exposure_s = exposure_s.mean(axis=1, keepdims=True)
        background = background.sum(axis=1, keepdims=True)
    parts = [
        radial_counts(chunk.double().numpy(), exposure_s, background, pixel_arcmin)
        for chunk in data.maps.split(CHUNK)
    ]
    return RadialCounts.joined(parts)


def numbers_of(data: MapData) -> tuple[np.ndarray, np.ndarray]:
    """Return redshifts (n,) [1] and log10 M500c (n,) [dex of Msun] in double precision."""
    return data.redshift.double().numpy(), data.log10_mass.double().numpy()


def footprints_of(data: MapData, survey: PhotonSurvey) -> Footprints:
    """Return the true R500c of each cluster in pixels, and where its centre lies."""
    simulation = survey.simulation
    z, log10_mass = numbers_of(data)
    cosmology = simulation.cluster(0).cosmology
    arcmin = [
        M500C.radius_mpc(10.0**mass, one, cosmology) * cosmology.arcmin_per_mpc(one)
        for one, mass in zip(z, log10_mass, strict=True)
    ]
    pixel_arcmin = survey.grid.pixel_value
    offsets = [
        data.truth[f"offset_{axis}_arcmin"] for axis in ("y", "x") if f"offset_{axis}_arcmin" in data.truth
    ]
    offset = np.stack(offsets, axis=1) / pixel_arcmin if len(offsets) == 2 else None
    return Footprints(np.array(arcmin) / pixel_arcmin, offset)


def to_float(data: MapData, maps: np.ndarray) -> MapData:
    """Return data with other maps, (n, band, y, x)."""
    return replace(data, maps=torch.from_numpy(np.ascontiguousarray(maps, np.float32)))
