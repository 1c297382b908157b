"""Proof that TensorRT engines say what the eager network says, in a process that just loaded them.

Labels cannot show an overflow, so a twin that ends in logits is built beside every set of engines:
its logits are compared with the network's, and must be finite on pictures at the edges.

Shape letters: N pictures, C classes, H, W height and width of the input, h, w of the labels or
logits.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.cam_parity import lowest_correlation, true_maps
from export.child import run_child, serve
from export.compile_tensorrt import build_in_child
from export.engine_request import Attention, EngineRequest, TensorRtPrecision
from export.gate import Candidate, GateRequest, LogitsOf, Truth, ask, read_truth
from export.object_parity import compare_objects, objects_of, true_objects
from export.parity import LabelsOf, labels_of
from export.probes import EDGES
from losszero_rt.bundle import Bundle
from losszero_rt.bundle.parity_rules import BATCH_AGREEMENT_MIN, fault_of, run_faults
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import HEADS, is_split

PROOF_TIMEOUT_S = 7200.0


@dataclass(frozen=True, kw_only=True)
class ProofRequest:
    """What to prove.

    Attributes:
        bundle: Folder of a sealed bundle with its engines.
        labelled: Folder of labelled pictures; empty for none.
        split: Rows of its manifest; empty for all.
        precision: Arithmetic that the engines were asked for.
        device: CUDA device.
        attention: As the engines have it.
        calibration: As the engines have it, like ``calibration_split``.
        calibration_split: Rows of its manifest; empty for all.
    """

    bundle: str
    labelled: str = ""
    split: str = ""
    precision: TensorRtPrecision = "fp16"
    device: str = "cuda:0"
    attention: Attention = "auto"
    calibration: str = ""
    calibration_split: str = ""


def prove_in_child(request: ProofRequest) -> dict[str, Any]:
    """Prove the engines of a bundle in a process of its own; see :func:`prove`.

    Raises:
        ModelError: If they cannot be compared.
    """
    return run_child("export.tensorrt_parity", asdict(request), timeout_s=PROOF_TIMEOUT_S)


def prove(request: ProofRequest) -> dict[str, Any]:
    """Compare every engine of a bundle, as the runtime loads it, with the eager network in fp32.

    Returns:
        The record for ``parity.json``, of the same gate as that of other engines.

    Raises:
        ModelError: If class activation maps are not the network's.
    """
    truth = read_truth(
        GateRequest(bundle=request.bundle, labelled=request.labelled, split=request.split)
    )
    bundle = truth.bundle
    names, facts = bundle.engines["tensorrt"], bundle.built["tensorrt"]
    split = is_split(bundle.network_spec)
    logits = [] if split else twin_logits(request)(truth.inputs)
    objects = true_objects(bundle, truth.inputs) if split else []
    record: dict[str, Any] = {
        **bundle.parity_head("tensorrt"),
        "reference": "eager fp32",
        "n": len(truth.pictures),
        "precisions": {},
    }
    for role in [name for name in names if name not in HEADS]:
        batch = int(facts[role]["batch"])
        with opened(bundle, batch=batch, device=request.device) as engine:
            key = f"{engine.info.precision} batch {batch}"
            if split:
                # The host sorts out what the parts find, so their logits need no twin.
                logits = painted(engine, truth.inputs)
            found = ask(_candidate(engine, logits), truth=truth, batch=batch)
            if split:
                found["objects"] = compare_objects(
                    objects_of(engine, truth.inputs),
                    truth=objects,
                    score_min=bundle.network_spec.score_min,
                )
            record["precisions"][key] = found
            record |= {"device": engine.info.device, "version": engine.info.version}
            # Where labels are wrong already, maps would only hide what is.
            if facts[role].get("cams_size") and not _fault(record, key=key, truth=truth):
                record.setdefault("cams", {})[key] = prove_maps(engine, truth)
    return record


def _fault(record: dict[str, Any], *, key: str, truth: Truth) -> str:
    if not truth.pictures:
        return "; ".join(run_faults(key, record["precisions"][key]))
    row = {"gate": record["gate"], "precisions": {key: record["precisions"][key]}}
    return fault_of(row)


def _candidate(engine: Engine, logits: Sequence[np.ndarray]) -> Candidate:
    """Return an open engine as the gate runs it; its batch is what it is."""

    @contextmanager
    def open_labels(_: int) -> Iterator[LabelsOf]:
        yield labels_of(engine)

    return Candidate(open_labels=open_labels, logits_of=lambda _: logits)


@contextmanager
def opened(bundle: Bundle, *, batch: int, device: str) -> Iterator[Engine]:
    """Open the engine of a bundle for a batch size, and close it behind."""
    from losszero_rt.engine.tensorrt_engine import TensorRtEngine

    engine = TensorRtEngine(
        bundle,
        options=EngineOptions(device=device, batch=batch, num_requests=1, check_logits=False),
    )
    try:
        yield engine
    finally:
        engine.close()


def prove_maps(engine: Engine, truth: Truth) -> float:
    """Compare class activation maps on night rides and pictures; return the lowest correlation.

    Raises:
        ModelError: If they are not the network's.
    """
    shown = truth.inputs[len(EDGES) :]
    lowest = lowest_correlation(engine, shown, truth=true_maps(truth.bundle, shown))
    engine.watch(None)
    return lowest


def twin_logits(request: ProofRequest) -> LogitsOf:
    """Build a twin of the engines that ends in logits; return what gives them.

    Raises:
        ModelError: If it is not built.
    """
    import torch

    from losszero_rt.engine.tensorrt_engine import load_engine

    device = torch.device(request.device)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "twin.pt2"
        build_in_child(
            EngineRequest(
                bundle=request.bundle,
                out=str(out),
                batch=1,
                precision=request.precision,
                device=request.device,
                ending="logits",
                attention=request.attention,
                calibration=request.calibration,
                calibration_split=request.calibration_split,
                labelled=request.labelled,
                split=request.split,
            )
        )
        twin = load_engine(out.read_bytes(), device=device)

    def logits_of(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            found = (twin(torch.from_numpy(one[None]).to(device)) for one in inputs)
            return [logits_NChw.float().cpu().numpy() for logits_NChw in found]

    return logits_of


def painted(engine: Engine, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the logits (1, C, h, w) that an engine in parts paints for uint8 (H, W, 3) inputs."""
    import torch

    from losszero_rt.engine.tensorrt_engine import TensorRtEngine

    assert isinstance(engine, TensorRtEngine), "nothing else is opened here"
    assert engine.objects is not None, "networks in parts have them"
    found = []
    for pixels_HWC in inputs:
        batch_NHWC = np.repeat(pixels_HWC[None], engine.info.batch, axis=0)
        with torch.inference_mode():
            given = torch.from_numpy(batch_NHWC).to(engine.objects.device)
            found.append(engine.objects.logits(given)[:1].cpu().numpy())
    return found


