"""A cluster knows its parent, and files each mass under its own definition."""

import dataclasses

import pytest

from zwicky.core.cluster import Cluster
from zwicky.core.errors import MassError, RedshiftError
from zwicky.core.masses import M200C, M500C, Mass

MASS = Mass(5e14, M500C)


def test_the_parent_is_the_cluster_itself_unless_told():
    assert Cluster("a", 0.2).parent == "a"
    assert Cluster("a-sightline-2", 0.2, parent="a").parent == "a"


def test_it_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Cluster("a", 0.2).redshift = 0.3


def test_its_mass():
    assert Cluster("a", 0.2, {M500C: MASS}).mass(M500C) is MASS


def test_a_mass_that_is_not_known():
    with pytest.raises(
        MassError, match=r"not known[\s\S]*cluster a[\s\S]*expected: +M500c[\s\S]*got: +M200c"
    ):
        Cluster("a", 0.2, {M500C: MASS}).mass(M200C)
    with pytest.raises(MassError, match="a mock cluster with masses"):
        Cluster("real", 0.2).mass(M200C)


def test_a_mass_filed_under_another_definition():
    with pytest.raises(MassError, match=r"filed under another definition[\s\S]*M200c[\s\S]*M500c = 5"):
        Cluster("a", 0.2, {M200C: MASS})


@pytest.mark.parametrize("redshift", [None, 0.0, -0.5])
def test_a_redshift_that_cannot_be(redshift):
    with pytest.raises(RedshiftError, match="cluster a"):
        Cluster("a", redshift)
