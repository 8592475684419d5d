"""What the description of a posterior mapper holds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from zwicky.core.config import Config
from zwicky.core.grid import Grid
from zwicky.inference.mapping.domain import ViewDomain
from zwicky.inference.posterior.cylinders import MassCalibration
from zwicky.inference.posterior.deprojection import Deprojection
from zwicky.inference.posterior.recalibration import Recalibration
from zwicky.mocks.theory_settings import TheorySurveySettings, grid_named
from zwicky.models.diffusion.sampler import Sampler


class PosteriorFacts(Config):
    """What ``posterior.json`` holds besides its format.

    Attributes
    ----------
    network : dict
        Settings of the network that draws.
    network_sha256 : str
        Of its weights.
    moments : dict, optional
        Settings of the network that says mean and standard deviation first; None if there is none.
    moments_sha256 : str
        Of its weights; empty if there is none.
    views, targets : tuple of str
        Quantities of the maps that it is given, and of those that it draws, in order.
    survey : TheorySurveySettings
        What it was trained on; its simulation is the first of ``physics``.
    physics : tuple of str
        Presets of the painter in the training set.
    seed : int
    sampler : Sampler
        How samples are drawn, and were when they were recalibrated.
    c5 : dict
        Measured errors of the samples by number of evaluations: why the sampler takes so many.
    recalibration : Recalibration
        Of the maps.
    deprojection : Deprojection
        The way from maps to M200c.
    masses : MassCalibration, optional
        Of masses of recalibrated samples; None if there were too few held-out clusters.
    domain : ViewDomain
        Ranges of the warning light.
    sizes : dict of str to int
        Maps, parents and samples used.
    provenance : dict
    """

    network: dict[str, Any]
    network_sha256: str = ""
    moments: dict[str, Any] | None = None
    moments_sha256: str = ""
    views: tuple[str, ...] = Field(min_length=1)
    targets: tuple[str, ...] = Field(min_length=1)
    survey: TheorySurveySettings
    physics: tuple[str, ...]
    seed: int
    sampler: Sampler
    c5: dict[str, Any] = Field(default_factory=dict)
    recalibration: Recalibration
    deprojection: Deprojection
    masses: MassCalibration | None = None
    domain: ViewDomain
    sizes: dict[str, int]
    provenance: dict[str, Any]

    @property
    def grid(self) -> Grid:
        """The pixels of all maps."""
        return grid_named(self.survey.grid, "survey.grid")
