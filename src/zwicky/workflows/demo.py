"""The demonstration: from nothing to a weighed cluster in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zwicky.core.maps import Map
from zwicky.core.masses import M500C
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.stamps import Stamp
from zwicky.data.store import Store
from zwicky.inference.estimator import Estimator
from zwicky.workflows.answer import answer_text
from zwicky.workflows.experiment import read_experiment
from zwicky.workflows.real_clusters import data_folder, published_text, weigh_real_clusters
from zwicky.workflows.reproduce import Say, reproduce
from zwicky.workflows.tables import summary_text
from zwicky.workflows.weigh import ClusterAnswer, weigh_stamp

WHERE_FROM = (
    "No real maps were found. Planck Compton-y maps (MILCA, NILC) are public in the Planck Legacy Archive; cut a patch"
    " around a cluster, name it as in experiments/real_clusters.toml, and set ZWICKY_DATA to the folder that holds it;"
    " or weigh any map: zwicky infer MAP.fits --redshift Z --center RA,DEC --beam 10"
)


def run_demo(folder: Path, *, data: Path | None, workers: int, say: Say) -> str:
    """Train on a small mock set, weigh a held-out mock and the real clusters, and return the table as text."""
    found = data_folder(data)
    scorecard = reproduce(
        read_experiment("deandres2022", "demo"), folder, data=found, workers=workers, say=say
    )
    estimator = Estimator.load(folder / "estimator")
    mock, truth = weigh_held_out_mock(estimator, Store.open(folder / "store"))
    parts = [
        "",
        summary_text(scorecard),
        "",
        "A held-out mock cluster:",
        answer_text(mock),
        f"  truth: {truth / 1e14:.2f}",
    ]
    pairs = weigh_real_clusters(estimator, found)
    for entry, answer in pairs:
        parts += ["", "A real cluster:", answer_text(answer), *_published(entry)]
    if not pairs:
        parts += ["", WHERE_FROM]
    parts += ["", f"report: {folder / 'report.html'}"]
    return "\n".join(parts)


def _published(entry: dict[str, Any]) -> list[str]:
    return [
        f"  {name}: {published_text(entry[key])} ({entry[key]['source']})"
        for name, key in (("catalogue", "catalogue"), ("published CNN", "published_cnn"))
    ]


def weigh_held_out_mock(estimator: Estimator, store: Store) -> tuple[ClusterAnswer, float]:
    """Weigh the first test cluster above S/N 7; returns the answer and the true M500c [Msun]."""
    samples = store.read(store.indices("test")[:50])
    stamps, redshift = samples.maps[:, 0].astype(float), samples.truth["redshift"]
    bright = estimator.classical.weigh(stamps, redshift).snr > 7.0
    row = int(np.argmax(bright))
    quantity = MapQuantity.COMPTON_Y
    one = Map(stamps[row], quantity, UNIT_OF[quantity], store.grid, "observed", beam_arcmin=store.beam_arcmin)
    stamp = Stamp(map=one, center=None, notes=(), offset_arcmin=0.0)
    answer = weigh_stamp(stamp, float(redshift[row]), estimator, name=str(samples.id[row]))
    return answer, float(10.0 ** samples.truth[f"log10_{str(M500C).lower()}"][row])
