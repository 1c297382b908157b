"""A search over configurations that needs no network and survives being killed.

Optuna chooses and prunes (study.py). A trial is a training in a folder of its own; the one that
a kill cut short goes on from its state before another is begun.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from losszero_rt.checkpoint import write_whole
from losszero_rt.errors import LossZeroError, UsageError, clean_text
from losszero_rt.timings import now_s
from train.config import TrainConfig
from train.dotted import with_values
from train.fitting import with_epochs
from train.recipes import recipe
from train.study import SweepStudy, TrialRecord, is_constant
from train.sweep_file import Sweep

if TYPE_CHECKING:
    from optuna.trial import Trial

TRIALS_NAME = "trials.json"
BEST_NAME = "best.json"

Report = Callable[[int, float], None]
Configure = Callable[[Mapping[str, Any]], TrainConfig]


class Objective(Protocol):
    """What a trial does."""

    def __call__(
        self, config: TrainConfig, *, folder: Path, report: Report, time_limit_s: float
    ) -> bool:
        """Train.

        Args:
            config: What to do.
            folder: Where; a trial that was cut short goes on from what is there.
            report: Takes an epoch, counted from 1, and its metric. Raises what must pass where
                the trial lags too far behind.
            time_limit_s: When to stop, to go on another day.

        Returns:
            Whether the trial came to its end.
        """


def run_sweep(
    sweep: Sweep,
    *,
    configure: Configure,
    objective: Objective,
    out: Path,
    num_trials: int | None = None,
    time_limit_s: float = math.inf,
    resume: bool = False,
    seed: int = 1,
    start: Mapping[str, Any] | None = None,
    say: Callable[[str], object] = print,
) -> SweepStudy:
    """Run trials until there are enough, or time is up.

    Args:
        sweep: What is searched.
        configure: Turns a trial's values into its configuration; see :func:`config_for`.
        objective: What a trial does.
        out: Folder that gets the study, a folder a trial, ``trials.json``, ``best.json``,
            ``report.md`` and plots. Only the best trial keeps its checkpoints.
        num_trials: Trials in all, those before a resumption included; the sweep's own number
            if None.
        time_limit_s: Stop after this time, to be resumed.
        resume: Go on with the study in ``out``.
        seed: Seed of what is chosen.
        start: What every trial starts from, for the report; see :mod:`train.sweep_report`.
        say: Receives two lines a trial.

    Raises:
        UsageError: If a parameter does not fit the configuration; see also
            :class:`train.study.SweepStudy`.
        LossZeroError: If no trial could be trained: what the last one said.
    """
    configs = [configure(values) for values in sweep.samples()]
    num_epochs = max(config.num_epochs for config in configs)
    study = SweepStudy(sweep, out=out, num_epochs=num_epochs, resume=resume, seed=seed)
    num_trials = num_trials or sweep.num_trials
    deadline_s = now_s() + time_limit_s
    try:
        fault = _run_trials(study, num_trials, configure, objective, out, deadline_s, say)
    finally:
        _report(study, out, start)
    if fault is not None and all(record.state == "failed" for record in study.ended()):
        raise fault
    return study


def config_for(
    values: Mapping[str, Any],
    *,
    base: TrainConfig | None = None,
    fit: Callable[[TrainConfig], TrainConfig] = lambda config: config,
) -> TrainConfig:
    """Return the configuration of a trial.

    Args:
        values: By dotted name of a field; ``recipe`` and ``epochs`` are as on the command line.
        base: What the values are put into, unless they name a recipe.
        fit: Fits a recipe to the data before the other values are put in.

    Raises:
        UsageError: If there is nothing to put them into, or they do not fit.
    """
    rest = dict(values)
    if "recipe" in rest:
        base = recipe(str(rest.pop("recipe")))
    if base is None:
        raise UsageError(
            "a sweep without a recipe",
            accepted="a parameter `recipe` with a value, or values",
            remedy="add it to the sweep file",
        )
    if "epochs" in rest:
        epochs = rest.pop("epochs")
        if not isinstance(epochs, int) or epochs < 1:
            raise UsageError(f"{epochs!r} epochs", accepted="whole numbers of 1 or more")
        base = with_epochs(base, epochs)
    return with_values(fit(base), rest)


def write_results(study: SweepStudy, out: Path, *, configure: Configure) -> None:
    """Write every trial that has ended, and the configuration of the best, as JSON."""
    rows = [{**vars(record), "epochs": len(record.curve)} for record in study.ended()]
    write_whole(out / TRIALS_NAME, json.dumps(rows, indent=1).encode())
    best, parameters = study.best(), study.sweep.parameters
    if best is not None:
        constants = {k: p.samples()[0] for k, p in parameters.items() if is_constant(p)}
        content = {
            "metric": study.sweep.metric,
            "value": best.value,
            "trial": best.number,
            "folder": best.folder,
            "params": best.params,
            "config": configure({**constants, **best.params}).as_dict(),
        }
        write_whole(out / BEST_NAME, json.dumps(content, indent=1).encode())


def _run_trials(
    study: SweepStudy,
    num_trials: int,
    configure: Configure,
    objective: Objective,
    out: Path,
    deadline_s: float,
    say: Callable[[str], object],
) -> LossZeroError | None:
    """Run one trial after the other; return what the last one failed by."""
    fault = None
    while len(study.ended()) < num_trials and now_s() < deadline_s:
        asked = study.ask()
        if asked is None:
            break
        trial, values = asked
        say(f"trial {len(study.ended()) + 1}/{num_trials}: {_listed(trial.params)}")
        folder = out / study.record(trial.number).folder
        state, fault = _run(trial, values, configure, objective, folder, deadline_s)
        record = study.tell(trial, state=state)
        write_results(study, out, configure=configure)
        _tidy(study, out)
        say(f"  {_outcome(record, study.sweep)}" + (f": {fault}" if fault else ""))
        if state == "unfinished":
            break
    return fault


def _run(
    trial: "Trial",
    values: Mapping[str, Any],
    configure: Configure,
    objective: Objective,
    folder: Path,
    deadline_s: float,
) -> tuple[str, LossZeroError | None]:
    """Run a trial; return the state that it ended in and what it failed by."""
    import optuna

    num_epochs = 0

    def report(epoch: int, value: float) -> None:
        if math.isfinite(value):
            trial.report(value, epoch)
            if epoch < num_epochs and trial.should_prune():
                raise optuna.TrialPruned

    try:
        config = configure(values)
        num_epochs = config.num_epochs
        folder.mkdir(exist_ok=True)
        write_whole(folder / "config.json", json.dumps(config.as_dict(), indent=1).encode())
        ended = objective(config, folder=folder, report=report, time_limit_s=deadline_s - now_s())
    except optuna.TrialPruned:
        return "pruned", None
    except LossZeroError as error:
        return "failed", error
    return "complete" if ended else "unfinished", None


def _tidy(study: SweepStudy, out: Path) -> None:
    """Remove what trials will not need again: states, and checkpoints of all but the best."""
    best = study.best()
    for record in study.ended():
        is_best = best is not None and record.number == best.number
        for name in ("state",) if is_best else ("state", "last", "best", "best-boundary"):
            shutil.rmtree(out / record.folder / name, ignore_errors=True)


def _listed(params: Mapping[str, Any]) -> str:
    shown = {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in params.items()}
    return clean_text(", ".join(f"{key} {value}" for key, value in shown.items()))


def _outcome(record: TrialRecord, sweep: Sweep) -> str:
    value = "never measured" if record.value is None else f"{record.value:.4f}"
    return f"{record.state} after {len(record.curve)} epochs, best {sweep.metric} {value}"


def _report(study: SweepStudy, out: Path, start: Mapping[str, Any] | None) -> None:
    # matplotlib is slow to import, and needed only here.
    from train.sweep_plots import plot_sweep
    from train.sweep_report import write_report

    records, importance = study.ended(), study.importance()
    plots = plot_sweep(records, out=out, sweep=study.sweep, importance=importance)
    write_report(
        records, out=out, sweep=study.sweep, importance=importance, plots=plots, start=start
    )
