"""Estimators by path or by name."""

import pytest

from zwicky.core.errors import CheckpointError
from zwicky.workflows.shipped import estimator_folder, load_any_estimator, shipped_folder, shipped_names


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Two estimators that ship, a folder that is none, and an empty folder to work in."""
    for name in ("deandres2022", "other2024"):
        (tmp_path / "estimators" / name).mkdir(parents=True)
        (tmp_path / "estimators" / name / "estimator.json").write_text("{}")
    (tmp_path / "estimators" / "notes").mkdir()
    monkeypatch.setattr("zwicky.workflows.shipped.shipped_folder", lambda: tmp_path / "estimators")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "estimators"


def test_the_shipped_folder_is_beside_the_sources_or_inside_the_package():
    assert (shipped_folder() / "README.md").is_file()


SHIPPED = {
    "deandres2022": ("deandres2022", 96),
    "gupta2020": ("gupta2020/three_bands", 40),
    "gupta2020_150": ("gupta2020/one_band", 40),
    "krippendorf2024_erosita": ("krippendorf2024", 50),
    "krippendorf2024_rosat": ("krippendorf2024", 64),
}
"""From which experiment each is, and the pixels of its stamp."""


def test_what_ships_is_listed_here_and_in_its_readme():
    assert shipped_names() == sorted(SHIPPED)
    text = (shipped_folder() / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_can_be_read(name):
    facts = load_any_estimator(estimator_folder(name)).facts
    survey = facts.survey.build(facts.survey_seed)
    assert (facts.provenance["experiment"], survey.grid.n_pixels) == SHIPPED[name]


def test_names(shipped):
    assert shipped_names() == ["deandres2022", "other2024"]
    assert estimator_folder("deandres2022") == shipped / "deandres2022"


def test_paths(shipped, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    assert estimator_folder(str(mine)) == mine


def test_an_unknown_name_is_corrected(shipped):
    with pytest.raises(CheckpointError, match="did you mean 'other2024'") as caught:
        estimator_folder("other24")
    assert caught.value.where == "--checkpoint"
    assert "deandres2022, other2024" in caught.value.expected
    assert caught.value.got == "'other24'"


def test_where_nothing_ships_one_is_trained(shipped, monkeypatch):
    monkeypatch.setattr("zwicky.workflows.shipped.shipped_folder", lambda: shipped / "notes")
    with pytest.raises(CheckpointError, match=r"none shipped(.|\n)*zwicky reproduce deandres2022"):
        estimator_folder("deandres2022")
