"""The real clusters: what the list says, where maps are looked for, and that both are weighed."""

from pathlib import Path

import pytest

from zwicky.inference.estimator import Estimator
from zwicky.workflows.real_clusters import (
    COLUMNS,
    data_folder,
    interval_text,
    published_text,
    real_cluster_rows,
    real_clusters,
    weigh_real_clusters,
)
from zwicky.workflows.weigh import options_from


@pytest.fixture
def estimator(tiny_run):
    return Estimator.load(tiny_run.folder / "estimator")


def test_every_entry_says_what_the_tables_need():
    entries = real_clusters()
    assert [entry["name"] for entry in entries] == ["PSZ2 G359.07-32.12", "Coma (PSZ2 G057.80+88.00)"]
    for entry in entries:
        assert not Path(entry["file"]).is_absolute()
        assert 0.01 < entry["redshift"] < 1.0
        for key in ("catalogue", "published_cnn"):
            assert 1.0 < entry[key]["m500_1e14"] < 20.0
            assert entry[key]["source"]


def test_options_are_taken_from_an_entry():
    bare, coma = (options_from(entry) for entry in real_clusters())
    assert (bare.unit, bare.pixel_arcmin, bare.beam_arcmin, bare.center) == (
        "Compton-y",
        1.717743,
        10.0,
        None,
    )
    assert (coma.unit, coma.pixel_arcmin, coma.center) == (None, None, "194.9531,27.9807")


def test_where_maps_are_looked_for(tmp_path, monkeypatch):
    (tmp_path / "given").mkdir()
    (tmp_path / "named").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("ZWICKY_DATA", raising=False)
    assert data_folder() is None
    (tmp_path / "shared" / "data").mkdir(parents=True)
    assert data_folder() == Path("../shared/data")
    monkeypatch.setenv("ZWICKY_DATA", str(tmp_path / "named"))
    assert data_folder() == tmp_path / "named"
    assert data_folder(tmp_path / "given") == tmp_path / "given"
    assert data_folder(tmp_path / "nowhere") is None


def test_without_maps_nothing_is_weighed(estimator, tmp_path):
    assert weigh_real_clusters(estimator, None) == []
    assert weigh_real_clusters(estimator, tmp_path) == []
    assert real_cluster_rows(estimator, tmp_path) == []


def test_masses_as_text():
    summary = {"median": 5e14, "p16": 4.5e14, "p84": 5.75e14, "p2.5": 4e14, "p97.5": 7e14}
    assert interval_text(summary) == "5.00 +0.75 -0.50 (95 %: 4.00-7.00)"
    assert published_text({"m500_1e14": 4.72, "plus": 0.39, "minus": 0.4}) == "4.72 +0.39 -0.40"
    assert published_text({"m500_1e14": 7.71}) == "7.71"


@pytest.mark.data
def test_both_real_clusters_are_weighed(estimator, real_data):
    rows = real_cluster_rows(estimator, real_data)
    assert [row["cluster"] for row in rows] == [entry["name"] for entry in real_clusters()]
    for row, published in zip(rows, (4.72, 7.17), strict=True):
        assert tuple(row) == COLUMNS
        assert float(row["S/N"]) > 6
        assert float(row["catalogue"].split()[0]) == published
        classical = float(row["classical M500c [1e14 Msun]"].split()[0])
        assert classical == pytest.approx(published, rel=0.3)
        assert row["flag"].split(":")[0] in ("in-domain", "edge", "out-of-domain")
    (_, bare), (_, coma) = weigh_real_clusters(estimator, real_data)
    assert "unit Compton-y as stated by --unit" in bare.notes
    assert bare.stamp.center is None
    assert coma.stamp.center.icrs.ra.deg == pytest.approx(194.9531)
