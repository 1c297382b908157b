"""Which precision, streams and threads are fastest on this machine: measured once, remembered.

Arithmetic that is fast on one CPU is slow on another, one frame on all threads may be slower or
faster than a frame a thread, and so may two threads on one physical core. So the first start with
a bundle compiles what is worth trying, runs it in turn for a moment, and leaves what it found in
the user's cache. A slow machine may need more starts than one: what was compiled lies in the cache
then, and what was clearly slower in one of them is not tried again, so each gets further; after a
few what was found so far has to do. Until then the usual graph runs at every start, whatever half a
measurement says of it: two runs of one clip are to have the same labels. Whoever names precision,
streams and threads gets just these, and nothing is measured.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from losszero_rt.bundle import Bundle
from losszero_rt.bundle.sidecar import read_sidecar
from losszero_rt.caches import cache_folder
from losszero_rt.engine.openvino_blobs import compile_cached
from losszero_rt.engine.openvino_candidates import beside, candidates, label_of
from losszero_rt.engine.openvino_facts import import_openvino
from losszero_rt.engine.openvino_graphs import GraphSpec
from losszero_rt.engine.openvino_race import Race
from losszero_rt.engine.openvino_remembered import CACHE, SENSELESS
from losszero_rt.engine.openvino_starts import Times, clearly_best, is_beaten, times_of
from losszero_rt.engine.protocol import EngineOptions, Precision
from losszero_rt.errors import OutputError
from losszero_rt.timings import now_s

# What measuring may add to the first start, beside the one graph that is compiled anyway. On two
# cores all of the model that ships takes 2 s of it; with less, a first start would not settle.
BUDGET_S = 4.0
# So many starts may go on with a measurement that there was no time to finish.
NUM_STARTS_MAX = 4
# Begins the line that is said then.
UNSETTLED = "precision and streams are not settled, as there was no time to measure all"
# Of two that differ by less, the usual precision and the usual number of streams are taken.
MARGIN = 0.04

Say = Callable[[str], None]
ChosenBy = Literal["asked", "default", "measured", "remembered"]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What runs, and why.

    Attributes:
        precision: Arithmetic.
        streams: Frames worked on side by side.
        threads: CPU threads, shared out among them.
        chosen_by: ``asked`` if nothing was left to choose, ``default`` if nothing can be kept of
            a measurement or there was no time to finish it, else ``measured`` or ``remembered``.
        ms: Milliseconds a frame of everything that was tried; empty without a measurement.
    """

    precision: Precision
    streams: int
    threads: int
    chosen_by: ChosenBy
    ms: Mapping[str, float] = field(default_factory=dict)


def choose(core: Any, bundle: Bundle, *, options: EngineOptions, say: Say) -> tuple[Choice, Any]:
    """Settle precision, streams and threads, and compile what was settled on.

    Args:
        core: OpenVINO's.
        bundle: Holds the graphs.
        options: What the caller asks; ``auto`` and 0 leave the choice to us.
        say: Hears why nothing can be remembered, and when the choice was not settled.

    Returns:
        The choice, and the compiled graph.

    Raises:
        ModelError: If the bundle cannot run here in what was asked for.
    """
    specs = candidates(bundle, options)
    spec, choice = specs[0], _choice_of(specs[0], chosen_by="asked")
    if len(specs) > 1:
        try:
            path = _place(core, bundle, options=options, specs=specs)
        except OutputError as error:
            say(f"not measured, as nothing can be remembered: {error}")
            choice = replace(choice, chosen_by="default")
        else:
            remembered = recall(path, specs=specs)
            if remembered is None:
                return _go_on(core, bundle, path=path, specs=specs, options=options, say=say)
            spec, choice = remembered
    return choice, compile_cached(core, bundle, spec=spec, say=say)


