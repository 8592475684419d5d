"""Experiments with mass maps: every preset is valid and can be built; what is filled in, and what is refused."""

import tomllib

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.data.splits import SplitFractions, split_of_parents
from zwicky.inference.conformal import MIN_CLUSTERS
from zwicky.models.table import MAP_MODELS, build_map_model
from zwicky.workflows.experiment import (
    experiment_names,
    experiment_settings,
    experiments_folder,
    kind_of,
    read_experiment,
)
from zwicky.workflows.mapping.dry_run import dry_run_text
from zwicky.workflows.mapping.experiment import (
    ROLES,
    MapNetworkSettings,
    MappingExperiment,
    Schedule,
    read_mapping_experiment,
)

PRESETS = [
    (name, preset)
    for name in experiment_names("mapping")
    for preset in tomllib.loads((experiments_folder() / f"{name}.toml").read_text())["presets"]
]


def settings(**changes):
    """Return the settings of a small experiment; changes are laid over them."""
    schedule = {"images": 100, "settings": {"batch_size": 8}}
    return {
        "name": "toy",
        "preset": "tiny",
        "title": "A toy",
        "reference": "nobody",
        "seed": 1,
        "geometries": {"scaled": {}, "peak": {"grid": "proper-4mpc", "beam_fwhm": 0.15}},
        "store": {"n_clusters": 100},
        "networks": {
            "multi": {"model": {"kind": "unet"}},
            "any": {"model": {"kind": "any_view"}},
            "peak": {"model": {"kind": "any_view"}, "role": "geometry", "geometry": "peak"},
        },
        "training": {"main": schedule, "geometry": schedule},
        "ships": "any",
    } | changes


def with_network(**network):
    """Return the settings with one more network."""
    return settings(networks=settings()["networks"] | {"more": {"model": {"kind": "unet"}} | network})


def share_of_masses(experiment, network):
    """Return how many of the clusters, flat in log10 of the mass, a network learns from."""
    low, high = experiment.geometries[network.geometry].simulation["log10_m200c_range"]
    wanted = network.log10_m200c_range or (low, high)
    return (min(high, wanted[1]) - max(low, wanted[0])) / (high - low)


@pytest.mark.parametrize(("name", "preset"), PRESETS)
class TestPresets:
    def test_it_can_be_run(self, name, preset):
        experiment = read_mapping_experiment(name, preset)
        assert (experiment.kind, experiment.name, experiment.preset) == ("mapping", name, preset)
        assert experiment.title
        assert experiment.reference
        assert experiment.without == ()
        for geometry in experiment.geometries:
            for physics in experiment.physics:
                survey = experiment.survey(geometry, physics).build(experiment.seed)
                assert survey.simulation.settings()["preset"] == physics
                assert len(survey.channels) >= 4

    def test_every_network_can_be_built_for_its_views(self, name, preset):
        experiment = read_mapping_experiment(name, preset)
        for network in experiment.networks.values():
            geometry = experiment.geometries[network.geometry]
            with torch.device("meta"):
                model = build_map_model(experiment.model_of(network))
            body = getattr(model, "generator", model)
            assert body.config.n_views == len(experiment.views_of(network))
            assert body.config.n_pixels == geometry.build(experiment.seed).grid.n_pixels
            assert body.views.mean.shape[0] == len(experiment.views_of(network))

    def test_there_are_validation_maps_enough_for_every_network(self, name, preset):
        """Splits are a function of seed and cluster: they are counted before anything is painted."""
        experiment = read_mapping_experiment(name, preset)
        store = experiment.store
        split = split_of_parents(
            np.arange(store.n_clusters), experiment.seed, SplitFractions(*store.fractions)
        )
        n_maps = int((split == "validation").sum()) * store.sight_lines
        for network in experiment.networks.values():
            n = n_maps * len(experiment.physics_of(network)) * share_of_masses(experiment, network)
            assert n >= MIN_CLUSTERS
        assert set(split) == {"train", "validation", "test"}

    def test_it_shows_what_it_promises(self, name, preset):
        experiment = read_mapping_experiment(name, preset)
        roles = [network.role for network in experiment.networks.values()]
        assert set(roles) == set(ROLES)
        assert experiment.networks[experiment.ships].geometry == "peak"  # an observer knows no true radius
        assert experiment.networks[experiment.compared_with_geometry].geometry == "scaled"
        last = [network for network in experiment.networks.values() if network.role == "main"][-1]
        assert last.model["kind"] == "any_view"  # the examples of the report have errors


