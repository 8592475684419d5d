"""How fast are mass maps judged, beside a plain loop over the maps that computes the same numbers?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from rows import Row, median_seconds, seconds
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.mapping.apertures import difference_quantiles, distance_pixels, mass_bias
from zwicky.evaluation.mapping.mmd import references
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.similarity import ssim
from zwicky.evaluation.mapping.spectra import power_spectra

N_PIXELS = 80
N_RINGS = 20
RADII_MPC = np.linspace(0.2, 2.0, 10)
MASS_EDGES = (13.67, 14.19, 14.80, 15.55)
"""The three intervals of de Andres et al. 2024, theirs being per h [dex of Msun]."""
N_DIFFERENT = 200
"""Noise is drawn for so many maps and repeated: the time does not depend on what maps show."""
REPEATS = 3
SEED = 1

Vectorised = Callable[[TrueMaps, np.ndarray], object]
Loop = Callable[[TrueMaps, np.ndarray, np.ndarray], object]


def rows(*, quick: bool) -> list[Row]:
    """Measure each statistic on all maps, and its loop on some of them."""
    n, n_loop = (60, 6) if quick else (5000, 100)
    true, predicted = synthetic(n)
    looped = np.arange(0, n, n // n_loop)
    few = true.selected(looped), predicted[looped]
    found = []
    for name, (vectorised, loop) in STATISTICS.items():
        vectorised(*few)  # warm-up
        spent = median_seconds(lambda work=vectorised: work(true, predicted), 1 if quick else REPEATS)
        plain = seconds(lambda work=loop: work(true, predicted, looped)) * n / n_loop
        found += [
            Row(f"map statistics, {name}", spent, "s", f"{n:,} maps of {N_PIXELS} x {N_PIXELS}"),
            Row(
                f"map statistics, {name}, over a plain loop", plain / spent, "1",
                f"the loop: {plain:.3g} s for all, measured on {n_loop} maps",
            ),
        ]  # fmt: skip
    return found


def synthetic(n: int) -> tuple[TrueMaps, np.ndarray]:
    """Return n true maps of 4 Mpc, masses flat in log10, and predictions that err by some 5 %."""
    key = Key(SEED, Stream.TEST)
    noise = key.normal(2 * N_DIFFERENT, N_PIXELS, N_PIXELS).astype(np.float32)
    log10_mass = MASS_EDGES[0] + (MASS_EDGES[-1] - MASS_EDGES[0]) * (np.arange(n) + 0.5) / n
    profile = 1.0 / (1.0 + (distance_pixels(N_PIXELS) / 8.0) ** 2)
    amplitude = 10 ** (log10_mass[:, None, None] - 0.3)
    structure, error = (np.exp(s * part) for s, part in zip((0.1, 0.05), np.split(noise, 2), strict=True))
    maps = np.empty((n, N_PIXELS, N_PIXELS), np.float32)
    maps[:] = amplitude * profile
    maps *= np.resize(structure, maps.shape)
    r200c_mpc = 10 ** ((log10_mass - 14.0) / 3.0)
    number = np.arange(n).astype(str)
    pixel_mpc = np.full(n, 0.05)
    true = TrueMaps(maps, pixel_mpc, r200c_mpc, 0.65 * r200c_mpc, log10_mass, number, np.full(n, "synthetic"))
    return true, maps * np.resize(error, maps.shape)


def spectra(true: TrueMaps, predicted: np.ndarray) -> object:
    """Return P of both, their ratio, b and r in rings."""
    found = power_spectra(true.maps, predicted, N_RINGS, taper=0.0)
    return found.ratio(), found.b(), found.r()


def spectra_loop(true: TrueMaps, predicted: np.ndarray, looped: np.ndarray) -> object:
    """Transform one map after the other."""
    k = np.fft.fftfreq(N_PIXELS, 1.0 / N_PIXELS)
    edges = np.linspace(0.5, N_PIXELS / 2.0, N_RINGS + 1)
    ring = np.searchsorted(edges, np.hypot(k[:, None], k[None, :]).ravel(), side="right")
    modes = np.bincount(ring)
    sums = np.zeros((3, N_RINGS + 2))
    ratios = []
    for i in looped:
        t, p = (np.fft.fft2(one - one.mean()).ravel() for one in (true.maps[i], predicted[i]))
        products = (np.abs(t) ** 2, np.abs(p) ** 2, (t * p.conj()).real)
        each = np.array([np.bincount(ring, product) / modes for product in products])
        ratios.append(each[1] / each[0] - 1.0)
        sums += each
    return ratios, np.sqrt(sums[1] / sums[0]), sums[2] / np.sqrt(sums[0] * sums[1])


def apertures(true: TrueMaps, predicted: np.ndarray) -> object:
    """Return the bias of mass profiles, and quantiles of the pixels' differences inside R500c."""
    radii_mpc = np.tile(RADII_MPC, (len(true), 1))
    return (
        mass_bias(true.maps, predicted, true.pixel_mpc, radii_mpc),
        difference_quantiles(true, predicted, "r500"),
    )


