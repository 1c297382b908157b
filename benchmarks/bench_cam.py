"""What heat costs: a clip to its overlay with and without ``--cam``, and the maps in the engine.

Run: python -m benchmarks.bench_cam
"""

import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.clips import drawn_clip, timed_clip
from benchmarks.options import Options
from benchmarks.program import our_command, read_report, run_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import make_inputs, read_frames, spent
from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.engine.openvino_facts import (
    HINTS,
    capable_precisions,
    openvino_core,
)
from losszero_rt.engine.openvino_graphs import read_graph

MIN_RATIO = 0.9
NUM_INPUTS, QUICK_INPUTS = 24, 2
NO_MAPS = "this bundle's graph gives no maps: export it again"


def measure(options: Options) -> Outcome:
    """Time both ways in turn, the order of each pair swapped from round to round."""
    bundle = find_bundle(options.model, allow_unverified=True)
    heat = "fps with --cam / fps without"
    graph = "engine time with maps / without, one thread"
    if bundle.cams_size is None:
        claims = (
            Claim(what=heat, value=None, unit="", limit=MIN_RATIO, absent=NO_MAPS),
            Claim(what=graph, value=None, unit="", absent=NO_MAPS),
        )
        return Outcome(claims=claims, figures={})
    runs = program_runs(options, class_name=bundle.classmap.names[-1])
    engine_ms = engine_costs(options, bundle)
    ratios = [w["fps"] / n["fps"] for w, n in zip(runs["with"], runs["without"], strict=True)]
    claims = (
        Claim(what=heat, value=round(median(ratios), 3), unit="", limit=MIN_RATIO),
        Claim(what=graph, value=round(engine_ms["with maps"] / engine_ms["without"], 4), unit=""),
    )
    figures = {
        "class": bundle.classmap.names[-1],
        "cams_size": list(bundle.cams_size),
        "ratios": [round(ratio, 4) for ratio in ratios],
        "runs": runs,
        "engine_ms": engine_ms,
    }
    return Outcome(claims=claims, figures=figures)


def program_runs(options: Options, *, class_name: str) -> dict[str, list[dict[str, float]]]:
    """Return fps, processor time and overlay time of every run, with and without heat."""
    clip = timed_clip(options)
    runs: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    words = {"with": ["--cam", class_name], "without": []}
    for number in range(options.rounds):
        for mode in sorted(runs, reverse=bool(number % 2)):
            out, path = options.work / "heat.mp4", options.work / "heat.json"
            command = [*our_command(options, clip, report=path, out=out), *words[mode]]
            done = run_program(command)
            report = read_report(path)
            runs[mode].append(
                {
                    "fps": report["fps"],
                    "cpu_ms_per_frame": round(1e3 * done.cpu_s / report["frames"]["shown"], 3),
                    "overlay_p50_ms": report["stage_ms"]["overlay"]["p50"],
                }
            )
    return runs


def engine_costs(options: Options, bundle: Bundle) -> dict[str, float]:
    """Return processor milliseconds a frame of the graph as it is, and of its labels alone."""
    num_inputs = QUICK_INPUTS if options.quick else NUM_INPUTS
    _, frames = read_frames(drawn_clip(options), num_frames=num_inputs)
    inputs_NHWC = make_inputs(bundle, frames)
    requests = {
        "with maps": _request(bundle, maps=True),
        "without": _request(bundle, maps=False),
    }
    costs: dict[str, list[float]] = {name: [] for name in requests}
    for number in range(options.rounds * len(inputs_NHWC)):
        pixels_1HWC = inputs_NHWC[number % len(inputs_NHWC)][None]
        for name in sorted(requests, reverse=bool(number % 2)):
            with spent() as cost:
                requests[name].infer([pixels_1HWC])
            costs[name].append(cost.cpu_s * 1e3)
    return {name: round(float(np.median(values)), 3) for name, values in costs.items()}


def _request(bundle: Bundle, *, maps: bool) -> Any:
    """Return a request on one thread, warmed up."""
    core = openvino_core()
    model = read_graph(core, bundle)
    if not maps:
        model.remove_result(model.get_results()[1])
    size = [1, *bundle.input_spec.size, 3]
    model.reshape(size)
    hint = HINTS[capable_precisions()[0]]
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    request.infer([np.zeros(size, np.uint8)])
    return request


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("cam", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
