"""A cluster: where it is, what it weighs, and which parent it descends from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zwicky.core.cosmology import COSMOLOGIES, Cosmology, check_redshift
from zwicky.core.errors import MassError
from zwicky.core.masses import Mass, MassDefinition


@dataclass(frozen=True)
class Cluster:
    """One cluster, seen along one line of sight.

    Parameters
    ----------
    id : str
        Its name.
    redshift : float [1]
        Cosmological redshift, > 0.
    masses : dict of MassDefinition to Mass, optional
        Its true masses; empty for a real cluster.
    parent : str, optional
        The unit of independence and of every split: all sight-lines, noise draws and physics variants of one
        halo (or zoom region) share it. Default: the id.
    sight_line : int
        Which line of sight, or which observation of it.
    cosmology : Cosmology
        In which the masses and radii hold.
    properties : dict of str to float
        Further true numbers, units in the names (``amplitude_scatter``, ``offset_x_arcmin``).
    """

    id: str
    redshift: float
    masses: Mapping[MassDefinition, Mass] = field(default_factory=dict)
    parent: str = ""
    sight_line: int = 0
    cosmology: Cosmology = COSMOLOGIES["planck_sz"]
    properties: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_redshift(self.redshift, where=f"cluster {self.id}")
        if not self.parent:
            object.__setattr__(self, "parent", self.id)
        for definition, mass in self.masses.items():
            if mass.definition != definition:
                raise MassError(
                    "A mass is filed under another definition.",
                    where=f"cluster {self.id}",
                    expected=str(definition),
                    got=str(mass),
                )

    def mass(self, definition: MassDefinition) -> Mass:
        """Return the true mass in this definition, or raise a MassError that lists the known ones."""
        if definition not in self.masses:
            raise MassError(
                "The true mass in this definition is not known.",
                where=f"cluster {self.id}",
                expected=", ".join(str(known) for known in self.masses) or "a mock cluster with masses",
                got=str(definition),
                fix="convert it with zwicky.physics.masses.convert",
            )
        return self.masses[definition]
