"""How real a counted image is: levels that each add one ingredient to the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from zwicky.core.config import did_you_mean
from zwicky.core.errors import ConfigError

Level = Literal["ideal", "poisson", "psf", "vignetted", "background", "full"]

Ingredient = Literal["poisson", "psf", "vignetted", "background", "sources", "miscentred"]

_ADDS: Final[dict[str, tuple[str, ...]]] = {
    "ideal": (),
    "poisson": ("poisson",),
    "psf": ("psf",),
    "vignetted": ("vignetted",),
    "background": ("background",),
    "full": ("sources", "miscentred"),
}
"""What each level adds to the one before, in order."""


@dataclass(frozen=True)
class Ingredients:
    """What an image is made of, besides the cluster.

    Parameters
    ----------
    poisson : bool
        Photons are counted; without it pixels hold expected numbers.
    psf : bool
        The telescope blurs.
    vignetted : bool
        The exposure map holds; without it all of the stamp is exposed as on the optical axis.
    background : bool
        Sky and particles.
    sources : bool
        AGN, drawn one by one; those detected are masked.
    miscentred : bool
        The stamp is cut around the observer's centre instead of the true one.
    """

    poisson: bool = False
    psf: bool = False
    vignetted: bool = False
    background: bool = False
    sources: bool = False
    miscentred: bool = False

    @classmethod
    def of(cls, level: str, overrides: Mapping[str, bool] | None = None) -> Ingredients:
        """Return the ingredients of a level, with some of them put in or left out.

        Parameters
        ----------
        level : {"ideal", "poisson", "psf", "vignetted", "background", "full"}
            Each adds to the one before; "full" adds sources and miscentring.
        overrides : dict of str to bool, optional
            Ingredients that shall be there, or not, whatever the level.

        Returns
        -------
        Ingredients

        Raises
        ------
        ConfigError
            If there is no such level or ingredient.
        """
        if level not in _ADDS:
            raise ConfigError(
                "There is no such level of realism.",
                where="level",
                expected=", ".join(_ADDS),
                got=repr(level),
                fix=did_you_mean(level, _ADDS),
            )
        levels = list(_ADDS)
        there = {name: True for one in levels[: levels.index(level) + 1] for name in _ADDS[one]}
        changes = dict(overrides or {})
        known = asdict(cls())
        if unknown := [name for name in changes if name not in known]:
            raise ConfigError(
                "There is no such ingredient of an image.",
                where="overrides",
                expected=", ".join(known),
                got=repr(unknown[0]),
                fix=did_you_mean(unknown[0], known),
            )
        return replace(cls(), **{**there, **changes})
