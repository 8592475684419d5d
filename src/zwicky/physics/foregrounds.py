"""The microwave foregrounds between us and the CMB, as Gaussian fields with correlations between frequencies.

Dusty galaxies (unclustered and clustered), radio galaxies, thermal and kinetic SZ effect of unrelated haloes, and the
correlation of hot gas with dusty galaxies. Two published fits of the South Pole Telescope:

===========  =====  ================  =====  ====  ====  =====  ====
D_3000       dusty  clustered         radio  tSZ   kSZ   xi     sum
===========  =====  ================  =====  ====  ====  =====  ====
george15     9.16   3.46, ell^0.8     1.06   4.38  2.9   0.113  20.0
reichardt20  7.24   4.03, a template  1.01   3.42  3.0   0.078  18.0
===========  =====  ================  =====  ====  ====  =====  ====

Powers in uK_CMB^2 in their band at 150 GHz, but tSZ at 143 GHz. The sum is that of the band, with tSZ at 152.3 GHz and
without the correlation, which takes 1.5 (0.8) uK^2 away. An amplitude holds at the effective frequency of the band
for its component, 153.4 GHz for dust: at exactly 150 GHz dust is 10 to 14 % fainter, and the sum is 18.8 (16.9) uK^2.
At the effective frequencies of the bands at 95 and 220 GHz the powers are within 13 % of those published
(tests/physics/test_foregrounds.py). Bright point sources are taken to be masked, as in the papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from zwicky.core.config import did_you_mean
from zwicky.core.errors import ConfigError
from zwicky.physics.foreground_parts import (
    Component,
    Doppler,
    Dust,
    Emission,
    HotDustyHaloes,
    PowerLawShape,
    Synchrotron,
    TemplateShape,
    ThermalSZ,
)

LOWEST_GHZ: Final = 70.0
HIGHEST_GHZ: Final = 350.0
"""Range of frequencies: the fits were made from 95 to 220 GHz, and Galactic emission is left out."""

POISSON: Final = PowerLawShape(2.0)
"""Sources that do not cluster: the same C_ell at all multipoles."""


@dataclass(frozen=True)
class Foregrounds:
    """A set of foregrounds.

    Parameters
    ----------
    name : str
        As in FOREGROUNDS.
    source : str
        Paper.
    components : tuple of Component
        Their powers add.

    Source: the attribute ``source``.
    Checked by: tests/physics/test_foregrounds.py.
    """

    name: str
    source: str
    components: tuple[Component, ...]

    @classmethod
    def named(cls, name: str, index_scatter: float = 0.0) -> Foregrounds:
        """Return foregrounds of the table FOREGROUNDS.

        Parameters
        ----------
        name : {"george15", "reichardt20", "none"}
            Which.
        index_scatter : float [1]
            Scatter of the spectral index among unclustered sources, dusty and radio. The papers take 0: maps of a
            component at two frequencies are alike. With 0.2 they correlate by 0.996 from 95 to 150 and 0.986 from 95 to
            220 GHz.

        Returns
        -------
        Foregrounds
            Frozen, picklable.

        Raises
        ------
        ConfigError
            If there are none of this name, or the scatter is negative or not finite.

        Source: FOREGROUNDS.
        Checked by: tests/physics/test_foregrounds.py (unknown names, correlation of frequencies).
        """
        if name not in FOREGROUNDS:
            raise ConfigError(
                "These microwave foregrounds are not known.",
                where="foregrounds",
                expected=", ".join(FOREGROUNDS),
                got=repr(name),
                fix=did_you_mean(name, FOREGROUNDS),
            )
        if not 0.0 <= index_scatter < np.inf:
            raise ConfigError(
                "This scatter of spectral indices cannot be used.",
                where="index_scatter",
                expected="0 or more; 0.2 is large",
                got=index_scatter,
                fix="give the standard deviation of the index of nu^index",
            )
        found = FOREGROUNDS[name]
        return replace(found, components=tuple(_scattered(part, index_scatter) for part in found.components))

    def d_ell_uk2(self, ell: np.ndarray, frequencies_ghz: Sequence[float]) -> np.ndarray:
        """Return the power of all components between all pairs of frequencies.

        Parameters
        ----------
        ell : (...) [1]
            Multipoles >= 0, which need not be integers.
        frequencies_ghz : sequence of float [GHz]
            f frequencies, 70 to 350.

        Returns
        -------
        (..., f, f) [uK_CMB^2]
            D_ell = ell (ell + 1) C_ell / 2 pi: symmetric, without negative eigenvalues; 0 below ell = 2.

        Raises
        ------
        ConfigError
            If there is no frequency, or one is outside the range.

        Source: the attribute ``source``.
        Checked by: tests/physics/test_foregrounds.py (published sums, eigenvalues).
        """
        return self._sum(self.components, ell, frequencies_ghz)

    def of(self, component: str, ell: np.ndarray, frequencies_ghz: Sequence[float]) -> np.ndarray:
        """Return the power of one component between all pairs of frequencies.

        Parameters
        ----------
        component : str
            "dusty", "clustered", "radio", "tsz", "ksz" or "tsz_cib".
        ell : (...) [1]
            Multipoles.
        frequencies_ghz : sequence of float [GHz]
            f frequencies, 70 to 350.

        Returns
        -------
        (..., f, f) [uK_CMB^2]
            As d_ell_uk2; that of "tsz_cib", a correlation, has negative eigenvalues on its own.

        Raises
        ------
        ConfigError
            If there is no such component, or a frequency is outside the range.

        Source: the attribute ``source``.
        Checked by: tests/physics/test_foregrounds.py (published amplitudes).
        """
        names = [part.name for part in self.components]
        if component not in names:
            raise ConfigError(
                "These foregrounds have no such component.",
                where=f"foregrounds {self.name!r}",
                expected=", ".join(names) or "none",
                got=repr(component),
                fix=did_you_mean(component, names) if names else "choose other foregrounds",
            )
        return self._sum((self.components[names.index(component)],), ell, frequencies_ghz)

    def _sum(
        self, components: Sequence[Component], ell: np.ndarray, frequencies_ghz: Sequence[float]
    ) -> np.ndarray:
        frequencies = _checked(frequencies_ghz)
        multipoles = np.asarray(ell, dtype=float)[..., None, None]
        total = np.zeros((*np.shape(ell), frequencies.size, frequencies.size))
        for part in components:
            total += part.d_ell_uk2(multipoles, frequencies[:, None], frequencies[None, :])
        return total


def _checked(frequencies_ghz: Sequence[float]) -> np.ndarray:
    """Return frequencies as an array, or raise."""
    frequencies = np.asarray(frequencies_ghz, dtype=float)
    inside = (frequencies >= LOWEST_GHZ) & (frequencies <= HIGHEST_GHZ)
    if frequencies.ndim != 1 or frequencies.size == 0 or not np.all(inside):
        raise ConfigError(
            "The microwave foregrounds are not known at these frequencies.",
            where="frequencies_ghz",
            expected=f"a list of frequencies from {LOWEST_GHZ:g} to {HIGHEST_GHZ:g} GHz",
            got=frequencies_ghz,
            fix="give frequencies in GHz, such as [90, 150, 220]",
        )
    return frequencies


def _scatter(source: Emission, index_scatter: float) -> Emission:
    """Return sources with a scatter of their spectral index, if they are unclustered."""
    return replace(source, index_scatter=index_scatter) if source.shape == POISSON else source


def _scattered(part: Component, index_scatter: float) -> Component:
    """Return a component with a scatter of the spectral index of its unclustered sources."""
    if isinstance(part, HotDustyHaloes):
        return replace(part, cib=tuple(_scatter(source, index_scatter) for source in part.cib))
    return _scatter(part, index_scatter) if isinstance(part, Emission) else part


def _south_pole(
    dusty: Emission, clustered: Emission, radio: Emission, tsz_uk2: float, ksz_uk2: float, xi: float
) -> tuple[Component, ...]:
    """Return the components of a fit of the South Pole Telescope."""
    tsz = Emission("tsz", tsz_uk2, 143.0, TemplateShape("tsz"), ThermalSZ())
    ksz = Emission("ksz", ksz_uk2, 150.0, TemplateShape("ksz"), Doppler())
    return dusty, clustered, radio, tsz, ksz, HotDustyHaloes("tsz_cib", tsz, (dusty, clustered), xi)


_GEORGE15: Final = Foregrounds(
    name="george15",
    # tSZ: the paper's value without its bispectrum, with which it is 4.08; tSZ and kSZ templates are not the paper's.
    source="George et al. 2015 (ApJ 799, 177), sections 5.7, 6.1 and 8.1",
    components=_south_pole(
        dusty=Emission("dusty", 9.16, 153.4, POISSON, Dust(1.505, 20.0)),
        clustered=Emission("clustered", 3.46, 153.4, PowerLawShape(0.8), Dust(2.51, 20.0)),
        radio=Emission("radio", 1.06, 149.5, POISSON, Synchrotron(-0.90)),
        tsz_uk2=4.38,
        ksz_uk2=2.9,
        xi=0.113,
    ),
)
_REICHARDT20: Final = Foregrounds(
    name="reichardt20",
    # Clustered: the sum of its terms of one and of two haloes. Effective frequencies: as in George et al. 2015; the
    # published likelihood has 153.8 and 150.2 GHz. xi: as used by members of the collaboration for forecasts.
    source="Reichardt et al. 2021 (ApJ 908, 199; arXiv:2002.06197), section 6.1",
    components=_south_pole(
        dusty=Emission("dusty", 7.24, 153.4, POISSON, Dust(1.48, 25.0)),
        clustered=Emission("clustered", 2.21 + 1.82, 153.4, TemplateShape("cib"), Dust(2.23, 25.0)),
        radio=Emission("radio", 1.01, 149.5, POISSON, Synchrotron(-0.76)),
        tsz_uk2=3.42,
        ksz_uk2=3.0,
        xi=0.078,
    ),
)

FOREGROUNDS: Final[dict[str, Foregrounds]] = {
    model.name: model
    for model in (_GEORGE15, _REICHARDT20, Foregrounds("none", "an empty sky in front of the CMB", ()))
}
"""Foregrounds by name."""
