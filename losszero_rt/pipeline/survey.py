"""What ships and what this machine can do, for ``models`` and ``doctor``."""

import platform
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import losszero_rt
from losszero_rt.bundle import list_bundles
from losszero_rt.cores import num_cores
from losszero_rt.engine import Model, TrainedModel, engine_facts, fits, open_model
from losszero_rt.engine.engine_score import WEIGHTS_ALONE
from losszero_rt.errors import ModelError, clean_text
from losszero_rt.pipeline.inspection import engine_scores
from losszero_rt.video import codec_facts

SCREEN_COLUMNS = 110


def model_cards(names: Sequence[str | Path] = ()) -> list[dict[str, Any]]:
    """Return what a person should know of models.

    Args:
        names: Folders of bundles and checkpoints, or names of those that ship; empty for all
            that ship.

    Raises:
        ModelError: One of them is broken.
    """
    return [_card(open_model(name, allow_unverified=True)) for name in names or list_bundles()]


def _card(model: Model) -> dict[str, Any]:
    return {
        "kind": "checkpoint" if isinstance(model, TrainedModel) else "bundle",
        "name": model.name,
        "sha256": model.sha256,
        "network": model.network,
        "input_size": list(model.input_spec.size),
        "classes": list(model.classmap.names),
        "licence": "" if isinstance(model, TrainedModel) else model.licence,
        "attribution": "" if isinstance(model, TrainedModel) else model.attribution,
        "scores": dict(model.scores),
        "engine_scores": engine_scores(model),
        "verified": model.is_verified,
        "path": str(model.path),
    }


def models_text(cards: list[dict[str, Any]]) -> str:
    """Return the cards as text."""
    blocks = [_card_text(card) for card in cards]
    return "\n\n".join(blocks) or "no model ships with this installation"


def _card_text(card: dict[str, Any]) -> str:
    head = (
        f"{card['name']}  ({card['sha256'][:12]})\n"
        f"  network   {_network_text(card['network'])}, input {_size(card['input_size'])}\n"
        f"{_scores_text(card)}"
    )
    if card["kind"] == "checkpoint":
        parity = "none needed: a checkpoint runs as it was trained"
        return f"{head}  parity    {parity}\n  path      {card['path']}"
    return (
        f"{head}"
        f"  licence   {card['licence']}\n"
        f"  data      {card['attribution']}\n"
        f"  parity    {'proved at export' if card['verified'] else 'UNVERIFIED'}\n"
        f"  path      {card['path']}"
    )


def _scores_text(card: dict[str, Any]) -> str:
    scores = card["scores"]
    if scores.get("miou") is None:
        return f"  mIoU      not measured\n  classes   {', '.join(card['classes'])}\n"
    low, high = scores["miou_ci95"]
    classes = "  ".join(
        f"{name} {'n/a' if iou is None else format(iou, '.3f')}"
        for name, iou in scores["class_iou"].items()
    )
    return (
        f"  mIoU      {scores['miou']:.3f} [{low:.3f}, {high:.3f}] on {scores['dataset']}"
        f", n={scores['n']}, of {WEIGHTS_ALONE}\n"
        f"{_engines_text(card['engine_scores'])}"
        f"  classes   {classes}\n"
    )


def _engines_text(scores: dict[str, dict[str, Any]]) -> str:
    found = ", ".join(f"{score['miou']:.3f} of {of}" for of, score in scores.items())
    return f"            {found}\n" if found else ""


def _network_text(network: dict[str, Any]) -> str:
    return f"{network['architecture']} {network['encoder']}"


def _size(size: list[int]) -> str:
    return f"{size[0]}x{size[1]}"


def machine_facts(*, models: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Return what this machine can do: never raises for something that is absent.

    Args:
        models: Folders of models to judge beside those that ship.
    """
    return {
        "losszero_rt": losszero_rt.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": num_cores(),
        "engines": engine_facts(),
        "codecs": codec_facts(),
        "models": {
            **{path.name: _verdicts(path) for path in list_bundles()},
            **{str(name): _verdicts(name) for name in models},
        },
    }


def _verdicts(name: str | Path) -> dict[str, str]:
    try:
        model = open_model(name, allow_unverified=True)
        verdicts = {str(engine): verdict for engine, verdict in fits(model).items()}
        unproved = () if isinstance(model, TrainedModel) else model.faults
        return verdicts | ({"UNVERIFIED": "; ".join(unproved)} if unproved else {})
    except ModelError as error:
        return {"broken": str(error)}


def doctor_text(facts: dict[str, Any]) -> str:
    """Return the facts as one screen of text."""
    lines: list[str] = []
    rows = [
        f"losszero-rt {facts['losszero_rt']}, Python {facts['python']}, {facts['system']}"
        f", {facts['cores']} cores"
    ]
    for title in ("engines", "codecs"):
        rows.append(title)
        rows += [f"  {name:<14} {_value_text(value)}" for name, value in facts[title].items()]
    for name, engines in facts["models"].items():
        rows.append(f"model {name}")
        rows += [f"  {engine:<14} {verdict}" for engine, verdict in engines.items()]
    for row in rows:
        lines += _wrapped(clean_text(row))
    return "\n".join(lines)


def _wrapped(row: str) -> list[str]:
    return textwrap.wrap(
        row,
        SCREEN_COLUMNS,
        subsequent_indent=" " * 17,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_value_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value) or "none"
    return str(value)
