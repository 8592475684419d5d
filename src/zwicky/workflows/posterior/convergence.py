"""How many evaluations of a trained network are enough? Every solver against a long run, and the choice (gate C5).

The long run takes many steps of the third-order solver, over a wider range of noise levels than the model's own
sampler where the network was taught there, and in single precision. Each solver with each number of steps is one row,
a file of its own: rows can be made in several processes, and are found again when a run goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from zwicky.core.errors import SamplingError, TrainingError
from zwicky.core.files import write_json, written_whole
from zwicky.core.provenance import config_hash
from zwicky.data.dataset import MapData
from zwicky.evaluation.posterior.spread import SpreadComparison, compare_spread
from zwicky.inference.posterior.drawing import Networks, draw_log10
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.sampler import Sampler, SolverName
from zwicky.models.diffusion.schedules import LogUniformNoise
from zwicky.models.map_moments import MapMoments
from zwicky.workflows.posterior.experiment import ConvergenceSettings

Say = Callable[[str], None]
Step = tuple[SolverName, int]
"""A solver and its number of steps."""

FLOWS: Final[tuple[SolverName, ...]] = ("euler", "heun", "dpm2m", "dpm3m")
REFERENCE: Final = "reference"


class ConvergenceGate:
    """A trained network, the clusters that solvers are compared on, and the folder of what was found.

    Parameters
    ----------
    network : DiffusionModel
    moments : MapMoments, optional
        Of models that ask for mean and standard deviation.
    data : MapData
        Views and true maps; the first ``settings.clusters`` are used.
    settings : ConvergenceSettings
    pixel_mpc : float
        Side of a pixel [Mpc].
    seed : int
        Of the noise, the same for all solvers.
    folder : Path
        Results of other weights, settings or clusters in it are made anew.

    Raises
    ------
    TrainingError
        If there are fewer clusters.
    """

    def __init__(
        self,
        network: DiffusionModel,
        moments: MapMoments | None,
        data: MapData,
        settings: ConvergenceSettings,
        pixel_mpc: float,
        seed: int,
        folder: Path,
    ) -> None:
        if len(data) < settings.clusters or data.target is None:
            raise TrainingError(
                "Too few clusters to compare solvers on.",
                where="clusters of the convergence",
                expected=f"at least {settings.clusters}, with their true maps",
                got=f"{len(data)}, {'without' if data.target is None else 'with'} true maps",
                fix="make the store larger, or ask for fewer clusters",
            )
        self.network, self.moments, self.settings = network, moments, settings
        self.pixel_mpc, self.seed, self.folder = pixel_mpc, seed, folder
        self.views = data.maps[: settings.clusters].numpy()
        self.redshift = data.redshift[: settings.clusters].numpy()
        self.truth_log10 = torch.log10(data.target[: settings.clusters]).numpy()
        self.names = [str(name) for name in data.parent[: settings.clusters]]
        self.fingerprint = config_hash(
            {
                "settings": settings.model_dump(mode="json"),
                "reference": self.reference_sampler.model_dump(mode="json"),
                "weights": [_digest(one) for one in (network, moments) if one is not None],
                "maps": hashlib.sha256(self.views.tobytes()).hexdigest(),
                "pixel_mpc": pixel_mpc,
                "seed": seed,
            }
        )

    @property
    def reference_sampler(self) -> Sampler:
        """The long run: from twice the largest noise level to a quarter of the smallest.

        A network that was taught a bounded range of noise levels knows nothing outside it, and is not asked there.
        """
        sampler = self.network.sampler("dpm3m", self.settings.reference_steps)
        low, high = 0.25 * sampler.sigma_min, 2.0 * sampler.sigma_max
        law = self.network.noise_law
        if isinstance(law, LogUniformNoise):
            low, high = max(low, law.sigma_min), min(high, law.sigma_max)
        return sampler.model_copy(update={"sigma_min": low, "sigma_max": high})

    def plan(self) -> tuple[Step, ...]:
        """Return all solvers with their steps: Heun with half of them, because it evaluates the network twice."""
        flow = sorted(set(self.settings.flow_steps))
        stochastic = sorted(set(self.settings.stochastic_steps))
        halved = sorted({(steps + 1) // 2 for steps in flow})
        rows: list[Step] = [(solver, n) for solver in FLOWS for n in (halved if solver == "heun" else flow)]
        rows += [("euler_maruyama", steps) for steps in stochastic]
        return (*rows, *(("predictor_corrector", steps) for steps in stochastic[len(stochastic) // 2 :][:1]))

    def reference(self, say: Say) -> np.ndarray:
        """Return the samples of the long run, drawn now or found, (n, sample, target, y, x) [dex]."""
        place = self.folder / f"{REFERENCE}-{self.fingerprint}.npy"
        if place.is_file():
            return np.asarray(np.load(place))
        say(f"reference: {self.network.evaluations(self.reference_sampler)} evaluations")
        short, self.network.bf16 = self.network.bf16, False  # so that rounding counts as an error of each row
        try:
            drawn = self._drawn(self.reference_sampler, self.settings.clusters, self.settings.samples)
        finally:
            self.network.bf16 = short
        with written_whole(place) as temporary, temporary.open("wb") as stream:
            np.save(stream, drawn)
        return drawn

    def row(self, solver: SolverName, steps: int, say: Say) -> dict[str, Any]:
        """Return one comparison with the long run, made now or found.

        Returns
        -------
        dict
            ``solver``, ``steps``, ``evaluations``; ``error``, ``error_se`` [1], ``coverage_shift`` [points] (None
            if the sampler diverged), ``passes``, ``may_pass`` and ``details``: see ``SpreadComparison``.
        """
        place = self.folder / f"{solver}-{steps}.json"
        if place.is_file():
            found = json.loads(place.read_text(encoding="utf-8"))
            if found["fingerprint"] == self.fingerprint:
                return dict(found)
        made = {"fingerprint": self.fingerprint, **self._row(solver, steps, say)}
        write_json(place, made)
        return made

    def _row(self, solver: SolverName, steps: int, say: Say) -> dict[str, Any]:
        sampler = self.network.sampler(solver, steps)
        s = self.settings
        n, n_samples = s.clusters, s.samples
        if sampler.is_stochastic:
            n, n_samples = min(n, s.stochastic_clusters), s.stochastic_samples
        evaluations = self.network.evaluations(sampler)
        facts = {"solver": solver, "steps": steps, "evaluations": evaluations}
        reference = self.reference(say)[:n]
        try:
            drawn = self._drawn(sampler, n, n_samples)
        except SamplingError as error:
            say(f"{solver} in {steps} steps: {error.what}")
            nothing = {
                "error": None,
                "error_se": None,
                "coverage_shift": None,
                "details": {"failed": error.what},
            }
            return {**facts, **nothing, "passes": False, "may_pass": False}
        compared = compare_spread(reference, drawn, self.truth_log10[:n], self.pixel_mpc, self.seed)
        say(
            f"{solver} in {evaluations} evaluations: sd within {100 * compared.error:.2f} "
            f"+- {100 * compared.error_se:.2f} %, coverage {compared.coverage_shift:.2f} points"
        )
        return {**facts, **_judged(compared)}

    def _drawn(self, sampler: Sampler, n: int, n_samples: int) -> np.ndarray:
        networks = Networks(self.network, self.moments)
        return draw_log10(
            networks, self.views[:n], self.redshift[:n], n_samples, self.seed, self.names[:n], sampler
        )


def measured_convergence(
    network: DiffusionModel,
    moments: MapMoments | None,
    data: MapData,
    settings: ConvergenceSettings,
    seed: int,
    say: Say,
    *,
    pixel_mpc: float,
    folder: Path,
) -> dict[str, Any]:
    """Compare all solvers with the long run, and choose; for parameters see ``ConvergenceGate``.

    Returns
    -------
    dict
        JSON-able. ``reference`` (its sampler), ``rows``, and

        ``chosen``
            ``solver``, ``steps``, ``evaluations`` of the flow with the fewest evaluations that passes, and whose
            rows with more pass, too; if none does, the most accurate flow, with a ``note``. None if all diverged.
        ``fewest_euler_maruyama``
            The same of Euler-Maruyama, or None.
        ``fewest_euler_maruyama_in_doubt``
            The same where deviations within two standard errors of the gate pass: the rival is not refused for the
            scatter of its samples. For the ratio of speeds this is the careful choice.
    """
    gate = ConvergenceGate(network, moments, data, settings, pixel_mpc, seed, folder)
    rows = [gate.row(solver, steps, say) for solver, steps in gate.plan()]
    return {
        "reference": gate.reference_sampler.model_dump(mode="json"),
        "rows": [{name: value for name, value in row.items() if name != "fingerprint"} for row in rows],
        **choices(rows),
    }


def choices(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the choice among rows; see ``measured_convergence``."""
    of_flows = [fewest(rows, solver) for solver in FLOWS]
    passing = [row for row in of_flows if row is not None]
    chosen: dict[str, Any] | None = None
    if passing:
        chosen = _named(min(passing, key=lambda row: row["evaluations"]))
    else:
        numbers = [row for row in rows if row["solver"] in FLOWS and row["error"] is not None]
        if numbers:
            best = _named(min(numbers, key=lambda row: row["error"]))
            chosen = {**best, "note": "no solver passes gate C5; this one is the most accurate"}
    rival, doubted = fewest(rows, "euler_maruyama"), fewest(rows, "euler_maruyama", "may_pass")
    return {
        "chosen": chosen,
        "fewest_euler_maruyama": None if rival is None else _named(rival),
        "fewest_euler_maruyama_in_doubt": None if doubted is None else _named(doubted),
    }


def fewest(rows: Sequence[dict[str, Any]], solver: str, criterion: str = "passes") -> dict[str, Any] | None:
    """Return the row of a solver from which on all pass, in the order of their evaluations; None if there is none."""
    found = None
    for row in sorted((one for one in rows if one["solver"] == solver), key=lambda one: -one["evaluations"]):
        if not row[criterion]:
            break
        found = row
    return found


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("solver", "steps", "evaluations")}


def _judged(compared: SpreadComparison) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if np.isfinite(value) else None

    return {
        "error": number(compared.error),
        "error_se": number(compared.error_se),
        "coverage_shift": number(compared.coverage_shift),
        "passes": compared.passes,
        "may_pass": compared.may_pass,
        "details": compared.facts(),
    }


def _digest(network: torch.nn.Module) -> str:
    """Return a digest of the weights of a network."""
    found = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        found.update(name.encode())
        found.update(values.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
