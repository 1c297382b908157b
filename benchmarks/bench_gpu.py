"""The whole GPU table: TensorRT against torch, for the model that ships and every family.

A submission is timed on the host, from the array of a frame to the array of its labels, warm-up
left out. The rate is that of four submissions under way. End to end is the program, clip to file.

Run: python -m benchmarks.bench_gpu (on a machine with an NVIDIA GPU, pip install '.[tensorrt]')
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bench_stages import stream_through
from benchmarks.clips import drawn_clip, timed_clip
from benchmarks.gpu_bundles import FAMILIES, build_engines, copy_bundle, family_bundle
from benchmarks.gpu_extras import extra_claims, input_rates, maps_rates
from benchmarks.options import Options
from benchmarks.program import ProgramError, our_command, read_report, run_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import make_inputs, read_frames
from export.labelled import read_labelled
from export.parity import compare, judge, judge_eager
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, Precision, open_engine
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.engine.tensorrt_engine import find_gpu, gpu_facts, import_tensorrt
from losszero_rt.errors import ExitCode, ModelError
from losszero_rt.network import upsample_logits
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import torch

BATCHES = (1, 2, 8)
EAGER_PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
NUM_FRAMES, QUICK_FRAMES = 240, 8
NUM_REQUESTS = 4
WARMUP = 20
P50_SHARE_MAX = 0.7
AGREEMENT_MIN = 0.995
RUNS = {
    "h264_nvenc": ("--codec", "h264_nvenc"),
    "libx264": ("--codec", "libx264"),
    "nvdec and h264_nvenc": ("--codec", "h264_nvenc", "--decode", "nvdec"),
}

Labels = Callable[[np.ndarray], np.ndarray]
Row = dict[str, Any]


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
    families = {} if options.quick else family_rows(shipped, inputs_NHWC, options, device=device)
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
        "parity": parity_of(shipped, options),
    }
    return Outcome(claims=(*claims_of(figures), *extra_claims(figures)), figures=figures)


def torch_rows(bundle: Bundle, inputs_NHWC: np.ndarray, *, device: "torch.device") -> list[Row]:
    """Time the eager engine in both precisions, and torch's own compiler in fp16."""
    rows = [eager_row(bundle, inputs_NHWC, device=device, precision=p) for p in EAGER_PRECISIONS]
    start_s = now_s()
    labels = compiled_labels(bundle, device=device)
    labels(inputs_NHWC[:1])
    rows.append(
        row_of("torch.compile", "fp16", host_ms(labels, inputs_NHWC), load_s=now_s() - start_s)
    )
    return rows


def eager_row(
    bundle: Bundle, inputs_NHWC: np.ndarray, *, device: "torch.device", precision: Precision
) -> Row:
    """Time the eager engine in one precision."""
    start_s = now_s()
    options = EngineOptions(device=str(device), precision=precision)
    engine = open_engine(bundle, name="eager", options=options)
    load_s = now_s() - start_s
    ms = host_ms(lambda one: engine.submit(one).result(), inputs_NHWC)
    engine.close()
    return row_of("eager", precision, ms, load_s=load_s)


def engine_row(bundle: Bundle, inputs_NHWC: np.ndarray, *, batch: int) -> Row:
    """Time one TensorRT engine: alone, and with several submissions under way."""
    start_s = now_s()
    options = EngineOptions(batch=batch, num_requests=NUM_REQUESTS)
    engine = open_engine(bundle, name="tensorrt", options=options)
    load_s = now_s() - start_s
    full = len(inputs_NHWC) // batch * batch
    batches = inputs_NHWC[:full].reshape(-1, batch, *inputs_NHWC.shape[1:])
    ms = host_ms(lambda one: engine.submit(one[0]).result(), batches)
    start_s = now_s()
    if batch == 1:
        stream_through(engine, inputs_NHWC, depth=NUM_REQUESTS)
    else:
        waiting = [engine.submit(one) for one in batches[:NUM_REQUESTS]]
        for one in batches[NUM_REQUESTS:]:
            waiting.pop(0).result()
            waiting.append(engine.submit(one))
        for ticket in waiting:
            ticket.result()
    fps = full / (now_s() - start_s)
    engine.close()
    name = bundle.engines["tensorrt"][f"b{batch}"]
    facts = bundle.built["tensorrt"][f"b{batch}"]
    row = row_of("tensorrt", facts["precision_found"], ms, load_s=load_s, batch=batch)
    return row | {
        "fps": round(fps, 1),
        "bytes": bundle.files[name].num_bytes,
        "half_share": facts["half_share"],
        "layers": facts["num_layers"],
        "attention_fused": facts["attention_fused"],
    }


