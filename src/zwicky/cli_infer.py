"""``zwicky infer``: from the maps of a cluster to its mass, to a map of its mass, or to samples of its maps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from zwicky import cli_infer_counts as photons
from zwicky import cli_infer_posterior as posterior
from zwicky.core.errors import ConfigError

MASS_ESTIMATOR: Final = "deandres2022"
MASS_MAPPER: Final = "deandres2024"
MICROWAVE_ESTIMATORS: Final = {1: "gupta2020_150", 3: "gupta2020"}
"""By the number of bands: 150 GHz alone, and 95, 150 and 220 GHz."""

OF_MAPS: Final = "samples are drawn of maps: give --y and --xray, or leave this out"

MapFile = Annotated[
    Path | None, typer.Argument(metavar="MAP.fits", help="A Compton-y map, for a mass.", show_default=False)
]
Y = Annotated[Path | None, typer.Option("--y", help="View: a Compton-y map.", metavar="FILE")]
XRay = Annotated[
    Path | None,
    typer.Option(
        "--xray",
        metavar="FILE",
        help="View: bolometric X-ray power *emitted* per proper area at the cluster, erg/s/kpc2 or alike. It is "
        "4 pi (1+z)^4 times the brightness that is observed per steradian.",
    ),
]
Stars = Annotated[
    Path | None,
    typer.Option("--stars", metavar="FILE", help="View: stellar mass per proper area, Msun/kpc2 or alike."),
]
Bands = Annotated[
    list[str] | None,
    typer.Option(
        "--band",
        metavar="FREQ=FILE",
        help="Band: a map of the CMB temperature at a frequency in GHz, such as 150=map.fits. Again for more.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME.KEY=VALUE",
        help="What the header of a view or a band leaves out: y.beam=1.2 (FWHM, arcmin), y.pixel=0.5 (arcmin), "
        "xray.unit='erg / (s kpc2)', stars.hdu=1, 150.unit=uK_CMB. Again for more.",
    ),
]
Redshift = Annotated[float | None, typer.Option("--redshift", "-z", help="Redshift of the cluster.")]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        help="Folder of an estimator (for a mass) or of a mapper (for a map), or the name of one that ships with "
        f"zwicky. Default: {MASS_ESTIMATOR}; for views, {MASS_MAPPER}; for --samples, "
        f"{posterior.POSTERIOR_MAPPER}; for bands, {MICROWAVE_ESTIMATORS[3]}; for one band, "
        f"{MICROWAVE_ESTIMATORS[1]}; for photons, {' or '.join(photons.PHOTON_ESTIMATORS)}, by the bands."
    ),
]
Name = Annotated[str | None, typer.Option(help="Of the cluster, in the answer. Default: that of the file.")]
Unit = Annotated[str | None, typer.Option(help="Unit of MAP.fits, if the header has none: Compton-y.")]
PixelScale = Annotated[
    float | None,
    typer.Option(help="Side of a pixel of MAP.fits or of photon images in arcmin, if the header has no WCS."),
]
Beam = Annotated[
    float | None, typer.Option(help="FWHM of the beam of MAP.fits in arcmin, if the header has no BMAJ.")
]
Center = Annotated[
    str | None, typer.Option(help='Position of the cluster: "RA,DEC" in degrees or "hh:mm:ss +dd:mm:ss".')
]
Recenter = Annotated[
    float | None,
    typer.Option(help="MAP.fits: move to the brightest point within so many arcmin of the centre."),
]
Hdu = Annotated[
    str | None, typer.Option(help="Number or EXTNAME of the HDU, if MAP.fits holds several images.")
]
OneMinusBias = Annotated[
    float | None,
    typer.Option(
        help="MAP.fits and bands: hydrostatic over true mass, 1-b. Default: that of the training clusters."
    ),
]
MaxPixels = Annotated[int | None, typer.Option(help="Largest image that is read, in pixels.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder for answer.json and stamp.fits; for views, mass_map.fits and report.html; "
        "for --samples, a file of samples for each map and report.html.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def infer(
    map_file: MapFile = None,
    y: Y = None,
    xray: XRay = None,
    stars: Stars = None,
    band: Bands = None,
    settings: Settings = None,
    counts: photons.Counts = None,
    exposure: photons.Exposure = None,
    background: photons.Background = None,
    mask: photons.Mask = None,
    zero_exposure: photons.ZeroExposure = None,
    exposure_unit: photons.ExposureUnit = None,
    exposure_scale: photons.ExposureScale = None,
    add_sky: photons.AddSky = False,
    samples: posterior.Samples = None,
    seed: posterior.Seed = None,
    redshift: Redshift = None,
    checkpoint: Checkpoint = None,
    name: Name = None,
    unit: Unit = None,
    pixel_scale: PixelScale = None,
    beam: Beam = None,
    center: Center = None,
    recenter: Recenter = None,
    hdu: Hdu = None,
    one_minus_bias: OneMinusBias = None,
    max_pixels: MaxPixels = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Weigh the cluster of one map, of some microwave bands or of X-ray photons, or map the mass of one seen in views.

    MAP.fits gives a mass: an interval, a classical estimate beside it, and a warning light.

    --band 150=MAP.fits, once for each band of the estimator, gives the same from maps of the CMB temperature.

    --counts 0.5-2.0=IMG.fits --exposure EXP.fits, for any of the estimator's bands, gives it from X-ray photons.

    --y, --xray and --stars, any of them, give a map of the mass with its errors, the mass inside cylinders with its
    intervals, and a warning light. Each view has its own pixels, orientation, unit and beam.

    --y and --xray with --samples give samples of the maps of gas and dark matter: mean, errors, M200c, and a warning
    light.
    """
    views, bands = {"y": y, "xray": xray, "stars": stars}, band or []
    _check_one_kind(map_file, views, bands, counts or [])
    exposures = (exposure, background, mask, zero_exposure, exposure_unit, exposure_scale)
    of_photons = photons.Given(counts, *exposures, add_sky)
    of_one_map = {"--unit": unit, "--beam": beam, "--hdu": hdu, "--recenter": recenter}
    bias = {"--one-minus-bias": one_minus_bias}
    if not any(views.values()):
        _refuse({"--samples": samples, "--seed": seed}, "views", OF_MAPS)
    if counts:
        _refuse({**of_one_map, **bias, "--set": settings or None}, "maps, views and bands", photons.ADVICE)
        sizes = {"pixel_arcmin": pixel_scale, "max_pixels": max_pixels}
        print(photons.weigh_counts(of_photons, sizes, redshift, checkpoint, center, name, out, as_json))
        return
    _refuse(of_photons.given(), "photons", "give --counts LOW-HIGH=FILE as well, or leave this out")
    if map_file is not None:
        advice = "of MAP.fits, --unit, --pixel-scale, --beam and --hdu are stated"
        _refuse({"--set": settings or None}, "views and bands", advice)
        options = (unit, pixel_scale, beam, hdu, center, recenter, max_pixels)
        _weigh(map_file, redshift, checkpoint or MASS_ESTIMATOR, options, name, one_minus_bias, out, as_json)
        return
    which = "band is stated by --set 150.beam=1.2" if bands else "view is stated by --set y.beam=1.2"
    _refuse({**of_one_map, "--pixel-scale": pixel_scale}, "MAP.fits", f"what the header of a {which}")
    if bands:
        where = (center, name, one_minus_bias, max_pixels, out, as_json)
        _weigh_bands(bands, settings, redshift, checkpoint or MICROWAVE_ESTIMATORS.get(len(bands)), *where)
        return
    _refuse(bias, "MAP.fits and bands", "a map of the total mass has no such bias")
    _of_views(views, settings, redshift, checkpoint, samples, seed, center, name, max_pixels, out, as_json)


