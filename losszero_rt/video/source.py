"""A video file as a stream of frames, losses and audio packets."""

from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av.error
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from losszero_rt.errors import InputError
from losszero_rt.frame import Cargo, Frame, LostFrame, StreamItem, VideoInfo
from losszero_rt.timings import now_s
from losszero_rt.video.colour import colour_of
from losszero_rt.video.completeness import Completeness, Reach
from losszero_rt.video.decoding import MAX_BAD_PACKETS, Picture, PictureDecoder
from losszero_rt.video.describe import describe, rate_of
from losszero_rt.video.gaps import Gaps
from losszero_rt.video.nvdec import why_none_decoded
from losszero_rt.video.opening_file import OpenFile, open_file, roomy_limit
from losszero_rt.video.orientation import Orientation, orientation_of
from losszero_rt.video.picture import PictureMaker
from losszero_rt.video.source_options import SourceOptions
from losszero_rt.video.timestamps import PtsClock, Window

# Containers that store decoding times only.
_UNORDERED = ("avi",)
# Containers that know their key frames. Others are entered anywhere, this long before the wanted
# part, and a key frame is hoped for on the way.
_INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
_UNINDEXED_RESERVE_S = 10
# Audio that belongs to the last frames of a bounded part may lie this far behind them.
_INTERLEAVING_S = 1.0


