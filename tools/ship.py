"""Write the mapper, the estimator or the posterior mapper of a run as it ships: its weights in half precision.

    python tools/ship.py runs/deandres2024-laptop/mappers/any_peak estimators/deandres2024
    python tools/ship.py runs/gupta2020-laptop/three_bands/estimator estimators/gupta2020
    python tools/ship.py runs/hsu2024-laptop/mappers/fast estimators/hsu2024

What the rounding does to the answers is printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from zwicky.inference.estimator import Estimator
from zwicky.inference.mapping.mapper import DESCRIPTION, Mapper
from zwicky.inference.posterior.folder import DESCRIPTION as POSTERIOR
from zwicky.inference.posterior.mapper import PosteriorMapper

N_MAPS = 8
N_STAMPS = 200
N_SAMPLES = 4


def ship_mapper(source: Path, folder: Path) -> float:
    """Write the mapper, and return the largest change of log10 of a map [dex]."""
    mapper = Mapper.load(source)
    mapper.save(folder, half=True)
    maps = np.stack([mapper.survey.observe(i, 0)[q].values for i in range(N_MAPS) for q in mapper.views])
    maps = np.maximum(maps, np.finfo(np.float32).tiny).reshape(N_MAPS, len(mapper.views), *maps.shape[1:])
    redshift = np.array([mapper.survey.simulation.cluster(i, 0).redshift for i in range(N_MAPS)])
    before, after = (np.log10(one.predict(maps, redshift).mean) for one in (mapper, Mapper.load(folder)))
    return float(np.abs(before - after).max())


def ship_posterior(source: Path, folder: Path) -> float:
    """Write the posterior mapper, and return the largest change of the mean of log10 of a pixel [dex]."""
    mapper = PosteriorMapper.load(source)
    mapper.save(folder, half=True)
    seen = [mapper.survey.observe(i, 0) for i in range(N_MAPS)]
    maps = np.array([[one[view].values for view in mapper.views] for one in seen], np.float32)
    redshift = np.array([one.cluster.redshift for one in seen])
    before, after = (
        np.log10(one.sample(maps, redshift, N_SAMPLES).samples).mean(axis=1)
        for one in (mapper, PosteriorMapper.load(folder))
    )
    return float(np.abs(before - after).max())


def ship_estimator(source: Path, folder: Path) -> float:
    """Write the estimator, and return the largest change of a quantile of log10 M500c [dex]."""
    estimator = Estimator.load(source)
    estimator.save(folder, half=True)
    survey = estimator.survey
    shown = [q for q in survey.channels if q is not survey.target]
    seen = [survey.observe(i, 0) for i in range(N_STAMPS)]
    stamps = np.array([[one[q].values for q in shown] for one in seen])
    stamps = stamps[:, 0] if len(shown) == 1 else stamps
    redshift = np.array([one.cluster.redshift for one in seen])
    before, after = (one.weigh(stamps, redshift).network_log10 for one in (estimator, Estimator.load(folder)))
    return float(np.abs(before - after).max())


if __name__ == "__main__":
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    of_kind = {DESCRIPTION: ship_mapper, POSTERIOR: ship_posterior}
    ship = next((one for name, one in of_kind.items() if (source / name).is_file()), ship_estimator)
    change_dex = ship(source, folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{size / 1e6:.1f} MB; answers change by at most {change_dex:.4f} dex")
