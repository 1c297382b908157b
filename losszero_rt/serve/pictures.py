"""From painted planes to a JPEG, once a picture, whoever looks at it.

Measured on one core at 1280x720: YUV to BGR and OpenCV's JPEG encoder (libjpeg-turbo) take 2.5 ms,
FFmpeg's, which would take the planes as they are, 3.8 ms at the same quality.

Shape letters: H, W height and width.
"""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.errors import OutputError
from losszero_rt.frame import Planes
from losszero_rt.preprocess import reduce_to, yuv_to_rgb
from losszero_rt.timings import now_s


@dataclass(frozen=True, kw_only=True, eq=False)
class Painted:
    """A picture in memory of our own, which waits to be encoded.

    Attributes:
        planes: The picture; views of ``memory``.
        memory: uint8 (nbytes,): the planes y, u and v, one behind the other.
        index: Number of the frame in its source.
        captured_at_s: Monotonic clock when the frame was captured.
    """

    planes: Planes
    memory: np.ndarray
    index: int
    captured_at_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """An encoded picture.

    Attributes:
        number: Counts the pictures of this page, from 1.
        index: Number of the frame in its source.
        captured_at_s: Monotonic clock when the frame was captured.
        jpeg: The picture as a JPEG file.
        encode_ms: Time the encoding took.
    """

    number: int
    index: int
    captured_at_s: float
    jpeg: bytes
    encode_ms: float


class NewestPainted:
    """Holds the newest painted picture; one thread puts, another takes, and neither waits.

    A picture that nobody took is replaced. Memory is used again: no more than three pictures
    exist, one put, one waiting and one taken.
    """

    def __init__(self) -> None:
        self._waiting: deque[Painted] = deque()
        self._free: deque[np.ndarray] = deque(maxlen=2)

    def put(self, planes: Planes, *, index: int, captured_at_s: float) -> None:
        """Copy a picture in; an older one that still waits is replaced."""
        memory = self._memory(planes.nbytes)
        copy = _copied(planes, memory)
        newer = Painted(planes=copy, memory=memory, index=index, captured_at_s=captured_at_s)
        # The older one stays until now, so that there is one to take at almost any moment.
        with suppress(IndexError):  # it was taken meanwhile
            self._free.append(self._waiting.popleft().memory)
        self._waiting.append(newer)

    def take(self) -> Painted | None:
        """Return the newest picture, or None when it was taken before."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def give_back(self, painted: Painted) -> None:
        """Let the memory of a picture that was taken be used again."""
        self._free.append(painted.memory)

    def _memory(self, num_bytes: int) -> np.ndarray:
        with suppress(IndexError):
            memory = self._free.popleft()
            if memory.size == num_bytes:
                return memory
        return np.empty(num_bytes, np.uint8)


def _copied(planes: Planes, memory: np.ndarray) -> Planes:
    parts, start = [], 0
    for plane in (planes.y, planes.u, planes.v):
        part = memory[start : start + plane.size].reshape(plane.shape)
        if plane.flags.c_contiguous:
            # Unlike a copy by numpy it keeps the interpreter's lock, so that the run need not wait
            # for its turn again, three times a picture, while other threads are busy.
            part.data.cast("B")[:] = plane.data.cast("B")
        else:
            np.copyto(part, plane)
        parts.append(part)
        start += plane.size
    y, u, v = parts
    return Planes(y=y, u=u, v=v, matrix=planes.matrix, full_range=planes.full_range)


class JpegEncoder:
    """Encodes painted pictures, one at a time: it keeps buffers.

    Args:
        quality: JPEG quality, 1..100.
        max_side: Longer side of the JPEG, pixels; larger pictures are reduced.
    """

    def __init__(self, *, quality: int, max_side: int) -> None:
        self._parameters = (cv2.IMWRITE_JPEG_QUALITY, quality)
        self._max_side = max_side
        self._bgr_HWC = np.empty((0, 0, 3), np.uint8)
        self._number = 0

    def encode(self, painted: Painted) -> Picture:
        """Return the picture as a JPEG.

        Raises:
            OutputError: If the encoder refuses it.
        """
        start_s = now_s()
        done, jpeg = cv2.imencode(".jpg", self._to_bgr(painted), self._parameters)
        if not done:
            raise OutputError(f"a picture of {painted.planes} cannot be encoded as JPEG")
        self._number += 1
        return Picture(
            number=self._number,
            index=painted.index,
            captured_at_s=painted.captured_at_s,
            jpeg=jpeg.tobytes(),
            encode_ms=(now_s() - start_s) * 1e3,
        )

    def _to_bgr(self, painted: Painted) -> np.ndarray:
        planes = painted.planes
        height, width = planes.size
        if self._bgr_HWC.shape[:2] != (height, width):
            self._bgr_HWC = np.empty((height, width, 3), np.uint8)
        if max(height, width) > self._max_side:
            return cv2.transform(_merged(planes, wh=self._reduced_wh(planes)), _to_bgr(planes))
        halved = planes.u.shape == (height / 2, width / 2)
        if halved and planes.matrix == "bt601" and not planes.full_range:
            packed = painted.memory.reshape(height * 3 // 2, width)
            return cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420, dst=self._bgr_HWC)
        # OpenCV's own conversions know BT.601 in limited range only.
        merged = _merged(planes, wh=(width, height))
        return cv2.transform(merged, _to_bgr(planes), dst=self._bgr_HWC)

    def _reduced_wh(self, planes: Planes) -> tuple[int, int]:
        share = self._max_side / max(planes.size)
        return max(1, round(planes.size[1] * share)), max(1, round(planes.size[0] * share))


def _merged(planes: Planes, *, wh: tuple[int, int]) -> np.ndarray:
    """Return YUV 4:4:4, uint8 (H, W, 3), of the size asked for."""
    return cv2.merge([reduce_to(plane, wh) for plane in (planes.y, planes.u, planes.v)])


def _to_bgr(planes: Planes) -> np.ndarray:
    return np.ascontiguousarray(yuv_to_rgb(planes.matrix, planes.full_range)[::-1])
