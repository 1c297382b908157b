"""Packets in, pictures out, and an account of the packets that never became one."""

import atexit
import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakSet

import av.error
from av.codec.context import Flags
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from losszero_rt.cores import num_cores
from losszero_rt.timings import now_s
from losszero_rt.video.decoder_log import DecoderLog

MAX_BAD_PACKETS = 32
_MAX_AUTO_THREADS = 16
# Pictures a decoder may hold back, and more.
_MAX_LATE = 64


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One decoded picture.

    Attributes:
        image: What the decoder made.
        suspect: True when the decoder complained while it had this picture in work.
        lost: Times of the pictures before it that were refused.
        decode_ms: Time spent in the decoder since the picture before.
    """

    image: VideoFrame
    suspect: bool
    lost: tuple[int, ...]
    decode_ms: float


_OPEN: "WeakSet[PictureDecoder]" = WeakSet()


@atexit.register
def _rest_all() -> None:
    """Close decoders that were left open, while their threads may still take the lock."""
    for decoder in tuple(_OPEN):
        decoder.close()


class PictureDecoder:
    """Decodes one stream packet by packet, and outlives packets that cannot be decoded.

    Decoders put pictures out in order of presentation. So a packet whose time is passed over
    was lost, provided that the decoder complained while it had that packet or since its picture
    before: some codecs have packets that are never shown, and those are no loss. Times serve as
    names, so frame threads, which report an error some packets late, do not blur the account.
    After damage a decoder may still come up with a picture that was passed over; it stays lost.

    Args:
        stream: Stream of an open container; only used until the container is closed.
        threads: Decoder threads, 0 for as many as the cores this process may use keep busy.
        max_pixels: Largest picture that may be allocated.
        ordered: False when the container's times are misordered (AVI): then losses are only
            known at the end, by number.
        prompt: Whether a picture is handed out at once: threads share pictures instead of
            taking turns, and none waits for later ones unless the stream reorders them.
    """

    def __init__(
        self,
        stream: VideoStream,
        *,
        threads: int,
        max_pixels: int,
        ordered: bool,
        prompt: bool = False,
    ) -> None:
        self._context: VideoCodecContext = stream.codec_context
        self._context.thread_type = "SLICE" if prompt else "AUTO"
        if prompt:
            self._context.flags |= Flags.low_delay
        self._context.thread_count = threads or _auto_threads()
        self._context.options = {"max_pixels": str(max_pixels)}
        self._log = DecoderLog(self._context.name, container=stream.container.format.name)
        self._ordered = ordered
        self._waiting: list[tuple[int, int]] = []
        self._passed_over: deque[int] = deque(maxlen=_MAX_LATE)
        self._unnamed = 0
        self._complaints_before = 0
        self._num_errors = 0
        self._spent_ms = 0.0
        self.bad_in_a_row = 0
        _OPEN.add(self)

    @property
    def gave_up(self) -> bool:
        """Whether so many bad packets came in a row that the rest is not worth reading."""
        return self.bad_in_a_row >= MAX_BAD_PACKETS

    @property
    def met_damage(self) -> bool:
        """Whether anything was wrong so far with what the container or the decoder read."""
        return self._log.any or bool(self._num_errors)

    def feed(self, packet: "Packet[Stream] | None") -> Iterator[Picture]:
        """Decode one packet, or with None everything that is still inside the decoder."""
        if packet is not None and not packet.is_discard:
            self._expect(packet.pts)
        for image in self._decode(packet):
            if image.pts is None or image.pts not in self._passed_over:
                yield self._account(image)

    def remaining(self) -> tuple[int | None, ...]:
        """Return the times of packets lost after the last picture; call after the flush."""
        complaints = self._complaints()
        before = self._complaints_before
        named = [pts for pts, sent in sorted(self._waiting) if complaints > min(sent, before)]
        return (*named, *(None for _ in range(self._unnamed if complaints else 0)))

    def close(self) -> None:
        """Let worker threads come to rest. Idempotent.

        Freeing a decoder holds the interpreter lock and waits for its threads, and a thread that
        logs wants the lock: they would wait for each other. Emptied threads do not log.
        """
        _OPEN.discard(self)
        self._context.flush_buffers()

    def __del__(self) -> None:
        self._context.flush_buffers()

    def _expect(self, pts: int | None) -> None:
        if pts is None or not self._ordered:
            self._unnamed += 1
        else:
            heapq.heappush(self._waiting, (pts, self._complaints()))

    def _decode(self, packet: "Packet[Stream] | None") -> list[VideoFrame]:
        start_s = now_s()
        try:
            images = self._context.decode(packet)
        except av.error.FFmpegError:
            images = []
            self._num_errors += 1
            self.bad_in_a_row += packet is not None
        else:
            self.bad_in_a_row = 0 if images else self.bad_in_a_row
        self._spent_ms += (now_s() - start_s) * 1e3
        return images

    def _account(self, image: VideoFrame) -> Picture:
        complaints = self._complaints()
        sent, lost = complaints, []
        if self._ordered and image.pts is not None:
            while self._waiting and self._waiting[0][0] <= image.pts:
                pts, sent = heapq.heappop(self._waiting)
                if pts < image.pts and complaints > min(sent, self._complaints_before):
                    lost.append(pts)
            self._passed_over.extend(lost)
        elif self._unnamed:
            self._unnamed -= 1
        self._complaints_before = complaints
        spent_ms, self._spent_ms = self._spent_ms, 0.0
        return Picture(
            image=image,
            suspect=image.is_corrupt or complaints > sent,
            lost=tuple(lost),
            decode_ms=spent_ms,
        )

    def _complaints(self) -> int:
        return self._num_errors + self._log.count()


def _auto_threads() -> int:
    """Return what libav itself would choose, were it to know of a container's quota.

    Source: libavcodec/pthread_frame.c, ``ff_frame_thread_init``: one thread waits while it hands
    its picture over, so there is one more than cores.
    """
    cores = num_cores()
    return min(cores + 1, _MAX_AUTO_THREADS) if cores > 1 else 1
