"""A survey whose pixels can be worked out by hand, and which can be told to go wrong."""

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200C, M500C, Mass
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import COMPTON_Y, K_CMB
from zwicky.data.plan import StorePlan
from zwicky.data.shards import ShardOutcome
from zwicky.data.splits import SplitFractions

N_PIXELS = 4


def expected_pixels(cluster_index, sight_line, seed=1):
    """(channel, y, x): Compton-y and microkelvin; whole numbers small enough to be exact in float32."""
    pixel = np.arange(N_PIXELS**2, dtype=float).reshape(N_PIXELS, N_PIXELS)
    base = 10000.0 * seed + 1000.0 * cluster_index + 100.0 * sight_line + pixel
    return np.stack([base, -base])


@dataclass(frozen=True)
class FakeSurvey:
    seed: int = 1
    seconds: float = 0.0  # per observation; decides no pixel
    fault: str = ""  # what goes wrong, and in which cluster; decides no setting
    faulty_cluster: int = 3
    beam_arcmin: float | None = 1.5

    def settings(self):
        return {"simulation": {"name": "fake", "masses": ("M500c", "M200c")}, "seed": self.seed}

    @property
    def channels(self):
        return (MapQuantity.COMPTON_Y, MapQuantity.TEMPERATURE)

    @property
    def grid(self):
        return Grid(N_PIXELS, 0.5 * u.arcmin, "sky")

    def observe(self, cluster_index, sight_line):
        time.sleep(self.seconds)
        compton_y, microkelvin = expected_pixels(cluster_index, sight_line, self.seed)
        cluster = Cluster(
            id=f"fake-{cluster_index}-ü{sight_line}",
            parent=f"fake-{cluster_index}",
            redshift=0.1 + 0.01 * cluster_index,
            masses={
                M500C: Mass(1e14 * (1 + cluster_index), M500C),
                M200C: Mass(2e14 * (1 + cluster_index), M200C),
            },
            sight_line=sight_line,
            properties={"offset_x_arcmin": 0.25 * sight_line, "asymmetry": 0.5},
        )
        observed = MapSet(
            cluster,
            {
                # Kept in microkelvin, given in kelvin, and in another order than the channels.
                MapQuantity.TEMPERATURE: Map(
                    1e-6 * microkelvin, MapQuantity.TEMPERATURE, K_CMB, self.grid, "observed"
                ),
                MapQuantity.COMPTON_Y: Map(
                    compton_y, MapQuantity.COMPTON_Y, COMPTON_Y, self.grid, "observed"
                ),
            },
        )
        return (
            spoil(observed, self.fault) if self.fault and cluster_index == self.faulty_cluster else observed
        )


def spoil(observed, fault):
    cluster, maps = observed.cluster, dict(observed.maps)
    y_map = maps[MapQuantity.COMPTON_Y]
    if fault == "killed" and multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "overflow":
        maps[MapQuantity.COMPTON_Y] = replace(y_map, values=y_map.values * 1e40)
    if fault == "mask":
        maps[MapQuantity.COMPTON_Y] = replace(y_map, mask=np.eye(N_PIXELS, dtype=bool))
    if fault == "grid":
        wide = Grid(N_PIXELS, 1.0 * u.arcmin, "sky")
        maps = {quantity: replace(one, grid=wide) for quantity, one in maps.items()}
    changes = {
        "no mass": {"masses": {}},
        "taken name": {"properties": {"redshift": 1.0}},
        "nan property": {"properties": {**cluster.properties, "asymmetry": float("nan")}},
        "other property": {"properties": {**cluster.properties, "colour": 1.0}},
        "shared parent": {"parent": "fake-0"},
    }
    return replace(observed, cluster=replace(cluster, **changes.get(fault, {})), maps=maps)


def plan_for(survey, **changes):
    """Seven clusters on two sight-lines, in shards of 3 + 3 + 1 clusters unless told otherwise."""
    defaults = {
        "n_clusters": 7,
        "sight_lines": 2,
        "clusters_per_shard": 3,
        "fractions": SplitFractions(0.5, 0.25, 0.25),
        "split_seed": 5,
    }
    return StorePlan(settings=survey.settings(), **{**defaults, **changes})


def pretend_to_write(shard_index, *, folder, plan, survey):
    """A worker that writes to a disk which nobody else sees."""
    return ShardOutcome(shard_index)
