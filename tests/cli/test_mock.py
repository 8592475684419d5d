"""``zwicky mock``: stores, galleries, populations."""

import json

import pytest


def test_a_name_that_is_no_command_is_an_experiment(zwicky, empty_folder):
    ended = zwicky("mock", "deandres222")
    assert ended.status == 2
    assert "did you mean 'deandres2022'?" in ended.err


def test_paint_writes_a_store_that_is_as_documented(zwicky, empty_folder):
    ended = zwicky("mock", "paint", "--clusters", 2, "--sight-lines", 2, "--grid", "two-r200", "--workers", 1)
    assert ended.status == 0
    assert ended.out == "4 sets of maps in painted\n"
    assert zwicky("check", "painted").status == 0
    again = zwicky("mock", "paint", "--clusters", 3, "--sight-lines", 2, "--grid", "two-r200", "--workers", 1)
    assert again.status == 2  # another plan in the same folder


def test_paint_shares_sight_lines_out_by_mass(zwicky, empty_folder):
    ended = zwicky(
        "mock", "paint", "--clusters", 3, "--sight-lines", 2, "--flat", 2, "--quantity", "compton_y",
        "--physics", "spherical_a10", "--grid", "two-r200", "--workers", 1, "-z", 0.3,
    )  # fmt: skip
    assert ended.status == 0
    manifest = json.loads((empty_folder / "painted" / "manifest.json").read_text())
    assert manifest["channels"] == ["compton_y"]
    assert manifest["settings"]["simulation"]["redshift_edges"] == [0.3, 0.3]


@pytest.mark.slow
def test_gallery_and_population_write_their_files(zwicky, empty_folder):
    ended = zwicky("mock", "gallery", "--grid", "two-r200", "--out", "few.png")
    assert ended.status == 0
    assert (empty_folder / "few.png").stat().st_size > 100_000
    ended = zwicky("mock", "population", "--clusters", 50, "--workers", 1)
    assert ended.status == 0
    assert "Y500 - M500: slope" in ended.out
    page = (empty_folder / "population" / "population.html").read_text()
    assert "Arnaud" in page
    assert len(json.loads((empty_folder / "population" / "population.json").read_text())["relations"]) >= 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gallery", "--physics", "gadgetz"), "did you mean 'gadgetx'?"),
        (("gallery", "-z", "4"), "0 < z <= 2"),
        (("paint", "--grid", "big"), "wide, wide-64, two-r200"),
        (("paint", "--engine", "slurm"), "processes or dask"),
    ],
)
def test_mistakes_are_said_in_words(zwicky, empty_folder, arguments, words):
    ended = zwicky("mock", *arguments)
    assert ended.status == 2
    assert words in ended.err


def test_the_stores_of_an_experiment_with_mass_maps(zwicky, empty_folder, monkeypatch):
    made = []

    def make(sets, workers, say, *, engine, scheduler):
        made.append((sets.experiment.name, sets.geometries(), str(sets.folder), workers, engine, scheduler))

    monkeypatch.setattr("zwicky.workflows.mapping.sets.Sets.make", make)
    ended = zwicky("mock", "store", "deandres2024", "--out", "maps", "--workers", "1")
    assert ended.status == 0
    assert made == [("deandres2024", ["scaled", "peak"], "maps", 1, "processes", None)]
    assert "stores of deandres2024" in ended.out
