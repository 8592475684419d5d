"""The demonstration: a held-out mock beside its truth, and the real clusters or where to find them."""

import shutil

import pytest

from tiny_experiment import TINY
from zwicky.core.masses import M500C
from zwicky.data.store import Store
from zwicky.inference.estimator import Estimator
from zwicky.workflows.demo import WHERE_FROM, run_demo, weigh_held_out_mock
from zwicky.workflows.experiment import read_experiment


@pytest.fixture
def demo(tiny_run, tmp_path, monkeypatch):
    """Run the demonstration with the tiny experiment, in the folder of a finished run."""
    asked = []

    def tiny(name, preset):
        asked.append((name, preset))
        return TINY

    monkeypatch.setattr("zwicky.workflows.demo.read_experiment", tiny)
    monkeypatch.setattr("zwicky.workflows.reproduce.write_report", lambda *_, **__: None)
    monkeypatch.delenv("ZWICKY_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(tiny_run.folder, tmp_path / "demo")

    def run(data):
        said = []
        text = run_demo(folder, data=data, workers=1, say=said.append)
        assert asked == [("deandres2022", "demo")]
        assert "radial_cnn: already trained" in said
        return text

    return run


def test_without_real_maps_it_says_where_they_come_from(demo):
    text = demo(None)
    assert "test clusters with S/N > 4.5" in text
    assert "A held-out mock cluster:\nspherical-7-" in text
    assert "\n  truth: " in text
    assert text.count("  light: ") == 1
    assert WHERE_FROM in text
    assert "ZWICKY_DATA" in WHERE_FROM
    assert text.splitlines()[-1].startswith("report: ")


@pytest.mark.data
def test_with_real_maps_both_clusters_are_weighed(demo, real_data):
    text = demo(real_data)
    assert text.count("A real cluster:") == 2
    assert "\nPSZ2 G359.07-32.12, z = 0.1496" in text
    assert "\nComa (PSZ2 G057.80+88.00), z = 0.0231" in text
    assert "  catalogue: 4.72 +0.39 -0.39 (PSZ2" in text
    assert "  published CNN: 7.71 (de Andres" in text
    assert WHERE_FROM not in text


def test_the_mock_was_held_out_is_bright_and_has_its_own_truth(tiny_run):
    store = Store.open(tiny_run.folder / "store")
    answer, truth = weigh_held_out_mock(Estimator.load(tiny_run.folder / "estimator"), store)
    everyone = store.read()
    (row,) = (everyone.id == answer.name).nonzero()[0]
    assert store.split[row] == "test"
    assert truth == pytest.approx(10 ** everyone.truth["log10_m500c"][row])
    assert answer.redshift == everyone.truth["redshift"][row]
    assert answer.definition == M500C
    assert answer.snr > 7.0
    low, high = answer.classical.interval((0.005, 0.995))
    assert low.msun < truth < high.msun


def test_the_preset_of_the_demonstration_is_there():
    assert read_experiment("deandres2022", "demo").networks["radial_cnn"].members > 0
