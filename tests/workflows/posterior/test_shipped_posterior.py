"""The posterior mapper that ships: what it is, how large, and that it draws clusters it has never seen."""

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.inference.posterior.folder import DESCRIPTION
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.workflows.shipped import posterior_folder, shipped_folder, shipped_names

NAME = "hsu2024"
MOST_BYTES = 5_000_000
UNSEEN = 9_000_000
"""Index of a cluster that no store holds."""


@pytest.fixture(scope="module")
def mapper():
    return PosteriorMapper.load(posterior_folder(NAME))


@pytest.fixture(scope="module")
def seen(mapper):
    """Views, redshifts and true maps of clusters."""
    observed = [mapper.survey.observe(UNSEEN + i, 0) for i in range(4)]
    views, truth = (
        np.array([[one[name].values for name in names] for one in observed], np.float32)
        for names in (mapper.views, mapper.targets)
    )
    return views, np.array([one.cluster.redshift for one in observed]), truth


def test_it_is_listed_and_each_file_is_small():
    assert shipped_names(DESCRIPTION) == [NAME]
    assert f"| `{NAME}` |" in (shipped_folder() / "README.md").read_text(encoding="utf-8")
    assert max(path.stat().st_size for path in posterior_folder(NAME).iterdir()) < MOST_BYTES


def test_what_it_is(mapper):
    facts = mapper.facts
    assert facts.provenance["experiment"] == NAME
    assert facts.provenance["preset"] == "laptop"
    assert facts.grid.n_pixels == 64
    assert facts.sampler.evaluations <= 32
    assert facts.recalibration.profiles is not None
    assert facts.masses is not None


@pytest.mark.slow
def test_it_draws_clusters_that_it_has_never_seen(mapper, seen):
    views, redshift, truth = seen
    found = mapper.sample(views, redshift, 8, names=[str(i) for i in range(len(views))])
    drawn, true = np.log10(found.samples), np.log10(truth)
    off = np.abs(drawn.mean(axis=1) - true).mean(axis=(0, 2, 3))
    assert (off < (0.02, 0.1)).all()
    scatter = np.abs(true - true.mean(axis=(2, 3), keepdims=True)).mean(axis=(0, 2, 3))
    assert (off < 0.2 * scatter).all()  # four fifths of what there is to know


@pytest.mark.slow
def test_a_view_with_a_hole_is_refused_before_anything_is_drawn(mapper, seen):
    views, redshift, _ = seen
    holed = views.copy()
    holed[2, 0, 5, 5] = np.nan
    with pytest.raises(MapError, match="compton_y"):
        mapper.sample(holed, redshift, 2, names=["a", "b", "c", "d"])
