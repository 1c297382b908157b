"""What a frame costs in every engine, for the model that ships and for one network of each family.

Eager PyTorch, ``torch.compile``, ONNX Runtime, OpenVINO in every precision, and OpenVINO as a plain
conversion has it: floats in, logits of full size out, argmax in NumPy. Each on one thread, one
frame at a time, in turn, in processor time; scores where the network was trained and labelled
pictures are there. Then the whole program from file to file, on all cores.

Run: python -m benchmarks.bench_engines [--checkpoints FOLDER] [--shipped-alone]
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

import numpy as np

from benchmarks.bench_fidelity import real_pictures
from benchmarks.engine_rates import end_to_end_fps
from benchmarks.engine_subjects import SHIPPED, Subject, subjects
from benchmarks.engine_table import Row, Table, When, earlier_rows, now_measured, table_text
from benchmarks.engine_variants import (
    COMPILED,
    PLAIN,
    PLAIN_LOGITS,
    AbsentError,
    Run,
    size_mb,
    variants,
)
from benchmarks.options import Options
from benchmarks.program import ProgramError, run_program
from benchmarks.record import Claim, Outcome, conduct
from export.labelled import LabelledPicture
from export.parity import judge_labels
from losszero_rt.engine.openvino_choice import NUM_STARTS_MAX
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.errors import LossZeroError
from losszero_rt.ride import Ride, RideSpec
from losszero_rt.timings import now_s

RATIO_MAX, LOAD_MAX_S = 0.6, 1.0
NUM_FRAMES, QUICK_FRAMES = 30, 2
# Of a network; slow ones get fewer frames than the others.
BUDGET_S = 60.0
NAME, TABLE_NAME = "engines", "engines.md"
_LOAD = """
import sys, time
start = time.perf_counter()
import numpy as np
from losszero_rt.bundle import find_bundle
from losszero_rt.engine import EngineOptions, open_engine
bundle = find_bundle(sys.argv[1], allow_unverified=True)
engine = open_engine(bundle, name="openvino", options=EngineOptions(cams=False))
engine.submit(bundle.input_spec.new_input()[None]).result()
print(time.perf_counter() - start)
"""


def measure(options: Options, *, shipped_alone: bool) -> Outcome:
    """Compare the engines on every network; write the table beside the results.

    Args:
        options: What to do.
        shipped_alone: Measure the model that ships, and keep the other networks' rows.
    """
    pictures, _ = real_pictures(options)
    table: Table = {}
    measured: dict[str, When] = {}
    if shipped_alone:
        table, measured = earlier_rows(options.out / f"{NAME}.json")
    for subject in islice(subjects(options), 1 if shipped_alone else None):
        table[subject.name] = compare_engines(subject, pictures, options=options)
        measured[subject.name] = now_measured()
        text = table_text(table, measured)
        (options.out / TABLE_NAME).write_text(text, encoding="utf-8")
    # The first starts compile and measure, what these leave in the cache is what later ones find.
    for _ in range(NUM_STARTS_MAX + 1):
        load_once(options)
    loads_s = [load_once(options) for _ in range(options.rounds)]
    shipped = table[SHIPPED]
    claims = [*ratio_claims(shipped), load_claim(loads_s)]
    for name, row in shipped.items():
        value, absent = row.get("p50_ms"), row.get("absent", "")
        what = f"{name}, one thread, processor time"
        claims.append(Claim(what=what, value=value, unit="ms a frame", absent=absent))
    figures = {"table": table, "measured": measured, "loads_s": loads_s}
    return Outcome(claims=tuple(claims), figures=figures)


def compare_engines(
    subject: Subject, pictures: list[LabelledPicture], *, options: Options
) -> dict[str, Row]:
    """Open every engine on a network, run them in turn, and score them."""
    rows: dict[str, Row] = {}
    running: dict[str, Run] = {}
    inputs_NHWC = draw_frames(subject)
    for name, open_it in variants().items():
        rows[name] = {"mb": size_mb(subject, name)}
        try:
            if options.quick and name == COMPILED:
                raise AbsentError("quick")
            start_s = now_s()
            running[name] = open_it(subject)
            running[name](inputs_NHWC[:1])
            rows[name]["load_s"] = round(now_s() - start_s, 3)
        # torch.compile raises whatever its compilers raise.
        except (AbsentError, LossZeroError, RuntimeError) as error:
            running.pop(name, None)
            rows[name]["absent"] = str(error).splitlines()[0]
    num_frames = QUICK_FRAMES if options.quick else NUM_FRAMES
    for name, ms in take_turns(running, inputs_NHWC, num_frames=num_frames).items():
        p50_ms, p95_ms = map(float, np.percentile(ms, (50, 95)))
        rows[name] |= {"p50_ms": round(p50_ms, 2), "p95_ms": round(p95_ms, 2), "frames": len(ms)}
        if pictures and subject.trained and name != PLAIN_LOGITS:
            rows[name] |= scores_of(running[name], subject, pictures)
    running.clear()
    for name, row in rows.items():
        if "p50_ms" in row:
            with suppress(ProgramError):
                row["fps"] = end_to_end_fps(subject, name, frame_ms=row["p50_ms"], options=options)
    return rows


def draw_frames(subject: Subject) -> np.ndarray:
    """Return frames of a drawn ride as network inputs, uint8 (n, H, W, 3)."""
    spec = subject.bundle.input_spec
    ride = Ride(RideSpec(size=spec.size, seed=7))
    inputs_NHWC = np.zeros((4, *spec.size, 3), np.uint8)
    for index, input_HWC in enumerate(inputs_NHWC):
        spec.fill_pixels(ride.render(20 * index).pixels_HWC, input_HWC)
    return inputs_NHWC


def take_turns(
    running: dict[str, Run], inputs_NHWC: np.ndarray, *, num_frames: int
) -> dict[str, list[float]]:
    """Return the milliseconds of every frame by engine; each goes on until its time is used up."""
    ms: dict[str, list[float]] = {name: [] for name in running}
    each_s = BUDGET_S / max(1, len(running))
    for number in range(num_frames):
        one = number % len(inputs_NHWC)
        for name, run in running.items():
            if len(ms[name]) < QUICK_FRAMES or sum(ms[name]) < each_s * 1e3:
                ms[name].append(run(inputs_NHWC[one : one + 1])[1])
    return ms


def scores_of(run: Run, subject: Subject, pictures: list[LabelledPicture]) -> Row:
    """Return mean IoU and the worst class on labelled pictures."""
    bundle = subject.bundle
    scores = judge_labels(
        lambda inputs_1HWC: run(inputs_1HWC)[0],
        pictures,
        spec=bundle.input_spec,
        classes=bundle.classmap,
    ).scores
    worst = int(np.nanargmin(scores.class_iou))
    return {
        "miou": round(scores.miou, 4),
        "worst": bundle.classmap.names[worst],
        "worst_iou": round(float(scores.class_iou[worst]), 4),
    }


def load_once(options: Options) -> float:
    """Return the seconds from nothing loaded to the first labels, in a process of its own."""
    environment = {"LOSSZERO_CACHE": str(options.work / "engines" / "cache")}
    command = [sys.executable, "-c", _LOAD, options.model]
    return round(float(run_program(command, environment=environment).lines[-1][1]), 3)


def ratio_claims(rows: dict[str, Row]) -> list[Claim]:
    """Return how the graphs that ship compare with a plain conversion of the same network."""
    floats = capable_precisions()[0]
    names = [f"OpenVINO {floats}", "OpenVINO int8"]
    there = [name for name in names if "p50_ms" in rows[name]]
    fastest = min(there, key=lambda name: float(rows[name]["p50_ms"]))
    claims = [ratio_claim(f"fastest ({fastest})", rows[fastest], rows[PLAIN], limit=RATIO_MAX)]
    return claims + [
        ratio_claim(name, rows[name], rows[base], base=base)
        for name in there
        for base in (PLAIN, PLAIN_LOGITS)
    ]


def ratio_claim(
    name: str, row: Row, plain: Row, *, base: str = PLAIN, limit: float | None = None
) -> Claim:
    """Return the time of an engine over that of a plain conversion in the CPU's fastest floats."""
    absent = plain.get("absent", "")
    return Claim(
        what=f"{name} / {base} in {capable_precisions()[0]}, ms a frame",
        value=None if absent else round(row["p50_ms"] / plain["p50_ms"], 3),
        unit="",
        bound="at most",
        limit=limit,
        absent=absent,
    )


def load_claim(loads_s: list[float]) -> Claim:
    """Return how long it takes until the first labels, compiled graphs being in the cache."""
    return Claim(
        what="load and first frame in a fresh process, graph in the cache",
        value=round(float(np.median(loads_s)), 3),
        unit="s",
        bound="at most",
        limit=LOAD_MAX_S,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--shipped-alone", action="store_true", help="keep the other networks' rows")
    parsed, _ = own.parse_known_args(arguments)
    return conduct(
        NAME,
        partial(measure, shipped_alone=parsed.shipped_alone),
        description=__doc__,
        arguments=arguments,
        own=own,
    )


if __name__ == "__main__":
    sys.exit(main())