class TestPublished:
    def test_the_promised_presets_are_there(self):
        assert {("deandres2024", preset) for preset in ("smoke", "laptop", "paper")} <= set(PRESETS)

    def test_the_paper_preset_is_the_paper(self):
        """De Andres et al. 2024: 5,040 clusters from 29 sides, five networks, M200c > 10^13.5 per h."""
        experiment = read_mapping_experiment("deandres2024", "paper")
        assert len(experiment.physics) * experiment.store.n_clusters * experiment.store.sight_lines == 146_160
        assert list(experiment.networks)[:5] == ["star", "sz", "xray", "multi1", "multi3"]
        assert experiment.sizes == {}  # the networks in their own size
        low, _ = experiment.geometries["scaled"].simulation["log10_m200c_range"]
        assert low == pytest.approx(13.5 - np.log10(0.6777), abs=0.005)
        assert experiment.evaluation.log10_mass_edges_per_h == (13.5, 14.02, 14.63, 15.38)

    def test_presets_leave_networks_out_and_change_nothing_else(self):
        smoke, paper = (read_mapping_experiment("deandres2024", preset) for preset in ("smoke", "paper"))
        left_out = set(experiment_settings("deandres2024", "smoke")["without"])
        assert left_out
        assert list(smoke.networks) == [name for name in paper.networks if name not in left_out]
        for name, network in smoke.networks.items():
            assert network == paper.networks[name]
        assert smoke.geometries == paper.geometries

    def test_presets_narrow_every_network(self):
        laptop, paper = (read_mapping_experiment("deandres2024", preset) for preset in ("laptop", "paper"))
        wide = {name: paper.model_of(network) for name, network in paper.networks.items()}
        narrow = {name: laptop.model_of(network) for name, network in laptop.networks.items()}
        assert "width" not in wide["multi1"]
        assert (narrow["multi1"]["width"], narrow["any"]["width"]) == (16, 16)
        assert narrow["multi3"]["encoder_width"] == 8
        assert narrow["pix2pix"]["discriminator_width"] == 16
        assert (narrow["pix2pix"]["generator"]["width"], narrow["pix2pix"]["generator"]["n_views"]) == (16, 3)
        assert "width" not in narrow["pix2pix"]
        assert "encoder_width" not in narrow["any"]


class TestKinds:
    def test_experiments_are_told_apart(self):
        assert kind_of("deandres2022") == "mass"
        assert kind_of("deandres2024") == "mapping"
        assert kind_of("gupta2020") == "microwave"
        assert kind_of("ntampaka2019") == kind_of("krippendorf2024") == "photons"
        assert kind_of("hsu2024") == "posterior"
        kinds = ("mass", "mapping", "microwave", "photons", "posterior")
        of_kinds = [name for kind in kinds for name in experiment_names(kind)]
        assert sorted(of_kinds) == sorted(experiment_names())
        assert experiment_names("sculpture") == []

    def test_unknown_names_are_corrected(self):
        for read in (kind_of, lambda name: read_mapping_experiment(name, "smoke")):
            with pytest.raises(ConfigError, match="did you mean 'deandres2024'"):
                read("deandres2042")
        with pytest.raises(ConfigError, match=r"preset is not known(.|\n)*did you mean 'paper'"):
            read_mapping_experiment("deandres2024", "papers")

    def test_one_is_not_the_other(self):
        with pytest.raises(ConfigError, match="setting is missing") as caught:
            read_mapping_experiment("deandres2022", "smoke")
        assert caught.value.where.startswith("deandres2022.toml: ")
        with pytest.raises(ConfigError, match="This setting is"):
            read_experiment("deandres2024", "smoke")

    def test_a_mistyped_setting_is_named_with_its_file(self, tmp_path, monkeypatch):
        text = (experiments_folder() / "deandres2024.toml").read_text()
        (tmp_path / "mine.toml").write_text(text.replace("parent_fraction = 0.25", "parents_fraction = 0.25"))
        monkeypatch.setattr("zwicky.workflows.experiment.experiments_folder", lambda: tmp_path)
        assert experiment_names("mapping") == ["mine"]
        with pytest.raises(ConfigError, match="setting is not known") as caught:
            read_mapping_experiment("mine", "laptop")
        assert caught.value.where == "mine.toml: networks.learning_quarter.parents_fraction"


