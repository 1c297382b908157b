"""What the pictures of an output were made with, in the file itself.

The comment of the container holds it from the first fragment on, so that a run that goes on with
an interrupted file can tell whether it would draw the rest the same way.
"""

import json
from collections.abc import Mapping
from typing import Any

_START = "losszero-rt "


def settings_comment(settings: Mapping[str, Any]) -> str:
    """Return plain values as the comment of a file; empty for none."""
    if not settings:
        return ""
    return _START + json.dumps(dict(settings), sort_keys=True, separators=(",", ":"))


def settings_in(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the values in the metadata of a file; empty where it has none of ours."""
    for key, text in metadata.items():
        if key.lower() == "comment" and text.startswith(_START):
            try:
                values = json.loads(text.removeprefix(_START))
            except (ValueError, RecursionError):
                return {}
            return values if isinstance(values, dict) else {}
    return {}


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say in words what differs; empty when nothing does.

    Args:
        before: Values that a file was made with.
        after: Values that it shall go on with.
    """
    if after and not before:
        return "it does not say how its pictures were made"
    names = sorted({*before, *after})
    return ", ".join(
        f"{name} was {_words(before.get(name))}, now it is {_words(after.get(name))}"
        for name in names
        if before.get(name) != after.get(name)
    )


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "all"
    return "on" if value is True else "off" if value is False else str(value)
