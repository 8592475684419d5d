"""Round toy clusters of counts, and toy networks of which one knows what they read."""

import numpy as np
import torch
from torch import nn

from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.xray.annuli import Footprints
from zwicky.models.base import GaussianMass, MassModel

N_PIXELS = 24
R500_PIXELS = 10.0
BOOTSTRAP = Bootstrap(200, Key(1, Stream.BOOTSTRAP))


def radius_r500():
    return Footprints(np.full(1, R500_PIXELS)).radius(N_PIXELS)[0]


CORE = radius_r500() < 0.2


def toy_clusters(n=40, seed=1, core_tells=True, outside_tells=True, core_counts=60.0, outside_counts=3.0):
    """Counts of n clusters: a bright core and a faint rest, each as bright as the mass says, or as chance says."""
    rng = np.random.default_rng(seed)
    mass = rng.uniform(14.0, 15.0, n)
    chance = rng.uniform(14.0, 15.0, (2, n))
    core, outside = mass if core_tells else chance[0], mass if outside_tells else chance[1]
    radius = radius_r500()
    mean = np.where(
        CORE,
        core_counts * 10 ** (core - 14.5)[:, None, None],
        outside_counts * 10 ** (outside - 14.5)[:, None, None] * np.exp(1.0 - radius),
    )
    maps = torch.from_numpy(rng.poisson(mean)[:, None].astype(np.float32))
    parent = np.array([f"halo-{i}" for i in range(n)])
    return MapData(maps, torch.full((n,), 0.1), torch.from_numpy(mass).float(), parent)


def footprints(n=40):
    return Footprints(np.full(n, R500_PIXELS))


class WeighedSum(MassModel):
    """log10 of a weighed sum of the photons: an analytic network."""

    def __init__(self, weights):
        super().__init__()
        self.weights = torch.from_numpy(np.asarray(weights, np.float32))

    def fit_scaling(self, batch):
        del batch

    def loss(self, batch):
        return (self.predict(batch).mean - batch.log10_mass).square().mean()

    def predict(self, batch):
        mean = 13.0 + torch.log10(1.0 + (batch.maps * self.weights).sum((1, 2, 3)))
        return GaussianMass(mean, torch.full_like(mean, 0.1))


class TinyNetwork(MassModel):
    """Two convolutions of the roots of the counts, and a dense layer that knows where in the image it looks."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        side = N_PIXELS // 4
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.1), nn.Linear(4 * side**2, 1)),
        )

    def fit_scaling(self, batch):
        del batch

    def loss(self, batch):
        return (self.predict(batch).mean - batch.log10_mass).square().mean()

    def predict(self, batch):
        mean = 14.5 + self.layers(torch.sqrt(batch.maps.clamp(min=0.0) + 0.375) / 4.0)[:, 0]
        return GaussianMass(mean, torch.full_like(mean, 0.1))


def trained(data, steps=250):
    network = TinyNetwork()
    optimiser = torch.optim.Adam(network.parameters(), 3e-3, weight_decay=1e-3)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        loss = network.loss(data.rows(torch.randint(len(data), (64,), generator=generator)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network
