"""Everything that is measured on labelled pictures, image by image, kept so that it can be joined.

Counts are kept, not figures: the counts of several sets of pictures (the folds of a
cross-validation) join into one set, figures do not.

Shape letters: n pictures, C classes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from losszero_rt.checkpoint import write_whole
from losszero_rt.classmap import ClassMap
from losszero_rt.metrics import (
    BANDS,
    BandKeeper,
    BandName,
    BoundaryKeeper,
    BoundaryScores,
    Scores,
)
from losszero_rt.preprocess import InputSpec
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import names_of
from train.evaluate import Augmentation, score

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Counts of a set of pictures and what is read off them.

    Attributes:
        names: Names of the pictures, in the order of the counts.
        scores: Confusion matrices.
        outlines: Boundary counts.
        bands: Confusion matrices of far, middle and near.
    """

    names: tuple[str, ...]
    scores: Scores
    outlines: BoundaryScores
    bands: Mapping[BandName, Scores]

    def as_dict(self) -> dict[str, Any]:
        """Return every figure, JSON ready."""
        return {
            **self.scores.as_dict(),
            "boundary": self.outlines.as_dict(),
            "bands": {name: self.bands[name].as_dict() for name in BANDS},
        }

    def picture(self, index: int) -> dict[str, Any]:
        """Return the figures of one picture, JSON ready; its intervals would have no width."""
        alone = Scores(
            matrices=self.scores.matrices[index : index + 1], classmap=self.scores.classmap
        )
        figures = alone.as_dict()
        kept = ("pixels", "miou", "pixel_accuracy", "class_iou", "rates")
        return {"name": self.names[index], **{key: figures[key] for key in kept}}


def score_all(
    network: nn.Module,
    pictures: Sequence[LabelledPicture],
    *,
    spec: InputSpec,
    classes: ClassMap,
    test_time: Augmentation = "none",
) -> Scored:
    """Score a network on pictures in every way; see :func:`train.evaluate.score`."""
    boundary, bands = BoundaryKeeper(classes), BandKeeper(classes)
    scores = score(
        network,
        pictures,
        spec=spec,
        classes=classes,
        boundary=boundary,
        bands=bands,
        test_time=test_time,
    )
    return Scored(
        names=names_of(pictures),
        scores=scores,
        outlines=boundary.scores(),
        bands=bands.scores(),
    )


def joined(parts: Sequence[Scored]) -> Scored:
    """Return the counts of several sets of pictures as those of one set.

    Args:
        parts: At least one, all of the same classes; no picture may be in two of them.
    """
    names = tuple(name for part in parts for name in part.names)
    if len(set(names)) != len(names):
        raise ValueError("a picture is in two of the sets that are joined")
    classes = parts[0].scores.classmap

    def all_scores(several: Sequence[Scores]) -> Scores:
        return Scores(
            matrices=np.concatenate([each.matrices for each in several]), classmap=classes
        )

    return Scored(
        names=names,
        scores=all_scores([part.scores for part in parts]),
        outlines=BoundaryScores(
            counts=np.concatenate([part.outlines.counts for part in parts]), classmap=classes
        ),
        bands={name: all_scores([part.bands[name] for part in parts]) for name in BANDS},
    )


def write_scored(scored: Scored, path: Path, *, weights_sha256: str) -> None:
    """Write the counts as JSON, beside the digest of the weights that they belong to."""
    record = {
        "format": _FORMAT,
        "weights_sha256": weights_sha256,
        "names": list(scored.names),
        "matrices": scored.scores.matrices.tolist(),
        "boundary": scored.outlines.counts.tolist(),
        "bands": {name: scored.bands[name].matrices.tolist() for name in BANDS},
    }
    write_whole(path, json.dumps(record).encode())


def read_scored(
    path: Path, *, classes: ClassMap, weights_sha256: str, names: Sequence[str]
) -> Scored | None:
    """Return what :func:`write_scored` wrote; None unless it is of these weights and pictures."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        wanted = (_FORMAT, weights_sha256, list(names))
        if (record["format"], record["weights_sha256"], record["names"]) != wanted:
            return None
        return Scored(
            names=tuple(names),
            scores=_scores(record["matrices"], classes),
            outlines=BoundaryScores(
                counts=np.array(record["boundary"], np.int64), classmap=classes
            ),
            bands={name: _scores(record["bands"][name], classes) for name in BANDS},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _scores(matrices: Any, classes: ClassMap) -> Scores:
    return Scores(matrices=np.array(matrices, np.int64), classmap=classes)
