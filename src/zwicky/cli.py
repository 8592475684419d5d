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
from zwicky.cli_infer import infer
from zwicky.cli_mock import app as mock
from zwicky.core.errors import ConfigError, ZwickyError

app = typer.Typer(
    name="zwicky",
    help="Weigh galaxy clusters and map their mass, with error bars that can be trusted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(infer)
app.add_typer(mock, name="mock")

Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Preset = Annotated[str, typer.Option(help="Size of the run: smoke, demo, laptop or paper.")]
Workers = Annotated[
    int, typer.Option(min=1, help="Processes that make mocks, or networks that are trained at a time.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="ZWICKY_DATA", help="Folder of real maps. Default: ../shared/data if it is there."
    ),
]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@app.command()
def reproduce(
    experiment: Annotated[
        str, typer.Argument(help="Name of the experiment, for example deandres2022 or deandres2024.")
    ],
    preset: Preset = "smoke",
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder. Default: runs/EXPERIMENT-PRESET.")
    ] = None,
    workers: Workers = 2,
    data: Data = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say how large the run is, and end; for experiments with mass maps."),
    ] = False,
) -> None:
    """Run a published result whole: simulate, train, evaluate, report; again after a crash to go on."""
    from zwicky.workflows.experiment import kind_of
    from zwicky.workflows.mass_tables import paper_text
    from zwicky.workflows.tables import summary_text

    folder = out or Path("runs") / f"{experiment}-{preset}"
    if kind_of(experiment) == "mapping":
        from zwicky.workflows.mapping.dry_run import dry_run_text
        from zwicky.workflows.mapping.experiment import read_mapping_experiment
        from zwicky.workflows.mapping.run import reproduce_maps

        maps = read_mapping_experiment(experiment, preset)
        if dry_run:
            print(dry_run_text(maps))
            return
        scorecard = reproduce_maps(maps, folder, workers=workers, say=_say)
    else:
        if dry_run:
            raise ConfigError(
                "This experiment cannot say beforehand how large it is.",
                where="--dry-run",
                expected="an experiment with mass maps",
                got=experiment,
            )
        scorecard = _weigh(experiment, preset, folder, workers, data)
    print(summary_text(scorecard))
    print(paper_text(scorecard))


def _weigh(experiment: str, preset: str, folder: Path, workers: int, data: Path | None) -> dict[str, Any]:
    from zwicky.workflows.experiment import kind_of, read_experiment

    if kind_of(experiment) == "microwave":
        from zwicky.workflows.microwave.experiment import read_microwave_experiment
        from zwicky.workflows.microwave.run import reproduce_microwave

        return reproduce_microwave(
            read_microwave_experiment(experiment, preset), folder, workers=workers, say=_say
        )
    if kind_of(experiment) == "posterior":
        from zwicky.workflows.posterior.experiment import read_posterior_experiment
        from zwicky.workflows.posterior.run import reproduce_posterior

        return reproduce_posterior(
            read_posterior_experiment(experiment, preset), folder, workers=workers, say=_say
        )
    from zwicky.workflows.real_clusters import data_folder

    if kind_of(experiment) == "photons":
        from zwicky.workflows.photons.experiment import read_photon_experiment
        from zwicky.workflows.photons.run import reproduce_photons

        photons = read_photon_experiment(experiment, preset)
        return reproduce_photons(photons, folder, data=data_folder(data), workers=workers, say=_say)
    from zwicky.workflows.reproduce import reproduce as run

    settings = read_experiment(experiment, preset)
    return run(settings, folder, data=data_folder(data), workers=workers, say=_say)


@app.command()
def demo(out: Out = Path("runs/demo"), workers: Workers = 2, data: Data = None) -> None:
    """Train a small network on mock clusters, then weigh a held-out mock and the real clusters that are there."""
    from zwicky.workflows.demo import run_demo

    print(run_demo(out, data=data, workers=workers, say=_say))


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A store, or the folder of an estimator or of a mapper.")],
) -> None:
    """Check a store, an estimator or a mapper against its documented layout."""
    if (path / "mapper.json").is_file():
        from zwicky.inference.mapping.mapper import Mapper

        mapper = Mapper.load(path)
        print(f"{path}: a mapper of {', '.join(mapper.views)} on {mapper.grid}, as documented")
        return
    if (path / "posterior.json").is_file():
        from zwicky.inference.posterior.mapper import PosteriorMapper

        drawing = PosteriorMapper.load(path)
        print(f"{path}: a posterior mapper of {', '.join(drawing.targets)} on {drawing.grid}, as documented")
        return
    if (path / "estimator.json").is_file():
        from zwicky.workflows.shipped import load_any_estimator

        estimator = load_any_estimator(path)
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
