"""Networks of an experiment with posterior maps: trained once, found again, begun with the weights of others."""

import json

import numpy as np
import pytest
import torch
from tiny_posterior import SCHEDULE, experiment, quiet

from zwicky.models.map_moments import MapMoments
from zwicky.models.residual_maps import ResidualMaps
from zwicky.models.view_mass import ViewMass
from zwicky.workflows.posterior import fit
from zwicky.workflows.posterior.fit import histories, is_trained, moments_of, trained
from zwicky.workflows.posterior.sets import PosteriorSets

LONGER = SCHEDULE | {"images": 300}
"""So that a network has learned something that another can begin with."""


def same(a, b):
    weights = b.state_dict()
    return all(torch.equal(values, weights[name]) for name, values in a.state_dict().items())


@pytest.fixture(scope="module")
def folder(new_run):
    return new_run()


@pytest.fixture(scope="module")
def planned():
    return experiment(
        published={"training": LONGER},
        ablations={"fresh": experiment().published.model_dump(), "plain": {"parent_fraction": 0.5}},
    )


@pytest.fixture(scope="module")
def published(planned, folder):
    return trained(planned, "published", folder, quiet).state_dict()


@pytest.fixture
def calls(monkeypatch):
    """What the training loop is given, call by call."""
    found = []
    loop = fit.train

    def noted(settings, training, *args, **kwargs):
        found.append({"settings": settings, "training": training, "initial": kwargs["initial"]})
        return loop(settings, training, *args, **kwargs)

    monkeypatch.setattr(fit, "train", noted)
    return found


def test_the_fast_network_waits_for_its_moments_and_is_found_again(planned, folder, calls):
    said = []
    network = trained(planned, "fast", folder, said.append)
    assert [line.split(":")[0] for line in said if not line.startswith(" ")] == ["moments", "fast"]
    assert isinstance(network, ResidualMaps) and not network.training
    moments = moments_of(planned, folder, said.append)
    assert isinstance(moments, MapMoments)
    expected = PosteriorSets(planned, folder).standardised("train", moments)
    assert torch.equal(calls[1]["training"].maps, expected.maps)
    n_calls, n_said = len(calls), len(said)
    again = trained(planned, "fast", folder, said.append)
    assert same(network, again) and not again.training
    assert (len(calls), len(said)) == (n_calls, n_said) and n_calls == 2


def test_a_network_that_weighs_learns_its_error_from_held_out_clusters(planned, folder, monkeypatch):
    told = []
    monkeypatch.setattr(ViewMass, "fit_error", lambda _, answer, mass: told.append((answer.mean, mass)))
    assert not is_trained(folder, "scalar")
    network = trained(planned, "scalar", folder, quiet)
    assert is_trained(folder, "scalar")
    validation = PosteriorSets(planned, folder).whole("validation")
    again = trained(planned, "scalar", folder, quiet)
    with torch.no_grad():
        answer = again.predict(validation.rows(slice(None)))
    assert len(told) == 1 and torch.equal(told[0][1], validation.log10_mass)
    assert torch.allclose(told[0][0], answer.mean, atol=1e-5)
    assert same(network, again)


def test_a_network_begins_with_the_weights_of_another(planned, folder, published, calls):
    plain = trained(planned, "plain", folder, quiet)
    assert all(torch.equal(calls[0]["initial"][name], value) for name, value in published.items())
    assert torch.equal(plain.low, published["low"]) and torch.equal(plain.high, published["high"])
    assert not same(plain, trained(planned, "published", folder, quiet))
    trained(planned, "fresh", folder, quiet)
    assert calls[1]["initial"] is None
    losses = {name: [entry["validation"] for entry in curve] for name, curve in histories(folder).items()}
    assert losses["plain"][0] < losses["fresh"][0]
    assert losses["plain"][0] == pytest.approx(losses["published"][-1], abs=0.02)


def test_a_share_of_the_parents_is_the_first_in_the_store(planned, folder, published, calls):
    trained(
        planned.model_copy(update={"ablations": {"half": planned.ablations["plain"]}}), "half", folder, quiet
    )
    every = PosteriorSets(planned, folder).whole("train")
    parents, found = np.unique(every.parent), calls[0]["training"]
    assert set(found.parent) == set(parents[: round(0.5 * len(parents))])
    kept = np.isin(every.parent, found.parent)
    assert torch.equal(found.maps, every.maps[kept]) and torch.equal(found.target, every.target[kept])
    assert 0 < len(found) < len(every)


def test_learning_curves_are_kept(planned, folder, published):
    curves = histories(folder)
    assert set(curves) >= {"published"}
    assert [entry["epoch"] for entry in curves["published"]] == list(range(1, len(curves["published"]) + 1))
    assert all({"epoch", "train", "validation"} <= set(entry) for entry in curves["published"])
    best = json.loads((folder / "training" / "published" / "best.json").read_text())["best_epoch"]
    losses = [entry["validation"] for entry in curves["published"]]
    assert best == 1 + int(np.argmin(losses))
    assert histories(folder / "nowhere") == {}