def _check_one_kind(
    map_file: Path | None, views: Mapping[str, Path | None], bands: Sequence[str], counts: Sequence[str]
) -> None:
    """Refuse a map to weigh, views, bands and photons together, and none of them."""
    kinds = (
        [] if map_file is None else [str(map_file)],
        [f"--{name} {path}" for name, path in views.items() if path is not None],
        [f"--band {text}" for text in bands],
        [f"--counts {text}" for text in counts],
    )
    given = [", ".join(kind) for kind in kinds if kind]
    if len(given) == 1:
        return
    numbers = {2: "two", 3: "three", 4: "four"}
    raise ConfigError(
        f"A map to weigh, views to map, bands to weigh and photons to weigh are {numbers[len(given)]} questions."
        if given
        else "There is no map of the cluster.",
        where="zwicky infer",
        expected="MAP.fits, --band FREQ=FILE or --counts LOW-HIGH=FILE for each band (for a mass), or at least one of "
        "--y, --xray and --stars (for a map of the mass)",
        got=" and ".join(given) or "none of them",
        fix="zwicky infer MAP.fits -z 0.1, zwicky infer --band 150=MAP.fits -z 0.6 --center RA,DEC, "
        "zwicky infer --counts 0.5-2.0=IMG.fits --exposure EXP.fits -z 0.1 --center RA,DEC, or "
        "zwicky infer --y Y.fits --xray X.fits -z 0.1 --center RA,DEC",
    )