def check_alive(engine: Engine, inputs_NHWC: np.ndarray) -> None:
    """Check that an engine answers to its input, and to each frame of a batch by itself.

    Args:
        engine: What to check.
        inputs_NHWC: uint8 pictures of different scenes, more than one.

    Raises:
        ModelError: If it does not.
    """
    batch = engine.info.batch
    alone = [engine.submit(inputs_NHWC[k : k + 1]).result()[0] for k in range(len(inputs_NHWC))]
    if all(np.array_equal(labels_hw, alone[0]) for labels_hw in alone):
        raise ModelError(
            f"the TensorRT engine for a batch of {batch} gives {len(alone)} different pictures "
            "the same labels",
            accepted="labels that follow the picture",
        )
    for size in sorted({batch, max(1, batch - 1)}):
        together = engine.submit(np.resize(inputs_NHWC, (size, *inputs_NHWC.shape[1:]))).result()
        expected = [alone[k % len(alone)] for k in range(size)]
        agreement = min(float((a == b).mean()) for a, b in zip(together, expected, strict=True))
        if agreement < BATCH_AGREEMENT_MIN:
            raise ModelError(
                f"in a batch of {size} a frame keeps {agreement:.2%} of the labels it has alone",
                accepted=f"at least {BATCH_AGREEMENT_MIN:.1%}",
            )


if __name__ == "__main__":
    serve(lambda request: prove(ProofRequest(**request)))
