"""One connection of a live source: packets in, pictures with their moment of arrival out."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from http.client import HTTPException
from typing import Any

import av.error
from av.packet import Packet

from losszero_rt.cores import num_cores
from losszero_rt.timings import now_s
from losszero_rt.video.decoding import MAX_BAD_PACKETS, Picture, PictureDecoder
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.live_clock import Pacer
from losszero_rt.video.live_opening import Connection
from losszero_rt.video.live_options import LiveOptions
from losszero_rt.video.sockets import Silence
from losszero_rt.video.stop_flag import StopFlag

# Whatever connecting and reading may raise when a source is at fault, not we.
FAULTS: tuple[type[Exception], ...] = (
    *(av.error.FFmpegError, OSError, EOFError, HTTPException, ValueError),
)
# A stream without key frames heals by itself, piece by piece; by then it should have.
_MAX_PREKEY = 300
# Cameras are asked again and again, since one that went silent would never let go of us.
_POLL_S = 0.002
# Slices are few in what cameras send; more threads only wait.
_MAX_THREADS = 4
# Pictures a decoder may hold back.
_MAX_HELD = 64


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What one packet came to.

    Attributes:
        picture: A decoded picture; None for a packet before the first key frame.
        arrived_s: Monotonic clock when its packet arrived.
    """

    picture: Picture | None
    arrived_s: float


class LiveSession:
    """Reads one connection to its end, once.

    Args:
        connection: Open connection, from now on the session's.
        options: How to read it.
        stop: The wish to stop.

    Attributes:
        time_base: Seconds per unit of the pictures' times.
        sar: Sample aspect ratio.
        codec: Decoder's name.
        finite: Whether its end is the end of the source.
    """

    def __init__(self, connection: Connection, *, options: LiveOptions, stop: StopFlag) -> None:
        self._connection = connection
        self._silence_s = options.read_timeout_s
        self._stop = stop
        video = connection.video
        self.time_base = Fraction(video.time_base or Fraction(1, 1000))
        self.sar = Fraction(video.sample_aspect_ratio or 1)
        self.codec = video.codec_context.name
        self.finite = connection.finite
        self._decoder = PictureDecoder(
            video,
            threads=min(num_cores(), _MAX_THREADS),
            max_pixels=options.max_pixels,
            ordered=True,
            prompt=True,
        )
        self._pacer = Pacer(stop, leap_s=connection.leap_s) if connection.paced else None
        self._awaits_key = connection.keyed
        self._num_prekey = 0
        self._arrived_s: dict[int | None, float] = {}

    def arrivals(self) -> Iterator[Arrival]:
        """Yield what arrives; return when told to stop.

        Raises:
            EOFError: The source ended.
            Exception: One of :data:`FAULTS` ended the connection.
        """
        fault: Exception = EOFError()
        try:
            for packet, arrived_s in self._packets():
                yield from self._decoded(packet, arrived_s)
        except FAULTS as error:
            fault = error.with_traceback(None)
        if not self._stop.raised:
            yield from self._decoded(None, self._heard_s())
            raise fault

    def lost(self) -> tuple[int | None, ...]:
        """Return times of packets lost after the last picture; call after :meth:`arrivals`."""
        return self._decoder.remaining()

    def close(self) -> None:
        """Let go of decoder and connection."""
        self._decoder.close()
        self._connection.close()

    def _packets(self) -> "Iterator[tuple[Packet[Any], float]]":
        """Yield packets until the stream ends or somebody asks to stop."""
        heard_s, num_bad = now_s(), 0
        while not self._stop.raised:
            try:
                for packet in self._connection.container.demux(self._connection.video):
                    if packet.size:
                        yield packet, self._heard_s()
                        heard_s, num_bad = now_s(), 0
                    if self._stop.raised:
                        return
            except av.error.ExitError:
                # One slice of waiting is over.
                pass
            except BlockingIOError:
                self._stop.wait(_POLL_S)
            except av.error.InvalidDataError:
                num_bad += 1
                if num_bad >= MAX_BAD_PACKETS:
                    raise
            else:
                self._check_feed()
                return
            if now_s() - heard_s > self._silence_s:
                raise Silence("no packet")

    def _heard_s(self) -> float:
        """Return when what is read now arrived.

        A container's last packet is held until the next one begins. After a silence it comes out
        at the end of the feed, and arrived with the last bytes, not now.
        """
        feed = self._connection.feed
        return now_s() if feed is None or feed.failure is None else feed.heard_s

    def _check_feed(self) -> None:
        feed = self._connection.feed
        if feed is not None and feed.failure is not None and not self._stop.raised:
            raise feed.failure

    def _decoded(self, packet: "Packet[Any] | None", arrived_s: float) -> Iterator[Arrival]:
        if packet is not None:
            if self._awaits_key and not self._enters(packet):
                yield Arrival(picture=None, arrived_s=arrived_s)
                return
            arrived_s = self._released_s(packet, arrived_s)
            self._arrived_s[packet.pts] = arrived_s
            while len(self._arrived_s) > _MAX_HELD:
                del self._arrived_s[next(iter(self._arrived_s))]
        for picture in self._decoder.feed(packet):
            moment_s = self._arrived_s.pop(picture.image.pts, arrived_s)
            yield Arrival(picture=picture, arrived_s=moment_s)
        if self._decoder.gave_up:
            raise Unplayable(f"{MAX_BAD_PACKETS} packets in a row cannot be decoded")

    def _enters(self, packet: "Packet[Any]") -> bool:
        """Say whether decoding may begin with a packet."""
        self._num_prekey += 1
        self._awaits_key = not (packet.is_keyframe or self._num_prekey > _MAX_PREKEY)
        return not self._awaits_key

    def _released_s(self, packet: "Packet[Any]", arrived_s: float) -> float:
        """Hold a packet back until it is due; return when it was let through."""
        time = packet.dts if packet.dts is not None else packet.pts
        if self._pacer is None or time is None:
            return arrived_s
        self._pacer.hold(float(time * self.time_base))
        return now_s()
