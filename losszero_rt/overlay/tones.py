"""Colours and weights as premultiplied 8-bit YUV, and the one sum that lays them on a plane.

A layer has, for every sample, ``keep`` (how much of the picture stays, 0..255) and a colour that
is multiplied by its own weight already. Laying it on costs one multiplication and one addition,
and where a layer is empty (``keep`` 255, colour 0) the picture stays as it is to the bit.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np

from losszero_rt.frame import Matrix
from losszero_rt.preprocess import rgb_to_yuv

Chroma = Literal["420", "444"]


@dataclass(frozen=True, kw_only=True)
class YuvKind:
    """What colours must be converted for.

    Attributes:
        matrix: YUV matrix.
        full_range: Whether values span 0..255.
        chroma: Layout of the chroma planes.
    """

    matrix: Matrix = "bt601"
    full_range: bool = False
    chroma: Chroma = "420"

    def chroma_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of the chroma planes of a picture of ``size``."""
        if self.chroma == "444":
            return size
        return (size[0] + 1) // 2, (size[1] + 1) // 2


class Tones(NamedTuple):
    """Premultiplied YUV, every field uint8 and of the same shape.

    Attributes:
        keep: Share of the picture that stays, 0..255.
        y: Luma times weight.
        u: Blue difference times weight.
        v: Red difference times weight.
    """

    keep: np.ndarray
    y: np.ndarray
    u: np.ndarray
    v: np.ndarray


def to_tones(colours: np.ndarray, *, weights: np.ndarray, kind: YuvKind) -> Tones:
    """Convert RGB colours of given weights.

    Args:
        colours: RGB, 0..255, any number type, (..., 3).
        weights: Weight of each colour, 0..1, (...,).
        kind: Kind of picture that they will be laid on.
    """
    affine = rgb_to_yuv(kind.matrix, kind.full_range)
    yuv = np.asarray(colours, np.float32) @ affine[:, :3].T + affine[:, 3]
    # The weight is rounded first, so that keep and colour always add up to one whole.
    taken = np.rint(np.asarray(weights, np.float32) * 255)
    y, u, v = (np.rint(yuv[..., i] * taken / 255).clip(0, 255).astype(np.uint8) for i in range(3))
    return Tones(keep=(255 - taken).astype(np.uint8), y=y, u=u, v=v)


def lay(keep: np.ndarray, colour: np.ndarray, *, source: np.ndarray, out: np.ndarray) -> None:
    """Write ``source * keep / 255 + colour`` to ``out``, which may be ``source`` itself.

    Args:
        keep: uint8 (H, W).
        colour: Premultiplied, uint8 (H, W).
        source: uint8 (H, W); rows may be strided.
        out: uint8 (H, W); rows may be strided.
    """
    cv2.multiply(source, keep, dst=out, scale=1 / 255)
    cv2.add(out, colour, dst=out)
