"""Measure the noise and the residual sky of the Planck MILCA y-map around Coma, and print them as TOML.

    python tools/measure_planck_noise.py PATH/coma_planck > tables.toml

Noise: the half-difference of the two half-ring maps, over the whole 20 degree field. It holds no sky.
Residual sky: the cross-spectrum of the two half-ring maps outside Coma. It holds no noise, but everything on the sky
that is not a catalogued cluster: unresolved y, dust, CIB and sources that MILCA left in. Pixels above 6 standard
deviations (bright sources and other clusters) are masked with a 15 arcmin margin, as catalogues mask them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy import ndimage

ELL_EDGES = np.array(
    [
        *(30, 60, 100, 150, 200, 275, 350, 450, 550, 650, 750, 900, 1050, 1200, 1400),
        *(1600, 1800, 2050, 2300, 2600, 3000, 3500, 4200, 6300),
    ]
)
COMA_RADIUS_ARCMIN = (240.0, 320.0)  # 5 R500 of Coma is 240 arcmin; cosine taper outside
EDGE_TAPER_PIXELS = 40
CLIP_SIGMA = 6.0
CLIP_MARGIN_ARCMIN = 15.0


def taper(distance: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Return 0 below start, 1 above stop, a half cosine between."""
    t = np.clip((distance - start) / (stop - start), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * t)


def power_arcmin2(a: np.ndarray, b: np.ndarray, weight: np.ndarray, pixel_arcmin: float) -> np.ndarray:
    """Return the binned cross-power [y^2 arcmin^2], corrected for the weighted area."""
    a, b = ((m - (m * weight).sum() / weight.sum()) * weight for m in (a, b))
    cross = (np.fft.fft2(a) * np.fft.fft2(b).conj()).real * pixel_arcmin**2 / (weight**2).sum()
    k = 2.0 * np.pi * np.fft.fftfreq(len(a), pixel_arcmin)
    ell = np.hypot(k[:, None], k) * 60.0 * 180.0 / np.pi
    which = np.digitize(ell, ELL_EDGES)
    return np.array([cross[which == i].mean() for i in range(1, len(ELL_EDGES))])


def main(folder: Path) -> None:
    """Print the two tables."""
    stem = "map2048_MILCA_Coma_20deg_{}.fits.gz"
    (first, header), (last, _) = (
        fits.getdata(folder / stem.format(n), 1, header=True) for n in ("first", "last")
    )
    pixel_arcmin = abs(header["CDELT2"]) * 60.0
    noise, mean = (first - last) / 2.0, (first + last) / 2.0
    n = len(noise)
    y, x = np.indices(noise.shape)
    radius_arcmin = np.hypot(y - (header["CRPIX2"] - 1), x - (header["CRPIX1"] - 1)) * pixel_arcmin
    edge = taper(np.minimum.reduce([y, x, n - 1 - y, n - 1 - x]).astype(float), 0.0, EDGE_TAPER_PIXELS)
    outside = radius_arcmin > COMA_RADIUS_ARCMIN[1]
    hot = np.abs(mean - np.median(mean[outside])) > CLIP_SIGMA * mean[outside].std()
    distance = ndimage.distance_transform_edt(~(hot & outside)) * pixel_arcmin
    weight = (
        edge
        * taper(radius_arcmin, *COMA_RADIUS_ARCMIN)
        * taper(distance, CLIP_MARGIN_ARCMIN, 2 * CLIP_MARGIN_ARCMIN)
    )

    ell = 0.5 * (ELL_EDGES[1:] + ELL_EDGES[:-1])
    tables = {
        "noise": power_arcmin2(noise, noise, edge, pixel_arcmin),
        "residual_sky": power_arcmin2(first, last, weight, pixel_arcmin),
    }
    print(f"# pixel {pixel_arcmin:.6f} arcmin; rms of the half-difference {noise.std():.4e};")
    clean = weight > 0.9
    masked = (outside & (distance < CLIP_MARGIN_ARCMIN)).sum() / outside.sum()
    print(
        f"# outside Coma: rms of half-sum {mean[clean].std():.4e}, of half-difference {noise[clean].std():.4e};"
    )
    print(f"# {100 * masked:.2f} % of it masked around {hot[outside].sum()} hot pixels")
    for name, power in tables.items():
        print(f"[{name}]")
        print("ell = [" + ", ".join(f"{v:.1f}" for v in ell) + "]")
        print("power = [" + ", ".join(f"{v:.3e}" for v in power) + "]  # y^2 arcmin^2")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