def _go_on(
    core: Any,
    bundle: Bundle,
    *,
    path: Path,
    specs: list[GraphSpec],
    options: EngineOptions,
    say: Say,
) -> tuple[Choice, Any]:
    """Measure what earlier starts have not settled, choose, and remember it."""
    rounds, starts = _so_far(path)
    usual = specs[0]
    names = {label_of(spec, usual=usual): spec for spec in specs}
    left = [s for name, s in names.items() if s == usual or not is_beaten(name, rounds)]
    choice, compiled = measure(core, bundle, specs=left, options=options, say=say)
    rounds.append(choice.ms)
    if choice.chosen_by == "default" and starts + 1 < NUM_STARTS_MAX:
        say(f"{UNSETTLED}: {label_of(usual)} until a start has the time; --precision names one")
    elif choice.chosen_by == "default":
        best = clearly_best(list(names), now=label_of(usual), rounds=rounds)
        if best is not None:
            choice = _choice_of(names[best], chosen_by="default")
            compiled = compile_cached(core, bundle, spec=names[best], say=say)
    choice = replace(choice, ms={name: ms for times in rounds for name, ms in times.items()})
    record = {"name": bundle.name, "bundle": bundle.sha256, "batch": options.batch}
    record |= {"starts": starts + 1, "rounds": rounds}
    _remember(path, {**record, **asdict(choice)}, say=say)
    return choice, compiled


def measure(
    core: Any,
    bundle: Bundle,
    *,
    specs: list[GraphSpec],
    options: EngineOptions,
    say: Say,
) -> tuple[Choice, Any]:
    """Compile what fits into the time and run it in turn: precisions, then streams, then threads.

    Args:
        core: OpenVINO's.
        bundle: Holds the graphs.
        specs: What to choose among, the usual first.
        options: What the caller asks.
        say: Hears why compiled graphs cannot be kept.

    Returns:
        The choice, and its compiled graph: the usual one where there was no time for all.
    """
    race = Race(num_requests=options.num_requests, input_size=bundle.input_spec.size)
    race.enter(specs[0], lambda: compile_cached(core, bundle, spec=specs[0], say=say))
    until_s, best = now_s() + BUDGET_S, specs[0]
    chosen_by: ChosenBy = "measured"
    for varied in ("precision", "streams", "threads"):
        group = beside(best, specs, varied=varied)
        entered = [best]
        for spec in group:
            if spec != best and not race.has_time(until_s):
                chosen_by = "default"
            elif spec != best:
                race.enter(spec, partial(compile_cached, core, bundle, spec=spec, say=say))
                entered.append(spec)
        entered.sort(key=specs.index)
        race.run(entered)
        best = race.winner(entered, margin=MARGIN)
    if chosen_by == "default":
        best = specs[0]
    ms = {label_of(spec, usual=specs[0]): round(value, 3) for spec, value in race.ms.items()}
    return _choice_of(best, chosen_by=chosen_by, ms=ms), race.compiled(best)


def recall(path: Path, *, specs: list[GraphSpec]) -> tuple[GraphSpec, Choice] | None:
    """Return what earlier starts found, if it may still be chosen; None where to measure."""
    if not path.is_file():
        return None
    try:
        record, _ = read_sidecar(path)
        if record["chosen_by"] != "measured" and record["starts"] < NUM_STARTS_MAX:
            return None
        found = record["precision"], record["streams"], record["threads"]
        ms = {str(label): float(value) for label, value in record["ms"].items()}
    except SENSELESS:
        return None
    for spec in specs:
        if (spec.precision, spec.streams, spec.threads) == found:
            return spec, _choice_of(spec, chosen_by="remembered", ms=ms)
    return None


def _choice_of(
    spec: GraphSpec, *, chosen_by: ChosenBy, ms: Mapping[str, float] | None = None
) -> Choice:
    return Choice(
        precision=spec.precision,
        streams=spec.streams,
        threads=spec.threads,
        chosen_by=chosen_by,
        ms=ms or {},
    )


def _place(core: Any, bundle: Bundle, *, options: EngineOptions, specs: list[GraphSpec]) -> Path:
    """Return where a choice lies: under a name that holds everything that it depends on.

    Raises:
        OutputError: If there can be no such folder.
    """
    facts = {
        "bundle": bundle.sha256,
        "specs": [asdict(spec) for spec in specs],
        "num_requests": options.num_requests,
        "version": str(import_openvino().__version__),
        "cpu": str(core.get_property("CPU", "FULL_DEVICE_NAME")),
        "capabilities": sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache_folder(CACHE) / f"{digest[:40]}.json"


def _remember(path: Path, record: Mapping[str, Any], *, say: Say) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        say(f"measured at every start: {path} cannot be written: {error.strerror or error}")
    finally:
        part.unlink(missing_ok=True)


def _so_far(path: Path) -> tuple[list[Times], int]:
    """Return what earlier starts measured, and how many of them; nothing if it makes no sense."""
    try:
        record, _ = read_sidecar(path)
        return times_of(record), int(record["starts"])
    except SENSELESS:
        return [], 0
