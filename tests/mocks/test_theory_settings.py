"""The data of mass maps as settings: names become maps and grids, and a mistyped one is told the nearest."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.masses import M200C
from zwicky.core.quantities import MapQuantity as Q
from zwicky.data.codec import log16_of
from zwicky.data.dataset import joined, load_split
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan
from zwicky.data.splits import SPLITS
from zwicky.data.store import Store
from zwicky.mocks import theory_survey
from zwicky.mocks.theory_settings import CentringSettings, TheorySurveySettings, grid_named
from zwicky.mocks.theory_survey import FIXED_PROPER, GRIDS, TWO_R200, WIDE_FIELD, Centring
from zwicky.workflows.painted import grid_named as grid_of_the_command

VIEWS = (Q.COMPTON_Y, Q.XRAY_SURFACE_BRIGHTNESS, Q.STAR_SURFACE_DENSITY)


def read(**settings):
    return parse(TheorySurveySettings, settings, where="survey")


class TestWhatIsBuilt:
    def test_the_defaults_are_those_of_the_paper(self):
        """De Andres et al. 2024: three views, total mass, 80 pixels across 2 R200."""
        settings = read()
        survey = settings.build(5)
        assert survey.channels == (*VIEWS, Q.TOTAL_SURFACE_DENSITY)
        assert (settings.view_quantities, settings.target_quantity) == (VIEWS, Q.TOTAL_SURFACE_DENSITY)
        assert survey.grid == TWO_R200
        assert (survey.beam_fwhm, survey.centring) == (None, None)
        assert survey.settings()["simulation"]["seed"] == 5

    def test_the_geometry_without_the_radius(self):
        centring = {"quantity": "compton_y", "search_radius": "600 kpc", "error": "0.05 Mpc"}
        survey = read(grid="proper-4mpc", beam_fwhm=0.15, centring=centring).build(7)
        assert (survey.grid, survey.beam_fwhm, survey.seed) == (FIXED_PROPER, 0.15, 7)
        assert survey.centring == Centring(Q.COMPTON_Y, 0.6, 0.05, 0.15)

    def test_views_target_and_further_maps_keep_their_order(self):
        settings = read(
            views=["star_surface_density"], target="compton_y", also=["gas_surface_density"], grid="wide"
        )
        survey = settings.build(1)
        assert survey.channels == (Q.STAR_SURFACE_DENSITY, Q.COMPTON_Y, Q.GAS_SURFACE_DENSITY)
        assert survey.grid == WIDE_FIELD

    def test_the_simulation_and_its_settings(self):
        survey = read(simulation={"kind": "painter", "preset": "gizmo"}).build(1)
        assert survey.simulation.config.preset == "gizmo"

    def test_settings_survive_json(self):
        settings = read(grid="proper-4mpc", centring={"error": "40 kpc"}, also=["gas_surface_density"])
        again = TheorySurveySettings.model_validate_json(settings.model_dump_json())
        assert again == settings
        assert again.build(3).settings() == settings.build(3).settings()

    def test_the_seed_is_of_clusters_and_centres(self):
        settings = read(grid="proper-4mpc", centring={})
        assert settings.build(1).settings() != settings.build(2).settings()
        assert settings.build(2).seed == 2

    def test_default_centring(self):
        assert CentringSettings().build() == Centring(Q.XRAY_SURFACE_BRIGHTNESS, 0.5, 0.04, 0.15)

    def test_every_named_grid(self):
        assert {name: grid_named(name) for name in GRIDS} == GRIDS
        assert set(GRIDS) == {"two-r200", "proper-4mpc", "wide", "wide-64"}
        assert grid_of_the_command("proper-4mpc") == FIXED_PROPER


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"grid": "two-r20"}, r"grid is not known.*survey\.grid.*did you mean 'two-r200'"),
            ({"views": ["compton-y"]}, r"quantity is not known.*survey\.views.*did you mean 'compton_y'"),
            ({"target": "total_mass"}, r"quantity is not known.*survey\.target"),
            ({"also": ["gas"]}, r"quantity is not known.*survey\.also"),
            ({"also": ["compton_y"]}, r"cannot paint these maps.*each once"),
            ({"target": "temperature"}, r"cannot paint these maps"),
            ({"simulation": {"kind": "paintr"}}, r"simulation is not known.*did you mean 'painter'"),
            ({"simulation": {}}, r"simulation is not known.*painter"),
            ({"simulation": {"kind": "painter", "preset": "gadget"}}, r"gadgetx"),
            ({"simulation": {"kind": "spherical"}}, r"cannot paint these maps"),
            ({"beam_fwhm": 3.0}, r"beam does not fit"),
            ({"centring": {}}, r"need no observed centre"),
            (
                {"grid": "wide", "centring": {"quantity": "xray"}},
                r"quantity is not known.*survey\.centring\.quantity.*xray_surface_brightness",
            ),
            (
                {"grid": "wide", "centring": {"quantity": "star_surface_density"}},
                r"cannot be centred on this map",
            ),
            ({"grid": "wide", "centring": {"error": "-1 Mpc"}}, r"centring\.error_mpc"),
        ],
    )
    def test_what_cannot_be_built(self, changes, match):
        with pytest.raises(ConfigError, match=f"(?s){match}"):
            read(**changes).build(1)

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"views": []}, r"survey: views.*at least 1"),
            ({"view": ["compton_y"]}, r"survey: view.*did you mean 'views'"),
            ({"centring": {"radius": "1 Mpc"}}, r"survey: centring\.radius.*search_radius"),
            ({"centring": {"error": "0.04"}}, r"survey: centring\.error.*quantity with a unit"),
            ({"centring": {"error": "1 arcmin"}}, r"survey: centring\.error.*Mpc"),
        ],
    )
    def test_what_cannot_be_read(self, changes, match):
        with pytest.raises(ConfigError, match=f"(?s){match}"):
            read(**changes)


class TestTwoPhysics:
    """The same haloes painted twice: one parent, one side of the split, and two names."""

    PHYSICS = ("gadgetx", "gizmo")

    @pytest.fixture(scope="class", name="stores")
    @classmethod
    def made(cls, tmp_path_factory):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(theory_survey.GRIDS, "tiny", Grid(6, 0.5 * u.Mpc, "proper"))
            surveys = [
                read(simulation={"kind": "painter", "preset": physics}, grid="tiny", centring={}).build(3)
                for physics in cls.PHYSICS
            ]
        stores = {}
        for split_seed in (3, 4):
            for physics, survey in zip(cls.PHYSICS, surveys, strict=True):
                folder = tmp_path_factory.mktemp(f"{physics}-{split_seed}")
                plan = StorePlan(
                    survey.settings(),
                    n_clusters=12,
                    sight_lines=2,
                    split_seed=split_seed,
                    log16=log16_of(survey.channels),
                )
                generate(survey, plan, folder)
                stores[physics, split_seed] = Store.open(folder)
        return stores

    @staticmethod
    def sides(*stores):
        """For each parent, the splits in which it is seen."""
        found = {}
        for store in stores:
            for split in SPLITS:
                for parent in store.read(split=split).parent:
                    found.setdefault(str(parent), set()).add(split)
        return found

    def test_a_parent_is_on_one_side_in_both(self, stores):
        found = self.sides(stores["gadgetx", 3], stores["gizmo", 3])
        assert len(found) == 12
        assert all(len(sides) == 1 for sides in found.values())
        assert len(set.union(*found.values())) > 1

    def test_another_split_seed_would_put_it_on_two(self, stores):
        """Negative control."""
        found = self.sides(stores["gadgetx", 3], stores["gizmo", 4])
        assert any(len(sides) > 1 for sides in found.values())

    def test_joined_they_can_be_told_apart(self, stores):
        parts = [
            load_split(stores[physics, 3], "train", M200C, target=Q.TOTAL_SURFACE_DENSITY)
            for physics in self.PHYSICS
        ]
        both = joined(parts)
        assert both.maps.shape == (len(parts[0]) + len(parts[1]), 3, 6, 6)
        assert set(parts[0].parent) == set(parts[1].parent) == set(both.parent)
        physics = np.array([name.split("-")[0] for name in both.id])
        np.testing.assert_array_equal(physics, np.repeat(self.PHYSICS, [len(part) for part in parts]))
        assert len(set(both.id)) == len(both)
        gas = {name: both.truth["gas_fraction_500"][physics == name] for name in self.PHYSICS}
        assert not np.any(gas["gadgetx"] == gas["gizmo"])
        np.testing.assert_array_equal(both.log10_mass[physics == "gadgetx"], parts[0].log10_mass)

    def test_the_error_of_the_centre_is_the_same_in_both(self, stores):
        """Only the peak itself may differ between two physics of one sight-line."""
        offsets = [
            np.stack([stores[physics, 3].read().truth[f"offset_{axis}_mpc"] for axis in "yx"])
            for physics in self.PHYSICS
        ]
        assert np.median(np.hypot(*(offsets[0] - offsets[1]))) < 0.02
        assert offsets[0].std() == pytest.approx(0.04, rel=0.5)
