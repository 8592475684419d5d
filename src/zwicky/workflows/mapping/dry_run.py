"""What an experiment with mass maps will take, said before it is begun."""

from __future__ import annotations

import torch

from zwicky.data.sight_lines import FlatInMass
from zwicky.models.base import Batch
from zwicky.training.memory import step_memory
from zwicky.workflows.mapping.experiment import MappingExperiment
from zwicky.workflows.markdown import markdown_table

GIB = 2.0**30
BYTES_PER_PIXEL = 2  # 16-bit logarithms


def dry_run_text(experiment: MappingExperiment) -> str:
    """Return the sizes of an experiment: stores on disk, and each network with the memory of its training step."""
    settings, lines = experiment.store, []
    if isinstance(settings.sight_lines, FlatInMass):
        most = settings.n_clusters * settings.sight_lines.max_per_cluster
    else:
        most = settings.n_clusters * settings.sight_lines
    n_train = round(settings.fractions[0] * most)
    for name in dict.fromkeys(network.geometry for network in experiment.networks.values()):
        survey = experiment.geometries[name].build(experiment.seed)
        n_bytes = len(experiment.physics) * most * len(survey.channels) * survey.grid.n_pixels**2
        lines.append(
            f"geometry {name}: at most {len(experiment.physics) * most} sets of {len(survey.channels)} maps on "
            f"{survey.grid}, {n_bytes * BYTES_PER_PIXEL / GIB:.1f} GiB on disk; a split is read as 32-bit numbers"
        )
    rows = []
    for name, network in experiment.networks.items():
        views = experiment.views_of(network)
        n_pixels = experiment.geometries[network.geometry].build(experiment.seed).grid.n_pixels
        maps = torch.ones(2, len(views), n_pixels, n_pixels)
        few = Batch(maps, torch.full((2,), 0.1), None, torch.ones(2, n_pixels, n_pixels))
        n_maps = round(n_train * len(experiment.physics_of(network)) * network.parent_fraction)
        training = experiment.training_of(network, max(1, n_maps))
        memory = step_memory(experiment.model_of(network), few, training)
        rows.append(
            [
                name, f"{memory.parameters / 1e6:.2f} million", str(training.batch_size), training.precision,
                f"{memory.weights_bytes / GIB:.2f} GiB", f"{memory.activations_bytes / GIB:.2f} GiB",
                f"{memory.total_bytes / GIB:.2f} GiB",
            ]
        )  # fmt: skip
    head = ["network", "trained numbers", "batch", "precision", "weights", "activations", "training step"]
    return "\n".join([*lines, "", markdown_table(head, rows)])
