"""A tiny grid for all experiments here, and a painted store on it, once per process."""

import shutil

import pytest
from tiny_posterior import experiment, quiet, with_the_grid

from zwicky.workflows.posterior.sets import PosteriorSets


@pytest.fixture(scope="module", autouse=True)
def tiny_grid():
    with pytest.MonkeyPatch.context() as patch:
        with_the_grid(patch)
        yield


@pytest.fixture(scope="session")
def painted(tmp_path_factory):
    """The folder of a run that holds its store and nothing else; nobody writes into it."""
    folder = tmp_path_factory.mktemp("painted")
    with pytest.MonkeyPatch.context() as patch:
        with_the_grid(patch)
        PosteriorSets(experiment(), folder).make(1, quiet)
    return folder


@pytest.fixture(scope="session")
def new_run(painted, tmp_path_factory):
    """Return new folders of a run whose store is painted."""

    def made():
        folder = tmp_path_factory.mktemp("run")
        shutil.copytree(painted / "store", folder / "store")
        return folder

    return made