def apertures_loop(true: TrueMaps, predicted: np.ndarray, looped: np.ndarray) -> object:
    """Mask one map after the other, once for each radius."""
    distance = distance_pixels(N_PIXELS)
    bias, differences = [], []
    for i in looped:
        t, p, radius_mpc = true.maps[i], predicted[i], distance * true.pixel_mpc[i]
        circles = [radius_mpc < one for one in RADII_MPC]
        bias.append([p[c].sum(dtype=float) / t[c].sum(dtype=float) - 1.0 for c in circles])
        differences.append(((p - t) / t)[radius_mpc < true.r500c_mpc[i]])
    return bias, np.quantile(np.concatenate(differences), (0.16, 0.5, 0.84))


def similarity(true: TrueMaps, predicted: np.ndarray) -> object:
    """Return the structural similarity."""
    return ssim(true.maps, predicted)


def similarity_loop(true: TrueMaps, predicted: np.ndarray, looped: np.ndarray) -> object:
    """Filter one map after the other."""
    found = []
    for i in looped:
        x, y = np.log10(true.maps[i]), np.log10(predicted[i])
        low, span = x.min(), x.max() - x.min()
        x, y = (x - low) / span, (y - low) / span
        mean_x, mean_y, xx, yy, xy = (gaussian_filter(m, 1.5, radius=5) for m in (x, y, x * x, y * y, x * y))
        luminance = (2.0 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
        variances = xx - mean_x**2 + yy - mean_y**2
        index = luminance * (2.0 * (xy - mean_x * mean_y) + 9e-4) / (variances + 9e-4)
        found.append(index[5:-5, 5:-5].mean(dtype=float))
    return found


def discrepancy(true: TrueMaps, predicted: np.ndarray) -> object:
    """Return MMD^2 in three intervals of mass, all pairs."""
    return [one.mmd2(predicted[one.rows]) for one in references(true, MASS_EDGES)]


def discrepancy_loop(true: TrueMaps, predicted: np.ndarray, looped: np.ndarray) -> object:
    """Compare each map with all others of its interval, three times; the bandwidth is given."""
    logarithms = [np.log10(maps).reshape(len(maps), -1) for maps in (true.maps, predicted)]
    sd = logarithms[0].std(axis=0)
    t, p = ((one - logarithms[0].mean(axis=0)) / sd for one in logarithms)
    interval = np.digitize(true.log10_m200c, MASS_EDGES)
    total = 0.0
    for i in looped:
        others = (interval == interval[i]) & (np.arange(len(t)) != i)
        for sign, one, sample in ((1.0, t[i], t), (1.0, p[i], p), (-2.0, t[i], p)):
            square = ((sample[others] - one) ** 2).sum(axis=1)
            total += sign * np.exp(-square / N_PIXELS**2).mean(dtype=float)
    return total / len(looped)


STATISTICS: dict[str, tuple[Vectorised, Loop]] = {
    "power spectra, b and r": (spectra, spectra_loop),
    "apertures": (apertures, apertures_loop),
    "SSIM": (similarity, similarity_loop),
    "MMD in three intervals of mass": (discrepancy, discrepancy_loop),
}
"""Each statistic, and what one would write first."""
