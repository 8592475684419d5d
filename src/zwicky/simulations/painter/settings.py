"""What the painter is told: which clusters, in which universe, with which physics.

What an experiment says goes before the preset, and the preset goes before the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal

import numpy as np
from astropy import units as u
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from zwicky.core.config import Config, Length, did_you_mean, parse
from zwicky.core.cosmology import Cosmology, cosmology_by_name
from zwicky.core.errors import ConfigError
from zwicky.physics.xray import EnergyBand
from zwicky.simulations.painter.drawing.light_cone import LightCone, light_cone
from zwicky.simulations.painter.drawing.structure import check_log10_m200c, check_redshift
from zwicky.simulations.painter.preset import PRESETS as PRESETS
from zwicky.simulations.painter.preset import merged, read_preset

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Pressure = Literal["hse", "a10", "p13", "dpp"]

LATENTS: Final = (
    "disturbance",
    "concentration",
    "gas_fraction",
    "temperature",
    "core_state",
    "nonthermal",
    "star_fraction",
    "shape",
)
"""The correlated deviates that make one cluster differ from the mean of its mass: standard normal each."""

_CORRELATIONS: Final = {
    "disturbance": {
        "concentration": -0.6,
        "nonthermal": 0.6,
        "core_state": -0.4,
        "shape": 0.4,
        "temperature": -0.2,
    },
    "concentration": {"shape": -0.4, "core_state": 0.35, "nonthermal": -0.4, "gas_fraction": 0.1},
    "gas_fraction": {"star_fraction": -0.4, "temperature": -0.45},
}


class FractionLaw(Config):
    """Gas or stars inside R500 as a fraction of M500: log-normal at given mass.

    Attributes
    ----------
    log10_m500c : tuple of float [dex of Msun]
        Nodes, increasing.
    median : tuple of float [1]
        At the nodes; its logarithm is linear in log10 M between them and beyond the ends.
    sigma_ln : tuple of float [1]
        Standard deviation of the logarithm at the nodes; constant beyond the ends.
    """

    log10_m500c: tuple[float, ...]
    median: tuple[Positive, ...]
    sigma_ln: tuple[NotNegative, ...]

    @model_validator(mode="after")
    def _nodes_fit(self) -> FractionLaw:
        n = len(self.log10_m500c)
        if (
            n < 2
            or len(self.median) != n
            or len(self.sigma_ln) != n
            or (np.diff(self.log10_m500c) <= 0.0).any()
        ):
            raise ValueError("at least two increasing log10_m500c, and as many median and sigma_ln")
        return self

    def at(self, log10_m500c: float, deviate: float) -> float:
        """Return the fraction [1] that lies ``deviate`` standard deviations from the median at a mass."""
        nodes = self.log10_m500c
        i = min(max(int(np.searchsorted(nodes, log10_m500c)) - 1, 0), len(nodes) - 2)
        t = (log10_m500c - nodes[i]) / (nodes[i + 1] - nodes[i])
        inside = min(max(t, 0.0), 1.0)
        sigma_ln = (1.0 - inside) * self.sigma_ln[i] + inside * self.sigma_ln[i + 1]
        median = self.median[i] * (self.median[i + 1] / self.median[i]) ** t
        return float(median * np.exp(sigma_ln * deviate))


class PainterPhysics(Config):
    """The numbers of the cluster model; where each enters, the functions that use it say.

    Attributes
    ----------
    pressure : "hse", "a10", "p13" or "dpp"
        Hydrostatic equilibrium in the drawn mass distribution, or a mean profile of physics.gnfw.PROFILES.
    scatter : float [1]
        All log-normal scatters and latent deviates are multiplied by this: 0 makes mean clusters. Which subhaloes,
        mergers and neighbours there are stays random.
    with_substructure, with_mergers, with_environment, with_fluctuations, triaxial : bool
        Subhaloes; second clusters; neighbours and filaments; turbulence, sloshing, cavities and large-scale
        structure; ellipsoids instead of spheres. Switching one off changes no random number of another.
    concentration_factor, sigma_ln_concentration : float [1]
        Of c200c, relative to the median of Diemer & Joyce 2019.
    axis_ratio, axis_ratio_slope, sigma_axis_ratio : float [1]
        Of the dark matter: mean c/a at peak height 2.5, its change per unit of peak height, and its scatter.
    gas_fraction, star_fraction : FractionLaw
        Inside R500, everything counted.
    gas_slope, sigma_ln_gas_slope : float [1]
        The beta of the gas density, and its scatter.
    gas_steepening, sigma_ln_gas_steepening : float [1]
        Of its slope in the outskirts.
    gas_steepening_radius, sigma_ln_gas_steepening_radius : float [R500], [1]
        Where it steepens.
    core_slope, core_slope_per_state : float [1]
        Of the gas density in the core, and its change with the core state.
    core_radius, ln_core_radius_per_state : float [R500], [1]
        Of the gas, and the change of its logarithm with the core state.
    sigma_ln_temperature, sigma_ln_y : float [1]
        Of the hydrostatic temperature; and, for every pressure, of an amplitude that is independent of all else.
    nonthermal_fraction, nonthermal_slope, sigma_ln_nonthermal : float [1]
        Non-thermal over total pressure at R500, its power of the radius, and its scatter.
    shock_radius, sigma_ln_shock_radius : float [R200], [1]
        Where the accretion shock ends the hot gas.
    subhalo_abundance, subhalo_abundance_per_disturbance, subhalo_min_mass_ratio : float [1]
        Amplitude of the mass function of subhaloes, the change of its logarithm with disturbance, and the
        smallest mass over the cluster's.
    merger_logit, merger_logit_per_disturbance : float [1]
        The probability of a merger is the logistic function of their sum.
    merger_mass_ratios : (float, float) [1]
        Range of the second mass over the first.
    bcg_msun, bcg_slope, sigma_ln_bcg : float [Msun], [1], [1]
        Stars of the brightest galaxy at M500c = 1e14 Msun, its power of the mass, and its scatter.
    intracluster_share, sigma_ln_intracluster : float [1]
        Of intracluster light in the stars inside R500, before the balance with the satellites; and its scatter.
    neighbours_max : int
        The most neighbours of one cluster.
    filaments_max : int
        There are two to this many, four at most.
    filament_overdensity : float [1]
        On the axis, in mean matter densities.
    environment_ln_rms : float [1]
        Standard deviation of the logarithm of the density that large-scale structure adds far out.
    correlations : dict of dict of float
        Between LATENTS, each pair once: ``correlations["disturbance"]["concentration"] = -0.6``.
    """

    pressure: Pressure = "hse"
    scatter: NotNegative = 1.0
    with_substructure: bool = True
    with_mergers: bool = True
    with_environment: bool = True
    with_fluctuations: bool = True
    triaxial: bool = True

    concentration_factor: Positive = 1.0
    sigma_ln_concentration: NotNegative = 0.30
    axis_ratio: Annotated[float, Field(ge=0.28, le=1.0)] = 0.53
    axis_ratio_slope: float = -0.035
    sigma_axis_ratio: NotNegative = 0.10

    # 0.088 (M / 1e14)^0.22 under a soft cap of 0.95 of the cosmic baryon fraction; 0.0175 (M / 1e14)^-0.30.
    gas_fraction: FractionLaw = FractionLaw(
        log10_m500c=(13.0, 13.5, 14.0, 14.5, 15.0, 15.5),
        median=(0.0529, 0.0679, 0.0867, 0.1089, 0.1315, 0.1465),
        sigma_ln=(0.14, 0.14, 0.12, 0.10, 0.08, 0.08),
    )
    star_fraction: FractionLaw = FractionLaw(
        log10_m500c=(13.0, 15.0), median=(0.03492, 0.00877), sigma_ln=(0.25, 0.25)
    )

    gas_slope: Positive = 0.62
    sigma_ln_gas_slope: NotNegative = 0.05
    gas_steepening: NotNegative = 2.6
    sigma_ln_gas_steepening: NotNegative = 0.10
    gas_steepening_radius: Positive = 1.05
    sigma_ln_gas_steepening_radius: NotNegative = 0.12
    core_slope: float = 0.55
    core_slope_per_state: float = 0.55
    core_radius: Positive = 0.15
    ln_core_radius_per_state: float = -0.45

    sigma_ln_temperature: NotNegative = 0.06
    sigma_ln_y: NotNegative = 0.0
    nonthermal_fraction: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.14
    nonthermal_slope: NotNegative = 0.8
    sigma_ln_nonthermal: NotNegative = 0.35
    shock_radius: Positive = 2.0
    sigma_ln_shock_radius: NotNegative = 0.15

    subhalo_abundance: Annotated[float, Field(ge=0.0, le=0.1)] = 0.03
    subhalo_abundance_per_disturbance: float = 0.35
    subhalo_min_mass_ratio: Annotated[float, Field(ge=1e-6, le=1e-2)] = 1e-4
    merger_logit: float = -1.3
    merger_logit_per_disturbance: float = 0.9
    merger_mass_ratios: tuple[Positive, Annotated[float, Field(le=1.0)]] = (0.08, 0.8)

    bcg_msun: Positive = 4.5e11
    bcg_slope: float = 0.40
    sigma_ln_bcg: NotNegative = 0.35
    intracluster_share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.35
    sigma_ln_intracluster: NotNegative = 0.2

    neighbours_max: Annotated[int, Field(ge=0, le=1000)] = 150
    filaments_max: Annotated[int, Field(ge=2, le=4)] = 4
    filament_overdensity: NotNegative = 20.0
    environment_ln_rms: NotNegative = 0.55

    correlations: dict[str, dict[str, float]] = _CORRELATIONS

    @model_validator(mode="after")
    def _ranges_fit(self) -> PainterPhysics:
        low, high = self.merger_mass_ratios
        if low >= high:
            raise ValueError("merger_mass_ratios: a smaller and a larger number")
        matrix = correlation_matrix(self.correlations)
        if float(np.linalg.eigvalsh(matrix)[0]) < 1e-3:
            raise ValueError("correlations that can hold together: their matrix has a negative eigenvalue")
        return self

    @cached_property
    def latent_factors(self) -> np.ndarray:
        """The matrix (latent, latent) that makes latents of independent normal numbers."""
        return np.linalg.cholesky(correlation_matrix(self.correlations))


def correlation_matrix(correlations: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """Return the correlation matrix of LATENTS, (latent, latent).

    Raises
    ------
    ValueError
        If a latent is not known, or a pair is given twice or with itself.
    """
    matrix = np.eye(len(LATENTS))
    for one, others in correlations.items():
        for other, value in others.items():
            unknown = next((name for name in (one, other) if name not in LATENTS), None)
            if unknown is not None:
                hint = did_you_mean(unknown, LATENTS)
                raise ValueError(f"correlations between known latents, not {unknown!r}: {hint}")
            i, j = LATENTS.index(one), LATENTS.index(other)
            if matrix[i, j] != 0.0:
                raise ValueError(f"each pair of latents once, not {one!r} and {other!r} again")
            matrix[i, j] = matrix[j, i] = value
    return matrix


class PainterSettings(Config):
    """What is drawn and painted.

    Attributes
    ----------
    kind : "painter"
        Names this simulation in an experiment file.
    preset : str
        A file in ``presets``: the physics, and what else it sets.
    cosmology : str
        A name of core.cosmology.COSMOLOGIES.
    log10_m200c_range : (float, float) [dex of Msun]
        All masses are between these.
    redshift_edges : tuple of float
        All redshifts are between the first and the last. Twice the same number fixes it.
    population : "flat" or "light_cone"
        Flat in log10 M200c, with the same share of clusters in each redshift interval and flat there; or as many as
        there are in a light cone, the mass function times the volume: see ``drawing.light_cone``. A light cone knows
        no inner redshift edges.
    faintest_flux : float, optional [erg cm^-2 s^-1]
        Of a light cone, 0.5-2 keV as seen but for our Galaxy's hydrogen: leaves out the masses and redshifts whose
        mean flux (of observed clusters, not of the preset's) is smaller. It saves painting what no survey sees, and has
        to lie well below the limit of a survey, whose own selection comes afterwards.
    pressure : "hse", "a10", "p13" or "dpp", optional
        Instead of the preset's.
    depth : Quantity [Mpc, proper]
        Of the column that is painted, half of it behind the cluster. Neighbours fill a ball of 0.87 depths.
    xray_band : str
        Of the photon maps, at the observer.
    metallicity : float [solar]
        Of the gas that emits X-rays.
    metallicity_profile : "constant" or "radial"
        The same everywhere, or falling outwards as the average iron of Mernier et al. 2017, with ``metallicity`` at
        0.3 R500: see ``metals.iron_shape``.
    column_density_cm2 : float [cm^-2]
        Of the hydrogen in our galaxy that absorbs them.
    physics : dict
        Numbers of `PainterPhysics` that go before the preset's.
    """

    kind: Literal["painter"] = "painter"
    preset: str = "gadgetx"
    cosmology: str = "planck18"
    log10_m200c_range: tuple[float, float] = (13.7, 15.3)
    redshift_edges: tuple[float, ...] = (0.05, 0.05)
    population: Literal["flat", "light_cone"] = "flat"
    faintest_flux: float | None = None
    pressure: Pressure | None = None
    depth: Length = Field(default=12.8 * u.Mpc, validate_default=True)
    xray_band: str = "0.5-2 keV"
    metallicity: NotNegative = 0.3
    metallicity_profile: Literal["constant", "radial"] = "constant"
    column_density_cm2: NotNegative = 0.0
    physics: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _preset_goes_before_defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        name = given.get("preset", cls.model_fields["preset"].default)
        return {**read_preset(str(name)).get("settings", {}), **given}

    @model_validator(mode="after")
    def _can_be_drawn(self) -> PainterSettings:
        low, high = self.log10_m200c_range
        where = "simulation.log10_m200c_range"
        for value in (low, high):
            check_log10_m200c(value, where=where)
        if low > high:
            raise ConfigError(
                "The mass range is upside down.", where=where, expected="low <= high", got=f"({low}, {high})"
            )
        self._check_redshift_edges()
        self._check_population()
        depth_mpc = self.depth.to_value(u.Mpc)
        if not 2.0 <= depth_mpc <= 60.0:
            raise ConfigError(
                "This column cannot be painted.",
                where="simulation.depth",
                expected="2 to 60 Mpc",
                got=f"{depth_mpc:g} Mpc",
            )
        cosmology_by_name(self.cosmology)
        EnergyBand.parse(self.xray_band)
        _ = self.cluster_physics
        return self

    def _check_redshift_edges(self) -> None:
        edges, where = self.redshift_edges, "simulation.redshift_edges"
        for value in edges:
            check_redshift(value, where=where)
        fixed = len(edges) == 2 and edges[0] == edges[1]
        if len(edges) < 2 or not (fixed or (np.diff(edges) > 0.0).all()):
            raise ConfigError(
                "The redshift intervals cannot be drawn.",
                where=where,
                expected="at least two increasing numbers, or twice the same",
                got=str(edges),
            )

    def _check_population(self) -> None:
        flux, where = self.faintest_flux, "simulation.faintest_flux"
        if flux is not None and self.population == "flat":
            raise ConfigError(
                "A flat population has no faintest flux.",
                where=where,
                expected="nothing",
                got=f"{flux:g}",
                fix='leave it out, or set population = "light_cone"',
            )
        if flux is not None and not 0.0 < flux < np.inf:
            raise ConfigError(
                "This flux leaves no population.",
                where=where,
                expected="a number above 0 [erg cm^-2 s^-1], such as 5e-15",
                got=f"{flux:g}",
            )
        if self.population == "light_cone":
            _ = self.haloes

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Settings that were written before there were light cones stay as they are, and so do their hashes.
        content: dict[str, Any] = written(self)
        for name in ("population", "faintest_flux"):
            if content.get(name) == type(self).model_fields[name].default:
                content.pop(name, None)
        return content

    @property
    def haloes(self) -> LightCone:
        """The masses and redshifts of a light cone."""
        near, far = self.redshift_edges[0], self.redshift_edges[-1]
        return light_cone(self.universe, self.log10_m200c_range, (near, far), self.faintest_flux)

    @property
    def universe(self) -> Cosmology:
        """In which the clusters live."""
        return cosmology_by_name(self.cosmology)

    @cached_property
    def cluster_physics(self) -> PainterPhysics:
        """The physics: what is set here before the preset's, and that before the defaults."""
        given = merged(read_preset(self.preset).get("physics", {}), self.physics)
        if self.pressure is not None:
            given = {**given, "pressure": self.pressure}
        return parse(PainterPhysics, given, where="simulation.physics")
