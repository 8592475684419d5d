"""The store of an experiment with posterior maps: views, targets, splits, and who is judged."""

import numpy as np
import pytest
import torch
from tiny_posterior import experiment, quiet

from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C, M200M, Mass
from zwicky.core.quantities import MapQuantity
from zwicky.data.store import Store
from zwicky.mocks.theory_survey import TheorySurvey
from zwicky.models.base import Batch
from zwicky.physics.masses import convert
from zwicky.workflows.posterior import sets as sets_module
from zwicky.workflows.posterior.sets import PosteriorSets

SPLITS = ("train", "validation", "test")
FEW = {"n_clusters": 12, "sight_lines": 3, "clusters_per_shard": 6, "fractions": (0.4, 0.2, 0.4)}


class ToyMoments:
    """Says of each view ten times its log as the mean of a target, and the redshift as its standard deviation."""

    def __init__(self):
        self.asked = []

    def moments(self, batch: Batch):
        self.asked.append(len(batch.maps))
        return 10.0 * torch.log10(batch.maps), batch.redshift[:, None, None, None].expand_as(batch.maps)


@pytest.fixture(scope="module")
def sets(painted):
    return PosteriorSets(experiment(), painted)


@pytest.fixture(scope="module")
def many_sides(tmp_path_factory):
    """A store of few clusters, each from three sides."""
    folder = tmp_path_factory.mktemp("sides")
    found = PosteriorSets(experiment(store=FEW), folder)
    found.make(1, quiet)
    return found


def test_a_store_is_finished_once(many_sides, monkeypatch):
    monkeypatch.setattr(TheorySurvey, "observe", lambda *_: pytest.fail("nothing is left to paint"))
    said = []
    many_sides.make(1, said.append)
    assert said == ["painting: 36 sets of 4 maps of 12 clusters"]


def test_views_and_targets_are_the_maps_that_were_painted(many_sides):
    assert many_sides.views == (MapQuantity.COMPTON_Y, MapQuantity.XRAY_SURFACE_BRIGHTNESS)
    assert many_sides.targets == (MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY)
    survey = many_sides.experiment.survey.build(many_sides.experiment.seed)
    data = many_sides.whole("test")
    assert data.maps.shape == data.target.shape == (len(data), 2, 16, 16)
    index = [survey.simulation.cluster(i).parent for i in range(12)].index(data.parent[0])
    first = np.flatnonzero(data.parent == data.parent[0])
    painted = [survey.observe(index, side) for side in range(3)]
    for maps, quantities in ((data.maps, many_sides.views), (data.target, many_sides.targets)):
        assert (maps > 0).all()  # networks take logarithms
        for channel, quantity in enumerate(quantities):
            truth = np.stack([one[quantity].values for one in painted])
            assert maps[first, channel].numpy() == pytest.approx(truth, rel=1e-3)


def test_what_the_store_keeps_as_zero_becomes_the_faintest_that_it_can_keep(sets, monkeypatch):
    faint = 10.0 ** sets_module.log16_of(sets.targets)[sets.targets[0]].log10_floor
    read = sets_module.load_split

    def with_a_hole(*args, **kwargs):
        data = read(*args, **kwargs)
        data.maps[0, 2, 3, 3] = 0.0
        return data

    monkeypatch.setattr(sets_module, "load_split", with_a_hole)
    holed = PosteriorSets(sets.experiment, sets.folder).whole("test")
    assert float(holed.target[0, 0, 3, 3]) == pytest.approx(faint)
    assert float(holed.target[0, 0, 3, 4]) > 10 * faint


def test_parents_are_split_and_none_is_lost(many_sides):
    parents = {split: set(many_sides.whole(split).parent) for split in SPLITS}
    assert all(parents.values())
    assert sum(len(one) for one in parents.values()) == len(set().union(*parents.values())) == 12
    assert sum(len(many_sides.whole(split)) for split in SPLITS) == 36
    assert Store.open(many_sides.store_folder).n_samples == 36
    assert many_sides.whole("train").parent.tolist().count(next(iter(parents["train"]))) == 3


def test_a_split_is_read_once(sets):
    assert sets.whole("validation") is sets.whole("validation")


def test_moments_stand_beside_the_views(sets, monkeypatch):
    monkeypatch.setattr(sets_module, "CHUNK", 7)
    toy, data = ToyMoments(), sets.whole("test")
    assert len(data) % 7 != 0
    found = sets.standardised("test", toy)
    assert found.maps.shape == (len(data), 6, 16, 16) and sum(toy.asked) == len(data) and max(toy.asked) == 7
    assert torch.equal(found.maps[:, :2], data.maps)
    assert torch.equal(found.maps[:, 2:4], 10.0 * torch.log10(data.maps))
    assert torch.equal(found.maps[:, 4:], data.redshift[:, None, None, None].expand_as(data.maps))
    assert torch.equal(found.target, data.target) and list(found.parent) == list(data.parent)
    assert data.maps.shape[1] == 2  # what was read stays as it was


class TestJudged:
    def test_one_side_of_each_parent_inside_the_masses(self, many_sides):
        data, found = many_sides.whole("test"), many_sides.judged("test", 3)
        assert len(found) == len(set(found.parent)) == 3
        mass = many_sides.log10_m200m(found)
        low, high = many_sides.experiment.evaluation.log10_m200m_range
        assert ((mass >= low) & (mass < high)).all()
        for i in range(3):  # the first side of each, with its own maps
            row = list(data.parent).index(found.parent[i])
            assert found.id[i] == data.id[row]
            assert torch.equal(found.maps[i], data.maps[row]) and torch.equal(
                found.target[i], data.target[row]
            )

    def test_other_masses_are_not_judged(self, sets, painted):
        masses = sets.log10_m200m(sets.whole("test"))
        middle = float(np.median(masses))
        for low, high in ((13.0, middle), (middle, 16.0)):
            narrow = experiment(evaluation={"log10_m200m_range": (low, high)})
            inside = (masses >= low) & (masses < high)
            found = PosteriorSets(narrow, painted).judged("test", int(inside.sum()))
            assert sorted(found.parent) == sorted(sets.whole("test").parent[inside])

    def test_too_few_are_refused(self, sets):
        n = len(sets.whole("test"))
        with pytest.raises(ConfigError, match=f"too few clusters(.|\n)*at least {n + 1} parents") as caught:
            sets.judged("test", n + 1)
        assert caught.value.where == "split 'test'"


def test_masses_are_those_of_the_median_concentration(sets):
    data = sets.whole("test")
    cosmology = sets.experiment.survey.build(sets.experiment.seed).simulation.cluster(0).cosmology
    numbers = zip(data.truth["log10_m200c"][:6], data.truth["redshift"][:6], strict=True)
    expected = [convert(Mass(10.0**mass, M200C), M200M, z, cosmology).log10_msun for mass, z in numbers]
    assert sets.log10_m200m(data)[:6] == pytest.approx(expected, abs=1e-4)
    assert (sets.log10_m200m(data) > data.truth["log10_m200c"] + 0.05).all()  # 200 times less than critical


def test_pixels_are_those_of_the_grid(sets):
    assert sets.pixel_mpc == 0.8
