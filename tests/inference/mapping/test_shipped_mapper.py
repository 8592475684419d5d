"""The mapper that ships weighs painted clusters that it has never seen, with any of its views."""

import numpy as np
import pytest

from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.mapping.apertures import cylinder_masses_msun
from zwicky.inference.mapping.answer import LEVELS
from zwicky.inference.mapping.domain import ViewDomain
from zwicky.inference.mapping.mapper import Mapper, subset_name
from zwicky.workflows.shipped import mapper_folder

N = 24
SEED = 77
"""Another universe than the one that it was trained on."""


@pytest.fixture(scope="module")
def mapper():
    return Mapper.load(mapper_folder("deandres2024"))


@pytest.fixture(scope="module")
def clusters(mapper):
    """Views (n, 3, y, x), redshifts (n,), true masses inside the mapper's apertures (n, r)."""
    survey = mapper.facts.survey.build(SEED)
    seen = [survey.observe(i, 0) for i in range(N)]
    views = np.array([[one[q].values for q in mapper.views] for one in seen], np.float32)
    redshift = np.array([one.cluster.redshift for one in seen])
    true = np.array([one[MapQuantity.TOTAL_SURFACE_DENSITY].values for one in seen])
    radii_mpc = np.tile(0.2 * np.arange(1, 11), (N, 1))
    pixel_mpc = np.full(N, mapper.grid.pixel_value)
    return views, redshift, cylinder_masses_msun(true, pixel_mpc, radii_mpc), radii_mpc


@pytest.mark.parametrize(
    "present", [(True, True, True), (True, False, False), (False, True, False), (False, False, True)]
)
def test_masses_are_right_within_what_it_says(mapper, clusters, present):
    views, redshift, true, radii_mpc = clusters
    answer = mapper.predict(views, redshift, present)
    np.testing.assert_allclose(answer.radii_mpc, radii_mpc)
    quantiles = answer.mass_quantiles_msun
    inside = (true > quantiles[..., LEVELS.index(0.025)]) & (true < quantiles[..., LEVELS.index(0.975)])
    # 24 clusters whose ten apertures err together: 80 % is four standard deviations from 95 %.
    assert inside.mean() > 0.8
    middle = quantiles[..., LEVELS.index(0.5)]
    assert abs(np.median(middle[:, 4] / true[:, 4]) - 1.0) < 0.15
    wrong = 3.0 * middle[:, 4] / true[:, 4]
    assert abs(np.median(wrong) - 1.0) > 0.15


def test_more_views_say_more(mapper, clusters):
    views, redshift, true, _ = clusters
    scatter = {}
    for present in ((True, True, True), (False, True, False)):
        middle = mapper.predict(views, redshift, present).mass_quantiles_msun[:, 4, LEVELS.index(0.5)]
        scatter[present] = np.std(np.log(middle / true[:, 4]))
    assert scatter[True, True, True] < scatter[False, True, False]


def test_clean_clusters_are_in_its_domain(mapper, clusters):
    assert isinstance(mapper.facts.domain, ViewDomain)
    flag, reasons = mapper.judge(clusters[0], (True, True, True))
    assert (flag == 0).mean() > 0.8, reasons


def test_where_it_comes_from(mapper):
    assert mapper.facts.provenance["experiment"] == "deandres2024"
    assert mapper.facts.provenance["preset"] == "laptop"
    assert subset_name(mapper.views, mapper.subsets[0]) == "sz+xray+star"
    assert sum(path.stat().st_size for path in mapper_folder("deandres2024").iterdir()) < 5e6
