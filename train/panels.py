"""Pictures to look at while a training runs: the image, the truth, the labels and where it looked.

Shape letters: H, W height and width, C = 3 (red, green, blue).
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import clean_text

_GAP_PX = 6
_TITLE_PX = 26
_OPACITY = 0.6


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Panel:
    """One picture with what the network made of it.

    Attributes:
        name: What to call it; becomes part of a file name.
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 (H, W), the network's labels.
        classes: Names and colours of the labels.
        truth_HW: uint8 (H, W), the true labels; None where nobody knows them.
        cam_HW: float (H, W), 0..1: where the network looked; None without.
        cam_class: The class that ``cam_HW`` is about.
    """

    name: str
    pixels_HWC: np.ndarray
    labels_HW: np.ndarray
    classes: ClassMap
    truth_HW: np.ndarray | None = None
    cam_HW: np.ndarray | None = None
    cam_class: str = ""

    def __post_init__(self) -> None:
        size = self.pixels_HWC.shape[:2]
        for what in (self.labels_HW, self.truth_HW, self.cam_HW):
            if what is not None and what.shape != size:
                raise ValueError(f"{what.shape} beside a picture of {size}; both must be alike")

    def __repr__(self) -> str:
        return f"Panel({self.name!r}, {self.labels_HW.shape})"

    @property
    def file_stem(self) -> str:
        """The name as part of a file name: letters, digits, ``-`` and ``_``."""
        return re.sub(r"[^\w-]+", "-", self.name).strip("-")[:80] or "picture"


def draw_panel(panel: Panel) -> np.ndarray:
    """Lay image, truth, labels and heat side by side, each under its title.

    Returns:
        uint8 RGB (H + title, about W times the number of parts, 3).
    """
    parts = {clean_text(panel.name): panel.pixels_HWC}
    if panel.truth_HW is not None:
        parts["truth"] = _coloured(panel, panel.truth_HW)
    parts["labels"] = _coloured(panel, panel.labels_HW)
    if panel.cam_HW is not None:
        parts[f"looks for {panel.cam_class}"] = heat_over(panel.pixels_HWC, cam_HW=panel.cam_HW)
    gap_HWC = np.full((panel.labels_HW.shape[0] + _TITLE_PX, _GAP_PX, 3), 255, np.uint8)
    strips = [gap_HWC]
    for title, pixels_HWC in parts.items():
        strips += [_titled(title, pixels_HWC), gap_HWC]
    return np.hstack(strips)


def heat_over(pixels_HWC: np.ndarray, *, cam_HW: np.ndarray) -> np.ndarray:
    """Return the picture under a heat map, uint8 RGB; ``cam_HW`` runs from 0 to 1."""
    shares_HW = np.clip(np.nan_to_num(cam_HW), 0, 1)
    levels_HW = np.round(shares_HW * 255).astype(np.uint8)
    heat_HWC = cv2.cvtColor(cv2.applyColorMap(levels_HW, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    # Where there is no heat the picture stays: at night there is no light to lose.
    weights_HW1 = _OPACITY * np.sqrt(shares_HW)[..., None]
    mixed_HWC = pixels_HWC * (1 - weights_HW1) + heat_HWC * weights_HW1
    return np.asarray(mixed_HWC, np.uint8)


def _coloured(panel: Panel, labels_HW: np.ndarray) -> np.ndarray:
    colours_HWC = panel.classes.colour_table()[labels_HW]
    blend_HWC = cv2.addWeighted(panel.pixels_HWC, 1 - _OPACITY, colours_HWC, _OPACITY, 0)
    plain_HW = (labels_HW == panel.classes.background_id) | (labels_HW == panel.classes.ignored_id)
    return np.where(plain_HW[..., None], panel.pixels_HWC, blend_HWC)


def _titled(title: str, pixels_HWC: np.ndarray) -> np.ndarray:
    width = pixels_HWC.shape[1]
    bar_HWC = np.full((_TITLE_PX, width, 3), 255, np.uint8)
    face, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.5
    while title and cv2.getTextSize(title, face, scale, 1)[0][0] > width:
        title = title[:-1]
    cv2.putText(bar_HWC, title, (1, _TITLE_PX - 9), face, scale, (30, 30, 30), 1, cv2.LINE_AA)
    return np.vstack([bar_HWC, pixels_HWC])
