"""A survey without a telescope as settings: what an experiment file says about the data of mass maps."""

from __future__ import annotations

from typing import Annotated, Any, Final

from astropy import units as u
from pydantic import Field

from zwicky.core.config import Config, Length
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.mocks.settings import one_of, simulation_from
from zwicky.mocks.theory_survey import GRIDS, Centring, TheorySurvey

_QUANTITIES: Final = tuple(str(quantity) for quantity in MapQuantity)


class CentringSettings(Config):
    """How the centre is found; the numbers are explained in docs/mapping.md.

    Attributes
    ----------
    quantity : str
        The map with the peak: "xray_surface_brightness" or "compton_y".
    search_radius : Length, such as "0.5 Mpc"
        Around the true centre.
    error : Length
        Standard deviation per axis of what noise and astrometry add.
    smoothing : Length
        FWHM of the Gaussian that smooths the map first.
    """

    quantity: str = "xray_surface_brightness"
    search_radius: Length = Field(default=0.5 * u.Mpc, validate_default=True)
    error: Length = Field(default=0.04 * u.Mpc, validate_default=True)
    smoothing: Length = Field(default=0.15 * u.Mpc, validate_default=True)

    def build(self) -> Centring:
        """Return the record that the survey takes."""
        return Centring(
            quantity_named(self.quantity, "survey.centring.quantity"),
            search_radius_mpc=float(self.search_radius.to_value(u.Mpc)),
            error_mpc=float(self.error.to_value(u.Mpc)),
            smoothing_mpc=float(self.smoothing.to_value(u.Mpc)),
        )


class TheorySurveySettings(Config):
    """Simulation, maps and grid.

    Attributes
    ----------
    simulation : dict
        ``{"kind": "painter", ...}``; see the simulation's own settings.
    views : tuple of str
        The maps that a network is given, in order.
    target : str
        The map that it is asked for.
    also : tuple of str
        Further maps to keep, such as the gas for gas fractions.
    grid : str
        A name of ``zwicky.mocks.theory_survey.GRIDS``.
    beam_fwhm : float, optional [unit of the grid's pixel]
        FWHM of the Gaussian that smooths every map.
    centring : CentringSettings, optional
        The maps are centred on the true centre without it.
    """

    simulation: dict[str, Any] = Field(default_factory=lambda: {"kind": "painter"})
    views: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "compton_y",
        "xray_surface_brightness",
        "star_surface_density",
    )
    target: str = "total_surface_density"
    also: tuple[str, ...] = ()
    grid: str = "two-r200"
    beam_fwhm: float | None = None
    centring: CentringSettings | None = None

    @property
    def view_quantities(self) -> tuple[MapQuantity, ...]:
        """The views, in order, or a ConfigError that names the stranger."""
        return tuple(quantity_named(name, "survey.views") for name in self.views)

    @property
    def target_quantity(self) -> MapQuantity:
        """The target, or a ConfigError."""
        return quantity_named(self.target, "survey.target")

    def build(self, seed: int) -> TheorySurvey:
        """Return the survey: views, target, further maps; clusters and centres take the same seed.

        Raises
        ------
        ConfigError
            If a name is not known, a map is named twice, or the settings do not fit together.
        """
        also = tuple(quantity_named(name, "survey.also") for name in self.also)
        return TheorySurvey(
            simulation_from(self.simulation, seed),
            (*self.view_quantities, self.target_quantity, *also),
            grid_named(self.grid, "survey.grid"),
            self.beam_fwhm,
            None if self.centring is None else self.centring.build(),
            seed,
        )


def grid_named(name: str, where: str = "--grid") -> Grid:
    """Return a grid of ``GRIDS``, or raise a ConfigError that lists them."""
    return GRIDS[one_of(name, tuple(GRIDS), where, "This grid is not known.")]


def quantity_named(name: str, where: str) -> MapQuantity:
    """Return a map quantity, or raise a ConfigError that lists them."""
    return MapQuantity(one_of(name, _QUANTITIES, where, "This map quantity is not known."))
