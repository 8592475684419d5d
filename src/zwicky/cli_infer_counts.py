"""``zwicky infer --counts``: from the photon images of a cluster to its mass."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from zwicky.core.errors import CheckpointError, ConfigError, MapError

PHOTON_ESTIMATORS: Final = {
    "krippendorf2024_erosita": ((0.3, 0.6), (0.6, 1.1), (1.1, 1.6), (1.6, 2.2)),
    "krippendorf2024_rosat": ((0.42, 2.01),),
}
"""Those that ship, and their bands [keV]."""

ADVICE: Final = "photons are named by --counts, --exposure, --background and --mask, with EXTNAME in brackets"
"""To who states something that belongs to maps."""

Counts = Annotated[
    list[str] | None,
    typer.Option(
        "--counts",
        metavar="LOW-HIGH=FILE",
        help="Photons: an image of events in a band in keV, such as 0.5-2.0=img.fits. Again for more bands. An image "
        "of a file with several is named in brackets: img.fits[COUNTS].",
    ),
]
Exposure = Annotated[
    list[str] | None,
    typer.Option(
        "--exposure",
        metavar="[LOW-HIGH=]FILE",
        help="Photons: the exposure map of all bands, or of each, in seconds, with vignetting.",
    ),
]
Background = Annotated[
    list[str] | None,
    typer.Option(
        "--background",
        metavar="[LOW-HIGH=]FILE",
        help="Photons: background counts that are expected, for each band. Without it, an outer annulus has it.",
    ),
]
Mask = Annotated[
    str | None, typer.Option("--mask", metavar="FILE", help="Photons: 1 where a pixel may be used, else 0.")
]
ZeroExposure = Annotated[
    str | None,
    typer.Option(
        "--zero-exposure",
        metavar="mask",
        help="Photons: mask counts where the exposure is zero, as on sources; they are refused without it.",
    ),
]
ExposureUnit = Annotated[
    str | None, typer.Option("--exposure-unit", help="Photons: unit of exposures without BUNIT: s or ks.")
]
ExposureScale = Annotated[
    list[str] | None,
    typer.Option(
        "--exposure-scale",
        metavar="[LOW-HIGH=]NUMBER",
        help="Photons: seconds on the optical axis that a second of the exposure map is worth, such as 0.55 for "
        "maps of eROSITA that are normalised off the axis.",
    ),
]
AddSky = Annotated[
    bool,
    typer.Option(
        "--add-sky", help="Photons: --background is that of particles; the outer annulus has the rest."
    ),
]


@dataclass(frozen=True)
class Given:
    """The options that only photons have, as they stand on the command line."""

    counts: list[str] | None
    exposure: list[str] | None
    background: list[str] | None
    mask: str | None
    zero_exposure: str | None
    exposure_unit: str | None
    exposure_scale: list[str] | None
    add_sky: bool

    def given(self) -> dict[str, object]:
        """Return all options but the counts, by their names; None where one was not given."""
        fields = [name for name in self.__dataclass_fields__ if name != "counts"]
        return {f"--{name.replace('_', '-')}": getattr(self, name) or None for name in fields}


def default_estimator(bands_kev: Sequence[tuple[float, float]]) -> str:
    """Return the name of the estimator that ships with zwicky and has such bands.

    Raises
    ------
    ConfigError
        If none has all of them.
    """
    from zwicky.workflows.photons.files import match_bands

    for name, own in PHOTON_ESTIMATORS.items():
        try:
            match_bands(bands_kev, own)
        except MapError:
            continue
        return name

    def listed(bands: Sequence[tuple[float, float]]) -> str:
        return ", ".join(f"{low:g}-{high:g}" for low, high in bands)

    raise ConfigError(
        "No estimator of these bands ships with zwicky.",
        where="--counts",
        expected="bands in keV of one estimator: "
        + "; ".join(f"{name} {listed(own)}" for name, own in PHOTON_ESTIMATORS.items()),
        got=listed(bands_kev),
        fix="bin the events in such bands, leave others out, or give the folder of an estimator: --checkpoint FOLDER "
        "(a band in eV is 1000 times too high)",
    )


def weigh_counts(
    given: Given,
    sizes: Mapping[str, Any],
    redshift: float | None,
    checkpoint: str | None,
    center: str | None,
    name: str | None,
    out: Path | None,
    as_json: bool,
) -> str:
    """Weigh the cluster of photon images, write the answer if a folder is given, and return it as text.

    Parameters
    ----------
    given : Given
        Counts, exposures and the rest.
    sizes : dict
        ``pixel_arcmin`` and ``max_pixels`` of ``PhotonFiles``.
    redshift, checkpoint, center, name, out, as_json
        As on the command line.
    """
    from zwicky.workflows.photons.files import photon_files

    files = photon_files(
        given.counts or (), given.exposure or (), given.background or (), given.exposure_scale or (),
        mask=given.mask, exposure_unit=given.exposure_unit, zero_exposure=given.zero_exposure,
        add_sky=given.add_sky, **sizes,
    )  # fmt: skip
    checkpoint = checkpoint or default_estimator(files.bands_kev)
    from zwicky.inference.xray.estimator import PhotonEstimator
    from zwicky.workflows.answer import new_answer
    from zwicky.workflows.photons.answer import answer_text, write_answer
    from zwicky.workflows.photons.infer import weigh_photons
    from zwicky.workflows.shipped import estimator_folder

    if out is not None:
        new_answer(out)
    folder = estimator_folder(checkpoint)
    try:
        estimator = PhotonEstimator.load(folder)
    except CheckpointError as error:
        fix = f"give an estimator of photons: its folder, or {' or '.join(PHOTON_ESTIMATORS)}"
        raise CheckpointError(
            error.what, where=error.where, expected=error.expected, got=error.got, fix=error.fix or fix
        ) from error
    answer = weigh_photons(files, redshift, estimator, center=center, name=name)
    if out is not None:
        write_answer(answer, estimator, out)
    return json.dumps(answer.as_dict(), indent=2) if as_json else answer_text(answer)
