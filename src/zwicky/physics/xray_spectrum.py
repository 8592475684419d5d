"""X-ray spectra of hot, thin gas: photons per bin of observed energy, for many temperatures at once.

The bins add up to ``cooling_function``, wherever a band is cut: at the temperatures of the table
(``table_temperatures_kev``, 20 per decade) to the last digits. Between them each bin is interpolated for itself, and so
is the light of metals. Their sum then differs from the interpolated sum by 2e-3 from 1.5 to 40 keV, by 8e-3 from 0.1 to
1.5 keV, where lines come and go, and by 4e-4 without metals (tests/physics/test_xray_spectrum.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.physics.xray import MAX_METALLICITY
from zwicky.physics.xray_table import (
    HELIUM_PER_HYDROGEN,
    along_temperature,
    at_temperature,
    check_abundance,
    emissivities,
    pieces,
)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Photons that hot gas emits into bins of energy, per volume and n_e n_H.

    Parameters
    ----------
    plasma : (t, e) [cm^3 s^-1]
        Hydrogen and helium.
    metals : (t, e) [cm^3 s^-1]
        Elements beyond helium, at an abundance of 1 (Anders & Grevesse 1989).
    """

    plasma: np.ndarray
    metals: np.ndarray

    def total(self, metallicity: float) -> np.ndarray:
        """Return the photons of gas with some metals.

        Parameters
        ----------
        metallicity : float [1]
            In solar units of Anders & Grevesse 1989 (0 to 5).

        Returns
        -------
        (t, e) [cm^3 s^-1]
            plasma + metallicity x metals.

        Raises
        ------
        ConfigError
            If the metallicity is outside its range.

        Source: definition.
        Checked by: tests/physics/test_xray_spectrum.py (bins add up).
        """
        check_abundance("metallicity", metallicity, MAX_METALLICITY)
        return self.plasma + metallicity * self.metals


def table_temperatures_kev(low_kev: float, high_kev: float) -> np.ndarray:
    """Return the temperatures of the table that enclose a range: good nodes, as nothing is interpolated there.

    Parameters
    ----------
    low_kev, high_kev : float [keV]
        0.0087 <= low < high <= 43.1.

    Returns
    -------
    (t,) [keV]
        Ascending, 12 % apart, from the last one at or below ``low_kev`` to the first at or above ``high_kev``.

    Raises
    ------
    ConfigError
        If the range is empty or leaves the table.

    Source: definition.
    Checked by: tests/physics/test_xray_spectrum.py.
    """
    nodes = emissivities().kt_kev
    if not nodes[0] <= low_kev < high_kev <= nodes[-1]:
        raise ConfigError(
            "This range of temperatures leaves the table of X-ray emissivities.",
            expected=f"{nodes[0]:.4f} <= low < high <= {nodes[-1]:.2f} keV",
            got=f"{low_kev:g} to {high_kev:g} keV",
            fix="give k T in keV, the lower one first",
        )
    first = np.searchsorted(nodes, low_kev, side="right") - 1
    return nodes[first : np.searchsorted(nodes, high_kev, side="left") + 1].copy()


def photon_spectrum(
    kt_kev: float | np.ndarray,
    edges_kev: np.ndarray,
    *,
    redshift: float = 0.0,
    column_density_cm2: float = 0.0,
    helium_per_hydrogen: float = HELIUM_PER_HYDROGEN,
) -> Spectrum:
    """Return the photons of hot gas in bins of observed energy: photons per volume = spectrum x n_e n_H.

    Parameters
    ----------
    kt_kev : (t,) [keV]
        k T of electrons. Gas below 0.0086 keV (1e5 K) emits nothing here; above 43 keV is an error.
    edges_kev : (e+1,) [keV]
        Edges of the bins in the observer's frame, ascending; at the source they lie (1 + z) higher, and there within
        0.01 to 100 keV. The table has 200 bins per decade: finer ones share its light evenly.
    redshift : float [1]
        Of the gas, >= 0. Distances and the factors (1 + z) of fluxes are not applied: see ``xray_flux``.
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy in front of the gas, 0 to 1e24. The bins then start at 0.03 keV or above.
    helium_per_hydrogen : float [1]
        Number of helium nuclei per hydrogen nucleus (0 to 1); 0.0977 in APEC with Anders & Grevesse 1989.

    Returns
    -------
    Spectrum
        Of shape (t, e); (e,) for one temperature.

    Raises
    ------
    ConfigError
        If temperature, edges, helium or column density are outside their ranges.
    RedshiftError
        If the redshift is negative or not finite.

    Source: as ``xray.cooling_function``.
    Checked by: tests/physics/test_xray_spectrum.py (sum over bins, shift, published foreground).
    """
    check_abundance("helium_per_hydrogen", helium_per_hydrogen, 1.0)
    table = emissivities()
    cut = pieces(edges_kev, redshift)
    weights = cut.weights(column_density_cm2, photons=True)

    def binned(part: np.ndarray) -> np.ndarray:
        return cut.sums(part[:, cut.table_bin] * weights)

    plasma = binned(table.hydrogen) + helium_per_hydrogen * binned(table.helium)
    parts = (along_temperature(part) for part in (plasma, binned(table.metals)))
    return Spectrum(*(at_temperature(part, kt_kev) for part in parts))
