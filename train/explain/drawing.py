"""The sheets: what a network looks at for a class, and what it looks at when it is wrong.

Shape letters: H, W height and width; C = 3 (red, green, blue).
"""

from collections.abc import Sequence

import cv2
import numpy as np
from torch import nn

from losszero_rt.classmap import ClassMap
from train.explain.confusions import Box, Confusion, region_of
from train.explain.seeing import Seen, look
from train.explain.sheet import Tile, draw_sheet, outlined
from train.explore.tiles import lay_over
from train.panels import heat_over

_LAYER_WORDS = {
    "encoder": "encoder's last stage",
    "decoder": "decoder's first step",
    "head": "input of the head",
}
_FRAME_GREY = 128


def layer_words(layer: str) -> str:
    """Return what a person calls a layer."""
    return _LAYER_WORDS.get(layer, layer)


class Artist:
    """Draws the sheets of one network.

    Args:
        network: In evaluation mode.
        classes: Names and colours.
        layers: Where to look.
        method: How maps are made.
    """

    def __init__(
        self, network: nn.Module, *, classes: ClassMap, layers: Sequence[str], method: str
    ) -> None:
        self._network, self._classes = network, classes
        self._layers, self._method = layers, method

    def class_sheet(self, pictures: Sequence[Seen], class_id: int) -> np.ndarray:
        """Return a row for each picture, uint8 RGB.

        The target is the pixels that the network calls so, or all where it calls none so.
        """
        rows = []
        for seen in pictures:
            found_HW = seen.labels_HW == class_id
            mask_HW = found_HW if found_HW.any() else None
            rows.append([*self._plain(seen), *self._heat(seen, class_id, mask_HW=mask_HW)])
        return draw_sheet(rows)

    def failure_sheet(self, confusion: Confusion, seen: Seen) -> np.ndarray:
        """Return the picture, then what speaks for the found and for the true class, uint8 RGB."""
        mask_HW, box = region_of(confusion, seen)
        rows = [
            self._plain(seen),
            self._heat(seen, confusion.found_id, mask_HW=mask_HW),
            self._heat(seen, confusion.truth_id, mask_HW=mask_HW),
        ]
        boxed = [[_with_box(tile, box) for tile in row] for row in rows]
        close = Tile(caption="the region", pixels_HWC=_close_up(seen, box))
        return draw_sheet([[*boxed[0], close], *boxed[1:]])

    def _plain(self, seen: Seen) -> list[Tile]:
        pixels_HWC = seen.picture.pixels_HWC
        truth = lay_over(pixels_HWC, seen.picture.labels_HW, classes=self._classes)
        labels = lay_over(pixels_HWC, seen.labels_HW, classes=self._classes)
        return [
            Tile(caption=seen.picture.name, pixels_HWC=pixels_HWC),
            Tile(caption="truth", pixels_HWC=truth),
            Tile(caption="labels", pixels_HWC=labels),
        ]

    def _heat(self, seen: Seen, class_id: int, *, mask_HW: np.ndarray | None) -> list[Tile]:
        return [self._heat_of(seen, class_id, layer, mask_HW) for layer in self._layers]

    def _heat_of(self, seen: Seen, class_id: int, layer: str, mask_HW: np.ndarray | None) -> Tile:
        cam_HW = look(
            self._network,
            seen,
            layer=layer,
            class_id=class_id,
            method=self._method,
            mask_HW=mask_HW,
        )
        silent = "" if cam_HW.any() else ", nothing"
        return Tile(
            caption=f"{self._classes.names[class_id]}: {layer_words(layer)}{silent}",
            pixels_HWC=heat_over(seen.picture.pixels_HWC, cam_HW=cam_HW),
        )


def _with_box(tile: Tile, box: Box) -> Tile:
    return Tile(caption=tile.caption, pixels_HWC=outlined(tile.pixels_HWC, box=box))


def _close_up(seen: Seen, box: Box) -> np.ndarray:
    """Return the cut-out in a grey frame of the picture's shape, as large as it goes."""
    top, left, bottom, right = box
    close_HWC = seen.picture.pixels_HWC[top:bottom, left:right]
    height, width = seen.picture.labels_HW.shape
    scale = min(height / close_HWC.shape[0], width / close_HWC.shape[1])
    inner_h, inner_w = (max(1, round(side * scale)) for side in close_HWC.shape[:2])
    frame = np.full((height, width, 3), _FRAME_GREY, np.uint8)
    rows = slice((height - inner_h) // 2, (height - inner_h) // 2 + inner_h)
    columns = slice((width - inner_w) // 2, (width - inner_w) // 2 + inner_w)
    frame[rows, columns] = cv2.resize(close_HWC, (inner_w, inner_h), interpolation=cv2.INTER_CUBIC)
    return frame
