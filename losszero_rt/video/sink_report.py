"""What a sink says once its file is finished."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SinkReport:
    """What was written.

    Attributes:
        path: The finished file.
        frames: Frames in it, as read back.
        duration_s: Its duration, as read back, seconds; None for a still.
        codec: Encoder that made it.
        num_bytes: Its size.
        audio_packets: Packets of each audio track, as read back.
        notes: Lines a person should see.
    """

    path: Path
    frames: int
    duration_s: float | None
    codec: str
    num_bytes: int
    audio_packets: tuple[int, ...]
    notes: tuple[str, ...]
