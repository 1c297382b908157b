"""Proof that TensorRT engines say what the eager network says, in a process that just loaded them.

Labels cannot show an overflow, so a twin that ends in logits is built beside every set of engines:
its logits are compared with the network's, and must be finite on pictures at the edges.

Shape letters: N pictures, C classes, H, W height and width of the input, h, w of the labels.
"""

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.child import answer, run_child
from export.compile_tensorrt import EngineRequest, TensorRtPrecision, build_in_child
from export.labelled import read_labelled
from export.parity import compare, judge, judge_eager
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.errors import ModelError
from losszero_rt.preprocess import InputSpec

if TYPE_CHECKING:
    import torch

PROOF_TIMEOUT_S = 7200.0
NUM_RIDES = 8
# Pictures with the same labels as when they are alone in the batch: tactics may round differently.
EDGE_AGREEMENT_MIN = 0.995
# Root mean square of the difference of the logits over that of the logits.
LOGITS_SHARE_MAX = 0.05


@dataclass(frozen=True, kw_only=True)
class ProofRequest:
    """What to prove.

    Attributes:
        bundle: Folder of a sealed bundle with its engines.
        labelled: Folder of labelled pictures; empty for none.
        split: Rows of its manifest; empty for all.
        precision: Arithmetic that the engines were asked for.
        device: CUDA device.
    """

    bundle: str
    labelled: str = ""
    split: str = ""
    precision: TensorRtPrecision = "fp16"
    device: str = "cuda:0"


def prove_in_child(request: ProofRequest) -> dict[str, Any]:
    """Prove the engines of a bundle in a process of its own; see :func:`prove`.

    Raises:
        ModelError: If they are not what the network is.
    """
    return run_child("export.tensorrt_parity", asdict(request), timeout_s=PROOF_TIMEOUT_S)


def prove(request: ProofRequest) -> dict[str, Any]:
    """Compare every engine of a bundle, as the runtime loads it, with the eager network in fp32.

    Returns:
        The record for ``parity.json``; without labelled pictures it holds no ``precisions``, and
        so proves nothing to the runtime.

    Raises:
        ModelError: If an engine is frozen, a frame's labels depend on its neighbours in the
            batch, or logits are not finite or too far from the network's.
    """
    bundle = Bundle.open(Path(request.bundle))
    labelled = Path(request.labelled)
    pictures = read_labelled(labelled, split=request.split) if request.labelled else []
    names = bundle.engines["tensorrt"]
    record: dict[str, Any] = {
        **{f"{role}_sha256": bundle.files[name].sha256 for role, name in names.items()},
        "reference": "eager fp32",
        "n": len(pictures),
        "logits": prove_twin(bundle, request),
        "precisions": {},
    }
    reference = judge_eager(bundle, pictures) if pictures else None
    for role in names:
        engine = _open(bundle, batch=int(bundle.built["tensorrt"][role]["batch"]), request=request)
        check_alive(engine, draw_inputs(bundle.input_spec))
        if reference is not None:
            verdict = judge(engine, pictures, spec=bundle.input_spec, classes=bundle.classmap)
            found = compare(verdict, reference=reference)
            record["precisions"][f"{engine.info.precision} batch {engine.info.batch}"] = found
        record |= {"device": engine.info.device, "version": engine.info.version}
        engine.close()
    return record


def _open(bundle: Bundle, *, batch: int, request: ProofRequest) -> Engine:
    from losszero_rt.engine.tensorrt_engine import TensorRtEngine

    options = EngineOptions(device=request.device, batch=batch, num_requests=1)
    return TensorRtEngine(bundle, options=options)


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
        if agreement < EDGE_AGREEMENT_MIN:
            raise ModelError(
                f"in a batch of {size} a frame keeps {agreement:.2%} of the labels it has alone",
                accepted=f"at least {EDGE_AGREEMENT_MIN:.1%}",
            )


def prove_twin(bundle: Bundle, request: ProofRequest) -> dict[str, float]:
    """Build a twin of the engines that ends in logits, and compare it with the network.

    Returns:
        ``max`` and ``mean`` of the difference of the logits, and ``share``: its root mean square
        over that of the logits.

    Raises:
        ModelError: If logits are not finite, or too far apart.
    """
    import torch

    from losszero_rt.engine.eager_engine import EagerEngine
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
            )
        )
        twin = load_engine(out.read_bytes(), device=device)
    eager = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    probes_NHWC = np.concatenate([edge_inputs(bundle.input_spec), draw_inputs(bundle.input_spec)])
    found, truth = [], []
    for pixels_HWC in probes_NHWC:
        with torch.inference_mode():
            found.append(twin(torch.from_numpy(pixels_HWC[None]).to(device)).float().cpu())
        truth.append(eager.logits(pixels_HWC[None]))
    return difference(torch.cat(found), truth=torch.cat(truth))


def difference(found_NCHW: "torch.Tensor", *, truth: "torch.Tensor") -> dict[str, float]:
    """Compare logits.

    Args:
        found_NCHW: Logits of the compiled twin, float32.
        truth: Those of the network.

    Raises:
        ModelError: If they are not finite, or too far apart.
    """
    bad = [k for k, one in enumerate(found_NCHW) if not bool(one.isfinite().all())]
    if bad:
        raise ModelError(
            f"the compiled network overflows on probe pictures {bad}",
            accepted="finite logits on black, white, noise and night rides",
            remedy="--precision fp32",
        )
    error = (found_NCHW - truth).abs()
    share = float(error.square().mean().sqrt() / truth.square().mean().sqrt())
    if share > LOGITS_SHARE_MAX:
        raise ModelError(
            f"the logits of the compiled network are off by {share:.1%} (root mean square)",
            accepted=f"at most {LOGITS_SHARE_MAX:.0%}",
            remedy="--precision fp32",
        )
    return {
        "max": round(float(error.max()), 6),
        "mean": round(float(error.mean()), 6),
        "share": round(share, 8),
    }


def edge_inputs(spec: InputSpec) -> np.ndarray:
    """Return black, white and noise, uint8 (3, H, W, 3): where fp16 overflows first."""
    noise_HWC = np.random.default_rng(0).integers(0, 256, (*spec.size, 3), np.uint8)
    black_HWC = spec.new_input()
    return np.stack([black_HWC, black_HWC + 255, noise_HWC])


def draw_inputs(spec: InputSpec, *, num: int = NUM_RIDES) -> np.ndarray:
    """Draw frames of different night rides as network inputs, uint8 (num, H, W, 3)."""
    from losszero_rt.ride import Ride, RideSpec

    inputs_NHWC = np.zeros((num, *spec.size, 3), np.uint8)
    size = (spec.size[0] * 5 // 4, spec.size[1] * 5 // 4)
    for seed, pixels_HWC in enumerate(inputs_NHWC):
        ride = Ride(RideSpec(size=size, seed=seed))
        spec.fill_pixels(ride.render(30 + 11 * seed).pixels_HWC, pixels_HWC)
    return inputs_NHWC


if __name__ == "__main__":
    answer(prove(ProofRequest(**json.loads(sys.argv[1]))))
