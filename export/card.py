"""The model card: what a person should know before trusting a bundle.

It says nothing that the bundle does not: what else is known of a model comes as notes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from export.credits import trained_on
from losszero_rt.bundle import Bundle, unproved_of
from losszero_rt.data_record import seen_in
from losszero_rt.errors import printable
from losszero_rt.network.mask_rcnn_split import is_split
from losszero_rt.preprocess import STRETCH_TOLERANCE

_CARD = """# {name}

Semantic segmentation into {num_classes} classes: {classes}.

| | |
| --- | --- |
| network | {architecture}, encoder {encoder}, {decoder_channels} decoder channels |
| input | {height}x{width} RGB (height x width): the whole picture, {fitted} |
| output | labels {labels_height}x{labels_width}: {output} |
| weights | fp16 in `weights.safetensors`; licence {licence} |
| checkpoint | sha256 {source} |
| made with | {versions} |

## Data

{data}

Attribution: {attribution}

## Scores

{scores}

## Compiled graphs

{parity}

## Limits

- Meant for pictures like those that it was trained on. Of others expect less.
{limits}
- {last_words}
{notes}"""
_LOGITS = "bilinear logits, argmax"
_OBJECTS = "the objects that it finds, painted into logits, argmax"
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.|@", re.IGNORECASE)
_SPECIAL = re.compile(r"([\\`*<>\[\]|])")
# Of the limits that every card names; what follows are notes.
_LAST_WORDS = "Nothing here is fit to steer or warn by."


def write_card(bundle: Bundle, *, parity: dict[str, Any], notes: str = "") -> str:
    """Return the card of a bundle as Markdown; ``notes`` are more lines under the limits."""
    spec = bundle.network_spec
    return _CARD.format(
        name=plain(bundle.name),
        num_classes=spec.num_classes,
        classes=plain(", ".join(bundle.classmap.names)),
        architecture=spec.architecture,
        encoder=spec.encoder,
        decoder_channels=spec.decoder_channels,
        height=bundle.input_spec.size[0],
        width=bundle.input_spec.size[1],
        labels_height=bundle.labels_size[0],
        labels_width=bundle.labels_size[1],
        fitted=f"stretched by up to {STRETCH_TOLERANCE:.0%}, else with black bars",
        output=_OBJECTS if is_split(spec) else _LOGITS,
        licence=plain(bundle.licence),
        source=plain(bundle.source_sha256),
        versions=", ".join(f"{name} {version}" for name, version in bundle.versions.items()),
        data=_data_text(bundle.data),
        attribution=plain(bundle.attribution) or "none recorded.",
        scores=_scores_text(bundle.scores),
        parity=_parity_text(parity) + _ranges_text(bundle),
        limits="\n".join(f"- {limit}" for limit in _limits(bundle)),
        last_words=_LAST_WORDS,
        notes=notes,
    )


def read_notes_of(card: str) -> str:
    """Return the notes that a card was written with; none if it is no card of this project's."""
    return card.partition(f"{_LAST_WORDS}\n")[2]


def plain(text: str) -> str:
    """Return a text on one line that makes no link, picture, table, code or HTML of Markdown."""
    # A bare address would become a link by itself: what tells one is written as an entity.
    escaped = _SPECIAL.sub(r"\\\1", printable(text))
    return _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", escaped)


def _data_text(data: Mapping[str, Any]) -> str:
    rows = [f"- {plain(name)}: {num} pictures" for name, num in trained_on(data).items()]
    return "\n".join(rows) or "Not recorded."


def _limits(bundle: Bundle) -> Iterator[str]:
    """Yield what the scores of a bundle cannot tell."""
    scores = bundle.scores
    if not scores:
        yield "It was not scored when it was exported, which --labelled does."
        return
    yield (
        f"Scored on n = {scores['n']}: the width of the intervals tells how much of it is "
        "chance, and of what these do not show nothing is known."
    )
    if seen_in(bundle.data) is None:
        yield "Its record does not say whether it was trained on some of these."
    unproved = unproved_of(scores)
    if unproved:
        yield f"Nothing is proved of {plain(', '.join(unproved))}: hardly a pixel of it was scored."
    shown = {name: iou for name, iou in scores["class_iou"].items() if name not in unproved}
    known = {name: iou for name, iou in shown.items() if iou is not None}
    if not known:
        return
    worst = min(known, key=lambda name: float(known[name]))
    yield f"Its weakest class is {plain(worst)} (IoU {_score(known[worst])})."


def _scores_text(scores: Any) -> str:
    if not scores:
        return "Not measured."
    rows = [
        f"| {plain(name)} | {_score(iou)} | {_span(scores['class_iou_ci95'][name])} |"
        for name, iou in scores["class_iou"].items()
    ]
    return "\n".join(
        [
            f"On {plain(scores['dataset'])}, n = {scores['n']} pictures, at the size of the masks, "
            "eager fp32. The intervals are 95 % bootstrap intervals over pictures.",
            "",
            "| class | IoU | 95 % |",
            "| --- | --- | --- |",
            f"| **mean** | **{_score(scores['miou'])}** | {_span(scores['miou_ci95'])} |",
            *rows,
        ]
    )


def _parity_text(parity: dict[str, Any]) -> str:
    if not parity:
        return "Unverified: not compared with the eager network on labelled pictures."
    rows = ["| what | precision | equal labels | mean IoU, points | worst class, points |"]
    rows.append("| --- | --- | --- | --- | --- |")
    for name, record in parity.items():
        # The weights are compared with the checkpoint's, and know one precision alone.
        for precision, found in record.get("precisions", {"fp32": record}).items():
            known = found.get("compared_on")
            what = plain(f"{name} (on {known})" if known else name)
            worst = max(found["class_points"].values(), key=abs)
            rows.append(
                f"| {what} | {precision} | {found['label_agreement']:.4%} "
                f"| {found['miou_points']:+.3f} | {worst:+.3f} |"
            )
    return "\n".join(
        [
            "Each graph was loaded again in a fresh process and compared with the network in eager "
            "fp32; the weights as stored with those that were trained.",
            "",
            *rows,
        ]
    )


def _ranges_text(bundle: Bundle) -> str:
    """Say which pictures the ranges of an int8 graph were measured on; empty without one."""
    facts = bundle.built.get("openvino", {}).get("int8_graph")
    if facts is None:
        return ""
    scored = ", none of which is among those above. Which layers stay in floats was settled on both"
    return (
        f"\n\nRanges of int8 were measured on {facts['calibration']} pictures of "
        f"{plain(facts['calibration_set'])} (sha256 {facts['calibration_sha256']})"
        f"{scored if bundle.scores else ''}."
    )


def _span(interval: Sequence[float | None]) -> str:
    return " to ".join(map(_score, interval))


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
