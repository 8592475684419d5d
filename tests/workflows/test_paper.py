"""The published numbers: every experiment that follows a paper has them; one that follows none has no table."""

from types import SimpleNamespace

from zwicky.workflows.experiment import experiment_names
from zwicky.workflows.mapping.paper import MAP_PAPERS
from zwicky.workflows.paper import PAPERS, paper_table


def test_every_shipped_experiment_has_its_paper():
    assert set(PAPERS) == set(experiment_names("mass"))
    assert set(MAP_PAPERS) == set(experiment_names("mapping"))


def test_an_experiment_without_a_paper_has_no_table():
    assert paper_table(SimpleNamespace(name="mine"), {}, {}) == []
