"""Makers of media for tests: clips whose frames carry their index in the picture itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from losszero_rt.frame import Cargo, Frame, LostFrame, Planes
from losszero_rt.video import SinkReport, SourceOptions, VideoSink, VideoSource

NUM_BITS = 12
DARK, LIGHT = 50, 200
AUDIO_RATE = 48_000
_CHUNK = 1024


def draw_index(index: int, *, size: tuple[int, int]) -> np.ndarray:
    """Return luma, uint8 (H, W), with ``index`` as a bar code over the whole height."""
    height, width = size
    bits = [LIGHT if index >> bit & 1 else DARK for bit in range(NUM_BITS)]
    columns = np.repeat(np.array(bits, np.uint8), -(-width // NUM_BITS))[:width]
    return np.ascontiguousarray(np.broadcast_to(columns, (height, width)))


def read_index(planes: Planes) -> int:
    """Read the bar code back."""
    width = planes.size[1]
    step = -(-width // NUM_BITS)
    centres = [min(width - 1, bit * step + step // 2) for bit in range(NUM_BITS)]
    row = planes.y[planes.size[0] // 4 : -(planes.size[0] // 4)].mean(axis=0)
    return sum(int(row[centre] > (DARK + LIGHT) // 2) << bit for bit, centre in enumerate(centres))


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """A clip to write.

    Attributes:
        size: (height, width).
        num_frames: Frames, when ``pts`` is not given.
        rate: Declared frame rate.
        pts: Times in units of ``time_base``; counted up from zero by default.
        time_base: Seconds per unit; one frame by default.
        codec: Video encoder.
        pix_fmt: Pixel format to encode.
        options: Encoder options.
        container: Container format; the suffix of the file chooses it by default.
        container_options: Muxer options.
        audio: Audio encoder; None for silence.
        num_audio: Audio tracks.
        audio_s: Length of the audio; the video's by default.
        audio_start_s: Where the audio starts.
        rotation: Degrees counter-clockwise that a player has to turn the picture.
        hflip: Whether a player has to mirror it too.
        sar: Sample aspect ratio.
        colour: Attributes of the codec context, e.g. ``{"colorspace": 1}``.
        draw: Luma of a frame by its index; the bar code by default.
        chroma: Values of the two other planes.
        title: Title to store.
    """

    size: tuple[int, int] = (96, 192)
    num_frames: int = 30
    rate: Fraction = Fraction(30)
    pts: Sequence[int] | None = None
    time_base: Fraction | None = None
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: dict[str, str] | None = None
    container: str | None = None
    container_options: dict[str, str] | None = None
    audio: str | None = None
    num_audio: int = 1
    audio_s: float | None = None
    audio_start_s: float = 0.0
    rotation: int = 0
    hflip: bool = False
    sar: Fraction | None = None
    colour: dict[str, int] | None = None
    draw: Callable[[int], np.ndarray] | None = None
    chroma: tuple[int, int] = (128, 128)
    title: str = ""

    @property
    def unit(self) -> Fraction:
        """Seconds per unit of the times."""
        return self.time_base or 1 / self.rate

    @property
    def times(self) -> list[int]:
        """Times of the frames, in units."""
        return list(range(self.num_frames)) if self.pts is None else list(self.pts)


def write_clip(path: Path, **fields: Any) -> Path:
    """Write a clip and return its path; ``fields`` are those of :class:`ClipSpec`."""
    spec = ClipSpec(**fields)
    output = av.open(
        f"file:{path.absolute()}",
        "w",
        format=spec.container,
        container_options=spec.container_options or {},
    )
    output.metadata.update({"title": spec.title} if spec.title else {})
    video = _add_video(output, spec)
    # All tracks before the first packet: encoding a tone opens its encoder.
    tracks = [add_audio(output, spec.audio) for _ in range(spec.num_audio)] if spec.audio else []
    packets = [*_sounds(tracks, spec), *_pictures(video, spec)]
    for packet in sorted(packets, key=_decoding_time):
        output.mux(packet)
    output.close()
    return path


def _add_video(output: Any, spec: ClipSpec) -> VideoStream:
    video = output.add_stream(
        spec.codec,
        rate=spec.rate,
        options={"preset": "ultrafast"} if spec.options is None else spec.options,
        width=spec.size[1],
        height=spec.size[0],
        pix_fmt=spec.pix_fmt,
        time_base=spec.unit,
    )
    assert isinstance(video, VideoStream)
    video.time_base = spec.unit
    for name, value in (spec.colour or {}).items():
        setattr(video.codec_context, name, value)
    if spec.sar is not None:
        video.codec_context.sample_aspect_ratio = spec.sar
    if spec.rotation or spec.hflip:
        video.set_display_rotation(spec.rotation, hflip=spec.hflip)
    return video


def _sounds(tracks: "Sequence[AudioStream]", spec: ClipSpec) -> "Iterator[Packet[Stream]]":
    length_s = float((len(spec.times) + 1) / spec.rate) if spec.audio_s is None else spec.audio_s
    for track in tracks:
        yield from sound(track, length_s, spec.audio_start_s)


def _pictures(video: VideoStream, spec: ClipSpec) -> "Iterator[Packet[Stream]]":
    for index, time in enumerate(spec.times):
        luma = draw_index(index, size=spec.size) if spec.draw is None else spec.draw(index)
        picture = to_picture(luma, chroma=spec.chroma, pix_fmt=spec.pix_fmt)
        picture.pts, picture.time_base = time, spec.unit
        yield from video.encode(picture)
    yield from video.encode(None)


def _decoding_time(packet: "Packet[Stream]") -> float:
    return float((packet.dts or 0) * packet.time_base)


def add_audio(output: Any, codec: str) -> AudioStream:
    """Add an audio track to an open output."""
    track = output.add_stream(codec, rate=AUDIO_RATE, layout="stereo")
    assert isinstance(track, AudioStream)
    return track


def sound(track: AudioStream, length_s: float, start_s: float) -> "Iterator[Packet[Stream]]":
    """Encode a tone."""
    name = track.codec_context.format.name
    start = round(start_s * AUDIO_RATE)
    track.codec_context.open()
    chunk = track.codec_context.frame_size or _CHUNK
    for number in range(max(1, round(length_s * AUDIO_RATE / chunk))):
        phase = (np.arange(chunk) + number * chunk) * (2 * np.pi * 440 / AUDIO_RATE)
        wave = np.stack([np.sin(phase), np.cos(phase)]) * 0.3
        piece = AudioFrame.from_ndarray(_samples(wave, name), format=name, layout="stereo")
        piece.sample_rate = AUDIO_RATE
        piece.time_base = Fraction(1, AUDIO_RATE)
        piece.pts = start + number * chunk
        yield from track.encode(piece)
    yield from track.encode(None)


def _samples(wave: np.ndarray, sample_format: str) -> np.ndarray:
    planar = sample_format.endswith("p")
    if sample_format.startswith("flt"):
        samples = wave.astype(np.float32)
    elif sample_format.startswith("s32"):
        samples = (wave * (2**31 - 1)).astype(np.int32)
    else:
        samples = (wave * (2**15 - 1)).astype(np.int16)
    return np.ascontiguousarray(samples if planar else samples.T.reshape(1, -1))


def to_picture(
    luma: np.ndarray, *, chroma: tuple[int, int] = (128, 128), pix_fmt: str = "yuv420p"
) -> VideoFrame:
    """Return a picture of flat chroma in any pixel format."""
    height, width = luma.shape
    full = "yuvj444p" if pix_fmt.startswith("yuvj") else "yuv444p"
    picture = VideoFrame(width, height, full)
    levels: list[np.ndarray | int] = [luma, *chroma]
    for plane, values in zip(picture.planes, levels, strict=True):
        view = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        view[:height, :width] = values
    return picture.reformat(format=pix_fmt)


def frames_of(source: VideoSource) -> list[Frame]:
    """Return the frames of a source."""
    return [item for item in source if isinstance(item, Frame)]


def read_clip(path: Path, **options: Any) -> tuple[VideoSource, list[Frame], list[LostFrame]]:
    """Read a whole file; the source is closed, frames and facts stay valid."""
    source = VideoSource(path, options=SourceOptions(**options))
    items = list(source)
    source.close()
    frames = [item for item in items if isinstance(item, Frame)]
    return source, frames, [item for item in items if isinstance(item, LostFrame)]


def copy_clip(source: VideoSource, path: Path, *, audio: bool = True, **options: Any) -> SinkReport:
    """Send every frame and audio packet of a source through a sink."""
    sink = VideoSink(path, info=source.info, audio_from=source if audio else None, **options)
    for item in source:
        if isinstance(item, Cargo):
            sink.copy(item)
        elif isinstance(item, Frame):
            put(sink, item)
    return sink.close()


def put(sink: VideoSink, frame: Frame) -> None:
    """Write a frame as it is."""
    canvas = sink.canvas()
    canvas.y[...], canvas.u[...], canvas.v[...] = frame.planes.y, frame.planes.u, frame.planes.v
    sink.write(canvas, frame=frame)


def packets_of(path: Path, kind: str = "audio") -> list[tuple[int, Fraction, bytes]]:
    """Return stream index, presentation time in seconds, and bytes of all packets of a kind."""
    with av.open(f"file:{path.absolute()}") as container:
        return [
            (packet.stream_index, packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.stream.type == kind and packet.size and packet.pts is not None
        ]


def boxes_of(path: Path) -> list[str]:
    """Return the names of the outermost boxes of an mp4 file."""
    data, at, names = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        names.append(data[at + 4 : at + 8].decode("latin-1"))
        at += int.from_bytes(data[at : at + 4], "big") or len(data)
    return names
