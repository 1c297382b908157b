"""Whether a model's folder may be believed, for ``verify``: its files, its proofs, and runs here.

Shape letters: N pictures, H, W height and width of the input, C colour channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from losszero_rt.bundle import MANIFEST_NAME, NIGHT_AGREEMENT_MIN, WEIGHTS, Bundle, unproved_of
from losszero_rt.engine import (
    EngineOptions,
    Model,
    Precision,
    TrainedModel,
    fits,
    open_engine,
    open_model,
)
from losszero_rt.engine.openvino_graphs import holds, int8_floats, proved_precisions
from losszero_rt.errors import LossZeroError, ModelError, clean_text
from losszero_rt.network.mask_rcnn_split import is_split
from losszero_rt.ride import Ride, RideSpec

# Pictures that break careless graphs, and a drawn ride, in which there is something to see.
PROBES = ("black", "white", "noise", "ride")
# Drawn night frames on which engines are compared with the network, each of another ride.
NUM_NIGHTS = 4


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was checked.

    Attributes:
        what: What it is, a few words.
        fault: What is wrong with it; empty when it is right.
        found: What was found when it is right, or why it was not tried.
        tried: False for what cannot be tried on this machine.
    """

    what: str
    fault: str = ""
    found: str = ""
    tried: bool = True

    @property
    def ok(self) -> bool | None:
        """Whether it is right; None if it was not tried."""
        return not self.fault if self.tried else None


def verify_model(name: str | Path) -> tuple[Model, list[Check]]:
    """Check a model: files, digests, parity, and that its engine runs here on hostile pictures.

    Args:
        name: Name of a bundle that ships, or the folder of a bundle or checkpoint.

    Returns:
        The model, and what was checked in order; a fault does not end the list.

    Raises:
        ModelError: If the files are not what their record says: then nothing is deserialised.
    """
    model = open_model(name, allow_unverified=True)
    checks = [Check(what="files", found=_files_text(model))]
    if isinstance(model, TrainedModel):
        return model, [*checks, _held_check(model, "eager")]
    if WEIGHTS in model.parity:
        checks.append(_weights_check(model))
    checks += [_parity_check(model, engine) for engine in model.engines]
    if not model.engines:
        checks.append(Check(what="engines", fault="no compiled graph in here"))
    for engine in model.engines:
        checks.append(_held_check(model, engine))
        if checks[-1].ok:
            checks.append(_agreement_check(model, engine))
    return model, checks


def _files_text(model: Model) -> str:
    if isinstance(model, TrainedModel):
        return f"weights with the recorded sha256 {model.sha256[:12]}"
    megabytes = sum(record.num_bytes for record in model.files.values()) / 1e6
    known = {MANIFEST_NAME, *model.files}
    try:
        stray = sorted(path.name for path in model.path.iterdir() if path.name not in known)
    except OSError:
        stray = []  # a folder that may be entered and not listed
    more = f"; not of the bundle, and never read: {', '.join(stray)}" if stray else ""
    return f"{len(model.files)} of the recorded size and sha256, {megabytes:.1f} MB{more}"


def _weights_check(bundle: Bundle) -> Check:
    fault = bundle.weights_fault
    found = "" if fault else f"{_points_text(bundle.parity[WEIGHTS])} from the checkpoint's"
    record = bundle.parity[WEIGHTS]
    if found and (unproved := unproved_of(record if "compared_on" in record else bundle.scores)):
        found += f"; nothing is proved of {', '.join(unproved)}: hardly a pixel of it was scored"
    return Check(what="weights parity", fault=fault, found=found)


def _parity_check(bundle: Bundle, engine: str) -> Check:
    what, fault = f"{engine} parity", bundle.parity_fault(engine)
    if fault:
        return Check(what=what, fault=fault)
    record = bundle.parity[engine]
    found = [f"{name} {_points_text(row)}" for name, row in record["precisions"].items()]
    measured = f"{record.get('dataset', 'pictures not named')}, n={record.get('n', '?')}"
    return Check(what=what, found=f"{'; '.join(found)}, {measured}")


def _points_text(row: Mapping[str, Any]) -> str:
    worst = max(row["class_points"].values(), key=abs)
    return f"{row['miou_points']:+.2f} points, worst class {worst:+.2f}"


def _held_check(model: Model, engine: str) -> Check:
    """Run an engine that the folder holds; where that cannot be, say so, or what is wrong."""
    what, verdicts = f"{engine} runs", {str(name): why for name, why in fits(model).items()}
    why = verdicts.get(engine, "other runtimes run it, this one does not")
    if why == "fits":
        return _run_check(model, engine)
    if engine == "openvino" and isinstance(model, Bundle) and not holds(model, "fp32"):
        return Check(what=what, fault=why)
    return Check(what=what, found=f"not tried here: {why}", tried=False)


def _run_check(model: Model, engine: str) -> Check:
    """Run pictures that break careless graphs, and look at what comes out."""
    what = f"{engine} runs"
    try:
        opened = open_engine(model, name=engine, options=EngineOptions(any_batch=True))
        try:
            labels = [opened.submit(_probe(kind, model)).result() for kind in PROBES]
            info = opened.info
        finally:
            opened.close()
    except LossZeroError as error:
        return Check(what=what, fault=str(error))
    num_classes = model.classmap.num_classes
    strange = [
        kind for kind, found in zip(PROBES, labels, strict=True) if found.max() >= num_classes
    ]
    if strange:
        return Check(what=what, fault=f"labels beyond the {num_classes} classes on {strange}")
    nothing = info.gives_objects and not any(
        (found != model.network_spec.background_id).any() for found in labels
    )
    if nothing:
        # A network that finds objects need not find any in these, and is not frozen for it.
        return Check(what=what, found=f"{info.precision} on {info.device}, which found no objects")
    if all(np.array_equal(labels[0], other) for other in labels[1:]):
        return Check(what=what, fault=f"the same labels for {', '.join(PROBES)}: it is frozen")
    return Check(what=what, found=f"{info.precision} on {info.device}")


