"""Levels add ingredients one by one."""

import itertools
from dataclasses import asdict
from typing import get_args

import pytest

from zwicky.core.errors import ConfigError
from zwicky.mocks.photon_levels import Ingredient, Ingredients, Level


def test_each_level_adds_to_the_one_before():
    there = [{name for name, on in asdict(Ingredients.of(level)).items() if on} for level in get_args(Level)]
    assert [len(names) for names in there] == [0, 1, 2, 3, 4, 6]
    assert all(low < high for low, high in itertools.pairwise(there))
    assert there[-1] == set(get_args(Ingredient)) == set(asdict(Ingredients()))
    assert there[2] == {"poisson", "psf"}


def test_single_ingredients_can_be_put_in_or_left_out():
    found = Ingredients.of("ideal", {"background": True, "psf": False})
    assert found == Ingredients(background=True)
    assert Ingredients.of("full", {"sources": False}) == Ingredients.of("background", {"miscentred": True})


def test_mistakes():
    with pytest.raises(ConfigError, match=r"no such level(.|\n)*did you mean 'background'"):
        Ingredients.of("backgroud")
    with pytest.raises(ConfigError, match=r"no such ingredient(.|\n)*'agn'"):
        Ingredients.of("full", {"agn": False})
