"""What travels between the page and a browser.

To the browser: texts are JSON objects with ``t`` (``status``, ``refused``, ``end``); a picture is a
binary message of a head of 24 bytes and a JPEG file. From the browser: JSON objects with ``t``
(``drawn``, ``choice``, ``pause``).
"""

import json
import math
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from losszero_rt.errors import UsageError, clean_text
from losszero_rt.livestate import LIVE_VIEWS, LiveStatus, PictureChoice, Signal
from losszero_rt.serve.pictures import Picture
from losszero_rt.timings import now_s

# number, index: unsigned; age, delay to the screen: ms; capture: Unix time, s. Little endian.
HEAD = struct.Struct("<IIffd")
MAX_MESSAGE_BYTES = 8192
_WRAP = 1 << 32


def picture_message(picture: Picture, *, screen_ms: float) -> bytes:
    """Return a picture with its head.

    Args:
        picture: What to send.
        screen_ms: Delay of this viewer's picture before, capture to drawn; 0 while unknown.
    """
    age_s = now_s() - picture.captured_at_s
    head = HEAD.pack(
        picture.number % _WRAP, picture.index % _WRAP, age_s * 1e3, screen_ms, time.time() - age_s
    )
    return head + picture.jpeg


def status_text(status: LiveStatus, *, asked: PictureChoice, num_viewers: int) -> str:
    """Return figures as JSON; text is cleaned, and what is no finite number becomes null."""
    facts = {"t": "status", **vars(status), "asked": asked, "num_viewers": num_viewers}
    return json.dumps(_plain(facts), separators=(",", ":"), allow_nan=False)


def refused_text(why: str) -> str:
    """Return the answer to a request that was refused."""
    return json.dumps({"t": "refused", "why": clean_text(why)})


def _plain(value: object) -> Any:
    if isinstance(value, Signal | PictureChoice):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return clean_text(str(value))


def parse_message(text: str) -> dict[str, Any]:
    """Return a browser's message.

    Raises:
        UsageError: If it is no JSON object.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("a message that is no JSON", accepted="a JSON object") from error
    if not isinstance(message, dict):
        raise UsageError("a message that is no JSON object", accepted="a JSON object")
    return message


def parse_choice(message: Mapping[str, Any], *, status: LiveStatus | None) -> PictureChoice:
    """Return the picture that a message asks for.

    Args:
        message: With ``view``, ``alpha``, ``classes`` (ids, or null), ``cam`` (id, or null) and
            ``text``.
        status: Figures that say which classes there are; None before the first.

    Raises:
        UsageError: If a field is absent, of another type, or out of range.
    """
    view, alpha, classes, cam = (message.get(key) for key in ("view", "alpha", "classes", "cam"))
    known = len(status.class_names) if status else 0
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or view not in LIVE_VIEWS:
        raise UsageError(
            "a choice without view and alpha", accepted=f"views {', '.join(LIVE_VIEWS)}; 0 to 1"
        )
    if classes is not None and not _are_ids(classes, known=known):
        raise UsageError(
            "classes that the model has not", accepted=f"ids 0 to {known - 1}, or null"
        )
    if cam is not None and not (status and status.can_cam and _are_ids([cam], known=known)):
        raise UsageError("an activation map that the model has not", accepted="null here")
    if view == "cam" and cam is None:
        raise UsageError("the view cam without a class", accepted="cam with the id of a class")
    text = message.get("text")
    if not isinstance(text, bool):
        raise UsageError("a choice without text", accepted="text true or false")
    ids = None if classes is None else tuple(sorted(set(classes)))
    return PictureChoice(view=view, alpha=alpha, classes=ids, cam=cam, text=text)


def _are_ids(values: object, *, known: int) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < known
        for value in values
    )
