"""Experiment files of posterior maps: each preset is valid, sizes are filled in, a mistake is named with its place."""

import tomllib

import pytest
from tiny_posterior import experiment, settings

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.models.map_moments import MapMoments
from zwicky.models.table import build_either
from zwicky.workflows.experiment import experiment_names, experiments_folder, kind_of
from zwicky.workflows.posterior.experiment import (
    JudgedSettings,
    PosteriorExperiment,
    read_posterior_experiment,
)


def read(**changes):
    return parse(PosteriorExperiment, settings(**changes), where="toy.toml")


def check_preset(found, preset, n_pixels):
    assert found.preset == preset and found.n_pixels == n_pixels
    grid = found.survey.build(found.seed).grid
    assert grid.n_pixels * grid.pixel_value == pytest.approx(12.8)
    assert found.survey.views == ("compton_y", "xray_surface_brightness")
    assert (found.survey.target, *found.survey.also) == ("gas_surface_density", "dark_surface_density")
    low, high = found.survey.simulation["log10_m200c_range"]
    assert low < 14.0 < 15.2 <= high  # a cluster of the tested masses is no end of those painted


class TestPresets:
    def test_they_are_those_that_are_said(self):
        assert experiment_names("posterior") == ["hsu2024"]
        text = (experiments_folder() / "hsu2024.toml").read_text(encoding="utf-8")
        assert set(tomllib.loads(text)["presets"]) == {"smoke", "laptop", "paper"}
        assert kind_of("hsu2024") == "posterior"

    @pytest.mark.parametrize("preset", ["smoke", "laptop"])
    def test_each_is_valid_and_asks_what_the_paper_asks(self, preset):
        check_preset(read_posterior_experiment("hsu2024", preset), preset, 64)

    @pytest.mark.slow
    def test_the_paper_has_its_own_numbers(self):
        """Hsu et al. 2024: 6,233 clusters, 128 pixels, about 3,000 maps in each 0.1 dex; 1000 steps."""
        found = read_posterior_experiment("hsu2024", "paper")
        check_preset(found, "paper", 128)
        assert found.store.n_clusters == 6233
        assert found.store.sight_lines.samples_per_bin == 3000
        published = build_either(found.model_of("published"))
        assert published.n_parameters == pytest.approx(45.84e6, rel=1e-3)
        assert (
            found.evaluation.published.sampler_of(published).evaluations == 1001
        )  # and the last to sigma = 0


class TestModels:
    def test_sizes_are_filled_in(self):
        found = experiment()
        assert list(found.networks()) == ["moments", "published", "fast", "scalar", "plain", "linear"]
        for name in found.networks():
            model = found.model_of(name)
            assert (model["n_pixels"], model["n_views"]) == (16, 2)
            assert model.get("n_targets") == (None if name == "scalar" else 2)
            build_either(model)

    def test_a_view_or_a_target_more_is_a_channel_more(self):
        survey = {"also": ("dark_surface_density", "star_surface_density"), "views": ("compton_y",)}
        model = experiment(survey=survey).model_of("fast")
        assert (model["n_views"], model["n_targets"]) == (1, 3)

    def test_what_a_network_says_itself_is_kept(self):
        model = {"n_views": 2, "n_pixels": 32}
        assert experiment(moments={"model": model}).model_of("moments")["n_pixels"] == 32
        assert isinstance(build_either(experiment().model_of("moments")), MapMoments)

    def test_a_network_is_sampled_as_it_says_unless_another_way_is_asked_for(self):
        network = build_either(experiment().model_of("published"))
        own = network.default_sampler
        assert JudgedSettings(clusters=1).sampler_of(network) == own
        assert JudgedSettings(clusters=1, steps=9).sampler_of(network) == own.model_copy(update={"steps": 9})
        other = JudgedSettings(clusters=1, solver="heun").sampler_of(network)
        assert (other.solver, other.steps, other.sigma_max) == ("heun", own.steps, own.sigma_max)


class TestRefusals:
    def test_the_small_one_is_valid_and_stays_itself_in_a_file(self):
        found = experiment()
        text = found.model_dump(mode="json", exclude_none=True)
        assert PosteriorExperiment(**text).model_dump(mode="json", exclude_none=True) == text

    @pytest.mark.parametrize(
        ("changes", "words", "where"),
        [
            ({"publishd": {}}, "did you mean 'published'", "toy.toml: publishd"),
            (
                {"published": {"begin_with": ""}},
                "did you mean 'begins_with'",
                "toy.toml: published.begin_with",
            ),
            ({"evaluation": {"fast": {"sample": 4}}}, "'samples'", "toy.toml: evaluation.fast.sample"),
            ({"published": {"model": {"hlaf": True}}}, "did you mean 'half'", "published.model: hlaf"),
            (
                {"ablations": {"plain": {"model": {"kind": "score_map"}}}},
                "did you mean 'score_maps'",
                "ablations.plain.model.kind",
            ),
            (
                {"evaluation": {"log10_m200m_range": (15.0, 14.0)}},
                r"no range of masses(.|\n)*\[15, 14\]",
                "evaluation.log10_m200m_range",
            ),
            (
                {"evaluation": {"convergence": {"quick": {}}}},
                "Both models are measured(.|\n)*fast, published, quick",
                "evaluation.convergence",
            ),
            (
                {"ablations": {"plain": {"begins_with": "publishd"}}},
                "trained before(.|\n)*did you mean 'published'",
                "ablations.plain.begins_with",
            ),
            (
                {"ablations": {"plain": {"begins_with": "plain"}}},
                "trained before",
                "ablations.plain.begins_with",
            ),
            (
                {"moments": {"begins_with": "fast"}},
                "trained before(.|\n)*expected: nothing",
                "moments.begins_with",
            ),
            (
                {"ablations": {"linear": {"begins_with": "published"}}},
                "loss or its sampling(.|\n)*others in: scaling",
                "ablations.linear.begins_with",
            ),
            (
                {"ablations": {"plain": {"begins_with": "fast"}}},
                "others in: .*kind",
                "ablations.plain.begins_with",
            ),
            (
                {"fast": {"model": {"kind": "view_mass", "network": None}}},
                "not known",
                "fast.model: network",
            ),
        ],
    )
    def test_a_mistake_is_named_with_its_place(self, changes, words, where):
        with pytest.raises(ConfigError, match=words) as caught:
            read(**changes)
        assert caught.value.where == where

    @pytest.mark.parametrize(
        ("name", "model", "words"),
        [
            ("moments", {"kind": "view_mass"}, "says mean and standard deviation(.|\n)*view_mass"),
            ("scalar", {"kind": "map_moments"}, "one that weighs(.|\n)*map_moments"),
            ("fast", {"kind": "map_moments"}, "one that draws maps(.|\n)*map_moments"),
        ],
    )
    def test_a_network_that_does_something_else_is_refused(self, name, model, words):
        broken = settings()
        broken[name]["model"] = model
        with pytest.raises(ConfigError, match=words) as caught:
            PosteriorExperiment(**broken)
        assert caught.value.where == f"{name}.model.kind"

    def test_weights_may_be_those_of_another_loss(self):
        physics = {"physics": {"total_mass": 1.0}, "steps": 7, "half": True}
        assert (
            experiment(ablations={"plain": {"model": physics}}).ablations["plain"].begins_with == "published"
        )
