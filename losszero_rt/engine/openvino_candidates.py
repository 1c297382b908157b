"""What may run of a bundle on this machine: every precision, streams and threads worth trying."""

from dataclasses import replace
from functools import partial

from losszero_rt.bundle import Bundle
from losszero_rt.cores import num_cores, num_physical_cores
from losszero_rt.engine.openvino_graphs import (
    GraphSpec,
    int8_floats,
    proved_precisions,
    require_offered,
)
from losszero_rt.engine.protocol import EngineOptions, Precision
from losszero_rt.errors import ModelError


def candidates(bundle: Bundle, options: EngineOptions) -> list[GraphSpec]:
    """Return the graphs to choose among, the usual one first.

    Args:
        bundle: Holds the graphs.
        options: What the caller asks; ``auto`` and 0 leave the choice to us.

    Raises:
        ModelError: If what was asked for cannot run here.
    """
    counts = threads_of(options)
    streams_of(options, counts[0])  # refuses a wish for more than there are threads
    return [
        GraphSpec(
            precision=precision,
            floats=_floats_of(bundle, precision, options),
            batch=options.batch,
            cams=options.cams,
            threads=threads,
            streams=streams,
        )
        for threads in counts
        if options.streams <= threads
        for precision in precisions_of(bundle, options)
        for streams in streams_of(options, threads)
    ]


def beside(best: GraphSpec, specs: list[GraphSpec], *, varied: str) -> list[GraphSpec]:
    """Return the graphs that differ from one in a single respect, itself among them, in order.

    Args:
        best: What runs so far.
        specs: All candidates.
        varied: ``precision``, ``streams`` or ``threads``; with other threads there may not be as
            many streams, and then the next number of them is taken.
    """
    if varied == "precision":
        taken = partial(replace, precision=best.precision, floats=best.floats)
        return [spec for spec in specs if taken(spec) == best]
    if varied == "streams":
        return [spec for spec in specs if replace(spec, streams=best.streams) == best]
    alike = [spec for spec in specs if spec.precision == best.precision]
    by_threads = {
        threads: min(
            (spec for spec in alike if spec.threads == threads),
            key=lambda spec: abs(spec.streams - best.streams),
        )
        for threads in dict.fromkeys(spec.threads for spec in alike)
    }
    return list(by_threads.values())


def threads_of(options: EngineOptions) -> tuple[int, ...]:
    """Return the numbers of threads to choose among, the usual one first.

    Every core that may be used; and, where two of them share a physical core, one thread for each
    of those, as the second may only be in the way of the first.
    """
    if options.threads:
        return (options.threads,)
    return tuple(dict.fromkeys((num_cores(), num_physical_cores())))


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


def _floats_of(bundle: Bundle, precision: Precision, options: EngineOptions) -> Precision:
    """Return the arithmetic of the layers that are not int8."""
    if precision != "int8":
        return precision
    return int8_floats(bundle)[0] if options.int8_floats == "auto" else options.int8_floats


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


def label_of(spec: GraphSpec, *, usual: GraphSpec | None = None) -> str:
    """Return what a person calls a graph, such as ``int8, 2 streams``.

    Args:
        spec: The graph.
        usual: Another; its number of threads goes without saying.
    """
    name = f"{spec.precision}, {counted(spec.streams, 'stream')}"
    is_usual = usual is None or usual.threads == spec.threads
    return name if is_usual else f"{name}, {counted(spec.threads, 'thread')}"


def counted(number: int, word: str) -> str:
    """Return a number of things in words, such as ``1 stream`` or ``2 streams``."""
    return f"{number} {word}{'' if number == 1 else 's'}"
