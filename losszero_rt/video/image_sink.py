"""One image file as an output of one frame, with the surface of the video sink."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.frame import Cargo, Frame, Planes, VideoInfo
from losszero_rt.timings import now_s
from losszero_rt.video.output_lock import OutputLock
from losszero_rt.video.output_path import check_writable, write_output
from losszero_rt.video.sink_report import SinkReport

STILL_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_JPEG = ("jpg", "jpeg")
_JPEG_QUALITY = 95


class StillSink:
    """Writes one image from 4:4:4 planes, full range, BT.601.

    Args:
        path: Output; its suffix says which format.
        info: Facts of the source.
        size: (height, width) of the output; the source's when None.
        source: Image that is read, and must not be written.
        force: Whether an existing file may be replaced.

    Attributes:
        codec: Format that is written.
        notes: Lines a person should see.
        on_muxed: Called with pts and the monotonic clock, seconds, once the image is encoded.

    Raises:
        UsageError: The suffix is unknown.
        OutputError: The file must not or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        info: VideoInfo,
        size: tuple[int, int] | None = None,
        source: Path | None = None,
        force: bool = False,
    ) -> None:
        if path.suffix.lower() not in STILL_SUFFIXES:
            raise UsageError(
                f"cannot write an image as {path.name}", accepted=", ".join(STILL_SUFFIXES)
            )
        sources = [source] if source else []
        self._lock = OutputLock.claim(
            path, check=lambda: check_writable(path, sources=sources, force=force)
        )
        self._path = path
        self._size = size or info.size
        self._image: bytes | None = None
        self.codec = path.suffix[1:].lower()
        self.notes: list[str] = []
        self.on_muxed: Callable[[int, float], None] | None = None

    def canvas(self) -> Planes:
        """Return writable planes of the output's size."""
        y, u, v = (np.empty(self._size, np.uint8) for _ in range(3))
        return Planes(y=y, u=u, v=v, matrix="bt601", full_range=True)

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        """Encode the image; it reaches the disk on :meth:`close`."""
        if self._image is not None:
            raise OutputError(f"{self._path} holds one picture, a second one came")
        pixels_HWC = cv2.cvtColor(cv2.merge([canvas.y, canvas.v, canvas.u]), cv2.COLOR_YCrCb2BGR)
        settings = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if self.codec in _JPEG else []
        done, data = cv2.imencode(f".{self.codec}", pixels_HWC, settings)
        assert done, "the suffix was checked"
        self._image = data.tobytes()
        if self.on_muxed is not None:
            self.on_muxed(frame.pts, now_s())

    def copy(self, cargo: Cargo) -> None:
        """Leave the audio: an image has none."""

    def close(self) -> SinkReport:
        """Write the file under its name.

        Raises:
            OutputError: It cannot be written, or no picture came.
        """
        if self._image is None:
            self.abort()
            raise OutputError(f"{self._path} was not written: no picture reached it")
        try:
            write_output(self._path, self._image)
        finally:
            self._lock.release()
        return SinkReport(
            path=self._path,
            frames=1,
            duration_s=0.0,
            codec=self.codec,
            num_bytes=len(self._image),
            audio_packets=(),
            notes=tuple(self.notes),
        )

    def abort(self) -> None:
        """Forget the image; nothing was written."""
        self._image = None
        self._lock.release()
