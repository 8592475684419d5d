"""The front door: ``zwicky COMMAND``.

Nothing heavy is imported before a command runs, so that ``zwicky --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from zwicky import __version__
from zwicky.cli_mock import app as mock
from zwicky.core.errors import ConfigError, ZwickyError

app = typer.Typer(
    name="zwicky",
    help="Weigh galaxy clusters from SZ images, with error bars that can be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(mock, name="mock")

Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Preset = Annotated[str, typer.Option(help="Size of the run: smoke, demo, laptop or paper.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes that make mocks.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="ZWICKY_DATA", help="Folder of real maps. Default: ../shared/data if it is there."
    ),
]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@app.command()
def infer(
    map_file: Annotated[Path, typer.Argument(metavar="MAP.fits", help="A Compton-y map.")],
    redshift: Annotated[
        float | None, typer.Option("--redshift", "-z", help="Redshift of the cluster.")
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="Folder of an estimator, or the name of one that ships with zwicky.")
    ] = "deandres2022",
    unit: Annotated[
        str | None, typer.Option(help="Unit of the map, if the header has none: Compton-y.")
    ] = None,
    pixel_scale: Annotated[
        float | None, typer.Option(help="Side of a pixel in arcmin, if the header has no WCS.")
    ] = None,
    beam: Annotated[
        float | None, typer.Option(help="FWHM of the beam in arcmin, if the header has no BMAJ.")
    ] = None,
    center: Annotated[
        str | None, typer.Option(help='Position of the cluster: "RA,DEC" in degrees or "hh:mm:ss +dd:mm:ss".')
    ] = None,
    recenter: Annotated[
        float | None, typer.Option(help="Move to the brightest point within so many arcmin of the centre.")
    ] = None,
    hdu: Annotated[
        str | None, typer.Option(help="Number or EXTNAME of the HDU, if the file holds several images.")
    ] = None,
    one_minus_bias: Annotated[
        float | None,
        typer.Option(help="Hydrostatic over true mass, 1-b. Default: that of the training clusters."),
    ] = None,
    max_pixels: Annotated[int | None, typer.Option(help="Largest image that is read, in pixels.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for answer.json and stamp.fits.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Weigh the cluster of one map: an interval, a classical estimate beside it, and a warning light."""
    from zwicky.inference.estimator import Estimator
    from zwicky.workflows.answer import answer_text, write_answer
    from zwicky.workflows.shipped import estimator_folder
    from zwicky.workflows.weigh import MapOptions, weigh_map

    options = MapOptions(unit, pixel_scale, beam, hdu, center, recenter, max_pixels)
    estimator = Estimator.load(estimator_folder(checkpoint))
    answer = weigh_map(map_file, redshift, estimator, options, one_minus_bias=one_minus_bias)
    if out is not None:
        write_answer(answer, estimator, out)
    print(json.dumps(answer.as_dict(), indent=2) if as_json else answer_text(answer))


@app.command()
def reproduce(
    experiment: Annotated[str, typer.Argument(help="Name of the experiment, for example deandres2022.")],
    preset: Preset = "smoke",
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder. Default: runs/EXPERIMENT-PRESET.")
    ] = None,
    workers: Workers = 2,
    data: Data = None,
) -> None:
    """Run a published result whole: simulate, train, evaluate, report; again after a crash to go on."""
    from zwicky.workflows.experiment import read_experiment
    from zwicky.workflows.tables import paper_text, summary_text

    settings = read_experiment(experiment, preset)
    folder = out or Path("runs") / f"{experiment}-{preset}"
    from zwicky.workflows.real_clusters import data_folder
    from zwicky.workflows.reproduce import reproduce as run

    scorecard = run(settings, folder, data=data_folder(data), workers=workers, say=_say)
    print(summary_text(scorecard))
    print(paper_text(scorecard))


@app.command()
def demo(out: Out = Path("runs/demo"), workers: Workers = 2, data: Data = None) -> None:
    """Train a small network on mock clusters, then weigh a held-out mock and the real clusters that are there."""
    from zwicky.workflows.demo import run_demo

    print(run_demo(out, data=data, workers=workers, say=_say))


@app.command()
def check(path: Annotated[Path, typer.Argument(help="A store, or the folder of an estimator.")]) -> None:
    """Check a store or an estimator against its documented layout."""
    if (path / "estimator.json").is_file():
        from zwicky.inference.estimator import Estimator

        estimator = Estimator.load(path)
        print(f"{path}: an estimator of {len(estimator.network.members)} networks, as documented")
        return
    from zwicky.data.check import check_store

    problems = check_store(path)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise typer.Exit(1)
    print(f"{path}: as documented in docs/store.md")


@app.command()
def results(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or scorecard.json files.")],
    out: Annotated[Path, typer.Option("--out", help="File to write.")] = Path("docs/results.md"),
) -> None:
    """Write docs/results.md from scorecards."""
    from zwicky.workflows.tables import write_results

    write_results(runs, out)
    print(f"wrote {out}")


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an error of the user's is said in words and ends with status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return app(arguments)
    except ZwickyError as error:
        problem = error
    except OSError as error:  # a full disk, a file in place of a folder, a folder of somebody else
        problem = ConfigError(
            "A file or folder cannot be used.",
            where=error.filename,
            expected="a place that can be read and written",
            got=error.strerror or str(error),
            fix="choose another --out, or make space; the same command then goes on",
        )
    if "--json" in arguments:
        print(json.dumps(problem.as_dict(), indent=2))
    else:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
