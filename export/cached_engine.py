"""``losszero-rt --build``: one engine of a bundle into the user's cache.

It is compared with the eager network on drawn night rides, as no labelled pictures are at hand.
That is less than the proof of an export, which measures scores: labels that froze, moved or mixed
with their neighbours are seen, and so is an overflow, in the maps of classes; a class that got a
little worse on real streets is not. So whoever runs such an engine is told. Progress goes to
standard output, a line each.
"""

import fcntl
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export.cam_parity import lowest_correlation, maps_of, true_maps
from export.compile_tensorrt import build_in_child
from export.engine_request import EngineRequest, TensorRtPrecision
from export.loaded_engine import LoadedEngine
from export.probes import draw_inputs, edge_inputs
from export.tensorrt_engines import facts_of
from export.tensorrt_parity import check_alive
from losszero_rt.bundle import Bundle
from losszero_rt.caches import cache_folder
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.engine.engine_files import AGREEMENT_MIN, cache_stem
from losszero_rt.engine.engine_trust import record_trust
from losszero_rt.errors import LossZeroError, ModelError
from losszero_rt.timings import now_s


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

    gpu = torch.cuda.get_device_name(device)
    stem = cache_stem(bundle, batch=batch, precision=precision, gpu=gpu)
    with alone(stem) as built:
        return built or _build(bundle, stem, batch=batch, precision=precision, device=device)


@contextmanager
def alone(stem: Path) -> Iterator[Path | None]:
    """Wait until nobody else builds an engine, and remove what a killed build of it has left.

    Args:
        stem: Where it lies in the cache, without suffix.

    Yields:
        The engine's file if somebody built it while this process waited; else None.
    """
    kept = stem.with_suffix(".pt2")
    before = _stamp(kept)
    # The lock's file stays: who removed it could lock another one than those who wait.
    with (cache_folder("locks") / f"{stem.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process is building this engine: waiting until it is done (or Ctrl-C)")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in stem.parent.glob(f"{stem.name}.*part*"):
            left.unlink()
        yield kept if _stamp(kept) not in (None, before) else None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_ino, facts.st_mtime_ns


def _build(
    bundle: Bundle, stem: Path, *, batch: int, precision: TensorRtPrecision, device: str
) -> Path:
    import torch

    from losszero_rt.engine.tensorrt_engine import load_engine

    gpu = torch.cuda.get_device_name(device)
    part = stem.with_name(f"{stem.name}.part.pt2")
    request = EngineRequest(
        bundle=str(bundle.path), out=str(part), batch=batch, precision=precision, device=device
    )
    start_s = now_s()
    tell(f"building a TensorRT engine for {gpu}, batch {batch}, {precision}: this takes minutes")
    try:
        facts = facts_of(request, asdict(build_in_child(request)))
        tell(f"built in {now_s() - start_s:.0f} s, comparing it with the network")
        content = part.read_bytes()
        engine = LoadedEngine(
            load_engine(content, device=torch.device(device)),
            bundle=bundle,
            batch=batch,
            precision=facts["precision_found"],
            device=torch.device(device),
        )
        proof = prove_here(engine, bundle, gives_maps=bool(facts["cams_size"]))
        sha256 = hashlib.sha256(content).hexdigest()
        record_trust(sha256, facts=facts)
        kept = stem.with_suffix(".pt2")
        part.replace(kept)
    finally:
        part.unlink(missing_ok=True)
    record = {**facts, "sha256": sha256, **proof}
    half = part.with_suffix(".json.part")
    half.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    half.replace(stem.with_suffix(".json"))
    tell(f"kept as {kept}: {proof['label_agreement']:.2%} of the labels are the network's")
    return kept


def prove_here(engine: Engine, bundle: Bundle, *, gives_maps: bool) -> dict[str, float]:
    """Compare an engine with the eager network in fp32, as far as that goes without labels.

    Args:
        engine: What was built.
        bundle: What it was built of.
        gives_maps: Whether it gives class activation maps.

    Returns:
        ``label_agreement``, a share of the pixels, and ``cams``, the lowest correlation of a class,
        where there are maps.

    Raises:
        ModelError: If it is frozen, mixes the frames of a batch, overflows on pictures at the
            edges, or gives other labels or maps than the network.
    """
    rides_NHWC = draw_inputs(bundle.input_spec)
    check_alive(engine, rides_NHWC)
    proof = {"label_agreement": round(agreement_of(engine, bundle), 6)}
    if proof["label_agreement"] < AGREEMENT_MIN:
        raise ModelError(
            f"the engine gives {proof['label_agreement']:.2%} of the pixels the label of the "
            "network",
            accepted=f"at least {AGREEMENT_MIN:.0%}",
            remedy="--precision fp32",
        )
    if gives_maps:
        check_finite(
            engine, edge_inputs(bundle.input_spec), num_classes=bundle.classmap.num_classes
        )
        truth = true_maps(bundle, rides_NHWC)
        proof["cams"] = lowest_correlation(engine, rides_NHWC, truth=truth)
    return proof


def check_finite(engine: Engine, inputs_NHWC: np.ndarray, *, num_classes: int) -> None:
    """Check that nothing overflows: a logit that is no number makes a map that is none.

    Raises:
        ModelError: If a map of a class is not finite.
    """
    maps = maps_of(engine, inputs_NHWC, num_classes=num_classes)
    bad = [k for k in range(len(inputs_NHWC)) if not all(np.isfinite(one[k]).all() for one in maps)]
    if bad:
        raise ModelError(
            f"the compiled network overflows on probe pictures {bad}",
            accepted="finite values on black, white and noise",
            remedy="--precision fp32",
        )


def agreement_of(engine: Engine, bundle: Bundle) -> float:
    """Return the share of pixels that an engine gives the label of the eager network in fp32."""
    from losszero_rt.engine.eager_engine import EagerEngine

    eager = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    same: list[float] = []
    for pixels_HWC in draw_inputs(bundle.input_spec):
        inputs_NHWC = np.repeat(pixels_HWC[None], engine.info.batch, axis=0)
        truth_Nhw = eager.submit(pixels_HWC[None]).result()
        same.append(float((engine.submit(inputs_NHWC).result() == truth_Nhw).mean()))
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