class TestRefusals:
    def test_the_small_one_is_valid(self):
        assert list(MappingExperiment(**settings()).networks) == ["multi", "any", "peak"]
        assert "more" in MappingExperiment(**with_network(views=("compton_y",))).networks

    @pytest.mark.parametrize(
        ("broken", "words", "where"),
        [
            (settings(without=["mutli"]), "did you mean 'multi'", "without"),
            (with_network(geometry="sealed"), "did you mean 'scaled'", "networks.more.geometry"),
            (with_network(physics=("gadgetx", "gizzmo")), "did you mean 'gizmo'", "networks.more.physics"),
            (with_network(views=("compton_x",)), "did you mean 'compton_y'", "networks.more.views"),
            (
                with_network(views=("gas_surface_density",)),
                "did you mean 'star_surface_density'",
                "networks.more.views",
            ),
            (
                with_network(role="transfer"),
                "This role has no schedule(.|\n)*choose one of: main, geometry",
                "training.transfer",
            ),
            (settings(ships="anny"), "did you mean 'any'", "ships"),
            (settings(ships="multi", without=["multi"]), "not in the experiment", "ships"),
            (settings(compared_with_geometry="multy"), "did you mean 'multi'", "compared_with_geometry"),
        ],
    )
    def test_unknown_names_are_corrected(self, broken, words, where):
        with pytest.raises(ConfigError, match=words) as caught:
            MappingExperiment(**broken)
        assert caught.value.where == where

    def test_unknown_roles_are_refused(self):
        with pytest.raises(ValueError, match="'main', 'transfer', 'learning_curve' or 'geometry'"):
            MappingExperiment(**with_network(role="mian"))

    def test_unknown_models_are_corrected(self):
        experiment = MappingExperiment(**with_network(model={"kind": "unett"}))
        with pytest.raises(ConfigError, match="did you mean 'unet'") as caught:
            experiment.model_of(experiment.networks["more"])
        assert caught.value.where == "model.kind"

    @pytest.mark.parametrize(
        ("broken", "got"),
        [
            (with_network(geometry="peak"), "scaled, peak"),
            (settings(without=["multi", "any"], ships="peak"), "none"),
            (
                settings(
                    without=["multi", "any"],
                    ships="curve",
                    networks=settings()["networks"]
                    | {"curve": {"model": {"kind": "unet"}, "role": "learning_curve"}},
                    training={"learning_curve": {"images": 9}, "geometry": {"images": 9}},
                ),
                "scaled",
            ),
        ],
    )
    def test_what_no_single_test_set_can_judge(self, broken, got):
        with pytest.raises(ConfigError, match="cannot be judged on one test set") as caught:
            MappingExperiment(**broken)
        assert caught.value.got == got


class TestSchedule:
    @pytest.mark.parametrize(
        ("images", "n_maps", "epochs"),
        [(100, 100, 1), (100, 99, 2), (100, 34, 3), (100, 33, 4), (100, 5000, 1), (1, 1, 1)],
    )
    def test_as_many_maps_whatever_the_size_of_the_set(self, images, n_maps, epochs):
        """The last epoch is finished: at least ``images`` maps, and less than one epoch more."""
        found = Schedule(images=images, settings={"batch_size": 7}).training(n_maps)
        assert found.epochs == found.patience == epochs
        assert images <= found.epochs * n_maps < images + n_maps
        assert found.batch_size == 7

    def test_a_network_can_have_its_own_length(self):
        schedule = Schedule(images=100)
        assert schedule.training(50, 300).epochs == 6
        assert schedule.training(50, None) == schedule.training(50)
        assert schedule.training(50, 300).model_copy(
            update={"epochs": 2, "patience": 2}
        ) == schedule.training(50)

    def test_the_role_decides(self):
        training = {"main": {"images": 100}, "geometry": {"images": 300}}
        experiment = MappingExperiment(**with_network(images=500) | {"training": training})
        epochs = {
            name: experiment.training_of(network, 100).epochs for name, network in experiment.networks.items()
        }
        assert epochs == {"multi": 1, "any": 1, "peak": 3, "more": 5}

    def test_no_map_is_not_a_length(self):
        with pytest.raises(ValueError, match="greater than 0"):
            Schedule(images=0)


