"""The model card: what a person should know before trusting a bundle."""

from typing import Any

from losszero_rt.bundle import Bundle

# What is known of the sources that the training names; the licences ask for these words.
SOURCES = {
    "night_ride": (
        "Motorcycle Night Ride (Acme AI Ltd. et al., Kaggle 2022, DOI 10.34740/KAGGLE/DSV/4208825),"
        " CC BY 4.0, modified: re-sampled, masks reconstructed"
    ),
    "comma10k": "comma10k (Copyright comma.ai), MIT",
    "rides": "night rides drawn by losszero-rt itself, Apache-2.0",
}
ENCODER = "EfficientNet-Lite0 ImageNet weights, Apache-2.0"

_CARD = """# {name}

Semantic segmentation of night motorcycle rides into {num_classes} classes: {classes}.

| | |
| --- | --- |
| network | {architecture}, encoder {encoder}, {decoder_channels} decoder channels |
| input | {height}x{width} RGB (height x width), the whole picture |
| output | labels {labels_height}x{labels_width}: bilinear logits, argmax |
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

- Meant for forward views from a motorcycle at night. Pictures from a car or by day were a small
  part of what it saw.
- The validation set is small and shares bikes and rides with the training set: the scores say
  how well the network does on more of the same, and their intervals are wide.
- Thin and far lane marks are the weakest class. {last_words}
{notes}"""
# Of the limits that every card names; what follows are notes.
_LAST_WORDS = "Nothing here is fit to steer or warn by."


def write_card(bundle: Bundle, *, parity: dict[str, Any], notes: str = "") -> str:
    """Return the card of a bundle as Markdown; ``notes`` are more lines under the limits."""
    spec = bundle.network_spec
    return _CARD.format(
        name=bundle.name,
        num_classes=spec.num_classes,
        classes=", ".join(bundle.classmap.names),
        architecture=spec.architecture,
        encoder=spec.encoder,
        decoder_channels=spec.decoder_channels,
        height=bundle.input_spec.size[0],
        width=bundle.input_spec.size[1],
        labels_height=bundle.labels_size[0],
        labels_width=bundle.labels_size[1],
        licence=bundle.licence,
        source=bundle.source_sha256,
        versions=", ".join(f"{name} {version}" for name, version in bundle.versions.items()),
        data=_data_text(bundle.data),
        attribution=bundle.attribution,
        scores=_scores_text(bundle.scores),
        parity=_parity_text(parity) + _ranges_text(bundle),
        last_words=_LAST_WORDS,
        notes=notes,
    )


def read_notes_of(card: str) -> str:
    """Return the notes that a card was written with; none if it is no card of this project's."""
    return card.partition(f"{_LAST_WORDS}\n")[2]


def attribution_of(data: dict[str, Any]) -> str:
    """Return whom the licences of the training data ask to name."""
    trained = data.get("train", {})
    return "; ".join([ENCODER, *(SOURCES[name] for name in SOURCES if trained.get(name))])


def _data_text(data: Any) -> str:
    trained = data.get("train", {})
    rows = [f"- {name}: {count} pictures" for name, count in trained.items()]
    return "\n".join(rows) or "Not recorded."


def _scores_text(scores: Any) -> str:
    if not scores:
        return "Not measured."
    low, high = scores["miou_ci95"]
    rows = [
        f"| {name} | {_score(iou)} | {' to '.join(map(_score, scores['class_iou_ci95'][name]))} |"
        for name, iou in scores["class_iou"].items()
    ]
    return "\n".join(
        [
            f"On {scores['dataset']}, n = {scores['n']} pictures, at the size of the masks, "
            "eager fp32. The intervals are 95 % bootstrap intervals over pictures.",
            "",
            "| class | IoU | 95 % |",
            "| --- | --- | --- |",
            f"| **mean** | **{_score(scores['miou'])}** | {_score(low)} to {_score(high)} |",
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
            what = f"{name} (on {found['compared_on']})" if "compared_on" in found else name
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
    return (
        f"\n\nRanges of int8 were measured on {facts['calibration']} pictures of "
        f"{facts['calibration_set']} (sha256 {facts['calibration_sha256']}), none of which is "
        "among those above."
    )


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
