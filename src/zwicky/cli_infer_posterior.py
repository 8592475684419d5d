"""``zwicky infer --samples``: from views of a cluster to samples of its maps."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

POSTERIOR_MAPPER: Final = "hsu2024"
"""That ships."""

Samples = Annotated[
    int | None,
    typer.Option(
        "--samples",
        help="Views: draw so many samples of the maps of gas and dark matter, by diffusion. Default: 50, if "
        "--checkpoint is a posterior mapper; else there are none.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Of the samples. Default: 0.")]


def wanted(samples: int | None, checkpoint: str | None) -> bool:
    """Say whether views are to be answered by samples of maps: that is asked for, or all that the checkpoint can do."""
    from zwicky.workflows.shipped import is_posterior

    return samples is not None or (checkpoint is not None and is_posterior(checkpoint))


def draw_maps(
    views: Mapping[str, Path | None],
    settings: list[str] | None,
    redshift: float | None,
    checkpoint: str | None,
    samples: int | None,
    seed: int | None,
    center: str | None,
    name: str | None,
    max_pixels: int | None,
    out: Path | None,
    as_json: bool,
) -> str:
    """Draw maps of a cluster that is seen in some views, and return what is printed."""
    from zwicky.workflows.answer import new_answer
    from zwicky.workflows.mapping.views import view_files
    from zwicky.workflows.posterior import infer
    from zwicky.workflows.posterior.answer import answer_text, as_dict, write_answer

    files = view_files(views, settings or [])
    if out is not None:
        new_answer(out)
    answer = infer.infer_posterior(
        files,
        redshift,
        infer.load_posterior_mapper(checkpoint or POSTERIOR_MAPPER),
        n_samples=infer.SAMPLES if samples is None else samples,
        seed=seed or 0,
        center=center,
        name=name,
        max_pixels=max_pixels,
        progress=progress_line(),
    )
    if out is not None:
        write_answer(answer, out)
    return json.dumps(as_dict(answer), indent=2) if as_json else answer_text(answer)


def progress_line() -> Callable[[int, int], None] | None:
    """Return what says on a terminal how many samples are drawn; None elsewhere, where it would fill a log."""
    if not sys.stderr.isatty():
        return None

    def told(done: int, total: int) -> None:
        end = "\n" if done >= total else ""
        print(f"\rsamples: {done} of {total}", end=end, file=sys.stderr, flush=True)

    return told
