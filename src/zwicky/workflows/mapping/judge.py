"""Judge the networks of an experiment on its test set, each beside baselines that were fitted on the same clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from zwicky.data.dataset import MapData, selected
from zwicky.evaluation.mapping.apertures import difference_quantiles, mass_bias
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.inference.mapping.answer import LEVELS, PredictedMaps
from zwicky.inference.mapping.baselines import LINEAR, LINEAR_R, PROFILE, Baseline, fit_baselines
from zwicky.inference.mapping.calibration import aperture_sums
from zwicky.inference.mapping.mapper import Mapper, subset_name
from zwicky.workflows.mapping.experiment import MapNetworkSettings, MappingExperiment
from zwicky.workflows.mapping.sets import Sets

Say = Callable[[str], None]

LARGEST_R200C_MPC: Final = 2.0
"""Half the side of maps of fixed size; larger clusters are left out in every geometry, so that all judge the same."""

BY_NAME: Final = {LINEAR: "linear: {}", LINEAR_R: "linear: {}, best r(k)", PROFILE: "mean profile"}


@dataclass(frozen=True, eq=False)
class Judged:
    """Everything that a run has to judge with.

    Parameters
    ----------
    experiment : MappingExperiment
    sets : Sets
    mappers : dict of str to Mapper
        By network name.
    """

    experiment: MappingExperiment
    sets: Sets
    mappers: Mapping[str, Mapper]

    def networks(self, role: str) -> dict[str, MapNetworkSettings]:
        """Return the networks of one role, in order."""
        return {name: n for name, n in self.experiment.networks.items() if n.role == role}


def methods(
    judged: Judged, geometry: str, test: MapData, true: TrueMaps, say: Say
) -> Iterator[PredictedMaps]:
    """Yield what every main network and every baseline says about the test set, one at a time.

    Parameters
    ----------
    judged : Judged
    geometry : str
        Of the main networks.
    test : MapData
        With all views of the geometry.
    true : TrueMaps
        The same clusters.
    say : function
        Told what comes next.
    """
    for name, network in judged.networks("main").items():
        mapper = judged.mappers[name]
        maps = judged.sets.views_of(network, test.maps).numpy()
        for present in mapper.subsets:
            whole = all(present)
            label = name if whole else f"{name}: {subset_name(mapper.views, present)}"
            say(f"judging {label}")
            predicted = mapper.predict(maps, test.redshift.numpy(), present)
            yield replace(in_mpc(predicted, true), name=label)
    views = tuple(judged.experiment.geometries[geometry].views)
    training, validation = (judged.sets.whole(geometry, split) for split in ("train", "validation"))
    for present in baseline_subsets(len(views)):
        for name, baseline in baselines(training, validation, present).items():
            if name == PROFILE and not all(present):
                continue  # its best setting is all views
            label = BY_NAME[name].format(short_name(judged, geometry, present))
            say(f"judging {label}")
            yield PredictedMaps(label, baseline.predict(test.maps.numpy()))


def baseline_subsets(n_views: int) -> list[tuple[bool, ...]]:
    """Return each view alone, and all together."""
    alone = [tuple(i == view for i in range(n_views)) for view in range(n_views)]
    return alone if n_views == 1 else [*alone, (True,) * n_views]


def baselines(training: MapData, validation: MapData, present: tuple[bool, ...]) -> dict[str, Baseline]:
    """Fit the baselines of one subset of views on a training set."""
    assert training.target is not None and validation.target is not None
    return fit_baselines(
        training.maps.numpy(), training.target.numpy(), validation.maps.numpy(), validation.target.numpy(),
        present,
    )  # fmt: skip


def short_name(judged: Judged, geometry: str, present: tuple[bool, ...]) -> str:
    """Return "all", or the name of a subset of views."""
    quantities = judged.experiment.geometries[geometry].view_quantities
    return "all" if all(present) else subset_name(quantities, present)


def in_mpc(predicted: PredictedMaps, true: TrueMaps) -> PredictedMaps:
    """Return a prediction with its masses in Msun and its radii in Mpc, whatever its grid is measured in.

    A mapper on a scaled grid answers for R200c = 1 Mpc: only who knows the radius can say how many solar masses.
    """
    if predicted.mass_quantiles_msun is None or predicted.radii_mpc is None:
        return predicted
    half_width = 0.5 * predicted.mean.shape[-1] * true.pixel_mpc
    unit_mpc = half_width / predicted.radii_mpc[:, -1]
    return replace(
        predicted,
        mass_quantiles_msun=predicted.mass_quantiles_msun * unit_mpc[:, None, None] ** 2,
        radii_mpc=predicted.radii_mpc * unit_mpc[:, None],
    )


def transfer_rows(judged: Judged, say: Say) -> list[dict[str, Any]]:
    """Return how networks taught on some physics, or masses, do on each physics: appendix A of the paper."""
    rows = []
    for name, network in judged.networks("transfer").items():
        mapper = judged.mappers[name]
        linear = baselines(
            judged.sets.of(network, "train"),
            judged.sets.of(network, "validation"),
            (True,) * len(mapper.views),
        )[LINEAR]
        for physics in judged.experiment.physics:
            say(f"judging {name} on {physics}")
            test = judged.sets.whole(network.geometry, "test", (physics,))
            for label, chosen in mass_cuts(network, test):
                part = selected(test, chosen)
                maps = judged.sets.views_of(network, part.maps).numpy()
                rows.append(
                    {
                        "train": described(judged.experiment, network),
                        "test": physics if label == "" else f"{physics}, {label}",
                        "method": name,
                        "n_train": mapper.facts.sizes["train"],
                        **mass_numbers(mapper, maps, part),
                        **{f"baseline_{k}": v for k, v in bias_of(linear.predict(maps), part).items()},
                    }
                )
    return rows


def mass_cuts(network: MapNetworkSettings, test: MapData) -> list[tuple[str, np.ndarray]]:
    """Return (label, rows): all masses, or those it was and was not taught if it was taught a range."""
    mass = test.log10_mass.numpy()
    if network.log10_m200c_range is None:
        return [("", np.ones(len(test), bool))]
    low, high = network.log10_m200c_range
    inside = (mass >= low) & (mass < high)
    return [
        (label, rows) for label, rows in (("taught masses", inside), ("other masses", ~inside)) if rows.any()
    ]


def described(experiment: MappingExperiment, network: MapNetworkSettings) -> str:
    """Return the training set in words."""
    physics = " + ".join(experiment.physics_of(network))
    if network.log10_m200c_range is None:
        return physics
    low, high = network.log10_m200c_range
    return f"{physics}, 10^{low:.2f}-10^{high:.2f} Msun"


def mass_numbers(mapper: Mapper, maps: np.ndarray, data: MapData) -> dict[str, float]:
    """Return bias, scatter and coverage of the mass in the largest aperture, R200c on the paper's grid."""
    predicted = mapper.predict(maps, data.redshift.numpy())
    assert data.target is not None and predicted.mass_quantiles_msun is not None
    true_mass = aperture_sums(data.target.numpy())[:, -1] * mapper.grid.pixel_value**2
    quantiles = dict(zip(LEVELS, predicted.mass_quantiles_msun[:, -1].T, strict=True))
    covered = {
        "coverage_68": (quantiles[0.16] <= true_mass) & (true_mass <= quantiles[0.84]),
        "coverage_95": (quantiles[0.025] <= true_mass) & (true_mass <= quantiles[0.975]),
    }
    return {
        **bias_of(predicted.mean, data),
        **{name: float(inside.mean()) for name, inside in covered.items()},
    }


