"""Where sound may begin: containers differ in the times that they have before zero."""

from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from losszero_rt.video.muxing import ISO_FORMATS

# Matroska counts milliseconds, so a time may lie this far off.
_ROUNDING_S = Fraction(1, 2000)


def begins_early(
    packet: "Packet[Stream]", *, shift_s: Fraction, earliest_s: Fraction | None
) -> bool:
    """Say whether a packet begins before the first time that its container has."""
    if earliest_s is None or packet.pts is None:
        return False
    return packet.pts * packet.time_base + shift_s < earliest_s


def first_time_s(source: AudioStream | None, container_format: str) -> Fraction | None:
    """Return the first time that a container has for a track; None for any time.

    Matroska begins at zero, less the delay of the codec where the track states one. It moves the
    pictures too for the sake of sound before that, and they must lie where they lay.
    """
    if container_format in ISO_FORMATS:
        return None
    context = None if source is None else source.codec_context
    if context is None or not context.sample_rate:
        return Fraction(0)
    # For sound libav counts samples there, whatever the stubs say.
    return -Fraction(int(context.delay), context.sample_rate) - _ROUNDING_S
