"""The whole GPU table: TensorRT against torch, for the model that ships and every family.

A submission is timed on the host, from the array of a frame to the array of its labels, warm-up
left out. The rate is that of four submissions under way. End to end is the program, clip to file.
The model that ships is compiled in fp16, int8 and fp8. Families have random weights, so no mean
IoU; ``--checkpoints`` puts trained networks in their place, each with its agreement and scores.

Run: python -m benchmarks.bench_gpu [--checkpoints FOLDER] (on a machine with an NVIDIA GPU, with
pip install '.[tensorrt,quantise]')
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.clips import drawn_clip, timed_clip
from benchmarks.gpu_bundles import build_engines, copy_bundle
from benchmarks.gpu_extras import extra_claims, input_rates, maps_rates
from benchmarks.gpu_networks import EIGHT_BITS, build_row, network_rows
from benchmarks.gpu_rows import Row, engine_row, parity_of, torch_rows
from benchmarks.options import Options
from benchmarks.program import ProgramError, our_command, read_report, run_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import make_inputs, read_frames
from export.labelled import LabelledPicture, read_labelled
from losszero_rt.bundle import Bundle
from losszero_rt.engine.tensorrt_engine import find_gpu, gpu_facts, import_tensorrt
from losszero_rt.errors import ExitCode, ModelError

BATCHES = (1, 2, 8)
NUM_FRAMES, QUICK_FRAMES = 240, 8
QUICK_PICTURES = 4
P50_SHARE_MAX = 0.7
AGREEMENT_MIN = 0.995
RUNS = {
    "h264_nvenc": ("--codec", "h264_nvenc"),
    "libx264": ("--codec", "libx264"),
    "nvdec and h264_nvenc": ("--codec", "h264_nvenc", "--decode", "nvdec"),
}


def measure(options: Options) -> Outcome:
    """Build, prove and time everything."""
    import torch

    device = find_gpu("auto")
    bare = copy_bundle(options.model, options.work / "gpu" / "shipped")
    _, frames = read_frames(
        drawn_clip(options), num_frames=QUICK_FRAMES if options.quick else NUM_FRAMES
    )
    inputs_NHWC = make_inputs(bare, frames)
    shipped, build_s = build_engines(bare, batches=BATCHES)
    rows = torch_rows(shipped, inputs_NHWC, device=device)
    rows += [engine_row(shipped, inputs_NHWC, batch=batch) for batch in BATCHES]
    for row in rows[-len(BATCHES) :]:
        row["build_s"] = round(build_s, 1)
    pictures = labelled_pictures(options)
    families: dict[str, list[Row]] = {}
    if not options.quick:
        rows += eight_bit_rows(options, inputs_NHWC=inputs_NHWC, pictures=pictures)
        families = network_rows(
            options, like=bare, inputs_NHWC=inputs_NHWC, pictures=pictures, device=device
        )
    runs = {name: end_to_end(options, shipped, words=words) for name, words in RUNS.items()}
    gpu = gpu_facts(device)
    figures = {
        "gpu": gpu.name,
        "compute_capability": list(gpu.compute_capability),
        "versions": {**gpu.versions, "torch": str(torch.__version__), "cuda": torch.version.cuda},
        "input_size": list(shipped.input_spec.size),
        "shipped": rows,
        "families": families,
        "end_to_end_fps": runs,
        "maps": maps_rates(shipped, inputs_NHWC),
        "inputs_made_by": input_rates(shipped, frames),
        "parity": parity_of(shipped, pictures),
    }
    return Outcome(claims=(*claims_of(figures), *extra_claims(figures)), figures=figures)


def labelled_pictures(options: Options) -> list[LabelledPicture]:
    """Read the pictures that engines are judged on; none without data."""
    if options.data is None:
        return []
    pictures = read_labelled(Path(options.data) / "night_ride", split="val")
    return pictures[:QUICK_PICTURES] if options.quick else pictures


def eight_bit_rows(
    options: Options, *, inputs_NHWC: np.ndarray, pictures: Sequence[LabelledPicture]
) -> list[Row]:
    """Compile the model that ships in eight bits; time it, and say what that costs."""
    bare = copy_bundle(options.model, options.work / "gpu" / "eight-bits")
    return [
        build_row(bare, build, inputs_NHWC=inputs_NHWC, pictures=pictures) for build in EIGHT_BITS
    ]


def end_to_end(options: Options, bundle: Bundle, *, words: Sequence[str]) -> dict[str, Any]:
    """Run the program from clip to file; frames a second, or why there are none."""
    report, out = options.work / "gpu" / "report.json", options.work / "gpu" / "out.mp4"
    command = our_command(
        replace(options, model=str(bundle.path)), timed_clip(options), report=report, out=out
    )
    command += ["--engine", "tensorrt", "--device", "cuda", "--batch", "1", *words]
    rates = []
    for _ in range(options.rounds):
        try:
            run_program(command)
        except ProgramError as error:
            return {"fps": None, "absent": str(error).splitlines()[-1]}
        rates.append(float(read_report(report)["fps"]))
    return {"fps": round(median(rates), 2)}


def claims_of(figures: dict[str, Any]) -> list[Claim]:
    """Return what the figures must reach, and the rest of the table."""
    rows = {(r["engine"], r["precision"], r.get("batch", 1)): r for r in figures["shipped"]}
    ours, theirs = rows[("tensorrt", "fp16", 1)], rows[("torch.compile", "fp16", 1)]
    share = round(ours["p50_ms"] / theirs["p50_ms"], 3) if "p50_ms" in theirs else None
    agreement = figures["parity"].get("label_agreement")
    claims = [
        Claim(
            what="TensorRT fp16 against torch.compile fp16, one frame, p50",
            value=share,
            unit="x",
            bound="at most",
            limit=P50_SHARE_MAX,
            absent=theirs.get("absent", ""),
        ),
        Claim(
            what="labels equal to eager fp32 on labelled pictures",
            value=agreement,
            unit="",
            limit=AGREEMENT_MIN,
            absent=figures["parity"].get("absent", ""),
        ),
    ]
    claims += [row_claim(row) for row in figures["shipped"]]
    for name, found in figures["families"].items():
        claims += [row_claim(row, network=name) for row in found if row["engine"] == "tensorrt"]
    for name, run in figures["end_to_end_fps"].items():
        what = f"clip to file with {name}"
        claims.append(Claim(what=what, value=run["fps"], unit="fps", absent=run.get("absent", "")))
    return claims


def row_claim(row: Row, *, network: str = "shipped") -> Claim:
    """Return a row of the table as a figure that is only told."""
    words = [network, row["engine"], row.get("precision", "")]
    attention = row.get("attention", "auto")
    words += [f"{attention} attention"] if attention != "auto" else []
    words += [f"batch {row['batch']}"] if "batch" in row else []
    words += [f"mIoU {row['parity']['miou']:.3f}"] if "miou" in row.get("parity", {}) else []
    words += [f"p50 (p99 {row['p99_ms']} ms)"] if "p99_ms" in row else []
    what = ", ".join(filter(None, words))
    absent = row.get("absent", "")
    return Claim(what=what, value=row.get("p50_ms"), unit="ms a submission", absent=absent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; refuse without a GPU."""
    try:
        find_gpu("auto")
        import_tensorrt()
    except ModelError as error:
        print(f"no GPU figures: {error}", file=sys.stderr)
        return ExitCode.MODEL
    return conduct("gpu", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
