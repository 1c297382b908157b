"""What a bundle says of how its engines were made, for people."""

from collections.abc import Mapping
from typing import Any

from losszero_rt.bundle import Bundle


def built_texts(bundle: Bundle) -> list[str]:
    """Say of each engine what it was asked to run in, what was found, and where it was built."""
    return [
        f"{engine} {role}: {_built_text(facts)}"
        for engine, roles in bundle.built.items()
        for role, facts in roles.items()
    ]


def _built_text(facts: Mapping[str, Any]) -> str:
    if "calibration" in facts:
        return _calibration_text(facts)
    asked, found = facts.get("precision", "?"), facts.get("precision_found", "?")
    place = facts.get("gpu") or facts.get("device") or "?"
    return f"{found} ({asked} asked for) on {place}"


def _calibration_text(facts: Mapping[str, Any]) -> str:
    """Say on which pictures the ranges of an int8 graph were measured, and what stays floats."""
    digest = str(facts.get("calibration_sha256", ""))[:12]
    name = facts.get("calibration_set", "?")
    # Before it was recorded, pictures that are scored could be among them.
    place = f"{name} ({digest}), none of them scored" if digest else "a set that is not recorded"
    left_out = facts.get("left_out")
    num_floats = len(left_out) if isinstance(left_out, list) else "?"
    return (
        f"ranges of {facts['calibration']} pictures of {place}; "
        f"{num_floats} of {facts.get('layers', '?')} layers stay floats; {facts.get('tool', '?')}"
    )
