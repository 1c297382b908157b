"""Network inputs made of planes by torch, on any device, to the last bit those of the processor.

It is :meth:`losszero_rt.preprocess.InputSpec.fill` over again: whole factors are averaged away,
the rest is bilinear, and only then YUV becomes RGB; every step rounds to whole levels as OpenCV
does. Proofs of parity are made with inputs of the processor, so these had better be the same.

Source: OpenCV, modules/imgproc/src/resize.cpp (``HResizeLinear``, ``VResizeLinear`` and
``FixedPtCast`` with 11 bits a weight; ``ResizeAreaFast``) and modules/core/src/matmul.simd.hpp
(``transform_8u``).

Shape letters: H, W height and width of a plane, h, w of the chroma planes.
"""

from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.frame import Matrix
from losszero_rt.preprocess import Placement, yuv_to_rgb

if TYPE_CHECKING:
    import torch

_ONE = 2048
_COLOUR_BITS = 10


class PlaneConverter:
    """Writes the network input of frames; keeps its tables, so that a second frame costs little.

    Args:
        device: Where planes and inputs lie.
    """

    def __init__(self, device: "torch.device") -> None:
        self._device = device
        self._tables: dict[tuple[int, int, bool], tuple[torch.Tensor, torch.Tensor]] = {}
        self._matrices: dict[tuple[Matrix, bool], torch.Tensor] = {}

    def write(
        self,
        luma_HW: "torch.Tensor",
        chroma_2hw: "torch.Tensor",
        *,
        matrix: Matrix,
        full_range: bool,
        place: Placement,
        out_HWC: "torch.Tensor",
    ) -> None:
        """Write the network input of one frame.

        Args:
            luma_HW: uint8.
            chroma_2hw: uint8, blue and red difference; any strides, so NV12 serves as it is.
            matrix: Conversion matrix of the planes.
            full_range: Whether their values span 0..255.
            place: Where the picture lies in the input.
            out_HWC: uint8 of the input's size; bars are painted black.
        """
        import torch

        size = place.height, place.width
        parts = self._reduced(luma_HW[None], size), self._reduced(chroma_2hw, size)
        to_rgb_34 = self._matrix(matrix, full_range=full_range)[..., None, None]
        y_HW, u_HW, v_HW = torch.cat(parts)
        # Sums of int32 stay int32 only where they are written out.
        pixels_3HW = to_rgb_34[:, 0] * y_HW + to_rgb_34[:, 1] * u_HW + to_rgb_34[:, 2] * v_HW
        pixels_3HW = (pixels_3HW + to_rgb_34[:, 3]) >> _COLOUR_BITS
        pixels_HWC = pixels_3HW.clamp(0, 255).permute(1, 2, 0)
        if size != tuple(out_HWC.shape[:2]):
            out_HWC.zero_()
        rows = slice(place.top, place.top + place.height)
        out_HWC[rows, place.left : place.left + place.width].copy_(pixels_HWC)

    def _reduced(self, planes_CHW: "torch.Tensor", size: tuple[int, int]) -> "torch.Tensor":
        """Resize planes to whole levels; see :func:`losszero_rt.preprocess.reduce_to`."""
        from torch.nn import functional

        height, width = planes_CHW.shape[1:]
        factor = min(width // size[1], height // size[0])
        if factor >= 2:
            trimmed = planes_CHW[:, : height // factor * factor, : width // factor * factor]
            mean = functional.avg_pool2d(trimmed.float(), factor)
            # OpenCV rounds the mean of four up, and other means to even.
            planes_CHW = (mean + 0.5).floor() if factor == 2 else mean.round()
        return self._stretched(planes_CHW.int(), size)

    def _stretched(self, levels_CHW: "torch.Tensor", size: tuple[int, int]) -> "torch.Tensor":
        """Resize whole levels bilinearly."""
        height, width = levels_CHW.shape[1:]
        if (height, width) == size:
            return levels_CHW
        columns_2W, across_2W = self._table(width, size[1], stops=True)
        rows_2H, down_2H = self._table(height, size[0], stops=False)
        first, second = (levels_CHW[:, :, columns] for columns in columns_2W)
        wide_CHW = (first * across_2W[0] + second * across_2W[1]) >> 4
        upper, lower = (
            (wide_CHW[:, rows] * weight[:, None]) >> 16
            for rows, weight in zip(rows_2H, down_2H, strict=True)
        )
        stretched_CHW: torch.Tensor = (upper + lower + 2) >> 2
        return stretched_CHW

    def _table(
        self, source: int, target: int, *, stops: bool
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the two neighbours of each place along an axis and their weights, both (2, n)."""
        import torch

        key = source, target, stops
        if key not in self._tables:
            neighbours, weights = axis_table(source, target, stops=stops)
            self._tables[key] = (
                torch.from_numpy(neighbours).to(self._device),
                torch.from_numpy(weights).to(self._device),
            )
        return self._tables[key]

    def _matrix(self, matrix: Matrix, *, full_range: bool) -> "torch.Tensor":
        import torch

        key = matrix, full_range
        if key not in self._matrices:
            weights_34 = colour_table(matrix, full_range=full_range)
            self._matrices[key] = torch.from_numpy(weights_34).to(self._device)
        return self._matrices[key]


def colour_table(matrix: Matrix, *, full_range: bool) -> np.ndarray:
    """Return the map from YUV to RGB as OpenCV computes it, int32 (3, 4) out of 1024."""
    weights_34 = yuv_to_rgb(matrix, full_range).copy()
    weights_34[:, 3] += np.float32(0.5)
    whole_34: np.ndarray = np.rint(weights_34 * np.float32(1 << _COLOUR_BITS)).astype(np.int32)
    return whole_34


def axis_table(source: int, target: int, *, stops: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return what OpenCV mixes along an axis.

    Args:
        source: Length of the axis.
        target: Length to make of it.
        stops: Whether places outside take the last value alone (columns), rather than twice a
            share of it (rows): that differs in the last bit.

    Returns:
        int64 (2, target) neighbours and int32 (2, target) weights out of 2048.
    """
    places = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    first = np.floor(places).astype(np.int64)
    share = places - first.astype(np.float32)
    if stops:
        share[(first < 0) | (first >= source - 1)] = 0
        first = first.clip(0, source - 1)
    weights = np.rint(np.stack([1 - share, share]) * np.float32(_ONE)).astype(np.int32)
    return np.stack([first, first + 1]).clip(0, source - 1), weights
