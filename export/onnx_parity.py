"""Proof that a bundle's ONNX file says what the eager network says, by ONNX Runtime on the CPU."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from export.child import run_child, serve
from export.compile_onnx import OPSET, read_portable
from export.gate import Candidate, GateRequest, ask, read_truth
from losszero_rt.bundle import Bundle
from losszero_rt.cores import num_cores

if TYPE_CHECKING:
    import onnxruntime

PROOF_TIMEOUT_S = 3600.0
PROVIDER = "CPUExecutionProvider"


def prove_in_child(request: GateRequest) -> dict[str, Any]:
    """Prove the ONNX file of a bundle in a process of its own; see :func:`prove`.

    Raises:
        ModelError: If it cannot be compared.
    """
    return run_child("export.onnx_parity", asdict(request), timeout_s=PROOF_TIMEOUT_S)


def prove(request: GateRequest) -> dict[str, Any]:
    """Compare the ONNX file of a bundle with its network; return the record for ``parity.json``.

    Raises:
        ModelError: If it is not one valid file.
    """
    truth = read_truth(request)
    session = open_session(truth.bundle)

    def labels_of(inputs_nHWC: np.ndarray) -> np.ndarray:
        labels_nHW: np.ndarray = session.run(["labels"], {"pixels": inputs_nHWC})[0]
        return labels_nHW

    def logits_of(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [session.run(["logits"], {"pixels": pixels[None]})[0] for pixels in inputs]

    candidate = Candidate(open_labels=lambda _: nullcontext(labels_of), logits_of=logits_of)
    return {
        **truth.bundle.parity_head("onnx"),
        "reference": "eager fp32",
        "n": len(truth.pictures),
        "device": PROVIDER,
        "version": str(import_onnxruntime().__version__),
        "opset": OPSET,
        "precisions": {"fp32": ask(candidate, truth=truth)},
    }


def import_onnxruntime() -> Any:
    """Import ONNX Runtime without its telemetry.

    By default its first session writes an identifier of this machine into the user's cache, and
    sends it to its maker with processor, system and path of the interpreter.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def open_session(bundle: Bundle) -> "onnxruntime.InferenceSession":
    """Open the ONNX file of a bundle from verified bytes, so that no other file can enter."""
    onnxruntime = import_onnxruntime()
    content = bundle.read(bundle.engines["onnx"]["graph"])
    read_portable(content)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_cores()
    return onnxruntime.InferenceSession(content, options, providers=[PROVIDER])


if __name__ == "__main__":
    serve(lambda request: prove(GateRequest(**request)))
