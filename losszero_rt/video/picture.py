"""From a decoded picture to the upright, even-sized planes of a frame."""

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane

from losszero_rt.frame import Planes, VideoInfo
from losszero_rt.video.colour import Colour, PlaneFormat
from losszero_rt.video.orientation import Orientation


def view_of(plane: VideoPlane, *, writable: bool = False) -> np.ndarray:
    """Return a plane's pixels as uint8 (H, W) without copying.

    The array holds the plane, and the plane its picture, so the memory stays as long as the
    array does. Pictures of a decoder are references for the next ones: nobody may write there.
    """
    stride = plane.line_size
    shape = (plane.height, plane.width)
    start = (plane.height - 1) * -stride if stride < 0 else 0
    view = np.ndarray(shape, np.uint8, buffer=memoryview(plane), offset=start, strides=(stride, 1))
    view.flags.writeable = writable
    return view


def even(size: tuple[int, int]) -> tuple[int, int]:
    """Round (height, width) up to even numbers, as 4:2:0 encoders demand."""
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def new_canvas(info: VideoInfo, *, size: tuple[int, int]) -> tuple[Planes, VideoFrame]:
    """Return a yuv420p picture of (height, width) ``size``, and writable planes that view it."""
    picture = VideoFrame(size[1], size[0], "yuv420p")
    y, u, v = (view_of(plane, writable=True) for plane in picture.planes)
    return Planes(y=y, u=u, v=v, matrix=info.matrix, full_range=info.full_range), picture


class PictureMaker:
    """Makes the planes of frames out of decoded pictures.

    Args:
        colour: How the planes are to be understood.
        orientation: How to set the pictures upright.
        stored_size: (height, width) of the first picture; others are scaled to it.
    """

    def __init__(
        self, *, colour: Colour, orientation: Orientation, stored_size: tuple[int, int]
    ) -> None:
        self.colour = colour
        self._orientation = orientation
        self._format = PlaneFormat(colour=colour, size=stored_size)
        upright = stored_size[::-1] if orientation.transposed else stored_size
        self.upright_size = upright
        self.size = even(upright)

    def make(self, picture: VideoFrame) -> Planes:
        """Return the planes of one picture: views of it where nothing had to change."""
        planes = [view_of(plane) for plane in self._format.convert(picture).planes[:3]]
        if not self._orientation.upright:
            planes = [self._orientation.apply(plane) for plane in planes]
        if self.size != self.upright_size:
            planes[0] = self._padded(planes[0])
        y, u, v = planes
        return Planes(y=y, u=u, v=v, matrix=self.colour.matrix, full_range=self.colour.full_range)

    def _padded(self, luma: np.ndarray) -> np.ndarray:
        """Repeat the last row and column; chroma of an odd size is rounded up already."""
        bottom = self.size[0] - luma.shape[0]
        right = self.size[1] - luma.shape[1]
        return cv2.copyMakeBorder(luma, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
