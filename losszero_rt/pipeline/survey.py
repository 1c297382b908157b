"""What ships and what this machine can do, for ``models`` and ``doctor``."""

import os
import platform
from typing import Any

import losszero_rt
from losszero_rt.bundle import Bundle, list_bundles
from losszero_rt.engine import engine_facts, fits
from losszero_rt.video import codec_facts


def model_cards() -> list[dict[str, Any]]:
    """Return what a person should know of every bundle that ships."""
    return [_card(Bundle.open(path)) for path in list_bundles()]


def _card(bundle: Bundle) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "sha256": bundle.sha256,
        "network": bundle.network,
        "input_size": list(bundle.input_spec.size),
        "classes": list(bundle.classmap.names),
        "licence": bundle.licence,
        "attribution": bundle.attribution,
        "scores": bundle.scores,
        "verified": bundle.is_verified,
        "path": str(bundle.path),
    }


def models_text(cards: list[dict[str, Any]]) -> str:
    """Return the cards as text."""
    blocks = []
    for card in cards:
        scores = card["scores"]
        low, high = scores["miou_ci95"]
        classes = "  ".join(f"{name} {iou:.3f}" for name, iou in scores["class_iou"].items())
        blocks.append(
            f"{card['name']}  ({card['sha256'][:12]})\n"
            f"  network   {_network_text(card['network'])}, input {_size(card['input_size'])}\n"
            f"  mIoU      {scores['miou']:.3f} [{low:.3f}, {high:.3f}] on {scores['dataset']}"
            f", n={scores['n']}\n"
            f"  classes   {classes}\n"
            f"  licence   {card['licence']}\n"
            f"  data      {card['attribution']}\n"
            f"  parity    {'proved at export' if card['verified'] else 'UNVERIFIED'}\n"
            f"  path      {card['path']}"
        )
    return "\n\n".join(blocks)


def _network_text(network: dict[str, Any]) -> str:
    return f"{network['architecture']} {network['encoder']}"


def _size(size: list[int]) -> str:
    return f"{size[0]}x{size[1]}"


def machine_facts() -> dict[str, Any]:
    """Return what this machine can do: never raises for something that is absent."""
    return {
        "losszero_rt": losszero_rt.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "engines": engine_facts(),
        "codecs": codec_facts(),
        "models": {path.name: fits(Bundle.open(path)) for path in list_bundles()},
    }


def doctor_text(facts: dict[str, Any]) -> str:
    """Return the facts as one screen of text."""
    lines = [
        f"losszero-rt {facts['losszero_rt']}, Python {facts['python']}, {facts['system']}"
        f", {facts['cores']} cores"
    ]
    for title in ("engines", "codecs"):
        lines.append(title)
        lines += [f"  {name:<14} {_value_text(value)}" for name, value in facts[title].items()]
    for name, engines in facts["models"].items():
        lines.append(f"model {name}")
        lines += [f"  {engine:<14} {verdict}" for engine, verdict in engines.items()]
    return "\n".join(lines)


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_value_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value) or "none"
    return str(value)
