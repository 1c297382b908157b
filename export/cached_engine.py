"""``losszero-rt --build``: one engine of a bundle into the user's cache.

It is compared with the eager network on drawn night rides, as no labelled pictures are at hand:
labels that overflowed, froze or moved do not agree. Progress goes to standard output, a line each.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.compile_tensorrt import EngineRequest, TensorRtPrecision, build_in_child
from export.tensorrt_engines import facts_of
from export.tensorrt_parity import draw_inputs
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.engine_files import AGREEMENT_MIN, cache_stem
from losszero_rt.engine.engine_trust import record_trust
from losszero_rt.errors import LossZeroError, ModelError
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import torch


def build_cached(bundle: Bundle, *, batch: int, precision: TensorRtPrecision, device: str) -> Path:
    """Build an engine, compare it with the network, and leave it with its record in the cache.

    Args:
        bundle: What to compile.
        batch: Frames a call.
        precision: Arithmetic.
        device: CUDA device.

    Returns:
        The engine's file.

    Raises:
        ModelError: If it is not built, or not what the network is; then nothing is left behind.
    """
    import torch

    from losszero_rt.engine.tensorrt_engine import load_engine

    gpu = torch.cuda.get_device_name(device)
    stem = cache_stem(bundle, batch=batch, precision=precision, gpu=gpu)
    # Of this process alone: another build at the same time does no harm.
    part = stem.with_name(f"{stem.name}.{os.getpid()}.part.pt2")
    request = EngineRequest(
        bundle=str(bundle.path), out=str(part), batch=batch, precision=precision, device=device
    )
    start_s = now_s()
    tell(f"building a TensorRT engine for {gpu}, batch {batch}, {precision}: this takes minutes")
    try:
        facts = facts_of(request, asdict(build_in_child(request)))
        tell(f"built in {now_s() - start_s:.0f} s, comparing it with the network")
        content = part.read_bytes()
        network = load_engine(content, device=torch.device(device))
        agreement = agreement_of(network, bundle, batch=batch, device=torch.device(device))
        if agreement < AGREEMENT_MIN:
            raise ModelError(
                f"the engine gives {agreement:.2%} of the pixels the label of the network",
                accepted=f"at least {AGREEMENT_MIN:.0%}",
                remedy="--precision fp32",
            )
        sha256 = hashlib.sha256(content).hexdigest()
        record_trust(sha256, facts=facts)
        kept = stem.with_suffix(".pt2")
        part.replace(kept)
    finally:
        part.unlink(missing_ok=True)
    record = {**facts, "sha256": sha256, "label_agreement": round(agreement, 6)}
    half = part.with_suffix(".json.part")
    half.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    half.replace(stem.with_suffix(".json"))
    tell(f"kept as {kept}: {agreement:.2%} of the labels are the network's")
    return kept


def agreement_of(
    network: "torch.nn.Module", bundle: Bundle, *, batch: int, device: "torch.device"
) -> float:
    """Return the share of pixels that an engine gives the label of the eager network in fp32."""
    import torch

    from losszero_rt.engine.eager_engine import EagerEngine

    eager = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    same: list[float] = []
    for pixels_HWC in draw_inputs(bundle.input_spec):
        inputs_NHWC = np.repeat(pixels_HWC[None], batch, axis=0)
        with torch.inference_mode():
            found_Nhw = network(torch.from_numpy(inputs_NHWC).to(device)).cpu().numpy()
        same.append(float((found_Nhw == eager.submit(pixels_HWC[None]).result()).mean()))
    return float(np.mean(same))


def tell(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def main(request: dict[str, Any]) -> int:
    """Build what was asked for; return the exit code."""
    try:
        bundle = Bundle.open(Path(request.pop("bundle")))
        build_cached(bundle, **request)
    except LossZeroError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
