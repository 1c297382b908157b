"""The output video: encoded frames at the source's own times, with the source's audio."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType, VideoFrame

from losszero_rt.errors import LossZeroError, OutputError
from losszero_rt.frame import Cargo, Frame, Planes, StreamItem, VideoInfo
from losszero_rt.timings import now_s
from losszero_rt.video.audio import AudioTracks
from losszero_rt.video.encoders import EncodeOptions, add_video, candidates, cannot_open
from losszero_rt.video.key_frames import KeyFrames
from losszero_rt.video.leftovers import drop_empty, settle_leftover
from losszero_rt.video.muxing import ISO_FORMATS, open_output, output_errors
from losszero_rt.video.output_lock import OutputLock
from losszero_rt.video.output_path import check_output, format_of, part_of
from losszero_rt.video.picture import new_canvas
from losszero_rt.video.resuming import KeptPacket, KeptPart
from losszero_rt.video.settings_tag import settings_comment
from losszero_rt.video.sink_report import SinkReport
from losszero_rt.video.source import VideoSource
from losszero_rt.video.verification import WrittenTimes, verify

OnMuxed = Callable[[int, float], None]


class VideoSink:
    """Writes one video file.

    Until :meth:`close` the file is called ``NAME.part`` and is playable up to the last group of
    pictures, a second at most, whatever happens to the process. Closing makes a plain file of it,
    reads it back, and only then gives it its name. No other process can write it meanwhile.

    Args:
        path: Output; its suffix says which container: mp4, mkv, mov or webm.
        info: Facts of the source: time base, rate, colour and shape are carried over.
        size: (height, width) of the output, even; the source's when None.
        options: How to encode.
        audio_from: Open source whose audio tracks are copied; None for a silent output.
        origin_pts: Source time that becomes zero, in units of ``info.time_base``.
        force: Whether an existing file may be replaced.
        resume: Go on with what an interrupted run left, see :meth:`go_on`.
        put_aside: Give what it left a name of its own and begin anew; without any of the three
            pictures that it left are refused.

    Attributes:
        num_kept: Frames that an interrupted run had written already.
        codec: Encoder in use.
        notes: Lines a person should see.
        num_bytes: Bytes of pictures written so far.
        on_muxed: Called with the source pts and the monotonic clock, seconds, whenever a frame
            has been handed to the muxer.

    Raises:
        UsageError: The suffix is unknown, or the named encoder does not go with it.
        OutputError: The file must not or cannot be written, or no encoder opens.
    """

    def __init__(
        self,
        path: Path,
        *,
        info: VideoInfo,
        size: tuple[int, int] | None = None,
        options: EncodeOptions | None = None,
        audio_from: VideoSource | None = None,
        origin_pts: int = 0,
        force: bool = False,
        resume: bool = False,
        put_aside: bool = False,
    ) -> None:
        sources = [audio_from.path] if audio_from else []
        self._lock = OutputLock.claim(
            path, check=lambda: check_output(path, sources=sources, force=force)
        )
        self._path, self._part = path, part_of(path)
        self._info, self._format = info, format_of(path)
        self._size, self._options = size or info.size, options or EncodeOptions()
        self.on_muxed: OnMuxed | None = None
        self.notes: list[str] = []
        self._shift, self._written = self._choose_shift(origin_pts), WrittenTimes()
        self._durations: dict[int, int] = {}
        self._idle: list[tuple[Planes, VideoFrame]] = []
        self._lent: dict[Planes, VideoFrame] = {}
        self.num_bytes, self._closed = 0, False
        self._keys = KeyFrames(time_base=info.time_base)
        self._kept: KeptPart | None = None
        try:
            if resume:
                self._kept = KeptPart.find(path)
            else:
                self.notes += settle_leftover(path, force=force, keep=put_aside)
            self._open(audio_from)
        except BaseException:
            if self._kept:
                self._kept.give_back()
            drop_empty(self._part)
            self._lock.release()
            raise
        self.num_kept = self._kept.num_frames if self._kept else 0

    @property
    def num_left(self) -> int:
        """Kept frames that the source has not come to yet; until 0 nothing can be finished."""
        return self._kept.num_left if self._kept else 0

    def go_on(self, items: Iterable[StreamItem]) -> Iterable[StreamItem]:
        """Put what is kept in the place of those frames of ``items`` that it shows."""
        return self._kept.replay(items, shift=self._shift) if self._kept else items

    def canvas(self) -> Planes:
        """Return writable planes of the output's size, yuv420p; the caller's until :meth:`write`.

        Canvases are used again, so their content is whatever an earlier frame left.
        """
        planes, image = self._idle.pop() if self._idle else new_canvas(self._info, size=self._size)
        self._lent[planes] = image
        return planes

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        """Encode a canvas at the time of a frame.

        Args:
            canvas: Planes from :meth:`canvas`, now the sink's again.
            frame: The frame whose time and duration the picture gets.

        Raises:
            OutputError: The file cannot be written on; call :meth:`abort`.
        """
        picture = self._lent.pop(canvas)
        picture.pts = frame.pts + self._shift
        picture.time_base = self._info.time_base
        is_key = self._keys.wanted(picture.pts)
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._written.add(picture.pts, duration=frame.duration)
        self._durations[picture.pts] = frame.duration
        with output_errors(self._part):
            self._mux_video(self._video.encode(picture))
        self._idle.append((canvas, picture))

    def copy(self, cargo: Cargo) -> None:
        """Write an audio packet of the source, or a picture that is kept.

        Raises:
            OutputError: The file cannot be written on; call :meth:`abort`.
        """
        packet = cargo.packet
        if isinstance(packet, KeptPacket):
            self._copy_kept(packet)
            return
        assert isinstance(packet, Packet), "cargo comes from a VideoSource"
        with output_errors(self._part):
            for piece in self._audio.take(packet):
                self._container.mux_one(piece)

    def close(self) -> SinkReport:
        """Finish the file, read it back, and give it its name.

        Raises:
            OutputError: It cannot be finished, or does not hold what was written, or what is kept
                of an earlier run was not all taken over; it keeps its ``.part`` name then.
        """
        try:
            return self._close()
        except BaseException:
            self.abort()
            raise

    def _close(self) -> SinkReport:
        if self.num_left or not self._written.pts:
            why = "what is kept was not all taken over" if self.num_left else "no frame reached it"
            raise OutputError(f"{self._path} was not written: {why}")
        with output_errors(self._part):
            self._finish()
            self._container.close()
        self._closed = True
        exact = self._format in ISO_FORMATS
        report = verify(
            self._part, written=self._written, time_base=self._info.time_base, exact=exact
        )
        with output_errors(self._part):
            self._part.replace(self._path)
            if self._kept:
                self._kept.discard()
        self._lock.release()
        return SinkReport(
            path=self._path,
            frames=report.frames,
            duration_s=report.duration_s,
            codec=self.codec,
            num_bytes=self._path.stat().st_size,
            audio_packets=report.audio_packets,
            notes=tuple(self.notes),
        )

    def abort(self) -> None:
        """Stop after an error: what was written stays, playable, under its ``.part`` name.

        Where an earlier run had come further, what that one wrote is what stays.
        """
        if not self._closed:
            self._closed = True
            self._abandon()
        self._lock.release()

    def _abandon(self) -> None:
        with suppress(LossZeroError, av.error.FFmpegError, OSError):
            self._finish()
        with suppress(av.error.FFmpegError, OSError):
            self._container.close()
        if not self._written.pts:
            self._part.unlink(missing_ok=True)
        if self._kept and self._kept.num_left:
            with suppress(OSError):
                self._kept.give_back()

    def _copy_kept(self, kept: KeptPacket) -> None:
        packet = kept.packet
        packet.stream = self._video
        packet.time_base = self._info.time_base
        packet.pts = packet.dts = kept.pts + self._shift
        packet.duration = kept.duration
        self._written.add(packet.pts, duration=kept.duration)
        with output_errors(self._part):
            self._container.mux_one(packet)

    def _finish(self) -> None:
        """Write what encoders still hold."""
        self._mux_video(self._video.encode(None))
        for packet in self._audio.finish():
            self._container.mux_one(packet)
        self.notes += self._audio.losses()

    def _open(self, audio_from: VideoSource | None) -> None:
        """Start the output with the first encoder that opens."""
        names = candidates(self._options, container=self._format)
        for name in names:
            self._build(name, audio_from)
            try:
                self._video.codec_context.open()
            except av.error.FFmpegError as error:
                if name == names[-1]:
                    raise cannot_open(name, options=self._options) from error
                self.notes.append(f"{name} does not open here; encoding with {names[-1]}")
            else:
                self.codec = name
                break
        self.notes += self._audio.notes
        if self._kept:
            self._kept.check(self._video.codec_context, size=self._size, options=self._options)
        with output_errors(self._part):
            self._container.start_encoding()

    def _build(self, codec: str, audio_from: VideoSource | None) -> None:
        sources = audio_from.audio_streams if audio_from else ()
        self._container = open_output(
            self._part,
            container_format=self._format,
            time_base=self._info.time_base,
            audio_rates=tuple(stream.rate for stream in sources),
            comment=settings_comment(self._options.settings),
        )
        self._video = add_video(
            self._container, codec=codec, info=self._info, size=self._size, options=self._options
        )
        self._audio = AudioTracks(
            self._container,
            container_format=self._format,
            sources=sources,
            shift_s=self._shift * self._info.time_base,
        )

    def _choose_shift(self, origin_pts: int) -> int:
        """Return what to add to every time: no container of ours shows times below zero."""
        shift = -origin_pts
        first = (self._info.start_pts or 0) + shift
        if first < 0:
            self.notes.append(
                f"all times moved by {-float(first * self._info.time_base):.3f} s: "
                "they started below zero"
            )
            shift -= first
        return shift

    def _mux_video(self, packets: "Iterable[Packet[Stream]]") -> None:
        for packet in packets:
            pts = packet.pts
            assert pts is not None, "encoders give back the times of their pictures"
            if packet.is_keyframe:
                self._keys.see(pts)
            packet.duration = self._durations.pop(pts)
            self._container.mux_one(packet)
            self.num_bytes += packet.size
            if self.on_muxed is not None:
                self.on_muxed(pts - self._shift, now_s())
