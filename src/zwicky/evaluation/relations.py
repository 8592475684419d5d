"""What is known about clusters: published relations, each with the band that its literature allows.

A band is what published values spread over, not what the painter gives. Masses in the literature are often hydrostatic,
M_HSE = (1 - b) M; where a band depends on the mass scale it spans 1 - b = 0.7 to 1: weak lensing found 0.69 +- 0.07 and
0.78 +- 0.09 (Planck 2015 XXIV, table 2) and 0.72 (+0.08 -0.07) (Eckert et al. 2016, abstract).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Statistic = Literal[
    "slope", "value", "scatter", "mass scatter", "median", "mean", "fraction", "correlation", "evolution"
]

M500: Final = "m500c_msun"
CLUSTERS: Final = (1e14, 1e16)
"""Range of M500c in which most relations are fitted [Msun]."""


@dataclass(frozen=True)
class Relation:
    """One published number, and how it is measured in a population.

    Parameters
    ----------
    name : str
        For the table.
    y : str
        Column of the population; its self-similar evolution with E(z) is taken out.
    statistic : str
        "slope" of ln y against ln x; "value" of y on the fitted line at the pivot; "scatter" of ln y about it; "mass
        scatter", scatter over slope; "median" or "mean" of y; "fraction" of clusters where y is above the pivot;
        "correlation" of the residuals of ln y and ln ``other`` at fixed x; "evolution", the power of E(z) beyond the
        self-similar one.
    literature : str
        The published value as text.
    low, high : float
        The band of published values, in the unit of the statistic.
    source : str
        Paper, and where in it.
    x : str
        Column of the abscissa.
    other : str
        Column of the second quantity of a correlation.
    pivot : float
        Of a value [unit of x] or a fraction [unit of y].
    mass_range_msun : (low, high) [Msun]
        M500c of the clusters that count.
    explanation : str
        Why the painter may lie outside the band, if that is understood: see ``explanations``.
    explained_side : {"below", "above", "either"}
        On which side of the band the explanation holds.
    """

    name: str
    y: str
    statistic: Statistic
    literature: str
    low: float
    high: float
    source: str
    x: str = M500
    other: str = ""
    pivot: float = 3e14
    mass_range_msun: tuple[float, float] = CLUSTERS
    explanation: str = ""
    explained_side: Literal["below", "above", "either"] = "either"


_A10 = "Arnaud et al. 2010, eq. 20"
_REXCESS = "Pratt et al. 2009 (REXCESS)"
_EFEDS = "Chiu et al. 2022 (eFEDS), abstract"
_AKINO = "Akino et al. 2022 (HSC-XXL), abstract"
_CHIU18 = "Chiu et al. 2018, table of 91 SPT clusters"
_ANDRADE = "Andrade-Santos et al. 2017, abstract"
_COLOSSUS = "eight models in colossus 1.4 at z = 0.05 (Duffy 2008 ... Ishiyama 2021), Planck 2018 cosmology"
_MASSIVE: Final = (2e14, 1e16)

SUNYAEV_ZELDOVICH: Final = (
    Relation(
        "Y500 - M500: slope", "y500_mpc2", "slope", "1.79 +- 0.08; self-similar 1.67", 1.64, 1.92,
        f"Planck 2013 XX, table 1; {_A10}: 1.78",
    ),
    Relation(
        "Y500 over Arnaud et al. 2010 at the true mass", "y500_over_a10", "median", "0.53 ... 1, from (1 - b)^slope",
        0.52, 1.0,        f"{_A10} with 1 - b = 0.7 to 1",
    ),
    Relation(
        "Y500 - M500: scatter of ln Y", "y500_mpc2", "scatter", "0.17 (with that of Yx - M)", 0.09, 0.20,
        "Planck 2013 XX, table 1: 0.075 +- 0.01 dex",
    ),
    Relation(
        "Y of the cylinder - M500: scatter of ln Y", "y_cylinder_mpc2", "scatter", "0.17 ... 0.20", 0.12, 0.25,
        "Planck 2013 XX, table 1; Gupta & Reichardt 2020 adopt 0.20",
    ),
    Relation(
        "Y500 at fixed mass: evolution beyond E^(2/3)", "y500_mpc2", "evolution", "0 (self-similar)", -0.6, 0.6,
        "Bocquet et al. 2019, abstract: evolution of Yx and gas mass self-similar within the errors",
    ),
)  # fmt: skip

LUMINOSITY: Final = (
    Relation(
        "L bolometric - M500: slope", "luminosity_erg_s", "slope", "1.33 (self-similar) ... 2.0", 1.28, 2.05,
        f"{_EFEDS}: as self-similar within errors; {_REXCESS}, abstract: significantly steeper",
    ),
    Relation(
        "L bolometric - M500: scatter of ln L, with core", "luminosity_erg_s", "scatter", "0.40", 0.30, 0.50,
        f"{_REXCESS}, abstract: 40 % about L - Yx",
    ),
    Relation(
        "L bolometric 0.15-1 R500 - M500: slope", "excised_luminosity_erg_s", "slope", "as with core", 1.28, 2.05,
        f"{_EFEDS}; {_REXCESS}",
    ),
    Relation(
        "L bolometric 0.15-1 R500 - M500: scatter of ln L", "excised_luminosity_erg_s", "scatter", "0.13 ... 0.29",
        0.13, 0.30,
        "Pratt et al. 2022, abstract: 13 % at fixed M(Yx); Ntampaka et al. 2019: 15-18 % in mass",
    ),
    Relation(
        "L 0.1-2.4 keV - M500: slope", "rosat_luminosity_erg_s", "slope", "1.53 (Y|X) ... 1.71 (orthogonal)",
        1.35, 1.80,
        _REXCESS,
    ),
    Relation(
        "L 0.1-2.4 keV E^(-7/3) at 2e14 Msun [erg/s]", "rosat_luminosity_erg_s", "value", "1.03e44 at M_HSE",
        0.58e44, 1.25e44,
        f"{_REXCESS}, at M_HSE = 0.7 to 1 M", pivot=2e14,
    ),
    Relation(
        "L 0.5-2 keV - M500: slope", "soft_luminosity_erg_s", "slope", "1.44 +- 0.14", 1.25, 1.75,
        "Chiu et al. 2022 (eFEDS); its abstract: steeper than self-similar (1)",
    ),
    Relation(
        "photon rate - M500: slope", "photon_rate_per_s", "slope", "1.44 +- 0.14 (0.5-2 keV)", 1.25, 1.75,
        "Chiu et al. 2022 (eFEDS): luminosity in this band",
    ),
    Relation(
        "L bolometric at fixed mass: evolution beyond E^(7/3)", "luminosity_erg_s", "evolution", "0 (self-similar)",
        -0.6, 0.8,
        "Pratt et al. 2022, abstract: density evolves as E^2.09, not E^2",
    ),
)  # fmt: skip

TEMPERATURE: Final = (
    Relation(
        "T - M500: slope", "excised_temperature_kev", "slope", "0.58 ... 0.67; self-similar 0.67", 0.55, 0.70,
        "Arnaud et al. 2005, abstract: M - T 1.71 +- 0.09 (all), 1.49 +- 0.15 (hot)",
    ),
    Relation(
        "T E^(-2/3) at 4e14 Msun [keV]", "excised_temperature_kev", "value", "4.0 ... 5.1", 3.7, 5.2,
        "Vikhlinin et al. 2009, table 3, and Arnaud et al. 2005, at M_HSE = 0.7 to 1 M", pivot=4e14,
    ),
    Relation(
        "T - M500: scatter of ln T", "excised_temperature_kev", "scatter", "0.07 ... 0.13", 0.06, 0.16,
        "Comparat et al. 2020: 0.07; Kravtsov et al. 2006: 20 % in mass",
    ),
    Relation(
        "T at fixed mass: evolution beyond E^(2/3)", "excised_temperature_kev", "evolution", "0 (self-similar)",
        -0.3, 0.3, "Kotov & Vikhlinin 2006, abstract: M - T evolves as E^(-1.02 +- 0.20)",
    ),
    Relation(
        "Yx - M500: slope", "yx_msun_kev", "slope", "1.82 +- 0.09; self-similar 1.67", 1.62, 1.92,
        "Arnaud et al. 2007, abstract: M - Yx 0.548 +- 0.027",
    ),
    Relation(
        "Yx - M500: scatter in mass", "yx_msun_kev", "mass scatter", "0.05 ... 0.09", 0.045, 0.10,
        "Kravtsov et al. 2006, abstract: 5-7 %; Arnaud et al. 2007: 0.039 dex",
    ),
)  # fmt: skip

BARYONS: Final = (
    Relation(
        "gas mass - M500: slope", "gas_mass_msun", "slope", "1 (self-similar) ... 1.29", 1.0, 1.40,
        f"{_EFEDS}: as self-similar within errors; Eckert et al. 2016: 1.21; Pratt et al. 2022: 1.22; {_AKINO}: 1.29",
    ),
    Relation(
        "gas mass - M500: scatter of ln M", "gas_mass_msun", "scatter", "0.16 +- 0.03", 0.06, 0.20,
        "Mulroy et al. 2019, abstract (at lensing mass); Kravtsov et al. 2006: 0.11",
    ),
    Relation(
        "gas fraction at 1e14 Msun", "gas_fraction", "value", "0.055 (lensing) ... 0.09 (hydrostatic)", 0.05, 0.105,
        "Eckert et al. 2016, abstract: lensing, and 1 - b = 0.72 between it and hydrostatic ones",
        pivot=1e14, mass_range_msun=(5e13, 1e16),
    ),
    Relation(
        "gas fraction at 3e14 Msun", "gas_fraction", "value", "0.069 ... 0.096", 0.068, 0.125,
        f"Eckert et al. 2016, abstract; {_CHIU18}",
    ),
    Relation(
        "gas fraction at 1e15 Msun", "gas_fraction", "value", "0.089 ... 0.154", 0.088, 0.157,
        f"Eckert et al. 2016, abstract; {_CHIU18}", pivot=1e15,
    ),
    Relation(
        "star mass - M500: slope", "star_mass_msun", "slope", "0.85 (+0.12 -0.09)", 0.55, 0.97,
        f"{_AKINO}; {_CHIU18}: 0.72; Kravtsov et al. 2018: 0.6",
    ),
    Relation(
        "star mass - M500: scatter of ln M", "star_mass_msun", "scatter", "0.20 +- 0.04", 0.09, 0.35,
        "Zhang et al. 2011, figure 2",
    ),
    Relation(
        "star fraction at 1e14 Msun", "star_fraction", "value", "0.013 ... 0.02", 0.010, 0.030,
        f"{_CHIU18} and Chiu et al. 2016 carried down with the slope of {_AKINO}; diffuse light adds up to a half",
        pivot=1e14, mass_range_msun=(5e13, 1e16),
    ),
    Relation(
        "star fraction at 5e14 Msun", "star_fraction", "value", "0.009 ... 0.011", 0.0075, 0.018,
        f"{_CHIU18}: 0.0086; Chiu et al. 2016, abstract: 0.011 +- 0.001; more with diffuse light", pivot=5e14,
    ),
    Relation(
        "brightest galaxy - M500: slope", "brightest_galaxy_msun", "slope", "0.4 +- 0.1", 0.28, 0.60,
        f"Kravtsov et al. 2018, abstract; {_AKINO}: 0.49",
    ),
    Relation(
        "brightest galaxy - M500: scatter of ln M", "brightest_galaxy_msun", "scatter", "0.46 (0.2 dex)", 0.28, 0.55,
        "Kravtsov et al. 2018, abstract",
    ),
)  # fmt: skip

STRUCTURE: Final = (
    Relation(
        "c200c at M200c = 1e14 Msun", "c200c", "value", "4.2 ... 5.4", 4.1, 5.45, _COLOSSUS,
        x="m200c_msun", pivot=1e14, mass_range_msun=(3e13, 1e16),
    ),
    Relation(
        "c200c at M200c = 1e15 Msun", "c200c", "value", "3.4 ... 5.0", 3.35, 5.0, _COLOSSUS,
        x="m200c_msun", pivot=1e15,
    ),
    Relation(
        "c200c - M200c: slope", "c200c", "slope", "-0.13 ... -0.03", -0.14, -0.03, _COLOSSUS, x="m200c_msun",
        mass_range_msun=(3e13, 1e16),
    ),
    Relation(
        "c200c - M200c: scatter of ln c", "c200c", "scatter", "0.16 (relaxed) ... 0.37", 0.16, 0.40,
        "Diemer & Kravtsov 2015: 0.16 dex; Mantz et al. 2016, relaxed clusters: 0.16", x="m200c_msun",
    ),
    Relation(
        "shortest over longest axis, dark matter", "short_axis", "median", "0.45 ... 0.55", 0.40, 0.60,
        "Jing & Suto 2002; Bonamigo et al. 2015",
    ),
    Relation(
        "subhalo mass inside R200c", "subhalo_fraction", "mean", "0.05 ... 0.12 (above 1e-4 of the host)", 0.04, 0.13,
        "Jiang & van den Bosch 2016: evolved subhalo mass functions",
    ),
    Relation(
        "clusters with a merging halo above 1:10 in mass", "merger_mass_ratio", "fraction", "at most 0.48", 0.12, 0.48,
        "Rossetti et al. 2016, abstract: 52 +- 4 % of Planck clusters are relaxed", pivot=0.1, mass_range_msun=_MASSIVE,
    ),
    Relation(
        "cool cores: n_e > 0.015 cm^-3 at 0.01 R500", "central_density_cm3", "fraction", "0.39 +- 0.05", 0.28, 0.50,
        _ANDRADE, pivot=0.015, mass_range_msun=_MASSIVE,
    ),
    Relation(
        "cool cores: cuspiness > 0.5 at 0.04 R500", "cuspiness", "fraction", "0.38 +- 0.05", 0.27, 0.49,
        _ANDRADE, pivot=0.5, mass_range_msun=_MASSIVE,
    ),
    Relation(
        "cool cores: L(< 0.15 R500) > 0.4 L(< R500)", "x_ray_concentration", "fraction", "0.28 +- 0.04", 0.19, 0.37,
        f"{_ANDRADE}; Rossetti et al. 2017, abstract: 0.29 +- 0.04 by another concentration", pivot=0.4,
        mass_range_msun=_MASSIVE,
    ),
)  # fmt: skip

COVARIANCE: Final = (
    Relation(
        "residuals of gas mass and T", "gas_mass_msun", "correlation", "small: both signs are found", -0.5, 0.5,
        "Kravtsov et al. 2006: negative; Sereno et al. 2020, abstract: some evidence for positive",
        other="excised_temperature_kev",
    ),
    Relation(
        "residuals of L (0.15-1 R500) and gas mass", "excised_luminosity_erg_s", "correlation", "positive", 0.2, 0.95,
        "Sereno et al. 2020, abstract", other="gas_mass_msun",
    ),
    Relation(
        "residuals of Y500 and L", "y500_mpc2", "correlation", "positive", 0.1, 0.9,
        "follows from the positive one of L and gas mass (Sereno et al. 2020)", other="luminosity_erg_s",
    ),
    Relation(
        "residuals of gas and star mass", "gas_mass_msun", "correlation", "negative; -0.39 in simulations", -0.7, 0.1,
        "Farahi et al. 2019, abstract: anti-correlation; Akino et al. 2022: none; The Three Hundred tables: -0.39",
        other="star_mass_msun",
    ),
    Relation(
        "residuals of concentration and gas mass", "c200c", "correlation", "0.0 ... 0.23", -0.15, 0.40,
        "The Three Hundred halo tables (Cui et al. 2022): 0.01 ... 0.23", other="gas_mass_msun",
    ),
)  # fmt: skip

OBSERVED: Final = (*SUNYAEV_ZELDOVICH, *LUMINOSITY, *TEMPERATURE, *BARYONS, *STRUCTURE, *COVARIANCE)
"""What real clusters say, and simulations of dark matter."""
