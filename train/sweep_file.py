"""What a sweep searches: a YAML file in the format of Weights & Biases' ``sweep.yaml``.

Source: https://docs.wandb.ai/guides/sweeps/sweep-config-keys for the keys and their defaults.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from losszero_rt.errors import InputError, UsageError

Method = Literal["bayes", "random", "grid"]
Goal = Literal["maximize", "minimize"]
FILE_BYTES_MAX = 1 << 20
NUM_TRIALS = 20

_KEYS = ("method", "metric", "parameters", "early_terminate", "run_cap")
# Keys that tell an agent of W&B what to start and where to send it; there is no agent here.
_AGENT_KEYS = ("program", "command", "project", "entity", "name", "description")
_LINEAR = ("uniform", "q_uniform", "int_uniform")
_LOGARITHMIC = ("log_uniform", "log_uniform_values")


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers between two bounds, both included.

    Attributes:
        low: Smallest.
        high: Largest.
        is_whole: Whether only whole numbers count.
        is_log: Whether each factor, not each difference, is as likely.
        step: Distance of the numbers, None for all.
    """

    low: float
    high: float
    is_whole: bool = False
    is_log: bool = False
    step: float | None = None

    def samples(self) -> tuple[Any, ...]:
        """Return numbers by which to try whether a configuration takes the range."""
        if self.is_whole:
            return int(self.low), int(self.high)
        # An odd place in the middle tells a field that takes whole numbers only.
        return self.low, self.high, self.low + 0.3819 * (self.high - self.low)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Some values; a single one is a constant."""

    values: tuple[Any, ...]

    def samples(self) -> tuple[Any, ...]:
        """Return all values."""
        return self.values


@dataclass(frozen=True, kw_only=True)
class Hyperband:
    """When trials that lag behind are stopped.

    Attributes:
        min_epochs: Epochs that every trial may train.
        max_epochs: Epochs of the longest trial, None for what the configuration says.
        factor: One of so many trials goes on at each rung.
    """

    min_epochs: int = 1
    max_epochs: int | None = None
    factor: int = 3


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A search over configurations.

    Attributes:
        method: How values are chosen.
        metric: Key of a tracked number; the best epoch of a trial counts.
        goal: Whether it should be large or small.
        parameters: What is searched, by dotted name.
        hyperband: When to stop trials early; None never does.
        num_trials: Trials to run.
    """

    method: Method
    parameters: Mapping[str, Range | Choice]
    metric: str = "val/miou"
    goal: Goal = "maximize"
    hyperband: Hyperband | None = None
    num_trials: int = NUM_TRIALS

    def samples(self) -> Iterator[dict[str, Any]]:
        """Return sets of values that touch every bound and every choice once."""
        samples = {name: parameter.samples() for name, parameter in self.parameters.items()}
        for index in range(max(len(values) for values in samples.values())):
            yield {name: values[index % len(values)] for name, values in samples.items()}


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file.

    Raises:
        InputError: If it cannot be read.
        UsageError: If it is not a sweep, or asks for what is not offered.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise InputError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {type(error).__name__}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from error
    if not isinstance(record, dict):
        raise UsageError(f"{path} holds no keys", accepted=f"keys: {', '.join(_KEYS)}")
    try:
        return sweep_from(record)
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise UsageError(
            f"{path} has a value that does not fit: {type(error).__name__}: {error}",
            accepted="the format of W&B's sweep.yaml",
        ) from error


