"""Audio on its way from source to sink: packets copied untouched, or made into another codec."""

from collections.abc import Iterable
from fractions import Fraction

import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from losszero_rt.video.audio_start import begins_early, first_time_s
from losszero_rt.video.muxing import ISO_FORMATS

# What players expect in each container; libav's own list is wider (PCM and Vorbis in mp4, say).
_COPIED: dict[str, frozenset[str]] = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    "mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le"}),
    "webm": frozenset({"opus", "vorbis"}),
}
_ENCODERS = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "aac"}
_OPUS_RATE = 48_000
_LAYOUTS = {1: "mono", 2: "stereo", 4: "quad", 6: "5.1", 8: "7.1"}


class CopiedTrack:
    """Packets pass with their bytes and times; only a shift of the whole output moves them.

    Args:
        stream: Stream of the output.
        shift_s: Seconds to add to every time.
        earliest_s: Time before which the container has none, seconds; None for any time.
        repack: Changes the wrapping of the packets where the containers demand it.

    Attributes:
        num_dropped: Packets that could not be written.
        num_early: Packets left out because they begin before ``earliest_s``.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        shift_s: Fraction,
        earliest_s: Fraction | None = None,
        repack: BitStreamFilterContext | None = None,
    ) -> None:
        self._stream = stream
        self._shift_s = shift_s
        self._earliest_s = earliest_s
        self._repack = repack
        self.num_early = 0
        self._last_dts: int | None = None
        self.num_dropped = 0

    def take(self, packet: "Packet[Stream]") -> "Iterable[Packet[Stream]]":
        """Return the packet, or nothing when its time does not increase or cannot be written."""
        if begins_early(packet, shift_s=self._shift_s, earliest_s=self._earliest_s):
            self.num_early += 1
            return []
        try:
            wrapped = self._repack.filter(packet) if self._repack else [packet]
        except av.error.FFmpegError:
            wrapped = []
        usable = [piece for piece in wrapped if self._place(piece)]
        self.num_dropped += not usable
        return usable

    def _place(self, packet: "Packet[Stream]") -> bool:
        if self._shift_s:
            ticks = round(self._shift_s / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        dts = packet.dts
        if dts is None or (self._last_dts is not None and dts <= self._last_dts):
            return False
        self._last_dts = dts
        packet.stream = self._stream
        return True

    def finish(self) -> "Iterable[Packet[Stream]]":
        """Nothing is held back."""
        return ()


class RecodedTrack:
    """Packets are decoded and encoded anew, for codecs that the container does not take.

    The decoder is the track's own: the source may be closed before the last packet arrives.

    Args:
        source: Stream of the source; read here only.
        stream: Encoding stream of the output.
        shift_s: Seconds to add to every time.
        earliest_s: As of :class:`CopiedTrack`, before the encoder's own delay.
    """

    def __init__(
        self,
        source: AudioStream,
        stream: AudioStream,
        *,
        shift_s: Fraction,
        earliest_s: Fraction | None = None,
    ) -> None:
        self._decoder = _decoder_like(source.codec_context)
        self._stream = stream
        self._shift_s = shift_s
        self._earliest_s = earliest_s
        self.num_early = 0
        self._resampler: AudioResampler | None = None
        self.num_dropped = 0

    def take(self, packet: "Packet[Stream]") -> "Iterable[Packet[Stream]]":
        """Return the packets that one packet of the source leads to."""
        try:
            sounds = self._decoder.decode(packet)
        except av.error.FFmpegError:
            self.num_dropped += 1
            return []
        if begins_early(packet, shift_s=self._shift_s, earliest_s=self._earliest_s):
            # Decoded all the same: what comes next builds on it. Priming gives no sound at all.
            self.num_early += bool(sounds)
            return []
        made: list[Packet[Stream]] = []
        for sound in sounds:
            if self._shift_s and sound.pts is not None and sound.time_base:
                sound.pts += round(self._shift_s / sound.time_base)
            for piece in self._resample().resample(sound):
                made += self._stream.encode(piece)
        return made

    def finish(self) -> "Iterable[Packet[Stream]]":
        """Return what resampler and encoder still hold."""
        made: list[Packet[Stream]] = []
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                made += self._stream.encode(piece)
        return made + self._stream.encode(None)

    def _resample(self) -> AudioResampler:
        """Return the resampler; the encoder knows its frame size only once it is open."""
        if self._resampler is None:
            encoder = self._stream.codec_context
            self._resampler = AudioResampler(
                format=encoder.format,
                layout=encoder.layout,
                rate=encoder.rate,
                frame_size=encoder.frame_size or None,
            )
        return self._resampler


def _decoder_like(context: AudioCodecContext) -> AudioCodecContext:
    decoder = CodecContext.create(context.codec, "r")
    assert isinstance(decoder, AudioCodecContext), "an audio codec has an audio decoder"
    decoder.extradata = context.extradata
    decoder.sample_rate = context.sample_rate
    decoder.layout = _named_layout(context)
    decoder.format = context.format
    return decoder


def _repack(source: AudioStream, container_format: str) -> BitStreamFilterContext | None:
    """Return what takes AAC out of ADTS frames; mp4 holds it bare and says so in its header."""
    bare = source.codec_context.extradata or source.codec_context.codec.canonical_name != "aac"
    if bare or container_format not in ISO_FORMATS:
        return None
    return BitStreamFilterContext("aac_adtstoasc", source)


def _named_layout(context: AudioCodecContext) -> str:
    """Return the channel layout; containers like AVI only count the channels."""
    if "channels" not in context.layout.name:
        return context.layout.name
    return _LAYOUTS.get(context.channels, "stereo")


def _encoder_setting(encoder: str, context: AudioCodecContext) -> tuple[int, str]:
    """Return sample rate and layout for an encoder: the source's, else what all encoders take."""
    rate = _OPUS_RATE if encoder == "libopus" else context.sample_rate
    layout = _named_layout(context)
    trial = CodecContext.create(encoder, "w")
    assert isinstance(trial, AudioCodecContext), "audio encoders make audio"
    trial.sample_rate, trial.layout = rate, layout
    trial.format = (trial.codec.audio_formats or [context.format])[0]
    try:
        trial.open()
    except av.error.FFmpegError:
        return _OPUS_RATE, "stereo"
    return rate, layout


