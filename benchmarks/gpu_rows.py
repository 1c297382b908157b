"""Rows of the GPU table: how long a submission takes, by engine and precision.

Shape letters: K batches, N frames, H, W height and width of the input.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from export.labelled import LabelledPicture
from export.parity import compare, judge, judge_eager
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions, Precision, Ticket, open_engine
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.errors import ModelError
from losszero_rt.network import upsample_logits
from losszero_rt.network.mask_rcnn_split import HEADS
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import torch

EAGER_PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
NUM_REQUESTS = 4
WARMUP = 20

Labels = Callable[[np.ndarray], np.ndarray]
Row = dict[str, Any]


def torch_rows(bundle: Bundle, inputs_NHWC: np.ndarray, *, device: "torch.device") -> list[Row]:
    """Time the eager engine in both precisions, and torch's own compiler in fp16."""
    rows = [eager_row(bundle, inputs_NHWC, device=device, precision=p) for p in EAGER_PRECISIONS]
    start_s = now_s()
    labels = compiled_labels(bundle, device=device)
    try:
        labels(inputs_NHWC[:1])
    # What torch's compiler cannot take it refuses in as many ways as it has parts.
    except Exception as error:
        why = str(error).partition("\n")[0]
        return [*rows, {"engine": "torch.compile", "precision": "fp16", "absent": why}]
    load_s = now_s() - start_s
    return [*rows, row_of("torch.compile", "fp16", host_ms(labels, inputs_NHWC), load_s=load_s)]


def eager_row(
    bundle: Bundle, inputs_NHWC: np.ndarray, *, device: "torch.device", precision: Precision
) -> Row:
    """Time the eager engine in one precision."""
    start_s = now_s()
    options = EngineOptions(device=str(device), precision=precision)
    try:
        with closing(open_engine(bundle, name="eager", options=options)) as engine:
            load_s = now_s() - start_s
            ms = host_ms(lambda one: engine.submit(one).result(), inputs_NHWC)
    # Some networks have one arithmetic only, and some overflow in half.
    except ModelError as error:
        return {"engine": "eager", "precision": precision, "absent": str(error)}
    return row_of("eager", precision, ms, load_s=load_s)


def engine_row(bundle: Bundle, inputs_NHWC: np.ndarray, *, batch: int) -> Row:
    """Time one TensorRT engine: alone, and with several submissions under way."""
    start_s = now_s()
    options = EngineOptions(batch=batch, num_requests=NUM_REQUESTS)
    full = len(inputs_NHWC) // batch * batch
    batches = inputs_NHWC[:full].reshape(-1, batch, *inputs_NHWC.shape[1:])
    with closing(open_engine(bundle, name="tensorrt", options=options)) as engine:
        load_s = now_s() - start_s
        ms = host_ms(lambda one: engine.submit(one[0]).result(), batches)
        start_s = now_s()
        run_batches(engine, batches)
        fps = full / (now_s() - start_s)
    roles = bundle.engines["tensorrt"]
    # The parts of a network that finds objects stand beside its batches.
    names = [name for role, name in roles.items() if role == f"b{batch}" or role in HEADS]
    facts = bundle.built["tensorrt"][f"b{batch}"]
    row = row_of("tensorrt", facts["precision_found"], ms, load_s=load_s, batch=batch)
    return row | {
        "fps": round(fps, 1),
        "bytes": sum(bundle.files[name].num_bytes for name in names),
        "half_share": facts["half_share"],
        "layers": facts["num_layers"],
        "attention_fused": facts["attention_fused"],
    }


def run_batches(engine: Engine, batches_KNHWC: np.ndarray) -> None:
    """Run batches, several of them under way at once."""
    waiting: deque[Ticket] = deque()
    for one in batches_KNHWC:
        if len(waiting) == NUM_REQUESTS:
            waiting.popleft().result()
        waiting.append(engine.submit(one))
    for ticket in waiting:
        ticket.result()


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


def parity_of(bundle: Bundle, pictures: Sequence[LabelledPicture]) -> dict[str, Any]:
    """Compare the engine for one frame with the network on labelled pictures."""
    if not pictures:
        return {"absent": "no labelled pictures: --data"}
    with closing(open_engine(bundle, name="tensorrt", options=EngineOptions())) as engine:
        verdict = judge(engine, pictures, spec=bundle.input_spec, classes=bundle.classmap)
    return {"n": len(pictures), **compare(verdict, reference=judge_eager(bundle, pictures))}
