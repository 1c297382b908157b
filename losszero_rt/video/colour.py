"""Colour of decoded pictures: one rule for matrix and range, and tone mapping of HDR.

Numbers are the code points of ITU-T H.273, which libav uses as they are.
"""

from dataclasses import dataclass
from typing import Literal

from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from losszero_rt.frame import Matrix

UNSPECIFIED = 2
BT709 = 1
LIMITED, FULL = 1, 2

_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt709",
    9: "bt2020",
    10: "bt2020",
}
MATRIX_CODES: dict[Matrix, int] = {"bt709": 1, "bt601": 6, "bt2020": 9}
_SWSCALE_MATRICES: dict[Matrix, int] = {
    "bt709": Colorspace.ITU709,
    "bt601": Colorspace.ITU601,
    "bt2020": Colorspace.BT2020,
}
_HDR_TRANSFERS: dict[int, str] = {16: "PQ", 18: "HLG"}
_ZERO_COPY_FORMATS = ("yuv420p", "yuvj420p")
_MIN_HD_HEIGHT = 720


@dataclass(frozen=True, kw_only=True)
class Colour:
    """How the 8-bit planes made from a stream are to be understood.

    Attributes:
        matrix: Matrix of the planes.
        full_range: Range of the planes.
        primaries: H.273 code of the primaries, 2 when the stream does not say.
        transfer: H.273 code of the transfer curve, 2 when the stream does not say.
        hdr: ``PQ`` or ``HLG`` when the pictures must be tone mapped, else None.
    """

    matrix: Matrix
    full_range: bool
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    hdr: Literal["PQ", "HLG"] | str | None = None


def colour_of(picture: VideoFrame) -> Colour:
    """Say how the planes made from a decoded picture are to be understood.

    The rule: a tagged matrix is believed; without a tag, 720 lines or more mean BT.709 and
    fewer mean BT.601, as players do. Values span 0..255 only when the stream says so, or when
    its format is one of the ``yuvj`` family. RGB becomes limited range. HDR becomes BT.709.
    """
    name = picture.format.name
    hdr = _HDR_TRANSFERS.get(picture.color_trc)
    if hdr:
        return Colour(matrix="bt709", full_range=False, primaries=BT709, transfer=BT709, hdr=hdr)
    fallback: Matrix = "bt709" if picture.height >= _MIN_HD_HEIGHT else "bt601"
    tagged_full = picture.color_range == FULL or name.startswith("yuvj")
    return Colour(
        matrix=_MATRICES.get(picture.colorspace, fallback),
        full_range=tagged_full and not picture.format.is_rgb,
        primaries=picture.color_primaries,
        transfer=picture.color_trc,
    )


class PlaneFormat:
    """Turns any decoded picture into 8-bit 4:2:0 of one size; most pass through untouched.

    Args:
        colour: Colour of the planes to make.
        size: (height, width) to make, as stored.
    """

    def __init__(self, *, colour: Colour, size: tuple[int, int]) -> None:
        self._colour = colour
        self._size = size
        self._scaler = VideoReformatter()

    def convert(self, picture: VideoFrame) -> VideoFrame:
        """Return ``picture`` itself where it fits, else a converted copy."""
        size = (picture.height, picture.width)
        fits = size == self._size and picture.format.name in _ZERO_COPY_FORMATS
        if fits and not self._colour.hdr:
            return picture
        height, width = self._size
        matrix = _SWSCALE_MATRICES[self._colour.matrix]
        output_range = FULL if self._colour.full_range else LIMITED
        if self._colour.hdr:
            return self._scaler.reformat(
                picture,
                width,
                height,
                "yuv420p",
                dst_colorspace=matrix,
                dst_color_range=output_range,
                dst_color_trc=BT709,
                dst_color_primaries=BT709,
            )
        return self._scaler.reformat(
            picture,
            width,
            height,
            "yuv420p",
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=FULL if picture.format.is_rgb else output_range,
            dst_color_range=output_range,
        )
