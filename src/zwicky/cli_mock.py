"""``zwicky mock``: clusters to train on, and what they look like."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup


class _StoreByDefault(TyperGroup):
    """``zwicky mock EXPERIMENT`` is short for ``zwicky mock store EXPERIMENT``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take what is no command and no option for the name of an experiment."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            args = ["store", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_StoreByDefault,
    help="Make mock observations, paint clusters, and hold them against real ones.",
    no_args_is_help=True,
)

Workers = Annotated[int, typer.Option(min=1, help="Processes.")]
Engine = Annotated[str, typer.Option(help="Who works: processes, or dask (pip install 'zwicky[dask]').")]
Scheduler = Annotated[
    str | None, typer.Option(help="Address of a running dask scheduler, such as tcp://node1:8786.")
]
Physics = Annotated[
    str, typer.Option("--physics", help="Of the clusters: gadgetx, gizmo, hyper, illustris or spherical_a10.")
]
GridName = Annotated[
    str,
    typer.Option(
        "--grid",
        help="wide: 128 x 0.1 Mpc. wide-64: 64 x 0.2 Mpc. two-r200: 80 x R200/40. proper-4mpc: 80 x 0.05 Mpc.",
    ),
]
Seed = Annotated[int, typer.Option(help="Another seed is another universe.")]
Redshift = Annotated[float | None, typer.Option("--redshift", "-z", help="Of all clusters. Default: 0.05.")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _settings(physics: str, redshift: float | None) -> Any:
    from zwicky.core.config import parse
    from zwicky.simulations.painter.settings import PainterSettings

    given: dict[str, Any] = {"preset": physics}
    if redshift is not None:
        given["redshift_edges"] = (redshift, redshift)
    return parse(PainterSettings, given, where="painter")


@app.command()
def store(
    experiment: Annotated[str, typer.Argument(help="Experiment whose mocks are made.")],
    preset: Annotated[str, typer.Option(help="Size of the run: smoke, demo, laptop or paper.")] = "smoke",
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("store"),
    workers: Workers = 2,
    engine: Engine = "processes",
    scheduler: Scheduler = None,
) -> None:
    """Make the mock observations of an experiment as an HDF5 store; again after a crash to finish it."""
    from zwicky.workflows.experiment import kind_of, read_experiment
    from zwicky.workflows.reproduce import make_store

    if kind_of(experiment) == "mapping":
        from zwicky.workflows.mapping.experiment import read_mapping_experiment
        from zwicky.workflows.mapping.sets import Sets

        sets = Sets(read_mapping_experiment(experiment, preset), out)
        sets.make(workers, _say, engine=cast(Any, engine), scheduler=scheduler)
        print(f"the stores of {experiment} in {out / 'stores'}")
        return
    if kind_of(experiment) == "posterior":
        from zwicky.workflows.posterior.experiment import read_posterior_experiment
        from zwicky.workflows.posterior.sets import PosteriorSets

        posterior = PosteriorSets(read_posterior_experiment(experiment, preset), out)
        posterior.make(workers, _say, engine=cast(Any, engine), scheduler=scheduler)
        print(f"the store of {experiment} in {posterior.store_folder}")
        return
    made = make_store(
        read_experiment(experiment, preset), out, workers, _say, engine=cast(Any, engine), scheduler=scheduler
    )
    print(f"{made.n_samples} observations in {out}")


@app.command()
def paint(
    n_clusters: Annotated[int, typer.Option("--clusters", min=1, help="Clusters, flat in log M200c.")] = 100,
    sight_lines: Annotated[int, typer.Option(min=1, help="Directions from which each is seen.")] = 1,
    flat: Annotated[
        int | None,
        typer.Option(
            min=1, help="Samples in each 0.1 dex of mass, from at most --sight-lines directions each."
        ),
    ] = None,
    grid: GridName = "wide",
    quantity: Annotated[
        list[str] | None, typer.Option(help="A map to keep; again for more. Default: all.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="log16: half the bytes, 0.03 % error. float32.")] = "log16",
    physics: Physics = "gadgetx",
    redshift: Redshift = None,
    seed: Seed = 1,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("painted"),
    workers: Workers = 2,
    engine: Engine = "processes",
    scheduler: Scheduler = None,
) -> None:
    """Paint maps of dark matter, gas, stars, Compton y and X-rays as an HDF5 store; again to finish it."""
    from zwicky.data.sight_lines import FlatInMass
    from zwicky.workflows.painted import PaintedPlan, paint_store

    plan = PaintedPlan(
        _settings(physics, redshift),
        seed,
        n_clusters,
        sight_lines
        if flat is None
        else FlatInMass(samples_per_bin=flat, max_per_cluster=sight_lines, bin_dex=0.1),
        grid,
        tuple(quantity or ()),
        encoding,
    )
    made = paint_store(plan, out, workers, _say, engine=cast(Any, engine), scheduler=scheduler)
    print(f"{made.n_samples} sets of maps in {out}")


@app.command()
def gallery(
    physics: Physics = "gadgetx",
    redshift: Redshift = None,
    seed: Seed = 11,
    grid: GridName = "wide",
    out: Annotated[Path, typer.Option("--out", help="File to write.")] = Path("gallery.png"),
) -> None:
    """Draw a few painted clusters, light and heavy, in every map."""
    from zwicky.workflows.painted import grid_named
    from zwicky.workflows.population import GALLERY_MASSES_MSUN
    from zwicky.workflows.population import gallery as draw_gallery

    draw_gallery(_settings(physics, redshift), seed, out, GALLERY_MASSES_MSUN, grid_named(grid))
    print(f"wrote {out}")


@app.command()
def population(
    physics: Physics = "gadgetx",
    redshift: Redshift = None,
    clusters: Annotated[int, typer.Option(min=50, help="How many are drawn and measured.")] = 1000,
    seed: Seed = 7,
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("population"),
    workers: Workers = 2,
) -> None:
    """Measure painted clusters, and hold their relations and scatters against published ones: pass or fail."""
    from zwicky.evaluation.population_page import population_text, tally
    from zwicky.workflows.population import population_page

    results = population_page(_settings(physics, redshift), seed, clusters, out, workers, _say)
    print(population_text(results))
    print(f"{tally(results)}\nwrote {out / 'population.html'}")
