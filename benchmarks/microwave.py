"""How many microwave skies does one core draw, and how fast does mResUNet learn beside a plain loop?"""

from __future__ import annotations

import numpy as np
from astropy import units as u
from scipy import fft

from rows import Row, median_seconds
from training import alternating, as_data, noise
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.microwave import MicrowaveInstrument
from zwicky.mocks.microwave_sky import MicrowaveSky
from zwicky.physics.foregrounds import Foregrounds
from zwicky.training.loop import TrainingSettings

N_PIXELS = 40
PIXEL = 0.25 * u.arcmin
REPEATS = 5
BUDGET_SECONDS = 20.0
STEPS = 60
"""Of an epoch: a checkpoint and a validation take as long as a step or two."""
NETWORKS = {"mresunet": (16, 4), "mresunet_mass": (16, 64)}
"""Width and batch of the preset ``laptop`` of gupta2020."""


def rows(*, quick: bool) -> list[Row]:
    """Measure skies in three bands, and a training of each network."""
    found = skies(2 if quick else 20)
    n_steps, n_pairs = (1, 1) if quick else (STEPS, 6)
    for kind, (width, batch) in NETWORKS.items():
        maps = 30.0 * noise(batch * n_steps, 2, N_PIXELS)
        data = as_data(maps[:, :1], 1e-6 * maps[:, 1].abs())
        settings = TrainingSettings(epochs=n_pairs + 1, patience=n_pairs + 1, batch_size=batch)
        model = {"kind": kind, "width": 4 if quick else width}
        raced = alternating(model, data, settings, BUDGET_SECONDS)
        found += raced.rows(f"training, {kind}", f"{n_steps} steps of {batch} maps, width {width}", "32-true")
    return found


def skies(n: int) -> list[Row]:
    """Draw n skies in one thread, and only their random numbers and transforms: they cannot be had for less."""
    instrument = MicrowaveInstrument.named("spt3g").with_grid(N_PIXELS, PIXEL)
    sky = MicrowaveSky(instrument, Foregrounds.named("george15"))
    keys = [Key(1, Stream.MICROWAVE_SKY, i) for i in range(n)]
    sky.draw_many(keys[:1])  # roots of the spectra
    spent = median_seconds(lambda: sky.draw_many(keys), REPEATS) / n
    bands, size = len(instrument.bands), sky.n_periodic

    def least() -> None:
        for key in keys:
            modes = fft.rfft2(np.stack([key.normal(bands, size, size) for _ in range(2)]))
            fft.irfft2(modes[0])

    bound = median_seconds(least, REPEATS) / n
    shape = f"{bands} bands, {N_PIXELS} x {N_PIXELS} at {PIXEL:g}, cut from {size} x {size}"
    return [
        Row("microwave skies per core", 1.0 / spent, "1/s", shape),
        Row(
            "microwave skies over their random numbers and transforms", bound / spent, "1",
            f"those alone: {1.0 / bound:.0f} per second",
        ),
    ]  # fmt: skip
