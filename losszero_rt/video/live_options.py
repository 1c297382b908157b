"""How a live source is read."""

from dataclasses import dataclass
from typing import Literal

from losszero_rt.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """How a live source is read.

    Attributes:
        width: Width to ask a camera or screen for, pixels; None for its default.
        height: Height to ask for, pixels.
        input_fps: Frames a second to ask for.
        read_timeout_s: Silence after which a connection counts as lost, seconds.
        open_timeout_s: Longest wait for a connection and its first picture, seconds.
        max_reconnects: Attempts in a row that may fail before the source is given up; None for
            no end, 0 for no attempt at all.
        max_pixels: Largest picture that is let in, pixels.
        rtsp_transport: How RTSP carries pictures; ``udp`` loses some where ``tcp`` delays them.
        realtime: Sources without a clock (lavfi, HLS) keep their own rate; False reads them as
            fast as they go.
    """

    width: int | None = None
    height: int | None = None
    input_fps: float | None = None
    read_timeout_s: float = 5.0
    open_timeout_s: float = 10.0
    max_reconnects: int | None = None
    max_pixels: int = 8192 * 4320
    rtsp_transport: Literal["tcp", "udp"] = "tcp"
    realtime: bool = True

    def __post_init__(self) -> None:
        if (self.width is None) != (self.height is None):
            raise UsageError("only one of --width and --height", accepted="both or none")
        bounds: dict[str, tuple[float | None, float, float]] = {
            "--width": (self.width, 16, 16384),
            "--height": (self.height, 16, 16384),
            "--input-fps": (self.input_fps, 0.1, 1000),
            "--read-timeout": (self.read_timeout_s, 0.2, 3600),
            "the time-out of opening": (self.open_timeout_s, 0.2, 3600),
            "--max-reconnects": (self.max_reconnects, 0, 1_000_000),
        }
        for name, (value, low, high) in bounds.items():
            if value is not None and not low <= value <= high:
                raise UsageError(f"{name} {value:g}", accepted=f"{low:g} to {high:g}")

    @property
    def asks_device(self) -> bool:
        """Whether size or rate is asked for, which only devices grant."""
        return self.width is not None or self.input_fps is not None
