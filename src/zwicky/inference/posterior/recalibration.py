"""Posterior samples made as wide as their errors: first scale by scale, then their profiles."""

from __future__ import annotations

import numpy as np

from zwicky.core.config import Config
from zwicky.inference.posterior.profile_transport import FEWEST_PIXELS, FEWEST_SAMPLES, ProfileTransport
from zwicky.inference.posterior.scale_temperature import ScaleTemperature


class Recalibration(Config):
    """What was learned on held-out clusters about the samples of others.

    Attributes
    ----------
    scales : ScaleTemperature
        Gains of the deviations from the mean, by scale.
    profiles : ProfileTransport, optional
        Of samples with these gains; None if maps or samples were too few to have any.
    """

    scales: ScaleTemperature
    profiles: ProfileTransport | None = None

    @classmethod
    def none(cls, n_targets: int) -> Recalibration:
        """Return the one that changes nothing."""
        return cls(scales=ScaleTemperature.none(n_targets))

    @classmethod
    def fit(cls, samples_log10: np.ndarray, truth_log10: np.ndarray) -> Recalibration:
        """Fit both on the same held-out clusters; for parameters and errors see ``ScaleTemperature.fit``."""
        scales = ScaleTemperature.fit(samples_log10, truth_log10)
        if samples_log10.shape[1] < FEWEST_SAMPLES or samples_log10.shape[-1] < FEWEST_PIXELS:
            return cls(scales=scales)
        return cls(scales=scales, profiles=ProfileTransport.fit(scales.apply(samples_log10), truth_log10))

    def apply(self, samples_log10: np.ndarray) -> np.ndarray:
        """Return recalibrated samples, (n, sample, target, y, x) float32 [dex]; for errors see ``ScaleTemperature``."""
        scaled = self.scales.apply(samples_log10)
        return scaled if self.profiles is None else self.profiles.apply(scaled)
