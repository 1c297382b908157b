"""What a model's record says of the data behind its weights, in words train and export share.

The pictures they were trained on are kept as a digest of each name: no score on these may pass
for one on new pictures, neither in a comparison nor in a bundle.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

# Where the encoder began: one of these words of --encoder-weights, or the name of a file.
ENCODER_KEY = "encoder_weights"
NONE, HUB, OFFLINE = "none", "imagenet", "imagenet-offline"
PUBLISHED = (HUB, OFFLINE)
SEEN_KEY = "seen"
# Beyond this many a record would outgrow what may be read: then they count as unknown.
DIGESTS_MAX = 50_000
_DIGITS = 10


def encoder_record(began: Collection[str]) -> dict[str, str]:
    """Return what a data record says of where encoders began; nothing if unknown, or they differ.

    Args:
        began: What is known of each of the weights that one network was made of; empty for unknown.
    """
    known = {*began}
    return {ENCODER_KEY: known.pop()} if len(known) == 1 and all(known) else {}


def encoder_in(data: Mapping[str, Any]) -> str:
    """Return where the encoder of a data record began; empty if it does not say."""
    began = data.get(ENCODER_KEY)
    return began if isinstance(began, str) else ""


def digests_of(names: Iterable[str]) -> frozenset[str]:
    """Return what stands for the names of pictures in a record."""
    return frozenset(hashlib.sha256(name.encode()).hexdigest()[:_DIGITS] for name in names)


def seen_record(digests: Collection[str] | None) -> dict[str, str]:
    """Return what a data record says of these digests; nothing if unknown."""
    if digests is None or len(digests) > DIGESTS_MAX:
        return {}
    return {SEEN_KEY: " ".join(sorted(digests))}


def seen_in(data: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the digests that a data record holds; None if it holds none."""
    text = data.get(SEEN_KEY)
    return frozenset(text.split()) if isinstance(text, str) else None