class AudioTracks:
    """All audio of one output.

    Args:
        container: Output that has not started yet.
        container_format: Its format, e.g. ``mp4``.
        sources: Audio streams of an open source.
        shift_s: Seconds to add to every time.

    Attributes:
        notes: What was not copied as it is.
    """

    def __init__(
        self,
        container: OutputContainer,
        *,
        container_format: str,
        sources: Iterable[AudioStream],
        shift_s: Fraction,
    ) -> None:
        self.notes: list[str] = []
        self._tracks: dict[int, CopiedTrack | RecodedTrack] = {}
        for source in sources:
            track = self._add(container, container_format, source, shift_s)
            if track is not None:
                self._tracks[source.index] = track

    def take(self, packet: "Packet[Stream]") -> "Iterable[Packet[Stream]]":
        """Return the packets to write for one packet of the source."""
        track = self._tracks.get(packet.stream_index)
        return track.take(packet) if track else ()

    def finish(self) -> "Iterable[Packet[Stream]]":
        """Return what is still to be written at the end."""
        for track in self._tracks.values():
            yield from track.finish()

    def losses(self) -> list[str]:
        """Say which packets were not written, as lines for a person."""
        lines = []
        num_dropped = sum(track.num_dropped for track in self._tracks.values())
        if num_dropped:  # undecodable, or not increasing in time
            lines.append(f"{num_dropped} audio packets left out: unusable")
        num_early = sum(track.num_early for track in self._tracks.values())
        if num_early:
            plural = "packet" if num_early == 1 else "packets"
            lines.append(
                f"{num_early} audio {plural} that began below zero left out: "
                "this container has no such times"
            )
        return lines

    def __len__(self) -> int:
        return len(self._tracks)

    def _add(
        self,
        container: OutputContainer,
        container_format: str,
        source: AudioStream,
        shift_s: Fraction,
    ) -> CopiedTrack | RecodedTrack | None:
        if getattr(source, "codec_context", None) is None:
            self.notes.append(f"audio track {source.index} left out: its codec is unknown")
            return None
        codec = source.codec_context.codec.canonical_name
        copied = _COPIED.get(container_format)
        if copied is None or codec in copied:
            try:
                stream = container.add_stream_from_template(source)
                repack = _repack(source, container_format)
                earliest_s = first_time_s(source, container_format)
                return CopiedTrack(stream, shift_s=shift_s, earliest_s=earliest_s, repack=repack)
            except (ValueError, av.error.FFmpegError):
                self.notes.append(f"audio track {source.index}: {codec} cannot be copied")
        encoder = _ENCODERS[container_format]
        rate, layout = _encoder_setting(encoder, source.codec_context)
        made = container.add_stream(encoder, rate=rate, layout=layout)
        assert isinstance(made, AudioStream), "audio encoders make audio"
        self.notes.append(
            f"audio track {source.index} made {made.codec_context.codec.canonical_name} "
            f"from {codec}, which {container_format} does not hold"
        )
        earliest_s = first_time_s(None, container_format)
        return RecodedTrack(source, made, shift_s=shift_s, earliest_s=earliest_s)
