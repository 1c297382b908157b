"""Which precision and how many streams are fastest on this machine: measured once, remembered.

Arithmetic that is fast on one CPU is slow on another, and one frame on all threads may be slower
or faster than a frame a thread. So the first start with a bundle compiles what is worth trying,
runs it in turn for a moment, and leaves what it found in the user's cache. A slow machine may
need more starts than one: what was compiled lies in the cache then, and what was clearly slower
is not tried again, so each gets further; after a few what was found so far has to do. Whoever
names precision and streams gets just these, and nothing is measured.
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
from losszero_rt.engine.openvino_facts import import_openvino
from losszero_rt.engine.openvino_graphs import GraphSpec, proved_precisions, require_offered
from losszero_rt.engine.openvino_race import Race
from losszero_rt.engine.protocol import EngineOptions, Precision
from losszero_rt.errors import LossZeroError, ModelError, OutputError
from losszero_rt.timings import now_s

CACHE = "openvino-choices"
# What measuring may add to the first start, beside the one graph that is compiled anyway.
BUDGET_S = 1.5
# So many starts may go on with a measurement that there was no time to finish.
NUM_STARTS_MAX = 4
# What took so much more of the time is not tried again by the next of them.
BEATEN = 1.3
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
        chosen_by: ``asked`` if nothing was left to choose, ``default`` if nothing can be kept of
            a measurement or there was no time to finish it, else ``measured`` or ``remembered``.
        ms: Milliseconds a frame of everything that was tried; empty without a measurement.
    """

    precision: Precision
    streams: int
    chosen_by: ChosenBy
    ms: Mapping[str, float] = field(default_factory=dict)


def choose(
    core: Any, bundle: Bundle, *, options: EngineOptions, threads: int, say: Say
) -> tuple[Choice, Any]:
    """Settle precision and streams, and compile what was settled on.

    Args:
        core: OpenVINO's.
        bundle: Holds the graphs.
        options: What the caller asks; ``auto`` and 0 leave the choice to us.
        threads: CPU threads.
        say: Hears why nothing can be remembered.

    Returns:
        The choice, and the compiled graph.

    Raises:
        ModelError: If the bundle cannot run here in what was asked for.
    """
    precisions, streams = precisions_of(bundle, options), streams_of(options, threads)
    specs = [_spec(p, s, options, threads) for p in precisions for s in streams]
    choice = Choice(precision=precisions[0], streams=streams[0], chosen_by="asked")
    if len(specs) > 1:
        try:
            path = _place(core, bundle, options=options, specs=specs)
        except OutputError as error:
            say(f"not measured, as nothing can be remembered: {error}")
            choice = replace(choice, chosen_by="default")
        else:
            remembered = recall(path, precisions=precisions, streams=streams)
            if remembered is None:
                known, starts = _so_far(path)
                left = [spec for spec in specs if spec == specs[0] or not _is_beaten(spec, known)]
                choice, compiled = measure(core, bundle, specs=left, options=options, say=say)
                choice = replace(choice, ms={**known, **choice.ms})
                best = _best_known(specs, choice)
                if best is not None:
                    choice = replace(choice, precision=best.precision, streams=best.streams)
                    compiled = compile_cached(core, bundle, spec=best, say=say)
                record = {"name": bundle.name, "batch": options.batch, "starts": starts + 1}
                _remember(path, {**record, **asdict(choice)}, say=say)
                return choice, compiled
            choice = remembered
    spec = _spec(choice.precision, choice.streams, options, threads)
    return choice, compile_cached(core, bundle, spec=spec, say=say)


def precisions_of(bundle: Bundle, options: EngineOptions) -> tuple[Precision, ...]:
    """Return the precisions to choose among, the usual one first.

    Raises:
        ModelError: If what was asked for cannot run here.
    """
    if options.precision == "auto":
        proved = proved_precisions(bundle)
        # The usual one, then int8: should time run out, only what was never fast is left out.
        return (proved[0], *sorted(proved[1:], key=lambda p: p != "int8"))
    require_offered(bundle, options.precision)
    return (options.precision,)