def row_of(engine: str, precision: str, ms: np.ndarray, *, load_s: float, batch: int = 1) -> Row:
    """Return the figures that every engine has, milliseconds a submission."""
    p50, p95, p99 = (round(float(np.percentile(ms, q)), 3) for q in (50, 95, 99))
    times = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "load_s": round(load_s, 2)}
    return {"engine": engine, "precision": precision, "batch": batch, **times}


def host_ms(labels_of: Labels, inputs_NHWC: np.ndarray) -> np.ndarray:
    """Time submissions of one row each as the host sees them, milliseconds; warm-up left out."""
    for k in range(WARMUP):
        labels_of(inputs_NHWC[k % len(inputs_NHWC)][None])
    spent_ms = []
    for one in inputs_NHWC:
        start_s = now_s()
        labels_of(one[None])
        spent_ms.append((now_s() - start_s) * 1e3)
    return np.array(spent_ms)


def compiled_labels(bundle: Bundle, *, device: "torch.device") -> Labels:
    """Compile a bundle's network with torch itself: fp16, channels last, least overhead."""
    import torch

    network = load_bundle_network(bundle).to(device, torch.float16)
    network = network.to(memory_format=torch.channels_last)
    mean = torch.tensor(bundle.input_spec.mean, device=device) * 255
    std = torch.tensor(bundle.input_spec.std, device=device) * 255
    size = bundle.labels_size

    def forward(inputs_NHWC: torch.Tensor) -> torch.Tensor:
        values_NHWC = ((inputs_NHWC.float() - mean) / std).half()
        logits_NCHW = upsample_logits(network(values_NHWC.permute(0, 3, 1, 2)), size)
        return logits_NCHW.argmax(1).to(torch.uint8)

    compiled: Callable[[torch.Tensor], torch.Tensor] = torch.compile(
        forward, mode="reduce-overhead"
    )

    def labels_of(inputs_NHWC: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = compiled(torch.from_numpy(inputs_NHWC).to(device)).cpu().numpy()
        return found

    return labels_of


def family_rows(
    like: Bundle, inputs_NHWC: np.ndarray, options: Options, *, device: "torch.device"
) -> dict[str, list[Row]]:
    """Time every family; one that cannot be built says why instead."""
    found: dict[str, list[Row]] = {}
    for name in FAMILIES:
        folder = options.work / "gpu" / name.replace(" ", "-")
        try:
            bundle, build_s = build_engines(family_bundle(name, folder, like=like), batches=(1,))
            row = engine_row(bundle, inputs_NHWC, batch=1) | {"build_s": round(build_s, 1)}
            found[name] = [*torch_rows(bundle, inputs_NHWC, device=device), row]
        except ModelError as error:
            found[name] = [{"engine": "tensorrt", "absent": str(error)}]
    return found


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


def parity_of(bundle: Bundle, options: Options) -> dict[str, Any]:
    """Compare the engine for one frame with the network on labelled pictures."""
    if options.data is None:
        return {"absent": "no labelled pictures: --data"}
    pictures = read_labelled(Path(options.data) / "night_ride", split="val")
    pictures = pictures[:4] if options.quick else pictures
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions())
    verdict = judge(engine, pictures, spec=bundle.input_spec, classes=bundle.classmap)
    engine.close()
    return {"n": len(pictures), **compare(verdict, reference=judge_eager(bundle, pictures))}


def claims_of(figures: dict[str, Any]) -> list[Claim]:
    """Return what the figures must reach, and the rest of the table."""
    rows = {(r["engine"], r["precision"], r["batch"]): r for r in figures["shipped"]}
    ours, theirs = rows[("tensorrt", "fp16", 1)], rows[("torch.compile", "fp16", 1)]
    share = ours["p50_ms"] / theirs["p50_ms"]
    agreement = figures["parity"].get("label_agreement")
    claims = [
        Claim(
            what="TensorRT fp16 against torch.compile fp16, one frame, p50",
            value=round(share, 3),
            unit="x",
            bound="at most",
            limit=P50_SHARE_MAX,
        ),
        Claim(
            what="labels equal to eager fp32 on labelled pictures",
            value=agreement,
            unit="",
            limit=AGREEMENT_MIN,
            absent=figures["parity"].get("absent", ""),
        ),
    ]
    for (engine, precision, batch), row in rows.items():
        what = f"{engine} {precision}, batch {batch}, p50 (p99 {row['p99_ms']} ms)"
        claims.append(Claim(what=what, value=row["p50_ms"], unit="ms a submission"))
    for name, found in figures["families"].items():
        row = found[-1]
        what = f"{name}, TensorRT fp16, one frame, p50"
        value, absent = row.get("p50_ms"), row.get("absent", "")
        claims.append(Claim(what=what, value=value, unit="ms", absent=absent))
    for name, run in figures["end_to_end_fps"].items():
        what = f"clip to file with {name}"
        claims.append(Claim(what=what, value=run["fps"], unit="fps", absent=run.get("absent", "")))
    return claims


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
