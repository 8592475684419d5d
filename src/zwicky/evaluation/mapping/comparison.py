"""Two methods on the same resampled clusters: what both share cancels, so that small differences show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn, paired

MEAN_PROFILE: Final = "mean profile"
_LINEAR: Final = "linear: "
_ANY: Final = "any: "


@dataclass(frozen=True, eq=False)
class Resampled:
    """What is compared of one method, on the whole test set.

    Parameters
    ----------
    name : str
        The method.
    pixel_scatter : Drawn of a scalar [1]
        Half of the 16 to 84 % range of eq. 6, over the whole maps.
    scatter_r200 : Drawn of a scalar [1]
        The same of the bias of M(<R200c).
    r : Drawn of (k,) [1]
        Cross-correlation with the truth.
    """

    name: str
    pixel_scatter: Drawn
    scatter_r200: Drawn
    r: Drawn


class Win(NamedTuple):
    """At how many scales r(k) of one method lies above that of another.

    Parameters
    ----------
    n_scales : int
        How many scales there are.
    above : int
        Where the measured r(k) is higher.
    surely_above, surely_below : int
        Where the 95 % interval of the paired difference excludes zero.
    """

    n_scales: int
    above: int
    surely_above: int
    surely_below: int

    @property
    def everywhere(self) -> bool:
        """Whether it is higher at every scale."""
        return self.above == self.n_scales

    def __str__(self) -> str:
        where = "every scale" if self.everywhere else f"{self.above} of {self.n_scales} scales"
        return (
            f"above at {where} (beyond its 95 % error at {self.surely_above}, below at {self.surely_below})"
        )


def is_baseline(name: str) -> bool:
    """Say whether a method is one of those that a network must beat."""
    return name == MEAN_PROFILE or is_linear(name)


def is_linear(name: str) -> bool:
    """Say whether a method is a linear map: ``linear: sz``, or ``linear: sz, best r(k)``."""
    return name.startswith(_LINEAR)


def is_subset(name: str) -> bool:
    """Say whether a method is the one network of any views, given some of them."""
    return name.startswith(_ANY)


def single_view(name: str) -> str:
    """Return the network of its own that a subset of ``any`` stands beside: ``any: sz`` beside ``sz``."""
    return name.removeprefix(_ANY)


def main_methods(names: Sequence[str]) -> list[str]:
    """Return the networks, without baselines and without subsets of ``any``."""
    return [name for name in names if not is_baseline(name) and not is_subset(name)]


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return which pairs are compared: each network with each baseline and each other network.

    A subset of ``any`` is compared with the baselines and with the network of that view alone.
    """
    pairs = []
    for candidate in (name for name in names if not is_baseline(name)):
        partners = [single_view(candidate)] if is_subset(candidate) else main_methods(names)
        pairs += [
            (candidate, other)
            for other in names
            if other != candidate and (is_baseline(other) or other in partners)
        ]
    return pairs


def compare(candidate: Resampled, baseline: Resampled) -> dict[str, Any]:
    """Return the ratios of scatters and the difference of r(k), each with paired intervals."""
    difference = paired(np.subtract, candidate.r, baseline.r).estimate()
    return {
        "candidate": candidate.name,
        "baseline": baseline.name,
        "pixel_scatter_ratio": paired(quotient, candidate.pixel_scatter, baseline.pixel_scatter).estimate(),
        "scatter_r200_ratio": paired(quotient, candidate.scatter_r200, baseline.scatter_r200).estimate(),
        "r_difference": {key: difference[key] for key in ("value", "low_95", "high_95")},
    }


def comparison_of(scorecard: Mapping[str, Any], candidate: str, baseline: str) -> dict[str, Any]:
    """Return the comparison of two methods of a scorecard.

    Raises
    ------
    ConfigError
        If they were not compared.
    """
    for one in scorecard["comparisons"]:
        if (one["candidate"], one["baseline"]) == (candidate, baseline):
            return dict(one)
    raise ConfigError(
        "These two methods were not compared.",
        where="scorecard",
        expected="; ".join(f"{one['candidate']} with {one['baseline']}" for one in scorecard["comparisons"]),
        got=f"{candidate} with {baseline}",
    )


def wins(scorecard: Mapping[str, Any], candidate: str, baseline: str) -> Win:
    """Return at how many scales r(k) of the candidate is higher; raises ConfigError if they were not compared."""
    difference = comparison_of(scorecard, candidate, baseline)["r_difference"]
    # None (no interval) becomes NaN, which is neither above nor below.
    value, low, high = (np.array(difference[key], float) for key in ("value", "low_95", "high_95"))
    return Win(len(value), int((value > 0.0).sum()), int((low > 0.0).sum()), int((high < 0.0).sum()))