def _probe(kind: str, model: Model) -> np.ndarray:
    size = (1, *model.input_spec.size, 3)
    if kind == "ride":
        return _drawn(model, seed=3)
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    return np.full(size, 255 if kind == "white" else 0, np.uint8)


def _drawn(model: Model, *, seed: int) -> np.ndarray:
    """Draw a night frame, uint8 (1, H, W, 3)."""
    inputs_NHWC = np.zeros((1, *model.input_spec.size, 3), np.uint8)
    ride = Ride(RideSpec(size=(360, 640), seed=seed))
    model.input_spec.fill_pixels(ride.render(0).pixels_HWC, inputs_NHWC[0])
    return inputs_NHWC


def _agreement_check(bundle: Bundle, engine: str) -> Check:
    """Compare what an engine says here and now with what the network says.

    The proof was made at export, perhaps with other libraries and on another processor.
    """
    what, why = f"{engine} agrees", fits(bundle)["eager"]
    if why != "fits":
        return Check(what=what, found=f"not compared with the network here: {why}", tried=False)
    nights = [_drawn(bundle, seed=seed) for seed in range(NUM_NIGHTS)]
    try:
        _, truth = _labels_of(bundle, "eager", nights, precision="fp32")
        found = [
            _labels_of(bundle, engine, nights, precision=precision, floats=floats)
            for precision, floats in _arithmetics(bundle, engine)
        ]
    except LossZeroError as error:
        return Check(what=what, fault=str(error))
    blank = bundle.network_spec.background_id
    if is_split(bundle.network_spec) and all(
        (labels == blank).all() for labels in (truth, *(labels for _, labels in found))
    ):
        # Parts of any other network could find as little.
        return Check(what=what, found="nothing to compare in drawn night frames", tried=False)
    shares = {name: float(np.mean(labels == truth)) for name, labels in found}
    text = "; ".join(f"{name} {share:.2%}" for name, share in shares.items())
    told = f"{text} of the labels of {NUM_NIGHTS} drawn night frames are the network's"
    limits = {name: NIGHT_AGREEMENT_MIN[name.partition("+")[0]] for name in shares}
    if all(share >= limits[name] for name, share in shares.items()):
        return Check(what=what, found=told)
    least = ", ".join(f"{name} {limit:.1%}" for name, limit in limits.items())
    return Check(what=what, fault=f"{told}, at least {least} should be")


def _arithmetics(bundle: Bundle, engine: str) -> list[tuple[Precision, Precision]]:
    """Return every precision that is to be tried, with what int8 leaves in floats."""
    if engine != "openvino":
        return [("auto", "auto")]
    proved = proved_precisions(bundle)
    plain: list[tuple[Precision, Precision]] = [(p, "auto") for p in proved if p != "int8"]
    floats = int8_floats(bundle) if "int8" in proved else ()
    return plain + [("int8", name) for name in floats]


def _labels_of(
    model: Model,
    name: str,
    inputs: list[np.ndarray],
    *,
    precision: Precision,
    floats: Precision = "auto",
) -> tuple[str, np.ndarray]:
    """Return the arithmetic that ran, and the uint8 labels (N, H, W)."""
    options = EngineOptions(precision=precision, any_batch=True, int8_floats=floats)
    engine = open_engine(model, name=name, options=options)
    try:
        labels = [engine.submit(pixels_1HWC).result().copy() for pixels_1HWC in inputs]
        return engine.info.precision, np.concatenate(labels)
    finally:
        engine.close()


def verification_text(model: Model, checks: list[Check]) -> str:
    """Return the checks as lines, the verdict last."""
    words = {True: "ok", False: "FAULT", None: "-"}
    lines = [f"{model.path}"]
    lines += [
        f"  {words[c.ok]:<6}{clean_text(f'{c.what:<18}{c.fault or c.found}')}" for c in checks
    ]
    faults = sum(bool(check.fault) for check in checks)
    untried = sum(not check.tried for check in checks)
    plural = "" if faults == 1 else "s"
    verdict = f"UNVERIFIED: {faults} fault{plural}" if faults else "verified"
    return "\n".join([*lines, f"{verdict}; {untried} not tried here" if untried else verdict])


def verification_record(model: Model, checks: list[Check]) -> dict[str, Any]:
    """Return the checks for JSON."""
    return {
        "path": str(model.path),
        "sha256": model.sha256,
        "verified": not any(check.fault for check in checks),
        "checks": [{"what": c.what, "ok": c.ok, "detail": c.fault or c.found} for c in checks],
    }


def require_verified(checks: list[Check]) -> None:
    """Raise ModelError, so that the command ends with exit code 4, if anything is wrong."""
    faults = [f"{check.what}: {check.fault}" for check in checks if check.fault]
    if faults:
        raise ModelError(
            "; ".join(faults),
            accepted="a model whose every check is ok",
            remedy="export it again with labelled pictures: python -m export",
        )