class TestFilledIn:
    def test_physics_and_views_are_those_of_the_experiment_if_not_said(self):
        experiment = MappingExperiment(**with_network(physics=("gizmo",), views=("star_surface_density",)))
        plain, more = experiment.networks["any"], experiment.networks["more"]
        assert experiment.physics_of(plain) == ("gadgetx", "gizmo")
        assert experiment.physics_of(more) == ("gizmo",)
        assert len(experiment.views_of(plain)) == 3
        assert experiment.views_of(more) == ("star_surface_density",)
        assert [experiment.model_of(network)["n_views"] for network in (plain, more)] == [3, 1]

    def test_only_the_preset_of_the_painter_is_filled_in(self):
        experiment = MappingExperiment(**settings())
        found = experiment.survey("peak", "gizmo")
        assert found.simulation == {"kind": "painter", "preset": "gizmo"}
        assert found.model_copy(update={"simulation": {"kind": "painter"}}) == experiment.geometries["peak"]

    def test_sizes_go_where_they_belong(self):
        sizes = {"width": 5, "encoder_width": 3, "discriminator_width": 6}
        for kind in MAP_MODELS:
            experiment = MappingExperiment(**with_network(model={"kind": kind}) | {"sizes": sizes})
            model = experiment.model_of(experiment.networks["more"])
            body = model.get("generator", model)
            assert body["width"] == 5
            with torch.device("meta"):
                narrow = build_map_model(model).n_parameters
                assert narrow < 0.1 * build_map_model({"kind": kind}).n_parameters

    def test_galaxies_are_looked_for_in_the_map_of_stars(self):
        """Its number among the views that the network is given; without the stars there is nothing to add."""
        seen = {
            ("compton_y", "star_surface_density"): 1,
            ("star_surface_density", "compton_y", "xray_surface_brightness"): 0,
            ("compton_y",): None,
            (): 2,
        }
        for kind in MAP_MODELS:
            for views, number in seen.items():
                model = {"model": {"kind": kind}, "views": views}
                with_term, plain = (
                    MappingExperiment(**with_network(**model, galaxies=wanted)) for wanted in (True, False)
                )
                found = with_term.model_of(with_term.networks["more"])
                assert found.get("generator", found).get("galaxies") == number
                without = plain.model_of(plain.networks["more"])
                assert "galaxies" not in without.get("generator", without)

    def test_what_a_network_says_itself_is_kept(self):
        model = {"kind": "pix2pix", "l1_weight": 7.0, "generator": {"depth": 4}}
        experiment = MappingExperiment(**with_network(model=model))
        found = experiment.model_of(experiment.networks["more"])
        assert (found["l1_weight"], found["generator"]["depth"]) == (7.0, 4)

    @pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
    def test_a_fraction_of_parents_is_a_fraction(self, fraction):
        with pytest.raises(ValueError, match="parent_fraction"):
            MapNetworkSettings(model={"kind": "unet"}, parent_fraction=fraction)


class TestDryRun:
    def test_it_counts_stores_and_networks(self):
        experiment = MappingExperiment(
            **settings(sizes={"width": 2}, store={"n_clusters": 1000, "sight_lines": 3})
        )
        lines = dry_run_text(experiment).splitlines()
        assert lines[0].startswith("geometry scaled: at most 6000 sets of 4 maps on 80 x 80 pixels")
        assert "0.3 GiB on disk" in lines[0]  # 6000 x 4 x 6400 pixels x 2 bytes = 0.286 GiB
        assert lines[1].startswith("geometry peak: at most 6000 sets of 4 maps on 80 x 80 pixels of 0.05 Mpc")
        assert [line.split(" | ")[0].strip("| ") for line in lines[-3:]] == ["multi", "any", "peak"]

    def test_sight_lines_by_mass_are_counted_at_most(self):
        rule = {"samples_per_bin": 10, "max_per_cluster": 5}
        networks = {"any": {"model": {"kind": "unet", "width": 2}}}
        store = {"n_clusters": 100, "sight_lines": rule}
        text = dry_run_text(MappingExperiment(**settings(store=store, networks=networks)))
        assert "at most 1000 sets of 4 maps" in text
        assert "geometry peak" not in text  # no network looks at it