def _refuse(options: Mapping[str, object], belong_to: str, fix: str) -> None:
    """Refuse options that have no meaning here, rather than pass over them."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise ConfigError(
            f"This option is one of {belong_to} only.",
            where="zwicky infer",
            expected=f"none of {', '.join(options)}",
            got=", ".join(given),
            fix=fix,
        )


def _of_views(
    views: Mapping[str, Path | None],
    settings: list[str] | None,
    redshift: float | None,
    checkpoint: str | None,
    samples: int | None,
    seed: int | None,
    *where: Any,
) -> None:
    """Draw samples of maps, or map the mass; the rest is as ``_map`` takes it."""
    if posterior.wanted(samples, checkpoint):
        print(posterior.draw_maps(views, settings, redshift, checkpoint, samples, seed, *where))
        return
    _refuse({"--seed": seed}, "samples of maps", "give --samples as well, or leave this out")
    _map(views, settings, redshift, checkpoint or MASS_MAPPER, *where)


def _map(
    views: Mapping[str, Path | None],
    settings: list[str] | None,
    redshift: float | None,
    checkpoint: str,
    center: str | None,
    name: str | None,
    max_pixels: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Map the mass of a cluster that is seen in some views."""
    from zwicky.workflows.answer import new_answer
    from zwicky.workflows.mapping.answer import answer_text, as_dict, write_answer
    from zwicky.workflows.mapping.infer import infer_map, load_mapper
    from zwicky.workflows.mapping.views import view_files

    files = view_files(views, settings or [])
    if out is not None:
        new_answer(out)
    answer = infer_map(
        files, redshift, load_mapper(checkpoint), center=center, name=name, max_pixels=max_pixels
    )
    if out is not None:
        write_answer(answer, out)
    print(json.dumps(as_dict(answer), indent=2) if as_json else answer_text(answer))


def _weigh(
    map_file: Path,
    redshift: float | None,
    checkpoint: str,
    options: tuple[Any, ...],
    name: str | None,
    one_minus_bias: float | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Weigh the cluster of one map; its options in the order of ``MapOptions``."""
    from zwicky.inference.estimator import Estimator
    from zwicky.workflows.answer import answer_text, write_answer
    from zwicky.workflows.shipped import estimator_folder
    from zwicky.workflows.weigh import MapOptions, weigh_map

    estimator = Estimator.load(estimator_folder(checkpoint))
    answer = weigh_map(
        map_file, redshift, estimator, MapOptions(*options), name=name, one_minus_bias=one_minus_bias
    )
    if out is not None:
        write_answer(answer, estimator, out)
    print(json.dumps(answer.as_dict(), indent=2) if as_json else answer_text(answer))


def _weigh_bands(
    bands: list[str],
    settings: list[str] | None,
    redshift: float | None,
    checkpoint: str | None,
    center: str | None,
    name: str | None,
    one_minus_bias: float | None,
    max_pixels: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Weigh the cluster of maps of some microwave bands."""
    if checkpoint is None:
        raise ConfigError(
            "No estimator of so many microwave bands ships with zwicky.",
            where="--checkpoint",
            expected="one band (150 GHz), three (95, 150 and 220 GHz), or the folder of an estimator of these bands",
            got=f"{len(bands)} bands and no --checkpoint",
            fix="leave a band out; or train one: zwicky reproduce, with such bands in the experiment's survey",
        )
    from zwicky.inference.estimator import Estimator
    from zwicky.workflows.answer import answer_text, new_answer, write_answer
    from zwicky.workflows.bands import band_files
    from zwicky.workflows.shipped import estimator_folder
    from zwicky.workflows.weigh import weigh_bands

    files = band_files(bands, settings or [])
    if out is not None:
        new_answer(out)
    estimator = Estimator.load(estimator_folder(checkpoint))
    answer = weigh_bands(
        files,
        redshift,
        estimator,
        center=center,
        name=name,
        one_minus_bias=one_minus_bias,
        max_pixels=max_pixels,
    )
    if out is not None:
        write_answer(answer, estimator, out)
    print(json.dumps(answer.as_dict(), indent=2) if as_json else answer_text(answer))
