"""What a model's folder holds, and whether it may be believed, for ``inspect`` and ``verify``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from losszero_rt.bundle import WEIGHTS, Bundle
from losszero_rt.engine import (
    EngineOptions,
    Model,
    Score,
    TrainedModel,
    compiled_scores,
    fits,
    open_engine,
    open_model,
    weights_score,
)
from losszero_rt.engine.openvino_graphs import holds
from losszero_rt.errors import LossZeroError, ModelError, clean_text
from losszero_rt.pipeline.built_text import built_texts
from losszero_rt.ride import Ride, RideSpec

# Pictures that break careless graphs, and a drawn ride, in which there is something to see.
PROBES = ("black", "white", "noise", "ride")


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
    if isinstance(model, Bundle):
        if WEIGHTS in model.parity:
            checks.append(_weights_check(model))
        checks += [_parity_check(model, engine) for engine in model.engines]
        if not model.engines:
            checks.append(Check(what="engines", fault="no compiled graph in here"))
    held = ["eager"] if isinstance(model, TrainedModel) else list(model.engines)
    return model, checks + [_held_check(model, engine) for engine in held]


def _files_text(model: Model) -> str:
    if isinstance(model, TrainedModel):
        return f"weights with the recorded sha256 {model.sha256[:12]}"
    megabytes = sum(record.num_bytes for record in model.files.values()) / 1e6
    return f"{len(model.files)} of the recorded size and sha256, {megabytes:.1f} MB"


def _weights_check(bundle: Bundle) -> Check:
    fault = bundle.weights_fault
    found = "" if fault else f"{_points_text(bundle.parity[WEIGHTS])} from the checkpoint's"
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
        opened = open_engine(model, name=engine, options=EngineOptions())
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
        inputs_NHWC = np.zeros(size, np.uint8)
        ride = Ride(RideSpec(size=(360, 640), seed=3))
        model.input_spec.fill_pixels(ride.render(0).pixels_HWC, inputs_NHWC[0])
        return inputs_NHWC
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    return np.full(size, 255 if kind == "white" else 0, np.uint8)


def verification_text(model: Model, checks: list[Check]) -> str:
    """Return the checks as lines, the verdict last."""
    words = {True: "ok", False: "FAULT", None: "-"}
    lines = [f"{model.path}"]
    lines += [
        f"  {words[c.ok]:<6}{clean_text(f'{c.what:<18}{c.fault or c.found}')}" for c in checks
    ]
    faults = sum(bool(check.fault) for check in checks)
    untried = sum(not check.tried for check in checks)
    verdict = f"UNVERIFIED: {faults} faults" if faults else "verified"
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


def inspection(model: Model) -> dict[str, Any]:
    """Return everything that a model's record says, for JSON."""
    if isinstance(model, TrainedModel):
        return {"kind": "checkpoint", **model.checkpoint.as_dict()}
    return {
        "kind": "bundle",
        "sha256": model.sha256,
        **model.as_dict(),
        "parity": model.parity,
        "engine_scores": engine_scores(model),
        "verified": model.is_verified,
        "faults": list(model.faults),
    }


def inspection_text(model: Model) -> str:
    """Return what a model is, for a person."""
    spec = model.input_spec
    rows = [
        ("path", str(model.path)),
        ("sha256", model.sha256),
        ("network", "  ".join(f"{key} {value}" for key, value in model.network.items())),
        (
            "input",
            f"{spec.size[0]}x{spec.size[1]} {spec.channels}, "
            f"mean {_numbers(spec.mean)}, std {_numbers(spec.std)}",
        ),
        ("labels", f"{model.labels_size[0]}x{model.labels_size[1]}"),
        *_class_rows(model),
        *_score_rows(model),
    ]
    if isinstance(model, Bundle):
        rows += _bundle_rows(model)
    # A stranger may have written the record.
    return "\n".join([model.name, *(f"  {name:<10}{clean_text(text)}" for name, text in rows)])


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)


def _class_rows(model: Model) -> list[tuple[str, str]]:
    pairs = zip(model.classmap.names, model.classmap.colours, strict=True)
    return [
        ("classes" if class_id == 0 else "", f"{class_id} {name}  #{r:02x}{g:02x}{b:02x}")
        for class_id, (name, (r, g, b)) in enumerate(pairs)
    ]


def _score_rows(model: Model) -> list[tuple[str, str]]:
    """Say the score of the weights, and that of every engine and precision that has its own."""
    return [
        ("scores" if index == 0 else "", text) for index, text in enumerate(_score_texts(model))
    ] or [("scores", "not measured")]


def _score_texts(model: Model) -> list[str]:
    return [_score_text(s) for s in (weights_score(model), *_compiled_scores(model)) if s]


def _compiled_scores(model: Model) -> list[Score]:
    if isinstance(model, TrainedModel):
        return []
    return [s for name in model.engines for s in compiled_scores(model, name).values()]


def engine_scores(model: Model) -> dict[str, dict[str, Any]]:
    """Return the scores of a model's compiled engines by engine and precision, for JSON."""
    return {s.of: {k: v for k, v in vars(s).items() if k != "of"} for s in _compiled_scores(model)}


def _score_text(score: Score) -> str:
    span = "" if score.miou_ci95 is None else " [{:.3f}, {:.3f}]".format(*score.miou_ci95)
    return f"mIoU {score.miou:.3f}{span} on {score.dataset}, n={score.n}, of {score.of}"


def _bundle_rows(bundle: Bundle) -> list[tuple[str, str]]:
    rows = [
        ("engines" if index == 0 else "", f"{name}: {', '.join(roles.values())}")
        for index, (name, roles) in enumerate(bundle.engines.items())
    ]
    rows.append(("parity", _state_text(bundle)))
    rows += [
        ("built" if index == 0 else "", text) for index, text in enumerate(built_texts(bundle))
    ]
    rows += [
        ("files" if index == 0 else "", f"{record.num_bytes:>10}  {record.sha256[:12]}  {name}")
        for index, (name, record) in enumerate(sorted(bundle.files.items()))
    ]
    versions = "  ".join(f"{name} {version}" for name, version in bundle.versions.items())
    trained = "  ".join(f"{name} {value}" for name, value in bundle.data.items())
    provenance = "  ".join(f"{name} {value}" for name, value in bundle.provenance.items())
    return [
        *rows,
        ("versions", versions),
        ("source", f"checkpoint {bundle.source_sha256[:12]}"),
        *([("exported", provenance)] if provenance else []),
        ("data", trained or "not recorded"),
        ("licence", bundle.licence),
        ("credits", bundle.attribution),
    ]


def _state_text(bundle: Bundle) -> str:
    return f"UNVERIFIED: {'; '.join(bundle.faults)}" if bundle.faults else "proved at export"
