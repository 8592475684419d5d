"""The table of published relations: complete, consistent, and cited."""

import re
from dataclasses import fields

import pytest

from zwicky.evaluation.explanations import relations_for
from zwicky.evaluation.relations import LUMINOSITY, OBSERVED
from zwicky.simulations.painter.measuring.properties import ClusterProperties

COLUMNS = {one.name for one in fields(ClusterProperties)} | {"y500_over_a10"}


def test_there_are_enough_and_each_has_its_name():
    names = [one.name for one in OBSERVED]
    assert len(names) >= 24
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("one", OBSERVED, ids=lambda one: one.name)
def test_a_relation_is_usable(one):
    assert one.low < one.high
    assert {one.x, one.y, one.other or one.x} <= COLUMNS
    assert (one.statistic == "correlation") == bool(one.other)
    assert re.search(r"(19|20)\d\d", one.source), "a source has a year"
    assert one.literature
    assert not one.explanation, "what is understood depends on the preset"


@pytest.mark.parametrize("one", OBSERVED, ids=lambda one: one.name)
def test_a_band_holds_the_published_numbers(one):
    """Every number a.bc of the literature text lies in the band, but for self-similar values and masses."""
    text = re.sub(
        r"self-similar -?[\d.]+|\+-? ?[\d.]+|\([^)]*\)|1e\d\d|-[\d.]+ dex|at most", "", one.literature
    )
    numbers = [float(found) for found in re.findall(r"(?<![\w^])-?\d+\.?\d*(?:e\d+)?(?![\w%])", text)]
    assert all(one.low <= number <= one.high for number in numbers), (numbers, one.low, one.high)


@pytest.mark.parametrize("preset", ["gadgetx", "gizmo"])
def test_presets_of_simulations_are_held_against_them(preset):
    relations = {one.name: one for one in relations_for(preset)}
    assert list(relations) == [one.name for one in OBSERVED]
    gas = relations["gas fraction at 1e14 Msun"]
    assert preset in gas.source
    assert "observed: 0.055" in gas.literature
    assert {"gadgetx": 0.113, "gizmo": 0.055}[preset] == pytest.approx(0.5 * (gas.low + gas.high))
    assert all(relations[one.name].explanation for one in LUMINOSITY if one.statistic == "slope")
    untouched = next(one for one in OBSERVED if one.name == "T - M500: scatter of ln T")
    assert relations[untouched.name] == untouched


def test_observations_are_the_rule():
    relations = relations_for("hyper")
    changed = [one.name for one, seen in zip(relations, OBSERVED, strict=True) if one != seen]
    assert changed == [one.name for one in LUMINOSITY if one.statistic == "slope"]
    mean_pressure = {one.name: one.explanation for one in relations_for("hyper", "dpp")}
    assert "mean pressure profile" in mean_pressure["Y500 - M500: scatter of ln Y"]
    assert not mean_pressure["gas fraction at 1e14 Msun"]
