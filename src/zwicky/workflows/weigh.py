"""From a FITS map, or maps of some microwave bands, to a mass: read, cut, weigh, say how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.masses import MassDefinition
from zwicky.core.posteriors import INTERVAL_68, INTERVAL_95, MassPosterior
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_in import read_image
from zwicky.data.stamps import Stamp, cut_stamp, parse_center
from zwicky.inference.conformal import LEVELS
from zwicky.inference.domain import Flag
from zwicky.inference.estimator import Estimator
from zwicky.workflows.bands import BandFile, cut_bands

N_SAMPLES = 2001


@dataclass(frozen=True)
class MapOptions:
    """How to read and cut a map; each None means "from the header".

    Parameters
    ----------
    unit : str, optional
        If BUNIT is missing.
    pixel_arcmin, beam_arcmin : float, optional [arcmin]
        If the header has no WCS, or no BMAJ.
    hdu : int or str, optional
        Number or EXTNAME, if the file holds several images.
    center : str, optional
        "RA,DEC"; needed for a map larger than the stamp.
    recentre_arcmin : float, optional [arcmin]
        Move to the brightest point within this radius.
    max_pixels : int, optional
        Largest image that is read.
    """

    unit: str | None = None
    pixel_arcmin: float | None = None
    beam_arcmin: float | None = None
    hdu: int | str | None = None
    center: str | None = None
    recentre_arcmin: float | None = None
    max_pixels: int | None = None


@dataclass(frozen=True, eq=False)
class ClusterAnswer:
    """What is believed about one cluster.

    Parameters
    ----------
    name : str
    redshift : float [1]
    network, classical : MassPosterior
        Recalibrated; both from the same stamp.
    snr : float [1]
        Of the matched filter.
    y500_arcmin2, sigma_y500_arcmin2 : float [arcmin^2]
    flag : str
        "in-domain", "edge" or "out-of-domain".
    reasons, notes : tuple of str
        Why the flag is not "in-domain"; what was done to the map.
    one_minus_bias : float [1]
        Hydrostatic over true mass, as assumed in both masses.
    stamps : tuple of Stamp
        What was weighed: one map, or one of each band.
    inputs : tuple of dict
        The maps of bands that were given, for machines.
    """

    name: str
    redshift: float
    network: MassPosterior
    classical: MassPosterior
    snr: float
    y500_arcmin2: float
    sigma_y500_arcmin2: float
    flag: Flag
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    one_minus_bias: float
    stamps: tuple[Stamp, ...]
    inputs: tuple[dict[str, Any], ...] = ()

    @property
    def definition(self) -> MassDefinition:
        """Of both masses."""
        return self.network.definition

    @property
    def stamp(self) -> Stamp:
        """What was weighed, or its first band; all are centred at the same place."""
        return self.stamps[0]

    def as_dict(self) -> dict[str, Any]:
        """Return the answer for machines; masses in solar masses."""
        inputs = {"inputs": list(self.inputs)} if self.inputs else {}
        return {
            "name": self.name,
            "redshift": self.redshift,
            "mass_definition": str(self.definition),
            "mass_unit": "Msun",
            "one_minus_bias": self.one_minus_bias,
            "network": summary_of(self.network),
            "classical": summary_of(self.classical),
            "snr": self.snr,
            "y500_arcmin2": self.y500_arcmin2,
            "sigma_y500_arcmin2": self.sigma_y500_arcmin2,
            "flag": self.flag,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            **inputs,
        }


def summary_of(posterior: MassPosterior) -> dict[str, float | str]:
    """Return median and intervals of one mass for machines [Msun]."""
    (low68, high68), (low95, high95) = posterior.interval(INTERVAL_68), posterior.interval(INTERVAL_95)
    return {
        "method": posterior.method,
        "median": posterior.median.msun,
        "p16": low68.msun,
        "p84": high68.msun,
        "p2.5": low95.msun,
        "p97.5": high95.msun,
    }


def weigh_map(
    path: Path,
    redshift: float | None,
    estimator: Estimator,
    options: MapOptions,
    *,
    name: str | None = None,
    one_minus_bias: float | None = None,
) -> ClusterAnswer:
    """Weigh the cluster of one FITS map.

    Parameters
    ----------
    path : Path
        Compton-y map.
    redshift : float
        Of the cluster; inside the training range.
    estimator : Estimator
    options : MapOptions
    name : str, optional
        Default: the file's name.
    one_minus_bias : float, optional [1]
        Hydrostatic over true mass; default: that of the training clusters. Masses scale with its inverse.
    """
    z = estimator.check_redshift(redshift)
    instrument = estimator.map_instrument
    limit: dict[str, Any] = {} if options.max_pixels is None else {"max_pixels": options.max_pixels}
    image = read_image(
        path,
        MapQuantity.COMPTON_Y,
        unit=options.unit,
        pixel_arcmin=options.pixel_arcmin,
        beam_arcmin=options.beam_arcmin,
        hdu=options.hdu,
        **limit,
    )
    stamp = cut_stamp(
        image,
        instrument.grid,
        center=None if options.center is None else parse_center(options.center),
        beam_arcmin=instrument.beam_arcmin,
        recentre_arcmin=options.recentre_arcmin,
    )
    return weigh_stamp(stamp, z, estimator, name=name or path.name, one_minus_bias=one_minus_bias)


def weigh_bands(
    files: Sequence[BandFile],
    redshift: float | None,
    estimator: Estimator,
    *,
    center: str | None = None,
    name: str | None = None,
    one_minus_bias: float | None = None,
    max_pixels: int | None = None,
) -> ClusterAnswer:
    """Weigh the cluster of some FITS maps of the CMB temperature, one for each band.

    Parameters
    ----------
    files : list of BandFile
        Those of the estimator's bands, in any order.
    redshift : float
        Of the cluster; inside the training range.
    estimator : Estimator
        Of a microwave survey.
    center : str, optional
        "RA,DEC" of the cluster; needed unless a map is no wider than the stamp, or none has a WCS.
    name : str, optional
        Default: that of the first file.
    one_minus_bias : float, optional [1]
        As of ``weigh_map``.
    max_pixels : int, optional
        Largest image that is read.

    Raises
    ------
    ZwickyError
        If the estimator is of another kind, or a band cannot be used.
    """
    instrument = estimator.band_instrument
    z = estimator.check_redshift(redshift)
    used = cut_bands(files, instrument, center, max_pixels)
    answer = weigh_stamps(
        [one.stamp for one in used],
        z,
        estimator,
        name=name or files[0].path.name,
        one_minus_bias=one_minus_bias,
    )
    notes = tuple(note for one in used for note in one.notes)
    return replace(answer, notes=notes, inputs=tuple(one.as_dict() for one in used))


def weigh_stamp(
    stamp: Stamp, redshift: float, estimator: Estimator, *, name: str, one_minus_bias: float | None = None
) -> ClusterAnswer:
    """Weigh one stamp that is already cut; parameters as of ``weigh_map``."""
    return weigh_stamps([stamp], redshift, estimator, name=name, one_minus_bias=one_minus_bias)


def weigh_stamps(
    stamps: Sequence[Stamp],
    redshift: float,
    estimator: Estimator,
    *,
    name: str,
    one_minus_bias: float | None = None,
) -> ClusterAnswer:
    """Weigh the stamp of one map, or those of an estimator's bands in its order; parameters as of ``weigh_map``."""
    trained = estimator.simulation.config.one_minus_bias
    wanted = trained if one_minus_bias is None else one_minus_bias
    if not 0.3 <= wanted <= 1.2:
        raise ConfigError(
            "The hydrostatic bias cannot be used.",
            where="--one-minus-bias",
            expected="0.3 <= 1-b <= 1.2",
            got=wanted,
            fix="give 1-b (about 0.8), not b",
        )
    maps = [stamp.map.to_kept_unit() for stamp in stamps]
    estimator.check_stamps(maps)
    weighed = estimator.weigh(np.stack([one.values for one in maps])[None], np.array([redshift]))

    def posterior(log10_quantiles: np.ndarray, method: str) -> MassPosterior:
        samples = samples_of(log10_quantiles) * trained / wanted
        return MassPosterior(samples, estimator.definition, method)

    kind = str(estimator.facts.model["kind"])
    return ClusterAnswer(
        name=name,
        redshift=redshift,
        network=posterior(weighed.network_log10[0], f"{kind} x {len(estimator.network.members)}"),
        classical=posterior(weighed.classical_log10[0], "matched filter, Y-M relation"),
        snr=float(weighed.snr[0]),
        y500_arcmin2=float(weighed.y500_arcmin2[0]),
        sigma_y500_arcmin2=float(weighed.sigma_y500_arcmin2[0]),
        flag=weighed.flag_name(0),
        reasons=tuple(weighed.reasons[0]),
        notes=tuple(note for stamp in stamps for note in stamp.notes),
        one_minus_bias=wanted,
        stamps=tuple(stamps),
    )


def samples_of(log10_quantiles: np.ndarray) -> np.ndarray:
    """Return evenly weighted samples of a posterior kept at ``conformal.LEVELS``, (sample,) [Msun].

    Between the kept levels the quantile function is linear; beyond 0.5 and 99.5 % it stops.
    """
    levels = (np.arange(N_SAMPLES) + 0.5) / N_SAMPLES
    return np.asarray(10.0 ** np.interp(levels, LEVELS, log10_quantiles))


def options_from(entry: Mapping[str, Any]) -> MapOptions:
    """Return the options that an entry of ``real_clusters.toml`` states."""
    known = {field: entry[field] for field in MapOptions.__dataclass_fields__ if field in entry}
    return MapOptions(**known)
