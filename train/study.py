"""What a sweep knows: Optuna's study in a SQLite file, and the trials read off it."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.errors import UsageError
from train.sweep_file import Choice, Goal, Range, Sweep

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

STUDY_NAME = "study.db"
_FOLDER, _CUT_SHORT, _PARAMETERS = "folder", "cut short", "parameters"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "unfinished"}


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """What a trial came to.

    Attributes:
        number: Its number in the study.
        state: ``complete``, ``pruned``, ``failed``, or ``unfinished`` when time ran out.
        folder: Its folder inside the sweep's.
        params: What was chosen for it, by dotted name.
        curve: Metric of each epoch.
        value: The best of them, None if there is none.
    """

    number: int
    state: str
    folder: str
    params: Mapping[str, Any]
    curve: tuple[float, ...]
    value: float | None


class SweepStudy:
    """The study of a sweep.

    Args:
        sweep: What is searched.
        out: The sweep's folder; made if absent.
        num_epochs: Epochs of the longest trial.
        resume: Whether to go on with the study in ``out``.
        seed: Seed of what is chosen.

    Raises:
        UsageError: If there is a study and ``resume`` is not set, or the other way round, or it
            searches other parameters.
    """

    def __init__(
        self, sweep: Sweep, *, out: Path, num_epochs: int, resume: bool, seed: int
    ) -> None:
        import optuna

        check_resume(out, resume=resume)
        path = out / STUDY_NAME
        queue = _combinations(sweep) if sweep.method == "grid" and not resume else []
        out.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.sweep = sweep
        self._out = out
        self._seed = seed
        self._study: Study = optuna.create_study(
            storage=f"sqlite:///{path.resolve()}",
            study_name="sweep",
            direction=sweep.goal,
            pruner=_pruner(sweep, num_epochs),
            load_if_exists=resume,
        )
        self._check_parameters()
        for values in queue:
            self._study.enqueue_trial(values)
        self._queue_again()

    def ask(self) -> tuple["Trial", dict[str, Any]] | None:
        """Return the next trial and all values for it, or None when a grid is through.

        The sampler is seeded by how many trials have ended, so that a sweep which was killed
        makes the same choices as an unbroken one.
        """
        if self.sweep.method == "grid" and not self._has_waiting():
            return None
        self._study.sampler = _sampler(self.sweep, (self._seed, len(self.ended())))
        trial = self._study.ask()
        if _FOLDER not in trial.user_attrs:
            trial.set_user_attr(_FOLDER, f"trial-{trial.number:03d}")
        return trial, _suggest(trial, self.sweep)

    def tell(self, trial: "Trial", *, state: str = "complete") -> TrialRecord:
        """End a trial by its best epoch; one without any has failed, an unfinished one goes on."""
        from optuna.trial import TrialState

        record = self.record(trial.number)
        if state == "complete" and record.value is not None:
            self._study.tell(trial, record.value)
        elif state == "pruned":
            self._study.tell(trial, state=TrialState.PRUNED)
        elif state != "unfinished":
            self._study.tell(trial, state=TrialState.FAIL)
        return self.record(trial.number)

    def record(self, number: int) -> TrialRecord:
        """Return what is known of a trial."""
        return self._record_of(self._study.trials[number])

    def ended(self) -> list[TrialRecord]:
        """Return the trials that have ended, in order; those cut short live on under a new one."""
        cut_short = self._study.user_attrs.get(_CUT_SHORT, [])
        trials = [t for t in self._study.trials if t.state.is_finished()]
        return [self._record_of(t) for t in trials if t.number not in cut_short]

    def best(self) -> TrialRecord | None:
        """Return the best of the trials that were trained to their end."""
        return best_of(self.ended(), goal=self.sweep.goal)

    def importance(self) -> dict[str, float]:
        """Return the share of each parameter in what trials differ by; empty for too few trials."""
        import optuna

        whole = [record for record in self.ended() if record.state == "complete"]
        if len({record.value for record in whole}) < 2:
            return {}
        return dict(optuna.importance.get_param_importances(self._study))

    def _record_of(self, trial: "FrozenTrial") -> TrialRecord:
        curve = tuple(value for _, value in sorted(trial.intermediate_values.items()))
        best = max if self.sweep.goal == "maximize" else min
        parameters = self.sweep.parameters
        return TrialRecord(
            number=trial.number,
            state=_STATES.get(trial.state.name, "waiting"),
            folder=str(trial.user_attrs.get(_FOLDER, "")),
            params={name: _decoded(parameters[name], v) for name, v in trial.params.items()},
            curve=curve,
            value=best(curve) if curve else None,
        )

    def _queue_again(self) -> None:
        """Queue what a kill or the clock cut short once more, with its folder."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            kept = {_FOLDER: trial.user_attrs[_FOLDER]} if _FOLDER in trial.user_attrs else {}
            self._study.enqueue_trial(trial.params, user_attrs=kept)
            cut_short = [*self._study.user_attrs.get(_CUT_SHORT, []), trial.number]
            self._study.set_user_attr(_CUT_SHORT, cut_short)
            self._study.tell(trial.number, state=TrialState.FAIL)

    def _has_waiting(self) -> bool:
        return any(trial.state.name == "WAITING" for trial in self._study.trials)

    def _check_parameters(self) -> None:
        asked = {name: repr(parameter) for name, parameter in self.sweep.parameters.items()}
        if self._study.user_attrs.get(_PARAMETERS, asked) != asked:
            raise UsageError(
                f"{self._out} searches other parameters than the sweep file",
                remedy="--resume with the file of the first run, or choose another --out",
            )
        self._study.set_user_attr(_PARAMETERS, asked)


