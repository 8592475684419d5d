"""One network for images of thirty to a hundred thousand photons, in any subset of its bands.

It reads rings of exact Poisson sums, which for a round cluster hold all the information there is, and images, for what
is not round. While it is taught, each image is thinned to another number of photons and loses some of its bands: a
photon that is kept with probability f is a photon of an exposure f times as long, exactly.
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.core.errors import MapError
from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.mass_heads import GaussianHead
from zwicky.models.photon_mass_parts import (
    LEAST_SD,
    ImageNumbers,
    PhotonViews,
    RingNumbers,
    random_bands,
    random_fractions,
    random_masks,
)

SCALING_ROWS: Final = 4096
"""Training clusters from which means and standard deviations are taken."""


class PhotonMassSettings(Config):
    """Settings of the network for photon images.

    Attributes
    ----------
    kind : "photon_mass"
        Names this model in an experiment file.
    n_bands, n_pixels : int
        Bands of energy, and pixels per side of the stamp.
    n_rings : int
        Rings between the middle and the stamp's edge, wider outwards.
    width : int
        Filters of the first convolution.
    hidden : int
        Width of the two dense layers.
    with_images : bool
        Read images; else rings alone.
    least_counts, most_counts : float
        Photons of the cluster, around the middle, between which training images end by thinning.
    all_bands : float [1]
        How often a cluster keeps all its bands in training.
    masks : float [1]
        How often an image has round masks in training, where exposure and counts are 0.
    beta : float [1]
        Power of the variance that weighs the likelihood in training (Seitzer et al. 2022, equation 5); 0 is the plain
        one.
    dropout : float
        After each dense layer.
    """

    kind: Literal["photon_mass"] = "photon_mass"
    n_bands: int = Field(default=4, ge=1)
    n_pixels: int = Field(default=50, ge=16)
    n_rings: int = Field(default=18, ge=2)
    width: int = Field(default=16, ge=1)
    hidden: int = Field(default=128, ge=1)
    with_images: bool = True
    least_counts: float = Field(default=30.0, ge=1.0)
    most_counts: float = Field(default=1e5, ge=1.0)
    all_bands: float = Field(default=0.5, gt=0.0, le=1.0)
    masks: float = Field(default=0.5, ge=0.0, le=1.0)
    beta: float = Field(default=0.0, ge=0.0, le=1.0)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)


class PhotonMass(MassModel):
    """Rings and images of photons, the redshift, and a Gaussian in log10 M.

    Maps are (batch, 3 band, y, x): counts, expected background counts, and exposure [s] of all bands. A band without
    any exposure is absent.
    """

    def __init__(self, config: PhotonMassSettings) -> None:
        super().__init__()
        self.config: PhotonMassSettings = config
        self.rings = RingNumbers(config.n_bands, config.n_pixels, config.n_rings)
        self.images = (
            ImageNumbers(config.n_bands, config.n_pixels, config.width) if config.with_images else None
        )
        n_in = self.rings.n_numbers + (0 if self.images is None else self.images.n_numbers)
        n_in += 3 + config.n_bands
        self.dense = nn.Sequential(
            nn.Linear(n_in, config.hidden), nn.SiLU(), nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden), nn.SiLU(), nn.Dropout(config.dropout),
        )  # fmt: skip
        self.head = GaussianHead()
        self.last = nn.Linear(config.hidden, self.head.n_outputs)
        self.scalars: Tensor
        self.register_buffer("scalars", torch.tensor([[0.0] * 3, [1.0] * 3]))  # mean and standard deviation

    def fit_scaling(self, batch: Batch) -> None:
        """Fix means and standard deviations, from training clusters that are thinned as in training."""
        assert batch.log10_mass is not None
        self.head.fit(batch.log10_mass)
        every = max(1, -(-len(batch.maps) // SCALING_ROWS))
        views = self._varied(self._views(batch.maps[::every]))
        self.rings.fit(views)
        scalars = _scalars(views, batch.redshift[::every])
        self.scalars[0] = scalars.mean(dim=0)
        self.scalars[1] = scalars.std(dim=0).clamp(min=LEAST_SD)

    def _views(self, maps: Tensor) -> PhotonViews:
        """Return counts, background and exposure of maps, or raise a MapError."""
        bands, pixels = self.config.n_bands, self.config.n_pixels
        if maps.shape[1:] != (3 * bands, pixels, pixels):
            raise MapError(
                "The network does not read such maps.",
                where="photon_mass",
                expected=f"{3 * bands} x {pixels} x {pixels}: counts, background and exposure of {bands} bands",
                got=" x ".join(map(str, maps.shape[1:])),
                fix="load the data as PhotonData, or train a network with other settings",
            )
        return PhotonViews.of(maps)

    def _varied(self, views: PhotonViews) -> PhotonViews:
        """Return images of other exposures in other bands, and with masks, drawn by torch's own generator."""
        config = self.config
        fraction = random_fractions(views.net_counts(), config.least_counts, config.most_counts)
        varied = views.kept(fraction, random_bands(views.present, config.all_bands))
        if config.masks == 0.0:
            return varied
        seen = random_masks(len(fraction), config.n_pixels, config.masks)
        return varied.seen_at(seen.to(fraction.device))

    def _features(self, views: PhotonViews, redshift: Tensor) -> Tensor:
        inputs = [
            self.rings(views),
            *([] if self.images is None else [self.images(views)]),
            (_scalars(views, redshift) - self.scalars[0]) / self.scalars[1],
            views.present.float(),
        ]
        return self.dense(torch.cat(inputs, dim=1))

    def _outputs(self, views: PhotonViews, redshift: Tensor) -> Tensor:
        features = self._features(views, redshift)
        with torch.autocast(features.device.type, enabled=False):
            return self.last(features.float())

    def features(self, batch: Batch) -> Tensor:
        """Return the last hidden layer, (batch, feature)."""
        return self._features(self._views(batch.maps), batch.redshift)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean Gaussian -log likelihood of log10 M in dex, without its constant.

        In training the images are thinned, masked and lose bands at random, and the beta weights are on. In validation
        they are taken as they are, and the likelihood is the plain one.
        """
        assert batch.log10_mass is not None
        views = self._views(batch.maps)
        outputs = self._outputs(self._varied(views) if self.training else views, batch.redshift)
        losses = self.head.losses(outputs, batch.log10_mass)
        if not self.training:
            return losses.mean()
        sd = self.head.answer(outputs).sd.detach() / self.head.target[1]
        return (losses * sd.pow(2.0 * self.config.beta)).mean()

    def predict(self, batch: Batch) -> GaussianMass:
        """Return mean and standard deviation of log10 M."""
        return self.head.answer(self._outputs(self._views(batch.maps), batch.redshift))


def _scalars(views: PhotonViews, redshift: Tensor) -> Tensor:
    """Return log10 of z, of 1 + z and of the mean exposure where there is one [s], (batch, 3)."""
    exposed = (views.exposure_s > 0.0).sum(dim=(1, 2, 3)).clamp(min=1)
    seconds = (views.exposure_s.sum(dim=(1, 2, 3)) / exposed).clamp(min=1e-3)
    return torch.stack([torch.log10(redshift), torch.log10(1.0 + redshift), torch.log10(seconds)], dim=1)
