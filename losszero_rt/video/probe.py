"""What a finished file holds, read off its packets without decoding a picture."""

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from losszero_rt.video.opening_file import MOST_PIXELS, open_file


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeReport:
    """Contents of a video file.

    Attributes:
        frames: Packets of the video stream that a player shows.
        time_base: Seconds per unit of ``pts``.
        pts: Their presentation times, in order of presentation.
        end_pts: Where the last of them ends; estimated in Matroska, which stores no durations.
        end_stated_s: Where a Matroska file says that its video ends, seconds; None if it does not,
            and in other files.
        duration_s: From the first frame to the end of the last one, seconds.
        size: (height, width) as stored.
        codec: Name of the video's decoder.
        audio_packets: Packets of each audio track, in the order of the tracks.
    """

    frames: int
    time_base: Fraction
    pts: "array[int]"
    end_pts: int
    end_stated_s: Fraction | None
    duration_s: float
    size: tuple[int, int]
    codec: str
    audio_packets: tuple[int, ...]

    @property
    def first_pts(self) -> int | None:
        """Presentation time of the first frame, None when there is none."""
        return self.pts[0] if self.pts else None


def probe(path: Path) -> ProbeReport:
    """Read the packets of a file.

    Raises:
        InputError: It cannot be read as a video.
    """
    file = open_file(path, stream=None, max_pixels=MOST_PIXELS)
    try:
        times, end_pts = array("q"), 0
        counts = {stream.index: 0 for stream in file.audio}
        for packet in file.container.demux():
            if packet.stream_index in counts:
                counts[packet.stream_index] += bool(packet.size)
                continue
            pts = packet.pts
            if packet.stream_index != file.video.index or pts is None or packet.is_discard:
                continue
            times.append(pts)
            end_pts = max(end_pts, pts + (packet.duration or 0))
        time_base = Fraction(file.video.time_base or 1)
        # Packets lie in decoding order.
        times = array("q", sorted(times))
        return ProbeReport(
            frames=len(times),
            time_base=time_base,
            pts=times,
            end_pts=end_pts,
            end_stated_s=_end_stated_s(file.video.metadata.get("DURATION", "")),
            duration_s=float((end_pts - times[0]) * time_base) if times else 0.0,
            size=(file.video.codec_context.height, file.video.codec_context.width),
            codec=file.video.codec_context.name,
            audio_packets=tuple(counts.values()),
        )
    finally:
        file.container.close()


def _end_stated_s(tag: str) -> Fraction | None:
    """Return the seconds of a tag like ``00:01:02.345000000``; None for anything else."""
    try:
        hours, minutes, seconds = (Fraction(part) for part in tag.split(":"))
    except (ValueError, ZeroDivisionError):
        return None
    return (hours * 60 + minutes) * 60 + seconds
