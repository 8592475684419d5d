"""A small population, drawn, measured and written; the gallery of wanted masses."""

import json

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.evaluation.relations import OBSERVED
from zwicky.simulations.painter.drawing.draw import label
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.workflows import population

SETTINGS = PainterSettings(preset="hyper", pressure="hse")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("population")
    said = []
    results = population.population_page(SETTINGS, 3, 150, folder, say=said.append)
    return folder, results, said


def test_the_page_is_written_whole(page):
    folder, results, said = page
    assert {path.name for path in folder.iterdir()} >= {
        "population.json",
        "population.html",
        "population.png",
    }
    content = json.loads((folder / "population.json").read_text())
    assert len(content["clusters"]["m500c_msun"]) == 150
    assert [one["name"] for one in content["relations"]] == [one.name for one in OBSERVED]
    assert [one.relation.name for one in results] == [one.name for one in OBSERVED]
    html = (folder / "population.html").read_text(encoding="utf-8")
    assert "150 clusters" in html
    assert "hyper" in html
    assert any("drawing" in line for line in said)


def test_nearly_all_relations_hold(page):
    """Six in seven of what is measured; the rest is what the page is for."""
    verdicts = [one.verdict for one in page[1]]
    assert verdicts.count("not measured") <= 5
    assert verdicts.count("fail") <= len(verdicts) // 7


def test_numbers_are_those_of_each_cluster_alone():
    three = population.measure_clusters(SETTINGS, 5, 3)
    assert population.measure_clusters(SETTINGS, 5, 2) == three[:2]
    assert population.measure_clusters(SETTINGS, 6, 1) != three[:1]


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing():
    assert population.measure_clusters(SETTINGS, 5, 3, workers=2) == population.measure_clusters(
        SETTINGS, 5, 3
    )


def test_nobody_or_nothing_is_refused(tmp_path):
    for n, workers in ((0, 1), (5, 0)):
        with pytest.raises(ConfigError, match="needs clusters, and someone"):
            population.population_page(SETTINGS, 1, n, tmp_path, workers=workers)


@pytest.mark.slow
def test_the_gallery_shows_the_wanted_masses(tmp_path):
    wanted = (1e14, 1e14, 1e15)
    indices = population.gallery(
        SETTINGS, 3, tmp_path / "gallery.png", wanted, Grid(16, 0.3 * u.Mpc, "proper")
    )
    assert len(set(indices)) == 3
    masses = np.log10([label(SETTINGS, 3, index)[0] for index in indices])
    assert masses == pytest.approx(np.log10(wanted), abs=0.05)
    assert (tmp_path / "gallery.png").stat().st_size > 10_000
