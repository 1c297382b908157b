"""Whether a file held what it declared: a cut file often ends without any error."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

# Declared durations are rounded and estimated: this much less is no loss.
_SLACK_S = 0.5
_SLACK_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far reading got.

    Attributes:
        ended_s: Where it ended, in seconds after the start of the file; None when not known.
        num_gone: Frames that are missing between those that were read.
    """

    ended_s: float | None = None
    num_gone: int = 0


class Completeness:
    """Compares what a container declares with what came out of it.

    Args:
        path: The file.
        container: The open container.
        video: The stream that is read.
    """

    def __init__(self, path: Path, container: InputContainer, video: VideoStream) -> None:
        self._path = path
        self._size_bytes = path.stat().st_size
        self._video_index = video.index
        self.num_declared = _num_declared(video)
        self.duration_s = container.duration / 1e6 if container.duration else None
        self._end_declared_s = (self.duration_s or 0.0) + (container.start_time or 0) / 1e6
        self._end_s = 0.0
        self._num_packets = 0
        self._from_start = True
        self._cut = False

    def enter_midway(self) -> None:
        """Take note that reading does not begin at the start: packets before it never come."""
        self._from_start = False

    def see(self, packet: "Packet[Stream]") -> None:
        """Take note of a packet of any stream."""
        self._num_packets += packet.stream_index == self._video_index
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            self._end_s = max(self._end_s, float(end * packet.time_base))

    def see_error(self) -> None:
        """Take note that the container could not be read on."""
        self._cut = True

    def reach(self, *, num_gone: int) -> Reach:
        """Return how far reading got.

        Args:
            num_gone: Frames that are missing in between.
        """
        if not self.duration_s or self._is_other():
            return Reach(num_gone=num_gone)
        missing_s = max(0.0, self._end_declared_s - self._end_s)
        return Reach(ended_s=self.duration_s - missing_s, num_gone=num_gone)

    def shortfall(self, *, num_read: int) -> str | None:
        """Say what is missing once the file has been read to its end, or None.

        Args:
            num_read: Frames read from the file.
        """
        if self._is_other():
            return f"the file was still being written; read {num_read} frames"
        if self._from_start and self.num_declared and self._num_packets < self.num_declared:
            return f"ended at {num_read} of {self.num_declared} frames"
        missing_s = self._end_declared_s - self._end_s
        if self.duration_s and missing_s > max(_SLACK_S, _SLACK_SHARE * self.duration_s):
            seen_s = self.duration_s - missing_s
            return f"ended at {seen_s:.1f} of {self.duration_s:.1f} s ({num_read} frames)"
        return f"the file breaks off after {num_read} frames" if self._cut else None

    def _is_other(self) -> bool:
        """Say whether the file has grown since; one that was moved away is read whole."""
        with suppress(OSError):
            return self._path.stat().st_size != self._size_bytes
        return False


def _num_declared(video: VideoStream) -> int | None:
    """Frames as declared; an edit list keeps some of them out of the index, which is no loss."""
    if not video.frames:
        return None
    return min(video.frames, len(video.index_entries) or video.frames)
