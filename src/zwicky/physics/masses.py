"""Halo concentrations and conversions between mass definitions: what one halo weighs in each of them.

A halo is an NFW profile whose concentration follows from its mass, redshift and cosmology by a published
model, which colossus evaluates. Colossus keeps its cosmology and its tables in module globals and in the home
folder; here it is lent ours for one call, writes no file, and gets its own back. One lock serialises our
calls; another thread that uses colossus directly at the same moment would see our cosmology.

A call takes milliseconds: build tables with it, do not call it in loops over pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
from scipy.optimize import brentq, fixed_point

from zwicky.core.config import did_you_mean
from zwicky.core.cosmology import Cosmology, check_redshift
from zwicky.core.errors import ConfigError, MassError
from zwicky.core.masses import M200C, Mass, MassDefinition
from zwicky.physics.nfw import mu

ConcentrationModel = Literal["diemer19", "diemer15"]

MODELS: Final[dict[str, str]] = {
    "diemer19": "Diemer & Joyce 2019, median",
    "diemer15": "Diemer & Kravtsov 2015 with the corrected parameters of Diemer & Joyce 2019, median",
}

_FIRST_GUESS: Final = 4.0  # c200c of a cluster
_COLOSSUS_LOCK: Final = threading.Lock()


def concentration(
    mass: Mass, redshift: float, cosmology: Cosmology, model: ConcentrationModel = "diemer19"
) -> float:
    """Return the median concentration of a halo.

    Parameters
    ----------
    mass : Mass
        In any definition.
    redshift : float [1]
        Redshift, > 0.
    cosmology : Cosmology
        In which the halo formed; its sigma8 and n_s matter.
    model : {"diemer19", "diemer15"}
        See MODELS. Both give c200c; other definitions follow from the same NFW halo.

    Returns
    -------
    float [1]
        Radius of the given definition over the scale radius.

    Raises
    ------
    ConfigError
        If the model is not known.
    MassError
        If the halo lies outside the model's table, or is no cluster (see Mass).
    RedshiftError
        If the redshift is not positive.

    Source: Diemer & Joyce 2019; Diemer & Kravtsov 2015.
    Checked by: tests/physics/test_masses.py (colossus' own conversion).
    """
    c200c = _c200c_of(mass, redshift, cosmology, model)
    return _rescale(c200c, _density_in_200c(mass.definition, redshift, cosmology))


def convert(
    mass: Mass,
    to: MassDefinition,
    redshift: float,
    cosmology: Cosmology,
    model: ConcentrationModel = "diemer19",
) -> Mass:
    """Return the mass of the same halo in another definition.

    The halo is the NFW profile that has this mass, and whose M200c and c200c obey the concentration model.

    Parameters
    ----------
    mass : Mass
        In any definition.
    to : MassDefinition
        The definition wanted.
    redshift : float [1]
        Redshift, > 0.
    cosmology : Cosmology
        In which the halo formed.
    model : {"diemer19", "diemer15"}
        See MODELS.

    Returns
    -------
    Mass
        In the definition wanted.

    Raises
    ------
    ConfigError, MassError, RedshiftError
        As `concentration`.

    Source: Hu & Kravtsov 2003, appendix C (the conversion); Diemer & Joyce 2019 (the concentration).
    Checked by: tests/physics/test_masses.py (colossus' own conversion, round trips).
    """
    if to == mass.definition:
        return mass
    c200c = _c200c_of(mass, redshift, cosmology, model)
    c_from, c_to = (
        _rescale(c200c, _density_in_200c(definition, redshift, cosmology))
        for definition in (mass.definition, to)
    )
    return Mass(float(mass.msun * mu(c_to) / mu(c_from)), to)


def _density_in_200c(definition: MassDefinition, redshift: float, cosmology: Cosmology) -> float:
    """Return the mean density of a definition over that of M200c [1]."""
    density = definition.density_msun_mpc3(redshift, cosmology)
    return density / M200C.density_msun_mpc3(redshift, cosmology)


def _rescale(c: float, density_ratio: float) -> float:
    """Return the concentration of the radius whose mean density is density_ratio times that of c."""
    if density_ratio == 1.0:
        return c
    # The mean density goes as mu(x) / x^3, which falls faster than x^-1 and slower than x^-3.
    wanted = density_ratio * mu(c) / c**3
    low, high = sorted((c / density_ratio, c / density_ratio ** (1.0 / 3.0)))
    return float(
        brentq(lambda x: np.log(mu(x) / x**3 / wanted), 0.5 * low, 2.0 * high, xtol=1e-14, rtol=1e-13)
    )


def _c200c_of(mass: Mass, redshift: float, cosmology: Cosmology, model: ConcentrationModel) -> float:
    """Return the c200c of the halo that obeys the concentration model and has this mass [1]."""
    redshift = check_redshift(redshift)
    if model not in MODELS:
        raise ConfigError(
            "This concentration model is not known.",
            expected=", ".join(MODELS),
            got=repr(model),
            fix=did_you_mean(model, MODELS),
        )
    ratio = _density_in_200c(mass.definition, redshift, cosmology)
    with _colossus_model(cosmology, redshift, model) as c200c:
        if ratio == 1.0:
            return c200c(mass)

        def next_c(c: float) -> float:
            m200c_msun = float(mass.msun * mu(c) / mu(_rescale(c, ratio)))
            return c200c(Mass(m200c_msun, M200C))

        # A contraction: M200c depends weakly on c, and c weakly on M200c.
        return float(fixed_point(next_c, _FIRST_GUESS, xtol=1e-12, method="iteration"))


@contextmanager
def _colossus_model(
    cosmology: Cosmology, redshift: float, model: ConcentrationModel
) -> Iterator[Callable[[Mass], float]]:
    """Lend colossus our cosmology, and yield a function from M200c to c200c [1]."""
    from colossus.cosmology import cosmology as colossus_cosmology
    from colossus.halo import concentration as colossus_concentration

    def c200c(m200c: Mass) -> float:
        c, valid = colossus_concentration.concentration(
            m200c.msun * cosmology.h,  # Msun / h
            "200c",
            redshift,
            model=model,
            statistic="median",
            range_return=True,
        )
        if not valid:
            raise MassError(
                "This halo lies outside the table of the concentration model.",
                where=MODELS[model],
                expected="a cluster's mass and redshift",
                got=f"{m200c} at z = {redshift:g}",
                fix="check the mass and the redshift, or take model='diemer15', which needs no table",
            )
        return float(c)

    with _COLOSSUS_LOCK:
        theirs = colossus_cosmology.current_cosmo, colossus_concentration.storageUser
        colossus_cosmology.current_cosmo, colossus_concentration.storageUser = _colossus_state(cosmology)
        try:
            yield c200c
        finally:
            colossus_cosmology.current_cosmo, colossus_concentration.storageUser = theirs


@lru_cache(maxsize=16)
def _colossus_state(cosmology: Cosmology) -> tuple[Any, Any]:
    """Return a colossus cosmology and a table store that live in memory only."""
    from colossus.cosmology import cosmology as colossus_cosmology
    from colossus.utils.storage import StorageUser

    universe = colossus_cosmology.Cosmology(
        name=cosmology.name,
        flat=True,
        H0=100.0 * cosmology.h,
        Om0=cosmology.omega_m,
        Ob0=cosmology.omega_b,
        sigma8=cosmology.sigma8,
        ns=cosmology.n_s,
        relspecies=False,  # as in our E(z)
        persistence="",
    )
    # Colossus' own store of concentration tables writes to the home folder, whatever settings.PERSISTENCE is.
    return universe, StorageUser(
        "halo.concentration", "", lambda: "concentration", lambda: "concentration", None
    )
