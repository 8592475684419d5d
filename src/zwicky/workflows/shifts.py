"""Does the warning light come on? Named faults put into test stamps, and how well the light tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.inference.domain import FLAGS
from zwicky.inference.estimator import Estimator
from zwicky.instruments.instrument import SIGMA_PER_FWHM, Instrument

N_STAMPS: Final = 400

Fault = Callable[[np.ndarray, Instrument], np.ndarray]


def _wider_beam(stamps: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Smooth to a beam 1.2 times as wide."""
    grid, beam = instrument.grid, instrument.beam_arcmin
    sigma = beam * np.sqrt(1.2**2 - 1.0) * SIGMA_PER_FWHM
    k = 2.0 * np.pi * np.fft.fftfreq(grid.n_pixels, grid.pixel_value)
    window = np.exp(-0.5 * sigma**2 * (k[:, None] ** 2 + k**2))
    return np.fft.ifft2(np.fft.fft2(stamps) * window).real


def _more_noise(stamps: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Raise the noise by half: an independent draw with sqrt(1.5^2 - 1) of its amplitude is added."""
    draws = [instrument.field.draw(Key(0, Stream.TEST, i)) for i in range(len(stamps))]
    return stamps + np.sqrt(1.5**2 - 1.0) * np.array(draws)


def _wrong_unit(stamps: np.ndarray, _instrument: Instrument) -> np.ndarray:
    """Mistake the unit: values a million times too large."""
    return stamps * 1e6


def _point_source(stamps: np.ndarray, instrument: Instrument) -> np.ndarray:
    """Put a negative source of 10 noise standard deviations, one beam wide, 20 arcmin from the centre."""
    radius = instrument.grid.radius(20.0, 0.0)
    source = np.exp(-0.5 * (radius / (instrument.beam_arcmin * SIGMA_PER_FWHM)) ** 2)
    return stamps - 10.0 * instrument.field.rms * source


def _miscentred(stamps: np.ndarray, _instrument: Instrument) -> np.ndarray:
    """Shift by 8 pixels, 14 arcmin: more than a beam."""
    return np.roll(stamps, 8, axis=2)


FAULTS: Final[dict[str, Fault]] = {
    "beam 1.2 times as wide": _wider_beam,
    "noise 1.5 times as large": _more_noise,
    "unit wrong by 1e6": _wrong_unit,
    "negative source of 10 sigma": _point_source,
    "centre off by 14 arcmin": _miscentred,
}


def shift_table(estimator: Estimator, data: MapData) -> list[dict[str, Any]]:
    """Return, per fault, the fraction of stamps that are flagged and the area under the ROC curve against clean ones.

    Only clusters above S/N 4.5 count; clean stamps are the same ones without the fault.
    """
    stamps, redshift = data.maps[:, 0].double().numpy(), data.redshift.double().numpy()
    bright = np.nonzero(
        estimator.classical.weigh(stamps[: 4 * N_STAMPS], redshift[: 4 * N_STAMPS]).snr > 4.5
    )[0][:N_STAMPS]
    stamps, redshift = stamps[bright], redshift[bright]
    clean, flags = _scores(estimator, stamps, redshift)
    rows = [{"fault": "none", "auroc": 0.5, **_fractions(flags)}]
    for name, fault in FAULTS.items():
        score, flags = _scores(estimator, fault(stamps, estimator.map_instrument), redshift)
        rows.append({"fault": name, "auroc": auroc(clean, score), **_fractions(flags)})
    return rows


def _scores(estimator: Estimator, stamps: np.ndarray, redshift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    masses, domain = estimator.classical.weigh(stamps, redshift), estimator.facts.domain
    numbers = estimator.numbers(stamps, redshift, masses)
    return domain.score(numbers, masses.snr), domain.judge(numbers, masses.snr)[0]


def _fractions(flags: np.ndarray) -> dict[str, float]:
    return {name: float((flags == i).mean()) for i, name in enumerate(FLAGS)}


def auroc(clean: np.ndarray, faulty: np.ndarray) -> float:
    """Return the probability that a faulty stamp scores higher than a clean one; ties count half."""
    order = np.sort(clean)
    below = np.searchsorted(order, faulty, side="left")
    equal = np.searchsorted(order, faulty, side="right") - below
    return float((below + 0.5 * equal).mean() / len(clean))
