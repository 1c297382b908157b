"""Pictures to compare by eye: the image, the truth, and every network beside each other.

Rendered rides by default: they show nobody, so they may be published. Pictures of real rides are
personal data and are drawn only where a folder of them is named.

Shape letters: H, W height and width; C = 3 (red, green, blue).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from torch import nn

from losszero_rt.classmap import ClassMap
from losszero_rt.metrics import ScoreKeeper
from losszero_rt.overlay.lettering import Lettering
from losszero_rt.preprocess import InputSpec
from losszero_rt.ride import Ride, RideSpec
from losszero_rt.ride.spec import Viewpoint
from train.datasets.picture import LabelledPicture, make_picture
from train.evaluate import predict
from train.explore.tiles import lay_over

# Below the seeds that are trained on; each is another place, and the last is seen from a car.
RIDE_SEEDS = (9001, 9002, 9003, 9004)
CAR_SEED = 9004
RIDE_FRAME = 150
RIDE_SIZE = (540, 960)
TILE_WIDTH_PX = 480
COLUMNS_MAX = 4
_GAP_PX = 8
_TITLE_PX = 26
_CAP_PX = 11
_PAPER, _INK = 250, 30


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Tile:
    """One picture of a comparison, ready to be shown.

    Attributes:
        title: What it is: ``image``, ``truth`` or the name of a network.
        note: mIoU on this one picture; empty for image and truth.
        pixels_HWC: uint8 RGB (H, TILE_WIDTH_PX, 3).
    """

    title: str
    note: str
    pixels_HWC: np.ndarray

    def __repr__(self) -> str:
        return f"Tile({self.title!r}, {self.pixels_HWC.shape})"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One picture with its tiles.

    Attributes:
        name: The picture; as a file name in ``file_stem``.
        tiles: Image, truth, then every network.
    """

    name: str
    tiles: tuple[Tile, ...]

    @property
    def file_stem(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", self.name).strip("-") or "picture"


def ride_pictures(classes: ClassMap) -> list[LabelledPicture]:
    """Draw the rides that are shown; none of them is trained on."""
    pictures = []
    for seed in RIDE_SEEDS:
        viewpoint: Viewpoint = "car" if seed == CAR_SEED else "motorcycle"
        frame = Ride(RideSpec(size=RIDE_SIZE, seed=seed, viewpoint=viewpoint)).render(RIDE_FRAME)
        picture = make_picture(
            f"ride {seed}",
            pixels_HWC=frame.pixels_HWC,
            labels_HW=frame.labels_HW,
            classes=classes,
        )
        pictures.append(picture)
    return pictures


def first_tiles(picture: LabelledPicture, *, classes: ClassMap) -> tuple[Tile, Tile]:
    """Return the image and its truth."""
    small_HWC, truth_HW = _shrunk(picture.pixels_HWC, picture.labels_HW)
    truth_HWC = lay_over(small_HWC, truth_HW, classes=classes)
    return (
        Tile(title="image", note="", pixels_HWC=small_HWC),
        Tile(title="truth", note="", pixels_HWC=truth_HWC),
    )


def network_tile(
    picture: LabelledPicture,
    *,
    name: str,
    network: nn.Module,
    spec: InputSpec,
    classes: ClassMap,
) -> Tile:
    """Return what a network sees in a picture, with its mIoU there."""
    labels_HW = predict(network, picture.pixels_HWC, spec=spec)
    keeper = ScoreKeeper(classes)
    keeper.add(labels_HW, truth=picture.labels_HW)
    small_HWC, small_HW = _shrunk(picture.pixels_HWC, labels_HW)
    return Tile(
        title=name,
        note=f"mIoU {keeper.scores().miou:.3f}",
        pixels_HWC=lay_over(small_HWC, small_HW, classes=classes),
    )


def draw_sheet(tiles: Sequence[Tile]) -> np.ndarray:
    """Return all tiles of a picture on one sheet under their titles, uint8 RGB."""
    num_rows = -(-len(tiles) // COLUMNS_MAX)
    columns = -(-len(tiles) // num_rows)
    height = max(tile.pixels_HWC.shape[0] for tile in tiles) + _TITLE_PX + _GAP_PX
    width = columns * (TILE_WIDTH_PX + _GAP_PX) + _GAP_PX
    sheet_HWC = np.full((num_rows * height + _GAP_PX, width, 3), _PAPER, np.uint8)
    lettering = Lettering(_CAP_PX)
    for index, tile in enumerate(tiles):
        top = index // columns * height
        left = _GAP_PX + index % columns * (TILE_WIDTH_PX + _GAP_PX)
        text = f"{tile.title}   {tile.note}".rstrip()
        line_HW = lettering.line(lettering.fitting(text, width_px=TILE_WIDTH_PX))
        room_HWC = sheet_HWC[top + 5 : top + 5 + line_HW.shape[0], left : left + line_HW.shape[1]]
        room_HWC[:] = _PAPER - (line_HW[..., None] / 255 * (_PAPER - _INK)).astype(np.uint8)
        inside_HWC = sheet_HWC[top + _TITLE_PX :, left : left + TILE_WIDTH_PX]
        inside_HWC[: tile.pixels_HWC.shape[0]] = tile.pixels_HWC
    return sheet_HWC


def encode_png(pixels_HWC: np.ndarray) -> bytes:
    """Return uint8 RGB pixels as the bytes of a PNG file."""
    done, content = cv2.imencode(".png", cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2BGR))
    assert done
    return content.tobytes()


def _shrunk(pixels_HWC: np.ndarray, labels_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = labels_HW.shape
    size_wh = (TILE_WIDTH_PX, max(1, round(height * TILE_WIDTH_PX / width)))
    return (
        cv2.resize(pixels_HWC, size_wh, interpolation=cv2.INTER_AREA),
        cv2.resize(labels_HW, size_wh, interpolation=cv2.INTER_NEAREST),
    )