def best_of(records: Sequence[TrialRecord], *, goal: Goal) -> TrialRecord | None:
    """Return the best of the trials that were trained to their end, None without any."""
    whole = [record for record in records if record.state == "complete"]
    best = max if goal == "maximize" else min
    return best(whole, key=lambda record: record.value or 0.0) if whole else None


def is_constant(parameter: Range | Choice) -> bool:
    """Say whether there is nothing to choose."""
    return isinstance(parameter, Choice) and len(parameter.values) == 1


def check_resume(out: Path, *, resume: bool) -> None:
    """Refuse to begin a sweep where there is one, or to go on where there is none."""
    exists = (out / STUDY_NAME).exists()
    if exists and not resume:
        raise UsageError(
            f"{out} already holds a sweep", remedy="add --resume or choose another --out"
        )
    if resume and not exists:
        raise UsageError(f"{out} holds no sweep to go on with", remedy="leave --resume away")


def _pruner(sweep: Sweep, num_epochs: int) -> "BasePruner":
    import optuna

    if sweep.hyperband is None:
        return optuna.pruners.NopPruner()
    low, high = sweep.hyperband.min_epochs, sweep.hyperband.max_epochs or num_epochs
    return optuna.pruners.HyperbandPruner(
        min_resource=low, max_resource=max(low, high), reduction_factor=sweep.hyperband.factor
    )


def _sampler(sweep: Sweep, seeds: tuple[int, int]) -> "BaseSampler":
    import optuna

    seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    if sweep.method == "bayes":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _combinations(sweep: Sweep) -> list[dict[str, Any]]:
    searched = {k: p for k, p in sweep.parameters.items() if not is_constant(p)}
    for name, parameter in searched.items():
        if isinstance(parameter, Range) and not parameter.is_whole:
            raise UsageError(
                f"{name} has no end of values for a grid",
                accepted="values, or whole numbers between min and max",
                remedy="list values, or choose method random or bayes",
            )
    rows = itertools.product(*(_encoded(parameter) for parameter in searched.values()))
    return [dict(zip(searched, row, strict=True)) for row in rows]


def _suggest(trial: "Trial", sweep: Sweep) -> dict[str, Any]:
    """Let the sampler choose; parameters with a single value are no choice."""
    values: dict[str, Any] = {}
    for name, parameter in sweep.parameters.items():
        if isinstance(parameter, Choice):
            labels = _encoded(parameter)
            alone = is_constant(parameter)
            label = labels[0] if alone else trial.suggest_categorical(name, labels)
            values[name] = _decoded(parameter, label)
        elif parameter.is_whole:
            values[name] = trial.suggest_int(name, int(parameter.low), int(parameter.high))
        else:
            values[name] = trial.suggest_float(
                name, parameter.low, parameter.high, step=parameter.step, log=parameter.is_log
            )
    return values


def _encoded(parameter: Range | Choice) -> list[Any]:
    """Return the values as the study can keep them: lists as JSON."""
    if isinstance(parameter, Range):
        return list(range(int(parameter.low), int(parameter.high) + 1))
    return [json.dumps(v) if isinstance(v, list | dict) else v for v in parameter.values]


def _decoded(parameter: Range | Choice, label: Any) -> Any:
    if isinstance(parameter, Choice):
        return parameter.values[_encoded(parameter).index(label)]
    return label
