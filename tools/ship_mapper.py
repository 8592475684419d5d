"""Write the mapper of a run as it ships: its weights in half precision, half the bytes.

    python tools/ship_mapper.py runs/deandres2024-laptop/mappers/any_peak estimators/deandres2024

What the rounding does to the maps is printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from zwicky.inference.mapping.mapper import Mapper


def ship(source: Path, folder: Path) -> float:
    """Write the mapper, and return the largest change of log10 of a map [dex]."""
    mapper = Mapper.load(source)
    mapper.save(folder, half=True)
    maps = np.stack([mapper.survey.observe(i, 0)[q].values for i in range(8) for q in mapper.views])
    maps = np.maximum(maps, np.finfo(np.float32).tiny).reshape(8, len(mapper.views), *maps.shape[1:])
    redshift = np.array([mapper.survey.simulation.cluster(i, 0).redshift for i in range(8)])
    before, after = (np.log10(one.predict(maps, redshift).mean) for one in (mapper, Mapper.load(folder)))
    return float(np.abs(before - after).max())


if __name__ == "__main__":
    change_dex = ship(Path(sys.argv[1]), Path(sys.argv[2]))
    size = sum(path.stat().st_size for path in Path(sys.argv[2]).iterdir())
    print(f"{size / 1e6:.1f} MB; maps change by at most {change_dex:.4f} dex")