def bias_of(predicted: np.ndarray, data: MapData) -> dict[str, float]:
    """Return median and half 16-84 % width of the relative error of the mass in the largest aperture."""
    assert data.target is not None
    error = aperture_sums(predicted)[:, -1] / aperture_sums(data.target.numpy())[:, -1] - 1.0
    low, middle, high = np.quantile(error, (0.16, 0.5, 0.84))
    return {"bias_r200": float(middle), "scatter_r200": float(0.5 * (high - low))}


def learning_curve(judged: Judged, test: MapData, true: TrueMaps, say: Say) -> list[dict[str, Any]]:
    """Return the errors of one network taught with more and more parents."""
    rows = []
    for name, network in judged.networks("learning_curve").items():
        say(f"judging {name}")
        mapper = judged.mappers[name]
        maps = judged.sets.views_of(network, test.maps).numpy()
        predicted = mapper.predict(maps, test.redshift.numpy())
        _, plus, minus = difference_quantiles(true, predicted.mean, "map")
        rows.append(
            {
                "n_train_parents": mapper.facts.sizes["train_parents"],
                "n_train_maps": mapper.facts.sizes["train"],
                "pixel_scatter": 0.5 * (plus + minus),
                **bias_of(predicted.mean, test),
            }
        )
    return sorted(rows, key=lambda row: row["n_train_parents"])


def geometry_rows(judged: Judged, say: Say) -> list[dict[str, Any]]:
    """Return what the same network reaches in each geometry: what knowing the true radius is worth."""
    return [
        geometry_row(judged, name, network, say)
        for name, network in judged.experiment.networks.items()
        if network.role == "geometry" or name == judged.experiment.compared_with_geometry
    ]


def geometry_row(judged: Judged, name: str, network: MapNetworkSettings, say: Say) -> dict[str, Any]:
    """Return bias and scatter of M(<R500c) and M(<R200c), true radii, for clusters whose R200c is on every map."""
    say(f"judging {name} in its geometry, {network.geometry}")
    mapper, true = judged.mappers[name], judged.sets.truth(network.geometry)
    test = judged.sets.whole(network.geometry, "test")
    maps = judged.sets.views_of(network, test.maps).numpy()
    fits = true.r200c_mpc <= LARGEST_R200C_MPC
    predicted = in_mpc(mapper.predict(maps, test.redshift.numpy()), true)
    radii_mpc = np.stack([true.r500c_mpc, true.r200c_mpc], axis=1)
    error = mass_bias(true.maps, predicted.mean, true.pixel_mpc, radii_mpc)[fits]
    low, middle, high = np.quantile(error, (0.16, 0.5, 0.84), axis=0)
    return {
        "network": name,
        "geometry": network.geometry,
        "grid": str(mapper.grid),
        "n_maps": int(fits.sum()),
        **{f"bias_{r}": float(v) for r, v in zip(("r500", "r200"), middle, strict=True)},
        **{f"scatter_{r}": float(v) for r, v in zip(("r500", "r200"), 0.5 * (high - low), strict=True)},
        **coverage_of(predicted, true),
    }


def coverage_of(predicted: PredictedMaps, true: TrueMaps) -> dict[str, float]:
    """Return how often M(<R) lies in its intervals, over all apertures of the map."""
    assert predicted.mass_quantiles_msun is not None
    sums = aperture_sums(true.maps) * true.pixel_mpc[:, None] ** 2
    q = predicted.mass_quantiles_msun
    return {
        "coverage_68": float(((q[..., 1] <= sums) & (sums <= q[..., 3])).mean()),
        "coverage_95": float(((q[..., 0] <= sums) & (sums <= q[..., 4])).mean()),
    }
