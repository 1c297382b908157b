"""Explains a checkpoint: a sheet for each class, one for each of its worst confusions, a page.

Pictures are read twice: once to see which are worth drawing, and those once more. So a data set
of any size needs the memory of a few pictures.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from torch import nn

from losszero_rt.checkpoint import Checkpoint, write_whole
from losszero_rt.errors import OutputError, UsageError
from losszero_rt.overlay.cam import METHODS, default_layers
from train.datasets.picture import LabelledPicture
from train.explain.confusions import Confusion, pair_counts, worst_confusions
from train.explain.drawing import Artist, layer_words
from train.explain.page import Figure, make_page
from train.explain.seeing import Seen, see


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """What to draw.

    Attributes:
        classes: Names of the classes; empty for all.
        method: How maps are made.
        layers: Where to look; empty for the usual ones of the family.
        num_pictures: Pictures a class.
        num_failures: Pairs of confused classes.
    """

    classes: tuple[str, ...] = ()
    method: str = "grad-cam"
    layers: tuple[str, ...] = ()
    num_pictures: int = 4
    num_failures: int = 4

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"--method is {self.method!r}", accepted=", ".join(METHODS))
        if self.num_pictures < 1 or self.num_failures < 0:
            raise UsageError(
                f"{self.num_pictures} pictures and {self.num_failures} failures",
                accepted="--pictures 1 or more, --failures 0 or more",
            )


def explain(
    network: nn.Module,
    checkpoint: Checkpoint,
    pictures: Sequence[LabelledPicture],
    *,
    options: ExplainOptions,
    out: Path,
    say: Callable[[str], object] = print,
) -> list[Path]:
    """Write sheets, ``explain.json`` and ``index.html`` into a folder.

    Args:
        network: The checkpoint's, in evaluation mode.
        checkpoint: Its classes and input.
        pictures: At least one, with truth.
        options: What to draw.
        out: Folder to write, made if absent.
        say: Hears of each sheet.

    Returns:
        The sheets.

    Raises:
        UsageError: If there is no such class, or there are no pictures.
        ModelError: If there is no such layer in this network.
        OutputError: If a file cannot be written.
    """
    explanation = Explanation(network, checkpoint, pictures, options=options)
    figures: list[Figure] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for figure, sheet_HWC in explanation.figures():
            write_whole(out / figure.file, _png(sheet_HWC))
            figures.append(figure)
            say(f"{out / figure.file}: {figure.title}")
        write_whole(out / "explain.json", explanation.record(figures).encode())
        page = make_page("Where the network looks", facts=explanation.facts, figures=figures)
        write_whole(out / "index.html", page.encode())
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror}", remedy="choose another --out"
        ) from error
    return [out / figure.file for figure in figures]


class Explanation:
    """What there is to draw of a network.

    Args:
        network: The checkpoint's, in evaluation mode.
        checkpoint: Its classes and input.
        pictures: With truth.
        options: What to draw.

    Raises:
        UsageError: If there is no such class, or there are no pictures.
    """

    def __init__(
        self,
        network: nn.Module,
        checkpoint: Checkpoint,
        pictures: Sequence[LabelledPicture],
        *,
        options: ExplainOptions,
    ) -> None:
        self._classes = checkpoint.classes
        self._class_ids = self._classes.ids_of(options.classes) or tuple(
            range(self._classes.num_classes)
        )
        if not len(pictures):
            raise UsageError("no pictures to explain", accepted="labelled pictures; see --data")
        self._network, self._checkpoint, self._pictures = network, checkpoint, pictures
        self._options = options
        self._layers = options.layers or default_layers(checkpoint.network)

    @property
    def facts(self) -> tuple[str, ...]:
        """Lines that the page begins with."""
        spec = self._checkpoint.network
        return (
            f"{spec.architecture} over {spec.encoder}, weights "
            f"{self._checkpoint.weights_sha256[:12]}",
            f"{self._options.method} at: {', '.join(map(layer_words, self._layers))}",
            f"{len(self._pictures)} pictures were looked at",
        )

    def figures(self) -> Iterator[tuple[Figure, np.ndarray]]:
        """Yield each figure with its sheet, uint8 RGB."""
        artist = Artist(
            self._network,
            classes=self._classes,
            layers=self._layers,
            method=self._options.method,
        )
        num_classes = self._classes.num_classes
        counts_NCC = np.stack(
            [
                pair_counts(self._see(index), num_classes=num_classes)
                for index in range(len(self._pictures))
            ]
        )
        for class_id in self._class_ids:
            chosen = most_of(counts_NCC, class_id, num=self._options.num_pictures)
            if chosen:
                sheet_HWC = artist.class_sheet([self._see(i) for i in chosen], class_id)
                yield self._class_figure(class_id), sheet_HWC
        wanted = worst_confusions(counts_NCC, num=self._options.num_failures)
        for rank, confusion in enumerate(wanted, start=1):
            seen = self._see(confusion.index)
            sheet_HWC = artist.failure_sheet(confusion, seen)
            yield self._failure_figure(confusion, rank, where=seen.picture.name), sheet_HWC

    def record(self, figures: Sequence[Figure]) -> str:
        """Return what was drawn as JSON."""
        record = {
            "weights_sha256": self._checkpoint.weights_sha256,
            "method": self._options.method,
            "layers": list(self._layers),
            "num_pictures": len(self._pictures),
            "figures": [figure.as_dict() for figure in figures],
        }
        return json.dumps(record, indent=1) + "\n"

    def _see(self, index: int) -> Seen:
        return see(self._network, self._pictures[index], spec=self._checkpoint.input)

    def _class_figure(self, class_id: int) -> Figure:
        name = self._classes.names[class_id]
        return Figure(
            title=name,
            text=f"Where the network looks for {name}, in the pictures with most of it. The target "
            "is the mean logit over the pixels that it calls so, or over all if it calls none so.",
            file=f"class-{_stem(name)}.png",
        )

    def _failure_figure(self, confusion: Confusion, rank: int, *, where: str) -> Figure:
        truth = self._classes.names[confusion.truth_id]
        found = self._classes.names[confusion.found_id]
        return Figure(
            title=f"{truth} taken for {found}",
            text=f"This happens to {confusion.share:.1%} of all pixels of {truth}. Shown is the "
            f"largest region of {where}. The maps say what speaks for each of the two classes in "
            "that region alone.",
            file=f"failure-{rank:02}-{_stem(truth)}-as-{_stem(found)}.png",
        )


def most_of(counts_NCC: np.ndarray, class_id: int, *, num: int) -> list[int]:
    """Return the pictures with most pixels of a class, in truth or labels; those with none not."""
    either_N = (
        counts_NCC[:, class_id].sum(1)
        + counts_NCC[:, :, class_id].sum(1)
        - counts_NCC[:, class_id, class_id]
    )
    order = np.argsort(-either_N, kind="stable")[:num]
    return [int(index) for index in order if either_N[index]]


def _stem(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "class"


def _png(pixels_HWC: np.ndarray) -> bytes:
    done, png = cv2.imencode(".png", cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2BGR))
    assert done, "OpenCV encodes every uint8 picture"
    return png.tobytes()
