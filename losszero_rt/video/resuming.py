"""Going on with an interrupted output: what is whole in it is copied, not encoded again.

An interrupted run leaves ``NAME.part``. Its groups of pictures are taken over packet by packet,
but for the last one, which may be incomplete. Each packet gets the time of the frame that it
shows, so the source is read again from its start; the frames that are kept only lend their times.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from losszero_rt.errors import InputError, OutputError
from losszero_rt.frame import Cargo, Frame, StreamItem
from losszero_rt.video.encoders import EncodeOptions
from losszero_rt.video.opening_file import MOST_PIXELS, open_file
from losszero_rt.video.output_path import part_of
from losszero_rt.video.settings_tag import difference, settings_in

_START_CODE = b"\0\0\0\1"
_PARAMETER_SETS = (7, 8)
# Matroska counts milliseconds; parts of earlier versions lie behind by the audio's priming.
_MAX_SHIFT_S = Fraction(1)


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptPacket:
    """One encoded picture of the interrupted run, with the time it has to have now.

    Attributes:
        packet: The picture, its parameter sets and units as an encoder would hand them out.
        pts: Time of the frame in the source, in the source's units.
        duration: Units until the next frame; 0 when the source does not say.
    """

    packet: "Packet[Stream]"
    pts: int
    duration: int


class KeptPart:
    """The part of an interrupted output that is used again.

    Args:
        path: The file that holds it.
        output: The output that it was meant to become.
        num_frames: Pictures to keep, from the first one on.

    Attributes:
        num_left: Of those, how many :meth:`replay` has not handed out yet.
    """

    def __init__(self, path: Path, *, output: Path, num_frames: int) -> None:
        self.num_frames = num_frames
        self.num_left = num_frames
        self._path, self._output = path, output
        with closing(open_file(path, stream=None, max_pixels=MOST_PIXELS).container) as container:
            video = container.streams.video[0]
            context = video.codec_context
            self._size = (context.height, context.width)
            self._codec = context.codec.canonical_name
            self._extradata = bytes(context.extradata or b"")
            self._exact = "mp4" in container.format.name
            self._settings = settings_in(container.metadata)

    @classmethod
    def find(cls, output: Path) -> "KeptPart | None":
        """Return what an interrupted run left of ``output``, or None where nothing is whole.

        The file is renamed to ``NAME.part.resumed``, out of the way of the run that goes on with
        it. Where such a file is left from an earlier attempt, the one that holds more is taken.
        """
        aside = _aside(output)
        best, num_frames = max(
            ((path, _num_whole(path)) for path in (part_of(output), aside)),
            key=lambda pair: pair[1],
        )
        if not num_frames:
            return None
        best.replace(aside)
        return cls(aside, output=output, num_frames=num_frames)

    def check(
        self, encoder: VideoCodecContext, *, size: tuple[int, int], options: EncodeOptions
    ) -> None:
        """Refuse to go on with other settings.

        Args:
            encoder: The open encoder that goes on.
            size: Its (height, width).
            options: What it was asked for, and what else the pictures depend on.

        Raises:
            OutputError: Codec, size, parameter sets or settings differ.
        """
        changed = difference(self._settings, options.settings)
        if changed:
            raise self._refusal(changed)
        codec, extradata = encoder.codec.canonical_name, bytes(encoder.extradata or b"")
        same = (codec, size) == (self._codec, self._size)
        if same and parameter_sets(extradata) == parameter_sets(self._extradata):
            return
        (height, width), (old_height, old_width) = size, self._size
        detail = f"{self._codec} {old_width}x{old_height}, asked for is {codec} {width}x{height}"
        if same:
            detail = "the encoder's settings differ"
        raise self._refusal(detail)

    def replay(self, items: Iterable[StreamItem], *, shift: int) -> Iterator[StreamItem]:
        """Put the kept packets in the place of the frames that they show.

        Args:
            items: The source from its start, without the frames that are not wanted.
            shift: Units between the times of the source and those of the output.

        Yields:
            Cargo for each kept packet, and whatever else comes; frames once nothing is left.

        Raises:
            OutputError: The kept pictures are not those of these frames.
        """
        packets = self._packets()
        offset: Fraction | None = Fraction(0) if self._exact else None
        with closing(packets):
            for item in items:
                if not self.num_left or isinstance(item, Cargo):
                    yield item
                elif isinstance(item, Frame):
                    packet = next(packets)
                    offset = self._check_time(packet, frame=item, shift=shift, offset=offset)
                    self.num_left -= 1
                    kept = KeptPacket(packet=packet, pts=item.pts, duration=item.duration)
                    yield Cargo(packet=kept, nbytes=packet.size)
        if self.num_left:
            raise self._refusal("the source has fewer frames")

    def discard(self) -> None:
        """Remove the file: all of it lies in the finished output."""
        self._path.unlink(missing_ok=True)

    def give_back(self) -> None:
        """Undo the renaming of :meth:`find`."""
        if self._path.exists():
            self._path.replace(part_of(self._output))

    def _packets(self) -> "Generator[Packet[Stream], None, None]":
        prefix = _prefix_bytes(self._extradata) if self._codec == "h264" else 0
        with closing(open_file(self._path, stream=None, max_pixels=MOST_PIXELS).container) as file:
            index = file.streams.video[0].index
            for packet in file.demux():
                if packet.stream_index == index and packet.pts is not None:
                    yield _as_encoded(packet, prefix) if prefix else packet

    def _check_time(
        self, packet: "Packet[Stream]", *, frame: Frame, shift: int, offset: Fraction | None
    ) -> Fraction:
        """Return the seconds that all kept times lie behind; they are that of the first one."""
        assert packet.pts is not None, "packets without a time were left out"
        lies_at = packet.pts * packet.time_base
        behind = lies_at - (frame.pts + shift) * frame.time_base
        expected = behind if offset is None else offset
        tolerance = 0 if self._exact else packet.time_base
        if abs(behind - expected) > tolerance or abs(expected) > _MAX_SHIFT_S:
            raise self._refusal(
                f"a picture lies at {float(lies_at):.3f} s where the source has none"
            )
        return expected

    def _refusal(self, detail: str) -> OutputError:
        return OutputError(
            f"cannot go on with {part_of(self._output)}: {detail}",
            accepted="the source and the settings of the interrupted run",
            remedy="--force instead of --resume starts over",
        )


def _aside(output: Path) -> Path:
    part = part_of(output)
    return part.with_name(f"{part.name}.resumed")


def _num_whole(path: Path) -> int:
    """Count the pictures before the last key frame, up to the first sign of damage."""
    if not path.is_file():
        return 0
    try:
        container = open_file(path, stream=None, max_pixels=MOST_PIXELS).container
    except InputError:
        return 0
    num_frames = num_whole = 0
    last_pts: int | None = None
    with closing(container):
        try:
            for packet in container.demux(container.streams.video[0]):
                ordered = packet.pts is not None and (last_pts is None or packet.pts > last_pts)
                if not ordered or packet.is_corrupt:
                    break
                num_whole = num_frames if packet.is_keyframe else num_whole
                last_pts, num_frames = packet.pts, num_frames + 1
        except av.error.FFmpegError:
            return num_whole
    return num_whole


def parameter_sets(extradata: bytes) -> frozenset[bytes]:
    """Return the sequence and picture parameter sets in H.264 extradata, however it is packed.

    Source: ISO/IEC 14496-15, 5.3.3.1 (avcC), and ITU-T H.264, annex B.
    """
    if extradata[:1] != b"\1":
        units = extradata.replace(_START_CODE, _START_CODE[1:]).split(_START_CODE[1:])
        return frozenset(u.rstrip(b"\0") for u in units if u and u[0] & 31 in _PARAMETER_SETS)
    found, at = set(), 5
    for mask in (31, 255):
        count, at = extradata[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(extradata[at : at + 2], "big")
            found.add(extradata[at + 2 : at + 2 + size].rstrip(b"\0"))
            at += 2 + size
    return frozenset(found)


def _prefix_bytes(extradata: bytes) -> int:
    """Bytes of the length before each unit of a packet; 0 when units start with a code."""
    return (extradata[4] & 3) + 1 if extradata[:1] == b"\1" else 0


def _as_encoded(packet: "Packet[Stream]", prefix: int) -> "Packet[Stream]":
    """Return a packet whose units start with codes, as muxers expect of an H.264 encoder."""
    data, at, units = bytes(packet), 0, bytearray()
    while at + prefix <= len(data):
        size = int.from_bytes(data[at : at + prefix], "big")
        units += _START_CODE + data[at + prefix : at + prefix + size]
        at += prefix + size
    made: Packet[Stream] = Packet(bytes(units))
    made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
    made.is_keyframe = packet.is_keyframe
    return made
