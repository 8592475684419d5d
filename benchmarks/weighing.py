"""How fast is a catalogue weighed, and how far is the matched filter from what the machine can do?"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from mocks import Columns, observe
from rows import Row, median_seconds, seconds
from zwicky.data.dataset import MapData
from zwicky.inference.estimator import Estimator, classical_estimator
from zwicky.inference.fit import calibrated_estimator
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.mocks.settings import SurveySettings
from zwicky.models.table import build_model
from zwicky.workflows.shipped import estimator_folder, shipped_names

SHIPPED = "deandres2022"
MEMBERS = 4
REPEATS = 3


def rows(*, quick: bool) -> list[Row]:
    """Weigh a catalogue, whole and by parts; then filter it, and multiply matrices of the same shapes."""
    survey = SurveySettings().build(1)
    mocks = observe(survey, 300 if quick else 500)
    which, estimator = _estimator(mocks)
    n = 300 if quick else 10_000
    stamps, redshift = (np.resize(column, (n, *column.shape[1:])) for column in _inside(estimator, mocks))
    bank = classical_estimator(survey).matched_filter
    set_up = seconds(lambda: bank(stamps[:1].astype(float)))
    return [
        Row("filter bank", set_up, "s", f"{len(bank.log_theta500)} sizes of {survey.grid}; once per process"),
        *_weighing(estimator, stamps, redshift, f"{n} stamps, {which}"),
        *_bound(bank, stamps[: n // 2].astype(float)),
    ]


def _inside(estimator: Estimator, mocks: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Return stamps in single precision, as a store holds them, and redshifts inside the training range."""
    low, high = estimator.redshift_range
    return mocks[0].astype(np.float32), np.clip(mocks[1], low + 1e-3, high)


def _weighing(estimator: Estimator, stamps: np.ndarray, redshift: np.ndarray, what: str) -> list[Row]:
    estimator.weigh(stamps[:256], redshift[:256])  # warm-up: filters, kernels
    total = seconds(lambda: estimator.weigh(stamps, redshift))
    masses = estimator.classical.weigh(stamps, redshift)

    def light() -> None:
        estimator.facts.domain.judge(estimator.numbers(stamps, redshift, masses), masses.snr)

    parts = {
        f"network, {len(estimator.network.members)} members": lambda: estimator.network.predict(
            stamps, redshift
        ),
        "classical": lambda: estimator.classical.weigh(stamps, redshift),
        "warning light": light,
    }
    found = [Row("weighings", len(stamps) / total, "1/s", what)]
    for name, work in parts.items():
        spent = seconds(work)
        found.append(
            Row(f"  {name}", len(stamps) / spent, "1/s", f"{100 * spent / total:.0f} % of the whole")
        )
    return found


def _bound(bank: MatchedFilter, stamps: np.ndarray) -> list[Row]:
    """Compare the filter with the one matrix product that it cannot do without."""
    n_pixels, n_sizes = stamps[0].size, len(bank.log_theta500)
    matrix = np.ones((n_pixels, n_sizes))
    flat = stamps.reshape(len(stamps), n_pixels)
    product = median_seconds(lambda: flat @ matrix, REPEATS)
    filtered = median_seconds(lambda: bank(stamps), REPEATS)
    shapes = f"({len(flat)}, {n_pixels}) @ ({n_pixels}, {n_sizes})"
    return [
        Row("matched filter", len(flat) / filtered, "1/s", f"{n_sizes} sizes at once, double precision"),
        Row(
            "matched filter over its bound", product / filtered, "1",
            f"the plain product {shapes}: {len(flat) / product:,.0f} stamps/s; 1 is perfect",
        ),
    ]  # fmt: skip


def _estimator(mocks: Columns) -> tuple[str, Estimator]:
    """Return the estimator that ships, or an untrained one that is calibrated on the mocks: as fast, and wrong."""
    if SHIPPED in shipped_names():
        return f"estimator {SHIPPED!r}", Estimator.load(estimator_folder(SHIPPED))
    stamps, redshift, log10_mass = (torch.from_numpy(column.astype(np.float32)) for column in mocks)
    parents = np.array([f"cluster-{i}" for i in range(len(stamps))])
    data = MapData(stamps[:, None], redshift, log10_mass, parents)
    settings = {"kind": "radial_cnn"}
    members = [build_model(settings) for _ in range(MEMBERS)]
    for member in members:
        member.fit_scaling(data.rows(slice(None)))
    made = calibrated_estimator(members, settings, data, data, SurveySettings(), 1, {})
    with TemporaryDirectory() as folder:  # as it would be read
        made.save(Path(folder))
        return "untrained estimator", Estimator.load(Path(folder))
