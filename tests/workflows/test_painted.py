"""A store of painted maps: several sight-lines, both encodings, the same bytes on every engine."""

import hashlib

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C
from zwicky.core.quantities import MapQuantity as Q
from zwicky.data.sight_lines import FlatInMass
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.workflows.painted import PaintedPlan, grid_named, paint_store

MAPS = ("compton_y", "total_surface_density")


def plan(**changes):
    fields = {
        "settings": PainterSettings(),
        "seed": 3,
        "n_clusters": 4,
        "quantities": MAPS,
        "clusters_per_shard": 2,
    }
    return PaintedPlan(**{**fields, "grid": "two-r200", **changes})


def hashes(folder):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("shards/*.h5"))]


def test_a_store_holds_what_the_painter_paints(tmp_path):
    store = paint_store(plan(sight_lines=3), tmp_path / "s", 1, lambda _: None)
    assert store.n_samples == 12
    painter = Painter(PainterSettings(), 3)
    for sample, (cluster, sight_line) in {0: (0, 0), 5: (1, 2), 11: (3, 2)}.items():
        seen = store.read(np.array([sample])).maps[0]
        painted = painter.theory(cluster, sight_line, grid_named("two-r200"))
        for channel, quantity in zip(seen, (Q.COMPTON_Y, Q.TOTAL_SURFACE_DENSITY), strict=True):
            assert np.allclose(channel, painted[quantity].values, rtol=5e-4)


def test_rare_masses_are_seen_from_more_sides(tmp_path):
    rule = FlatInMass(samples_per_bin=4, max_per_cluster=4, bin_dex=0.4)
    store = paint_store(plan(sight_lines=rule, n_clusters=8), tmp_path / "s", 1, lambda _: None)
    painter = Painter(PainterSettings(), 3)
    bins = {np.floor(painter.cluster(i).mass(M200C).log10_msun / 0.4) for i in range(8)}
    assert 1 < len(bins) < 8
    assert store.n_samples == 4 * len(bins)


@pytest.mark.slow
def test_the_bytes_are_the_same_on_every_engine(tmp_path):
    paint_store(plan(), tmp_path / "one", 1, lambda _: None)
    paint_store(plan(), tmp_path / "two", 2, lambda _: None)
    paint_store(plan(), tmp_path / "dask", 2, lambda _: None, engine="dask")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two") == hashes(tmp_path / "dask")
    paint_store(plan(seed=4), tmp_path / "other", 1, lambda _: None)
    assert hashes(tmp_path / "one") != hashes(tmp_path / "other")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"grid": "huge"}, "This grid is not known"),
        ({"encoding": "log8"}, "This encoding is not known"),
        ({"quantities": ("compton_z",)}, "The painter has no such map"),
    ],
)
def test_unknown_names_are_refused_before_anything_is_written(tmp_path, changes, match):
    with pytest.raises(ConfigError, match=match):
        paint_store(plan(**changes), tmp_path / "s", 1, lambda _: None)
    assert not (tmp_path / "s").exists()
