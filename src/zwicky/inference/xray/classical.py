"""The classical luminosity mass of photon images, whatever bands they have; and its fitted numbers as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from zwicky.core.config import Config
from zwicky.core.cosmology import cosmology_by_name
from zwicky.core.errors import MapError
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.images import PhotonImages
from zwicky.inference.xray.masses import CORE_PART, ERG_PER_S, XRayWeigher
from zwicky.inference.xray.profiles import ApertureCounts, aperture_counts
from zwicky.inference.xray.relation import ScalarRelation, form_by_name

_PRIOR_DIGITS: Final = 6
"""Kept of ln P(M | z): far below its own noise."""


class RelationFacts(Config):
    """A fitted ``ScalarRelation``.

    Attributes
    ----------
    form : str
        A name of ``relation.FORMS``.
    cosmology : str
        A name of ``core.cosmology.COSMOLOGIES``.
    log10_m500c_range : (float, float) [dex of Msun]
    numbers : (float, float, float, float) [1]
    sigma_ln : float [1]
    prior : {"flat", "training"}
    log_prior : tuple of tuple of float, optional
        (redshift, mass).
    ln_1z_range : (float, float) [1]
    """

    form: str
    cosmology: str
    log10_m500c_range: tuple[float, float]
    numbers: tuple[float, float, float, float]
    sigma_ln: float
    prior: Literal["flat", "training"]
    log_prior: tuple[tuple[float, ...], ...] | None
    ln_1z_range: tuple[float, float]

    @classmethod
    def of(cls, relation: ScalarRelation) -> RelationFacts:
        """Return the facts of a relation."""
        table = relation.log_prior
        return cls(
            form=relation.form.name,
            cosmology=relation.cosmology.name,
            log10_m500c_range=relation.log10_m500c_range,
            numbers=relation.numbers,
            sigma_ln=relation.sigma_ln,
            prior=relation.prior,
            log_prior=None
            if table is None
            else tuple(tuple(round(float(v), _PRIOR_DIGITS) for v in row) for row in table),
            ln_1z_range=relation.ln_1z_range,
        )

    def relation(self) -> ScalarRelation:
        """Return the relation."""
        return ScalarRelation(
            form_by_name(self.form),
            cosmology_by_name(self.cosmology),
            self.log10_m500c_range,
            self.numbers,
            self.sigma_ln,
            self.prior,
            None if self.log_prior is None else np.array(self.log_prior),
            self.ln_1z_range,
        )


class WeigherFacts(Config):
    """A fitted ``XRayWeigher``.

    Attributes
    ----------
    relation, aperture_relation : RelationFacts
        That which gives the mass, and that of the iteration for R500, which needs no prior.
    """

    relation: RelationFacts
    aperture_relation: RelationFacts

    @classmethod
    def of(cls, weigher: XRayWeigher) -> WeigherFacts:
        """Return the facts of a fitted weigher."""
        assert weigher.aperture_relation is not None
        return cls(
            relation=RelationFacts.of(weigher.relation),
            aperture_relation=RelationFacts.of(replace(weigher.aperture_relation, log_prior=None)),
        )

    def weigher(self, conversion: Conversion) -> XRayWeigher:
        """Return the weigher, with all bands of the instrument."""
        bands = tuple(range(len(conversion.counter.response)))
        return XRayWeigher(self.relation.relation(), bands, conversion, self.aperture_relation.relation())


@dataclass(frozen=True, eq=False)
class ClassicalPhotons:
    """Luminosity masses of photon images, and what was counted inside their R500.

    Parameters
    ----------
    log10_quantiles : (cluster, level) array [dex of Msun]
        At ``conformal.LEVELS``.
    snr : (cluster,) array [1]
        Of the luminosity.
    is_limit : (cluster,) bool array
        S/N < 1.
    luminosity_erg_per_s, sigma_erg_per_s : (cluster,) array [erg s^-1]
        Soft-band luminosity and its error.
    r500_arcmin : (cluster,) array [arcmin]
        Of the aperture.
    counts : (cluster,) array
        Net source photons inside R500, of all bands together.
    whole, core : ApertureCounts
        Of each band, inside R500 and inside 0.15 R500; zero in absent bands.
    """

    log10_quantiles: np.ndarray
    snr: np.ndarray
    is_limit: np.ndarray
    luminosity_erg_per_s: np.ndarray
    sigma_erg_per_s: np.ndarray
    r500_arcmin: np.ndarray
    counts: np.ndarray
    whole: ApertureCounts
    core: ApertureCounts


def weigh_classically(weigher: XRayWeigher, images: PhotonImages) -> ClassicalPhotons:
    """Weigh images by their luminosity, each from the bands that it has.

    Parameters
    ----------
    weigher : XRayWeigher
        Fitted, of the form "luminosity".
    images : PhotonImages
        With one band or more each.

    Raises
    ------
    MapError
        If an image has no band at all.
    """
    check_seen(images)
    profiles = images.profiles()
    n = len(images)
    columns: dict[str, np.ndarray] = {}
    for bands, rows in images.band_sets():
        masses = replace(weigher, bands=bands).weigh(profiles.selected(rows), images.redshift[rows])
        found = {
            "log10_quantiles": masses.log10_quantiles,
            "snr": masses.snr,
            "is_limit": masses.is_limit,
            "luminosity_erg_per_s": masses.value * ERG_PER_S,
            "sigma_erg_per_s": masses.sigma * ERG_PER_S,
            "r500_arcmin": masses.radius_arcmin,
        }
        for name, values in found.items():
            columns.setdefault(name, np.empty((n, *values.shape[1:]), values.dtype))[rows] = values
    whole = aperture_counts(profiles, columns["r500_arcmin"])
    core = aperture_counts(profiles, np.maximum(CORE_PART * columns["r500_arcmin"], images.pixel_arcmin))
    return ClassicalPhotons(**columns, counts=whole.source.sum(axis=1), whole=whole, core=core)


def check_seen(images: PhotonImages) -> None:
    """Refuse images of which no band was observed."""
    blind = np.flatnonzero(~images.present.any(axis=1))
    if blind.size:
        raise MapError(
            "Nothing was exposed.",
            where=f"image {blind[0]}",
            expected="an exposure above 0 in one band or more",
            got="no exposure in any band",
        )
