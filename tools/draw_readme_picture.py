"""Draw docs/weighing.png: three mock clusters as Planck would see them, and what is then believed of their masses.

python tools/draw_readme_picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.inference.conformal import LEVELS
from zwicky.inference.estimator import Estimator
from zwicky.workflows.shipped import estimator_folder

SEED = 7  # another universe than that of the training set
CLUSTERS = (12, 76, 20)


def density(log10_quantiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (log10 mass, density) of a posterior kept as quantiles, smoothed by its own width."""
    samples = np.interp((np.arange(4000) + 0.5) / 4000, LEVELS, log10_quantiles)
    width = 0.25 * samples.std()
    grid = np.linspace(samples.min() - 0.1, samples.max() + 0.1, 200)
    kernel = np.exp(-0.5 * ((grid[:, None] - samples[::20]) / width) ** 2).sum(axis=1)
    return grid, kernel / np.trapezoid(kernel, grid)


def main(path: Path) -> None:
    """Draw the picture."""
    estimator = Estimator.load(estimator_folder("deandres2022"))
    survey = estimator.facts.survey.build(SEED)
    figure = Figure(figsize=(10.5, 5.6), layout="constrained", dpi=90)
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(CLUSTERS), height_ratios=(1.35, 1.0))
    half = 0.5 * survey.grid.width.value
    for column, index in enumerate(CLUSTERS):
        seen = survey.observe(index, 0)
        stamp, z = seen[MapQuantity.COMPTON_Y].values, seen.cluster.redshift
        weighed = estimator.weigh(stamp[None], np.array([z]))
        top, bottom = axes[:, column]
        image = top.imshow(1e6 * stamp, origin="lower", extent=(-half, half, -half, half), cmap="magma")
        figure.colorbar(image, ax=top, label="Compton y [1e-6]", shrink=0.85)
        top.set(title=f"z = {z:.2f}, S/N {weighed.snr[0]:.1f}", xlabel="arcmin", ylabel="arcmin")
        for name, quantiles, colour in (
            ("network", weighed.network_log10[0], "#0072b2"),
            ("classical", weighed.classical_log10[0], "#d55e00"),
        ):
            grid, height = density(quantiles)
            bottom.plot(10 ** (grid - 14), height, color=colour, label=name)
            bottom.fill_between(10 ** (grid - 14), height, color=colour, alpha=0.15, lw=0)
        truth = seen.cluster.mass(M500C).msun / 1e14
        bottom.axvline(truth, color="black", ls="--", lw=1, label="truth")
        bottom.set(xlabel="M500c [1e14 Msun]", yticks=[], title=f"light: {weighed.flag_name(0)}")
    axes[1, 0].legend(frameon=False)
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[1] / "docs" / "weighing.png")
