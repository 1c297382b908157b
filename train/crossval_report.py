"""A cross-validation as JSON and as Markdown."""

from collections.abc import Mapping
from typing import Any

from losszero_rt import __version__
from losszero_rt.metrics import RATES, Scores
from train.crossval import CrossValidation, Fold
from train.datasets import PictureSet
from train.numerals import figure, percent, span

_FORMAT = 1
_WEIGHTS = (
    "The weights at the end of each training are judged: those of its best epoch would be chosen "
    "on the pictures that are scored."
)


def crossval_record(
    result: CrossValidation, *, pictures: PictureSet, recipes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything about a finished cross-validation, JSON ready.

    Args:
        result: All folds.
        pictures: What was divided into folds.
        recipes: Names of the stages with their configurations.
    """
    ride_of = {record.name: record.ride for record in pictures.records}
    return {
        "format": _FORMAT,
        "version": __version__,
        "data": pictures.name,
        "data_version": result.split.data_version,
        "fold_seed": result.split.seed,
        "num_folds": len(result.split.parts),
        "weights": "last",
        "recipes": dict(recipes),
        "scores": result.scored.as_dict(),
        "folds": [_fold_record(fold, ride_of) for fold in result.folds],
    }


def _fold_record(fold: Fold, ride_of: Mapping[str, str]) -> dict[str, Any]:
    names = fold.scored.names
    return {
        "fold": fold.index,
        "epochs": fold.epoch,
        "train_minutes": round(fold.elapsed_s / 60, 2),
        "rides": sorted({ride_of[name] for name in names} - {""}),
        "scores": fold.scored.as_dict(),
        "pictures": [
            {**fold.scored.picture(index), "ride": ride_of[name]}
            for index, name in enumerate(names)
        ],
    }


def crossval_markdown(result: CrossValidation, *, title: str) -> str:
    """Return the scores over all pictures and a table of the folds.

    Args:
        result: At least one fold.
        title: What was trained.
    """
    scored = result.scored
    done, planned = len(result.folds), len(result.split.parts)
    lines = [
        f"# {title}: {planned}-fold cross-validation",
        "",
        f"mIoU **{figure(scored.scores.miou)}** ({span(scored.scores.bootstrap()['miou'])}, "
        f"95 % over images), boundary IoU {figure(scored.outlines.miou)}, "
        f"n = {scored.scores.n} pictures, each scored once by a network that saw "
        f"neither it nor any picture known to be of its ride. {_WEIGHTS}",
        "",
    ]
    if not result.complete:
        lines += [f"**Unfinished: {done} of {planned} folds.**", ""]
    lines += [*_class_table(result), "", *_fold_table(result), "", *_rate_table(result)]
    return "\n".join(lines) + "\n"


def _class_table(result: CrossValidation) -> list[str]:
    scored = result.scored
    intervals = scored.scores.bootstrap()["class_iou"]
    lines = ["| class | IoU | 95 % | boundary IoU |", "|---|---|---|---|"]
    for class_id, name in enumerate(scored.scores.classmap.names):
        lines.append(
            f"| {name} | {figure(scored.scores.class_iou[class_id])} "
            f"| {span(intervals[name])} | {figure(scored.outlines.class_iou[class_id])} |"
        )
    return lines


def _fold_table(result: CrossValidation) -> list[str]:
    names = result.scored.scores.classmap.names
    head = ("fold", "n", "mIoU", *names, "boundary IoU", "epochs", "minutes")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for fold in result.folds:
        cells = (
            str(fold.index),
            str(fold.scored.scores.n),
            figure(fold.scored.scores.miou),
            *(figure(value) for value in fold.scored.scores.class_iou),
            figure(fold.scored.outlines.miou),
            str(fold.epoch),
            f"{fold.elapsed_s / 60:.1f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _rate_table(result: CrossValidation) -> list[str]:
    bands: dict[str, Scores] = {"all": result.scored.scores}
    bands.update({str(name): scores for name, scores in result.scored.bands.items()})
    lines = ["| rate | " + " | ".join(bands) + " |", "|---|" + "---|" * len(bands)]
    by_band = [scores.rates() for scores in bands.values()]
    for name in RATES:
        cells = (percent(rates[name]) for rates in by_band)
        lines.append(f"| {RATES[name].title} | " + " | ".join(cells) + " |")
    mious = " | ".join(figure(scores.miou) for scores in bands.values())
    return [*lines, f"| mIoU | {mious} |"]
