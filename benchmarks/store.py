"""Store the maps, in 32 or 16 bits, or paint them anew in each epoch?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from rows import Row, median_seconds, seconds
from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.data.codec import log16_of
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan
from zwicky.data.store import Store
from zwicky.mocks.theory_survey import TWO_R200, WIDE_FIELD, TheorySurvey
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings

QUANTITIES = (
    MapQuantity.COMPTON_Y,
    MapQuantity.XRAY_SURFACE_BRIGHTNESS,
    MapQuantity.GAS_SURFACE_DENSITY,
    MapQuantity.DARK_SURFACE_DENSITY,
)
"""The four maps of Hsu et al. 2024."""

SIGHT_LINES = 29
"""Of each cluster in de Andres et al. 2024."""

REPEATS = 3


@dataclass(frozen=True)
class Repeated:
    """A survey that shows one painted cluster again and again, so that only the store's own work is measured.

    Parameters
    ----------
    survey : TheorySurvey
    channels : tuple of MapQuantity
    grid : Grid
    beam_arcmin : float, optional [arcmin]
    """

    survey: TheorySurvey
    channels: tuple[MapQuantity, ...] = QUANTITIES
    grid: Grid = WIDE_FIELD
    beam_arcmin: float | None = None

    @cached_property
    def _seen(self) -> MapSet:
        return self.survey.observe(0, 0)

    def settings(self) -> dict[str, object]:
        """Return the survey's settings."""
        return self.survey.settings()

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return the one observation under another name."""
        name = f"cluster-{cluster_index}"
        cluster = replace(self._seen.cluster, id=f"{name}-{sight_line}", parent=name, sight_line=sight_line)
        return replace(self._seen, cluster=cluster)


def rows(*, quick: bool) -> list[Row]:
    """Write and read a store in both codecs, and paint what it holds."""
    painter = Painter(PainterSettings(), 1)
    survey = Repeated(TheorySurvey(painter, QUANTITIES, WIDE_FIELD))
    survey.observe(0, 0)
    n = 32 if quick else 1024
    found = []
    for name, log16 in (("float32", {}), ("log16", log16_of(QUANTITIES))):
        plan = StorePlan(survey.settings(), n_clusters=n, clusters_per_shard=n // 4, log16=log16)
        found += stored(survey, plan, name)
    return found + painted(painter, quick=quick)


def stored(survey: Repeated, plan: StorePlan, name: str) -> list[Row]:
    """Write a store and read it back, from memory."""
    n = plan.n_samples
    with TemporaryDirectory() as place:
        folder = Path(place)
        written = seconds(lambda: generate(survey, plan, folder, 1, lambda *_: None))
        size = sum(path.stat().st_size for path in folder.rglob("*.h5")) / n
        store = Store.open(folder)
        shuffled = Key(1, Stream.TEST).permutation(n)
        in_order = median_seconds(store.read, REPEATS)
        in_any_order = median_seconds(lambda: store.read(shuffled), REPEATS)
    what = f"{len(QUANTITIES)} maps of {WIDE_FIELD}"
    how = f"{n} samples, one process, files in the system's memory"
    return [
        Row(f"store, {name}", size / 1e3, "kB/sample", what),
        Row(f"store, {name}, written", n / written, "1/s", "encoded, sealed, on disk; nothing is painted"),
        Row(f"store, {name}, read", n / in_order, "1/s", f"as single precision; {how}"),
        Row(f"store, {name}, read in any order", n / in_any_order, "1/s", how),
    ]


def painted(painter: Painter, *, quick: bool) -> list[Row]:
    """Paint what a store would hold: each cluster once, and from many sides."""
    n_clusters = 2 if quick else 60
    once = TheorySurvey(painter, QUANTITIES, WIDE_FIELD)
    often = TheorySurvey(painter, QUANTITIES, TWO_R200)
    for survey in (once, often):
        survey.observe(0, 0)  # warm-up: compiled kernels
    each = seconds(lambda: [once.observe(i, 0) for i in range(1, n_clusters + 1)])
    n_often = max(1, n_clusters // 15)
    many = seconds(lambda: [often.observe(i, j) for i in range(1, n_often + 1) for j in range(SIGHT_LINES)])
    return [
        Row("painted, each cluster once", n_clusters / each, "1/s/core", f"on {WIDE_FIELD}"),
        Row(
            f"painted, {SIGHT_LINES} sight-lines each", n_often * SIGHT_LINES / many, "1/s/core", f"on {TWO_R200}"
        ),
    ]  # fmt: skip
