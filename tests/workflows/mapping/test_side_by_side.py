"""Networks trained in processes of their own: which, with how many threads, and what happens when one fails."""

import pickle
from concurrent.futures import Future
from typing import ClassVar

import pytest
import torch

from zwicky.core.errors import TrainingError
from zwicky.workflows import side_by_side as processes
from zwicky.workflows.mapping import side_by_side
from zwicky.workflows.mapping.experiment import read_mapping_experiment


class InThisProcess:
    """A pool that does at once what it is given, and remembers how it was made."""

    made: ClassVar[list[int]] = []

    def __init__(self, workers, **_):
        self.made.append(workers)

    def submit(self, function, *arguments):
        future = Future()
        try:
            future.set_result(function(*pickle.loads(pickle.dumps(arguments))))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, **_):
        pass


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Replace training by a note of who was trained; "multi1" is finished already."""
    done = []

    def make_mapper(name, experiment, sets, folder, facts, say):
        place = side_by_side.mapper_place(folder, name)
        if not (place / side_by_side.DESCRIPTION).is_file():
            place.mkdir(parents=True)
            (place / side_by_side.DESCRIPTION).write_text("{}")
            say(f"{name} speaks")
            done.append((name, torch.get_num_threads(), experiment))
        return name

    InThisProcess.made.clear()
    monkeypatch.setattr(side_by_side, "make_mapper", make_mapper)
    monkeypatch.setattr(processes, "ProcessPoolExecutor", InThisProcess)
    monkeypatch.setattr(processes.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(processes.torch.cuda, "is_available", lambda: False)
    finished = side_by_side.mapper_place(tmp_path, "multi1")
    finished.mkdir(parents=True)
    (finished / side_by_side.DESCRIPTION).write_text("{}")
    before = torch.get_num_threads()
    yield done
    torch.set_num_threads(before)


EXPERIMENT = read_mapping_experiment("deandres2024", "smoke")


def run(folder, workers):
    said = []
    mappers = side_by_side.make_mappers(EXPERIMENT, None, folder, {}, workers, said.append)
    return mappers, said


def test_each_missing_network_is_trained_once_with_its_share_of_threads(trained, tmp_path):
    mappers, said = run(tmp_path, 2)
    missing = [name for name in EXPERIMENT.networks if name != "multi1"]
    assert sorted(name for name, _, _ in trained) == sorted(missing)
    assert {threads for _, threads, _ in trained} == {2}
    assert all(experiment == EXPERIMENT for _, _, experiment in trained)
    assert InThisProcess.made == [2]
    assert list(mappers) == list(EXPERIMENT.networks)
    assert said[-1].endswith(f"{len(missing)} of {len(missing)}")


def test_each_network_has_its_log(trained, tmp_path):
    run(tmp_path, 2)
    for name, _, _ in trained:
        assert (tmp_path / "training" / name / "log.txt").read_text() == f"{name} speaks\n"


def test_one_worker_trains_in_this_process(trained, tmp_path):
    run(tmp_path, 1)
    assert InThisProcess.made == []
    assert len(trained) == len(EXPERIMENT.networks) - 1


def test_a_gpu_trains_one_after_the_other(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(processes.torch.cuda, "is_available", lambda: True)
    run(tmp_path, 2)
    assert InThisProcess.made == []


def test_a_failure_is_told(trained, tmp_path, monkeypatch):
    def fails(*_):
        raise TrainingError("The loss is no longer a number.")

    monkeypatch.setattr(side_by_side, "make_mapper", fails)
    with pytest.raises(TrainingError, match="no longer a number"):
        run(tmp_path, 2)
