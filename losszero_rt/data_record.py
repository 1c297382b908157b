"""What a model's record says of the data behind its weights, in words train and export share.

The pictures they were trained on are kept as a digest of each name: no score on these may pass
for one on new pictures, neither in a comparison nor in a bundle.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

# Where the encoder began: one of these words of --encoder-weights, or the name of a file.
ENCODER_KEY = "encoder_weights"
NONE, HUB, OFFLINE = "none", "imagenet", "imagenet-offline"
PUBLISHED = (HUB, OFFLINE)
SEEN_KEY = "seen"
# All data sets behind the weights, those of the trainings before this one too; the records of a
# training count its own alone.
SOURCES_KEY = "sources"
# Among them: that nobody knows whether there are more.
OTHERS = "?"
LINEAGE_KEYS = (ENCODER_KEY, SEEN_KEY, SOURCES_KEY)
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


def joined(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is known of weights that start from, or are the mean of, recorded ones.

    Args:
        records: Their data records; all pictures and data sets of all of them count.
    """
    return {
        **encoder_record([encoder_in(data) for data in records]),
        **seen_record(union_of([seen_in(data) for data in records])),
        **sources_record(frozenset().union(*(sources_in(data) for data in records))),
    }


def union_of(parts: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """Return what is in any of the parts; None, for unknown, if that is any of them."""
    whole: set[str] = set()
    for part in parts:
        if part is None:
            return None
        whole |= part
    return frozenset(whole)


def seen_in(data: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the digests that a data record holds; None if it holds none."""
    text = data.get(SEEN_KEY)
    return frozenset(text.split()) if isinstance(text, str) else None


def sources_record(names: Collection[str]) -> dict[str, list[str]]:
    """Return what a data record says of all data sets behind its weights."""
    return {SOURCES_KEY: sorted(names)}


def sources_in(data: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of all data sets that a data record knows of.

    With :data:`OTHERS` among them where there may be more: records of before name those of their
    own training alone.
    """
    counts, names = data.get("train"), data.get(SOURCES_KEY)
    own = counts.items() if isinstance(counts, Mapping) else ()
    known = {str(name) for name, num in own if num}
    return frozenset(known.union(map(str, names)) if isinstance(names, list) else {*known, OTHERS})
