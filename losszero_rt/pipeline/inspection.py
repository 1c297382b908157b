"""What a model's folder holds, for ``inspect``."""

from collections.abc import Mapping
from typing import Any

from losszero_rt.bundle import Bundle, unproved_of
from losszero_rt.data_record import SEEN_KEY, seen_in
from losszero_rt.engine import Model, Score, TrainedModel, compiled_scores, weights_score
from losszero_rt.errors import clean_text
from losszero_rt.pipeline.built_text import built_texts


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
    unproved = ", ".join(unproved_of(model.scores))
    told = [f"nothing is proved of {unproved}: hardly a pixel of it was scored"] if unproved else []
    return [_score_text(s) for s in (weights_score(model), *_compiled_scores(model)) if s] + told


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
    trained = "  ".join(f"{name} {value}" for name, value in _without_digests(bundle.data).items())
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


def _without_digests(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data record with the number of pictures that were trained on, not their digests."""
    seen = seen_in(data)
    return {**data, **({} if seen is None else {SEEN_KEY: f"{len(seen)} pictures by name"})}


def _state_text(bundle: Bundle) -> str:
    return f"UNVERIFIED: {'; '.join(bundle.faults)}" if bundle.faults else "proved at export"
