"""How fast are mock observations made?"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rows import Row, seconds
from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan
from zwicky.mocks.settings import SurveySettings
from zwicky.mocks.survey import MockSurvey

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def observe(survey: MockSurvey, n: int) -> Columns:
    """Return stamps (n, y, x) [Compton y], redshifts, and log10 M500c [dex of Msun] of the first n clusters."""
    sets = [survey.observe(i, 0) for i in range(n)]
    return (
        np.array([s[MapQuantity.COMPTON_Y].values for s in sets]),
        np.array([s.cluster.redshift for s in sets]),
        np.array([s.cluster.mass(M500C).log10_msun for s in sets]),
    )


def rows(*, quick: bool) -> list[Row]:
    """Measure one process in memory, then one and two processes that write a store."""
    survey = SurveySettings().build(1)
    n = 20 if quick else 600
    observe(survey, 5)  # warm-up: tables of the noise and the beam
    per_second = n / seconds(lambda: observe(survey, n))
    clusters, shards = (40, 4) if quick else (6000, 12)
    times = {workers: _generate(survey, clusters, clusters // shards, workers) for workers in (1, 2)}
    return [
        Row("mock observations", per_second, "1/s/core", f"default survey, {survey.grid}, one process"),
        Row(
            "store, one process", clusters / times[1], "1/s", f"{clusters} observations in {shards} shards, on disk"
        ),
        Row(
            "store, two processes over one", times[1] / times[2], "1",
            "the same shards; 2 is perfect; includes the start of the processes",
        ),
    ]  # fmt: skip


def _generate(survey: MockSurvey, n_clusters: int, per_shard: int, workers: int) -> float:
    """Return how long a store takes in a fresh folder [s]."""
    plan = StorePlan(survey.settings(), n_clusters=n_clusters, clusters_per_shard=per_shard)
    with TemporaryDirectory() as folder:
        return seconds(lambda: generate(survey, plan, Path(folder), workers, lambda *_: None))
