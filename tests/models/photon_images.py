"""Photon images for the tests of networks."""

from dataclasses import replace

import torch

from zwicky.models.base import Batch
from zwicky.models.photon_mass_parts import PhotonViews

N_BANDS, N_PIXELS = 3, 24


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photons(n, seed=0, offset=0.0):
    """Clusters of 10^(M - 14) times some photons on a flat background, a little off the middle."""
    draw = generator(seed)
    mass = 13.5 + 1.5 * torch.rand(n, generator=draw)
    axis = torch.arange(N_PIXELS) - (N_PIXELS - 1) / 2
    blob = torch.exp(-0.1 * torch.hypot(axis[:, None] - offset, axis) ** 2)
    tint = torch.tensor([1.0, 2.0, 0.5])[:, None, None]
    exposure = (1000.0 * torch.tensor([1.0, 0.8, 0.6]))[:, None, None].expand(N_BANDS, N_PIXELS, N_PIXELS)
    background = 5e-4 * exposure
    mean = background + 3e-3 * exposure * tint * blob * 10.0 ** (mass - 14.0)[:, None, None, None]
    counts = torch.poisson(mean, generator=draw)
    views = PhotonViews(counts, background.expand_as(counts), exposure.expand_as(counts))
    return Batch(views.stacked(), 0.05 + 0.5 * torch.rand(n, generator=draw), mass)


def views_of(batch):
    return PhotonViews.of(batch.maps)


def without(batch, *bands):
    kept = torch.ones(len(batch.maps), N_BANDS, dtype=torch.bool)
    kept[:, list(bands)] = False
    return replace(batch, maps=views_of(batch).kept(torch.ones(len(batch.maps)), kept).stacked())