class VideoSource:
    """Reads one video file: frames in order of presentation, losses, and audio packets between.

    The first picture is decoded on opening, so :attr:`info` states what was seen, not only what
    the container declares. Iterate once. ``warnings`` and ``incomplete`` fill while reading.

    Args:
        path: The file; taken literally.
        options: How to read it.

    Attributes:
        path: The file.
        info: Facts of the source.
        warnings: Lines a person should see after the run.
        incomplete: What is missing of the file and why, or None.
        reach: How far reading got; known at its end.

    Raises:
        InputError: The file cannot be read, is no video, or no picture of it can be decoded.
    """

    info: VideoInfo

    def __init__(self, path: Path, *, options: SourceOptions | None = None) -> None:
        self.path = path
        self._options = options = options or SourceOptions()
        self.warnings: list[str] = []
        self.incomplete: str | None = None
        self.reach = Reach()
        self._file: OpenFile | None = open_file(
            path,
            stream=options.stream,
            max_pixels=options.max_pixels,
            decode=options.decode,
            gpu=options.gpu,
        )
        self._maker: PictureMaker | None = None
        self._num_read = 0
        self._past_end = False
        self._resized = False
        self._items: Generator[StreamItem, None, None] = self._read(self._file)
        self._head: deque[StreamItem] = deque()
        try:
            self._prepare(self._file)
            self._read_head()
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[StreamItem]:
        while self._head:
            yield self._head.popleft()
        yield from self._items

    @property
    def audio_streams(self) -> tuple[AudioStream, ...]:
        """Streams whose packets are handed out; only valid until :meth:`close`."""
        return self._file.audio if self._file and self._options.audio else ()

    @property
    def origin_pts(self) -> int:
        """Where the wanted part starts, in units of the time base; 0 for a whole file."""
        return self._window.start_pts if self._options.start_s > 0 else 0

    def close(self) -> None:
        """Release the file. Frames that were handed out stay valid. Idempotent."""
        if self._file is None:
            return
        self._items.close()
        self._decoder.close()
        self._file.container.close()
        self._file = None

    def _prepare(self, file: OpenFile) -> None:
        video, options = file.video, self._options
        self._decoder = PictureDecoder(
            video,
            threads=options.decoder_threads,
            max_pixels=roomy_limit(options.max_pixels),
            ordered=file.container.format.name not in _UNORDERED,
        )
        self._completeness = Completeness(self.path, file.container, video)
        self._time_base = Fraction(video.time_base or Fraction(1, 1000))
        rate = rate_of(video)
        # Where frames are declared by number, none can go missing in between unnoticed.
        counted = self._completeness.num_declared is not None
        self._gaps = Gaps(time_base=self._time_base, rate=None if counted else rate)
        self._clock = PtsClock(
            time_base=self._time_base,
            rate=rate,
            by_dts=file.container.format.name in _UNORDERED,
        )
        self._window = Window(
            time_base=self._time_base,
            first_pts=video.start_time or 0,
            start_s=options.start_s,
            duration_s=options.duration_s,
        )
        if options.start_s > 0 and video.start_time is not None:
            self._seek(file)

    def _seek(self, file: OpenFile) -> None:
        """Go to a key frame before the start; where that fails, frames are read and skipped."""
        reserve_s = 0 if file.container.format.name in _INDEXED else _UNINDEXED_RESERVE_S
        target = self._window.start_pts - round(reserve_s / self._time_base)
        try:
            file.container.seek(max(target, file.video.start_time or 0), stream=file.video)
            self._completeness.enter_midway()
        except av.error.FFmpegError:
            self.warnings.append("the file cannot be searched; frames before the start were read")

    def _read_head(self) -> None:
        """Read up to the first frame, so that the facts of the source are known."""
        for item in self._items:
            self._head.append(item)
            if isinstance(item, Frame):
                return
        if self._maker is not None:
            raise InputError(
                f"{self.path}: nothing between --start {self._options.start_s:g} s and its end",
                accepted=f"up to {self._completeness.duration_s or 0.0:.1f} s",
            )
        raise InputError(
            f"{self.path}: none of its pictures can be decoded",
            remedy=why_none_decoded(self._options.decode),
        )

    def _read(self, file: OpenFile) -> Generator[StreamItem, None, None]:
        video_index = file.video.index
        audio_indices = {stream.index for stream in self.audio_streams}
        for packet in self._packets(file):
            if packet.stream_index == video_index:
                if not self._past_end:
                    self._clock.see_packet(packet.dts)
                    yield from self._frames(packet)
                elif self._far_past_end(packet):
                    break
            elif packet.stream_index in audio_indices and self._wanted(packet):
                yield Cargo(packet=packet, nbytes=packet.size)
            if self._decoder.gave_up:
                break
        if not self._past_end:
            yield from self._frames(None)
            yield from self._losses(self._decoder.remaining())
        self._conclude()

    def _packets(self, file: OpenFile) -> "Iterator[Packet[Stream]]":
        """Yield the packets of all streams; a container that cannot be read on ends them."""
        failures = 0
        while failures < MAX_BAD_PACKETS:
            try:
                for packet in file.container.demux():
                    if packet.size:
                        failures = 0
                        self._completeness.see(packet)
                        yield packet
                return
            except av.error.FFmpegError:
                failures += 1
                self._completeness.see_error()

    def _frames(self, packet: "Packet[Stream] | None") -> Iterator[StreamItem]:
        for picture in self._decoder.feed(packet):
            yield from self._losses(picture.lost)
            item = self._item(picture)
            if item is not None:
                yield item

    def _losses(self, times: tuple[int | None, ...]) -> Iterator[LostFrame]:
        for pts in times:
            if pts is None or not (self._window.before(pts) or self._window.after(pts)):
                index = self._next_index()
                self._gaps.lose()
                yield LostFrame(index=index, pts=pts, fate="corrupt", reason="undecodable")

    def _next_index(self) -> int:
        self._num_read += 1
        return self._num_read - 1

    def _item(self, picture: Picture) -> StreamItem | None:
        """Make a frame of a picture; None outside the wanted part."""
        start_s, image = now_s(), picture.image
        pts = self._clock.next(image.pts, image.dts, duration=image.duration)
        maker = self._maker or self._describe(image, first_pts=pts or 0)
        if pts is None:
            index = self._next_index()
            self._gaps.lose()
            return LostFrame(index=index, pts=image.pts, fate="dropped", reason="non-monotonic")
        if self._window.before(pts):
            return None
        if self._window.after(pts):
            self._past_end = True
            return None
        self._gaps.see(pts)
        self._note_size(image)
        planes = maker.make(image)
        done_s = now_s()
        return Frame(
            index=self._next_index(),
            pts=pts,
            time_base=self._time_base,
            duration=image.duration,
            planes=planes,
            decoded_at_s=done_s,
            decode_ms=picture.decode_ms + (done_s - start_s) * 1e3,
            suspect=picture.suspect,
        )

    def _describe(self, first: VideoFrame, *, first_pts: int) -> PictureMaker:
        assert self._file is not None, "only an open source reads"
        turned = orientation_of(first)
        self._maker = PictureMaker(
            colour=colour_of(first),
            orientation=turned or Orientation(),
            stored_size=(first.height, first.width),
        )
        self.info = describe(
            self.path,
            file=self._file,
            first=first,
            first_pts=max(first_pts, self.origin_pts),
            maker=self._maker,
            orientation=turned,
            completeness=self._completeness,
        )
        return self._maker

    def _note_size(self, image: VideoFrame) -> None:
        if self._resized or (image.height, image.width) == self.info.coded_size:
            return
        self._resized = True
        height, width = self.info.coded_size
        self.warnings.append(
            f"the picture changed to {image.width}x{image.height} at frame {self._num_read}; "
            f"scaled to {width}x{height}"
        )

    def _wanted(self, packet: "Packet[Stream]") -> bool:
        """Say whether an audio packet sounds within the wanted part."""
        pts, length = packet.pts, packet.duration or 0
        return pts is None or self._window.touches(pts, duration=length, unit_s=packet.time_base)

    def _far_past_end(self, packet: "Packet[Stream]") -> bool:
        time = packet.dts if packet.dts is not None else packet.pts
        return time is None or self._window.after(time - round(_INTERLEAVING_S / self._time_base))

    def _conclude(self) -> None:
        if self._decoder.gave_up:
            self.incomplete = (
                f"gave up after {MAX_BAD_PACKETS} packets in a row that cannot be decoded, "
                f"at frame {self._num_read}"
            )
        elif not self._past_end:
            self.incomplete = self._completeness.shortfall(num_read=self._num_read)
        num_gone = self._gaps.num_gone if self._decoder.met_damage else 0
        if num_gone:
            self.incomplete = "; ".join(filter(None, (str(self._gaps), self.incomplete)))
        self.reach = self._completeness.reach(num_gone=num_gone)
        if self.incomplete:
            self.warnings.append(self.incomplete)
        self.warnings += self._clock.warnings()
