"""The real clusters that can be weighed in X-rays here, beside their published masses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.workflows.photons.files import PhotonFiles, photon_files
from zwicky.workflows.photons.infer import PhotonAnswer, weigh_photons
from zwicky.workflows.real_clusters import interval_text, published_text

COLUMNS: Final = (
    "cluster",
    "telescope",
    "z",
    "net counts",
    "S/N",
    "L_X 0.5-2 keV [1e44 erg/s]",
    "network M500c [1e14 Msun]",
    "classical M500c [1e14 Msun]",
    "catalogue",
    "flag",
)
"""Of the table of real clusters."""


@dataclass(frozen=True)
class RealPhotons:
    """A real cluster in public photon images.

    Parameters
    ----------
    name, telescope : str
        For people.
    estimator : str
        Name of the estimator of its bands.
    redshift : float [1]
        As published.
    center : str
        "RA,DEC" in degrees.
    counts, exposure, background, exposure_scale : tuple of str
        As on the command line, ``{data}`` for the folder of real maps.
    mask : str, optional
        As on the command line.
    how : dict
        Further arguments of ``photon_files``.
    catalogue : dict, optional
        A published mass, as in ``experiments/real_clusters.toml``.
    """

    name: str
    telescope: str
    estimator: str
    redshift: float
    center: str
    counts: tuple[str, ...]
    exposure: tuple[str, ...]
    background: tuple[str, ...] = ()
    exposure_scale: tuple[str, ...] = ()
    mask: str | None = None
    how: Mapping[str, Any] = field(default_factory=dict)
    catalogue: Mapping[str, Any] | None = None

    def files(self, data: Path) -> PhotonFiles:
        """Return where its images are, below the folder of real maps."""

        def placed(texts: tuple[str, ...]) -> list[str]:
            return [text.replace("{data}", str(data)) for text in texts]

        (mask,) = placed((self.mask,)) if self.mask else (None,)
        scales = self.exposure_scale
        return photon_files(
            placed(self.counts), placed(self.exposure), placed(self.background), scales, mask=mask, **self.how
        )


_EFEDS: Final = {
    "0.3-0.6": "0300_0600",
    "0.6-1.1": "0600_1100",
    "1.1-1.6": "1100_1600",
    "1.6-2.2": "1600_2200",
}

REAL_PHOTONS: Final = (
    RealPhotons(
        name="Abell 3158",
        telescope="ROSAT PSPC",
        estimator="krippendorf2024_rosat",
        redshift=0.059,
        center="55.714,-53.628",  # the peak of the image
        counts=("0.42-2.01={data}/a3158_rosat/b_37.fits.gz",),
        exposure=("{data}/a3158_rosat/expose_mask_37.fits.gz",),
        # All that is not of the sky: in the outskirts a fifth of what is counted.
        background=("{data}/a3158_rosat/back_37.fits.gz",),
        # The exposure is also zero where sources were masked.
        how={"zero_exposure": "mask", "add_sky": True},
        catalogue={"m500_1e14": 4.22, "source": "PSZ2 (Planck 2015 XXVII), hydrostatic scale"},
    ),
    RealPhotons(
        name="eFEDS J0921+0317",
        telescope="eROSITA",
        estimator="krippendorf2024_erosita",
        redshift=0.33,
        center="140.3384,3.2906",
        counts=tuple(
            f"{band}={{data}}/efeds_erosita/images/img_{name}.fits.gz" for band, name in _EFEDS.items()
        ),
        exposure=tuple(
            f"{band}={{data}}/efeds_erosita/images/expmap_norm_{name}.fits.gz"
            for band, name in _EFEDS.items()
        ),
        # These maps are 1 at the place of the source, not on the optical axis: column CORRVIGN of the ARF that comes
        # with them, the mean in each band of area times E^-1.5.
        exposure_scale=("0.3-0.6=0.535", "0.6-1.1=0.548", "1.1-1.6=0.541", "1.6-2.2=0.511"),
        mask="{data}/efeds_erosita/images/mask.fits.gz",
    ),
)
"""Abell 3158 from domeckert/pyproffit, and the eFEDS cut-out of jeremysanders/mbproj2d; neither is in the package."""


def weigh_real_photons(
    estimators: Mapping[str, PhotonEstimator], data: Path
) -> list[tuple[RealPhotons, PhotonAnswer]]:
    """Weigh every real cluster whose images and whose estimator are there.

    Parameters
    ----------
    estimators : dict of str to PhotonEstimator
        By name; others than those of ``REAL_PHOTONS`` are passed over.
    data : Path
        Folder of real maps.
    """
    return [
        (
            entry,
            weigh_photons(
                entry.files(data),
                entry.redshift,
                estimators[entry.estimator],
                center=entry.center,
                name=entry.name,
            ),
        )
        for entry in REAL_PHOTONS
        if entry.estimator in estimators
        and all(Path(str(one.counts)).is_file() for one in entry.files(data).bands)
    ]


def real_photon_rows(estimators: Mapping[str, PhotonEstimator], data: Path) -> list[dict[str, str]]:
    """Return a table of network, classical and published masses of real clusters, M500c in 1e14 Msun.

    Parameters
    ----------
    estimators, data
        As of ``weigh_real_photons``.
    """
    return [_row(entry, answer) for entry, answer in weigh_real_photons(estimators, data)]


def _row(entry: RealPhotons, answer: PhotonAnswer) -> dict[str, str]:
    summary = answer.as_dict()
    luminosity, sigma = (
        one / 1e44 for one in (answer.luminosity_erg_per_s, answer.sigma_luminosity_erg_per_s)
    )
    cells = (
        entry.name,
        entry.telescope,
        f"{answer.redshift:g}",
        f"{answer.counts:.0f}",
        f"{answer.snr:.1f}",
        f"{luminosity:.2f} +- {sigma:.2f}",
        interval_text(summary["network"]),
        interval_text(summary["classical"]),
        "none here" if entry.catalogue is None else published_text(dict(entry.catalogue)),
        answer.flag + ("" if not answer.reasons else ": " + "; ".join(answer.reasons)),
    )
    return dict(zip(COLUMNS, cells, strict=True))
