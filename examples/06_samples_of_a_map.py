"""Samples of the gas and the dark matter of a cluster, and what can be asked of them.

New here: a posterior of maps. Every sample is a map that the views allow; whatever is asked of a map is asked of all
samples, and the spread of the answers is its error. Here: how much heavier is one half of the cluster than the other?
No error per pixel could tell.
"""

import numpy as np

from zwicky.core.masses import M200C
from zwicky.inference.domain import FLAGS
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.workflows.shipped import posterior_folder

N_SAMPLES = 16

mapper = PosteriorMapper.load(posterior_folder("hsu2024"))
survey = mapper.facts.survey.build(seed=1)  # clusters that it has never seen
seen = survey.observe(cluster_index=3, sight_line=0)
views = np.array([[seen[view].values for view in mapper.views]], np.float32)
posterior = mapper.sample(views, np.array([seen.cluster.redshift]), N_SAMPLES, names=["example"])
flag, _ = mapper.judge(views)
print(f"{N_SAMPLES} samples of {posterior.evaluations} evaluations each; light: {FLAGS[flag[0]]}")

west = np.arange(mapper.grid.n_pixels) < mapper.grid.n_pixels // 2
for i, target in enumerate(mapper.targets):

    def lopsidedness(maps: np.ndarray) -> np.ndarray:
        """Return (west - east) / (west + east) of the mass in maps (..., y, x) [1]."""
        return (maps[..., west].sum(axis=(-2, -1)) - maps[..., ~west].sum(axis=(-2, -1))) / maps.sum(
            axis=(-2, -1)
        )

    low, median, high = 100.0 * np.quantile(lopsidedness(posterior.samples[0, :, i]), (0.16, 0.5, 0.84))
    truth = 100.0 * lopsidedness(seen[target].values)
    print(f"{target}: west - east {median:.1f} % (16-84 %: {low:.1f} to {high:.1f}), truth {truth:.1f} %")

intervals = mapper.intervals(posterior)
low, median, high = (intervals.log10_m200c[0][intervals.levels.index(level)] for level in (0.16, 0.5, 0.84))
truth = np.log10(seen.cluster.mass(M200C).msun)
print(f"log10 M200c = {median:.2f} (16-84 %: {low:.2f} to {high:.2f}), truth {truth:.2f}")