def sweep_from(record: Mapping[str, Any]) -> Sweep:
    """Return the sweep that a file's keys describe."""
    _check_known("sweep key", record, (*_KEYS, *_AGENT_KEYS))
    method, metric = record.get("method", "bayes"), record.get("metric", {})
    goal = metric.get("goal", "maximize")
    _check_choice("method", method, get_args(Method))
    _check_choice("goal", goal, get_args(Goal))
    parameters = dict(_flat(record.get("parameters") or {}))
    if not parameters:
        raise UsageError("a sweep without parameters", accepted="one under parameters, or more")
    num_trials = int(record.get("run_cap", NUM_TRIALS))
    if num_trials < 1:
        raise UsageError(f"run_cap {num_trials}", accepted="1 or more")
    return Sweep(
        method=method,
        metric=str(metric.get("name", "val/miou")),
        goal=goal,
        parameters=parameters,
        hyperband=_hyperband(record.get("early_terminate")),
        num_trials=num_trials,
    )


def _flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Range | Choice]]:
    """Yield parameters by dotted name; W&B nests them under ``parameters`` again."""
    for key, record in parameters.items():
        name = f"{prefix}{key}"
        if not isinstance(record, Mapping):
            raise UsageError(f"{name}: {record!r}", accepted="value, values, or min and max")
        if "parameters" in record:
            yield from _flat(record["parameters"], f"{name}.")
        else:
            yield name, _parameter(name, record)


def _parameter(name: str, record: Mapping[str, Any]) -> Range | Choice:
    keys = ("value", "values", "min", "max", "distribution", "q")
    _check_known(f"key of {name}", record, keys)
    if "value" in record:
        return Choice(values=(_plain(record["value"]),))
    if "values" in record:
        values = tuple(_plain(value) for value in record["values"])
        if not values:
            raise UsageError(f"{name} has no values", accepted="one or more")
        return Choice(values=values)
    if "min" not in record or "max" not in record:
        raise UsageError(
            f"{name} with {', '.join(record) or 'nothing'}",
            accepted="value, values, or min and max",
        )
    return _range(name, record, low=_plain(record["min"]), high=_plain(record["max"]))


def _range(name: str, record: Mapping[str, Any], *, low: object, high: object) -> Range:
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise UsageError(f"{name} from {low!r} to {high!r}", accepted="numbers")
    whole = isinstance(low, int) and isinstance(high, int)
    distribution = record.get("distribution", "int_uniform" if whole else "uniform")
    _check_choice(f"distribution of {name}", distribution, (*_LINEAR, *_LOGARITHMIC))
    if distribution == "log_uniform":
        low, high = math.exp(low), math.exp(high)
    is_log = distribution in _LOGARITHMIC
    if not low < high or (is_log and low <= 0):
        raise UsageError(
            f"{name} from {low} to {high}",
            accepted="min below max" + (", both above 0" if is_log else ""),
        )
    return Range(
        low=low,
        high=high,
        is_whole=distribution == "int_uniform",
        is_log=is_log,
        step=float(_plain(record.get("q", 1))) if distribution == "q_uniform" else None,
    )


def _hyperband(record: Mapping[str, Any] | None) -> Hyperband | None:
    if record is None:
        return None
    _check_known("key of early_terminate", record, ("type", "min_iter", "max_iter", "s", "eta"))
    _check_choice("early_terminate type", record.get("type"), ("hyperband",))
    factor, max_epochs = int(record.get("eta", 3)), record.get("max_iter")
    min_epochs = record.get("min_iter")
    if min_epochs is None and max_epochs is not None:
        min_epochs = max(1, int(max_epochs) // factor ** int(record.get("s", 1)))
    found = Hyperband(
        min_epochs=1 if min_epochs is None else int(min_epochs),
        max_epochs=None if max_epochs is None else int(max_epochs),
        factor=factor,
    )
    if factor < 2 or found.min_epochs < 1 or (found.max_epochs or math.inf) < found.min_epochs:
        raise UsageError(f"{found}", accepted="eta >= 2 and 1 <= min_iter <= max_iter")
    return found


def _plain(value: Any) -> Any:
    """Return a value; YAML 1.1 reads ``1e-3``, which lacks a point, as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _check_choice(what: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"unknown {what} {value!r}", accepted=", ".join(choices))


def _check_known(what: str, record: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in record:
        _check_choice(what, key, known)
