"""How many images of X-ray photons does one core make of clusters that are painted already?"""

from __future__ import annotations

from rows import Row, median_seconds
from zwicky.core.randomness import Key, Stream
from zwicky.mocks.photon_counting import poisson_counts
from zwicky.mocks.photon_settings import PhotonSurveySettings

REPEATS = 5


def rows(*, quick: bool) -> list[Row]:
    """Measure one broad band of Chandra, and ten bands of eROSITA."""
    names = ("erosita_efeds",) if quick else ("chandra_acisi", "erosita_efeds")
    return [row for name in names for row in images(name, 1 if quick else 10)]


def images(instrument: str, n: int) -> list[Row]:
    """Make n images of one cluster, without and with its painting."""
    survey = PhotonSurveySettings(instrument=instrument).build(1)
    observer = survey.observer
    cube = survey.simulation.emission(0, 0, observer.theory_grid)
    survey.observe(0, 0)  # kernels and tables

    def make() -> None:
        for i in range(n):
            found = observer.expected(cube, Key(1, Stream.POINT_SOURCES, i), (0.0, 0.0), 0.0).total
            poisson_counts(Key(1, Stream.PHOTONS, i).uniform(*found.shape), found)

    def paint() -> None:
        for i in range(n):
            survey.observe(0, i)

    shape = f"{len(survey.instrument.bands_kev)} band(s), {survey.grid}, level full"
    return [
        Row(f"photon images, {instrument}", n / median_seconds(make, REPEATS), "1/s/core", shape),
        Row(
            f"photon images with painting, {instrument}",
            n / median_seconds(paint, REPEATS),
            "1/s/core",
            shape,
        ),
    ]