def streams_of(options: EngineOptions, threads: int) -> tuple[int, ...]:
    """Return the numbers of streams to choose among, the usual one first.

    One a thread, as far as requests go round, makes the most of a CPU; a single frame at a time
    needs them all.

    Raises:
        ModelError: If more streams than threads are asked for.
    """
    if options.streams > threads:
        raise ModelError(
            f"{options.streams} streams on {threads} threads", accepted=f"1 to {threads}, or 0"
        )
    if options.streams:
        return (options.streams,)
    usual = min(threads, options.num_requests)
    return tuple(dict.fromkeys((usual, max(1, usual // 2), 1)))


def measure(
    core: Any,
    bundle: Bundle,
    *,
    specs: list[GraphSpec],
    options: EngineOptions,
    say: Say,
) -> tuple[Choice, Any]:
    """Compile what fits into the time and run it in turn: precisions first, then streams.

    Args:
        core: OpenVINO's.
        bundle: Holds the graphs.
        specs: What to choose among, the usual first.
        options: What the caller asks.
        say: Hears why compiled graphs cannot be kept.

    Returns:
        The choice, and its compiled graph.
    """
    race = Race(num_requests=options.num_requests, input_size=bundle.input_spec.size)
    race.enter(specs[0], lambda: compile_cached(core, bundle, spec=specs[0], say=say))
    until_s, best = now_s() + BUDGET_S, specs[0]
    chosen_by: ChosenBy = "measured"
    for fixed in ("streams", "precision"):
        group = [spec for spec in specs if getattr(spec, fixed) == getattr(best, fixed)]
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
    ms = {label_of(spec): round(value, 3) for spec, value in race.ms.items()}
    choice = Choice(precision=best.precision, streams=best.streams, chosen_by=chosen_by, ms=ms)
    return choice, race.compiled(best)


def label_of(spec: GraphSpec) -> str:
    """Return what a person calls a graph, such as ``int8, 2 streams``."""
    return f"{spec.precision}, {spec.streams} stream{'s' if spec.streams > 1 else ''}"


def recall(
    path: Path, *, precisions: tuple[Precision, ...], streams: tuple[int, ...]
) -> Choice | None:
    """Return what earlier starts found, if it may still be chosen; None where to measure."""
    if not path.is_file():
        return None
    try:
        record, _ = read_sidecar(path)
        if record["chosen_by"] != "measured" and record["starts"] < NUM_STARTS_MAX:
            return None
        precision, num_streams = record["precision"], record["streams"]
        ms = {str(label): float(value) for label, value in record["ms"].items()}
    except (LossZeroError, AttributeError, KeyError, TypeError, ValueError):
        return None
    if precision not in precisions or num_streams not in streams:
        return None
    return Choice(precision=precision, streams=num_streams, chosen_by="remembered", ms=ms)


def remembered_choices() -> list[str]:
    """Return a line for every choice in the user's cache, for ``doctor``; never raises."""
    try:
        paths = sorted(cache_folder(CACHE).glob("*.json"))
    except OutputError as error:
        return [str(error)]
    lines = []
    for path in paths:
        try:
            record, _ = read_sidecar(path)
            found = f"{record['precision']}, {record['streams']} streams"
            tried = "; ".join(f"{label} {float(ms):.1f} ms" for label, ms in record["ms"].items())
            lines.append(f"{record['name']}, batch {record['batch']}: {found} ({tried} a frame)")
        except (LossZeroError, AttributeError, KeyError, TypeError, ValueError):
            lines.append(f"{path} cannot be understood: it will be measured again")
    return lines


def _spec(precision: Precision, streams: int, options: EngineOptions, threads: int) -> GraphSpec:
    return GraphSpec(
        precision=precision,
        batch=options.batch,
        cams=options.cams,
        threads=threads,
        streams=streams,
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


def _so_far(path: Path) -> tuple[dict[str, float], int]:
    """Return what earlier starts measured, and how many of them; nothing if it makes no sense."""
    try:
        record, _ = read_sidecar(path)
        ms = {str(label): float(value) for label, value in record["ms"].items()}
        return ms, int(record["starts"])
    except (LossZeroError, AttributeError, KeyError, TypeError, ValueError):
        return {}, 0


def _best_known(specs: list[GraphSpec], choice: Choice) -> GraphSpec | None:
    """Return what all starts together found to be clearly faster than an unfinished choice."""
    if choice.chosen_by != "default":
        return None
    tried = [spec for spec in specs if label_of(spec) in choice.ms]
    best = min(tried, key=lambda spec: choice.ms[label_of(spec)], default=specs[0])
    now = next(s for s in specs if (s.precision, s.streams) == (choice.precision, choice.streams))
    now_ms = choice.ms.get(label_of(now))
    clearly = now_ms is not None and choice.ms[label_of(best)] * BEATEN < now_ms
    return best if best != now and clearly else None


def _is_beaten(spec: GraphSpec, known: Mapping[str, float]) -> bool:
    ms = known.get(label_of(spec))
    return ms is not None and ms > BEATEN * min(known.values())
