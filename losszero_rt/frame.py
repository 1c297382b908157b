"""The value types of the stream: what travels from a source through the lanes to a sink."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

Matrix = Literal["bt601", "bt709", "bt2020"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Planes:
    """One picture as 8-bit YUV planes.

    Attributes:
        y: Luma, uint8 (H, W); rows may be strided.
        u: Blue difference, uint8 (H / sy, W / sx), where sy and sx are 1 (4:4:4) or 2 (4:2:0).
        v: Red difference, shaped like ``u``.
        matrix: Conversion matrix between YUV and RGB.
        full_range: True for 0..255, False for 16..235 luma and 16..240 chroma.
    """

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    matrix: Matrix = "bt601"
    full_range: bool = False

    def __post_init__(self) -> None:
        height, width = self.y.shape
        chroma = ((height, width), ((height + 1) // 2, (width + 1) // 2))
        if self.u.shape not in chroma or self.v.shape != self.u.shape:
            found = f"chroma {self.u.shape}, {self.v.shape}"
            raise ValueError(f"{found} does not fit luma {self.y.shape}")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the luma plane."""
        height, width = self.y.shape
        return height, width

    @property
    def nbytes(self) -> int:
        """Bytes of the three planes."""
        return self.y.size + self.u.size + self.v.size

    def __repr__(self) -> str:
        layout = "444" if self.u.shape == self.y.shape else "420"
        tone = "full" if self.full_range else "limited"
        return f"Planes({self.size[1]}x{self.size[0]} yuv{layout} {self.matrix} {tone})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One picture plus its time.

    Attributes:
        index: Number of the frame in its source, from 0, in order of presentation.
        pts: Presentation time in units of ``time_base``; strictly increasing.
        time_base: Seconds per unit of ``pts``.
        duration: Units of ``time_base`` until the next frame; 0 when the source does not say.
        planes: The picture, upright.
        decoded_at_s: Monotonic clock when the decoder handed the picture out.
        decode_ms: Time spent in the decoder for this frame, milliseconds.
        suspect: True when the decoder logged an error while it made this picture.
        captured_at_s: Monotonic clock when the last packet of the picture arrived, before it was
            decoded; None for files, which were captured another day.
    """

    index: int
    pts: int
    time_base: Fraction
    planes: Planes
    decoded_at_s: float
    duration: int = 0
    decode_ms: float = 0.0
    suspect: bool = False
    captured_at_s: float | None = None

    @property
    def time_s(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    @property
    def nbytes(self) -> int:
        """Bytes this frame holds in memory."""
        return self.planes.nbytes


@dataclass(frozen=True, kw_only=True)
class LostFrame:
    """A frame that was read, but can never be shown.

    Attributes:
        index: Number of the frame in its source.
        pts: Presentation time if known.
        fate: ``corrupt`` (the decoder refused it), ``dropped``, or ``late`` (it would have been
            shown after its deadline).
        reason: Why, in one or two words, e.g. ``undecodable``, ``stride``, ``non-monotonic``.
    """

    index: int
    pts: int | None
    fate: Literal["corrupt", "dropped", "late"]
    reason: str
    nbytes: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Cargo:
    """An encoded packet that is copied untouched from source to sink (audio).

    Attributes:
        packet: The packet; only the video package looks inside.
        nbytes: Its size in bytes.
    """

    packet: object
    nbytes: int


StreamItem = Frame | LostFrame | Cargo


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """Facts of a source, copied out of the container, which may be closed by now.

    Attributes:
        name: What to call the source in messages; secrets scrubbed.
        size: (height, width) of the upright frames that the source hands out (even numbers).
        coded_size: (height, width) as stored, before rotation and padding.
        rate_declared: Frames a second as the container declares it; None when absent or absurd.
        time_base: Seconds per unit of pts.
        num_frames_declared: Frames as declared or counted from the index; None when unknown.
        duration_s_declared: Duration as declared, seconds; None when unknown.
        start_pts: pts of the first frame as declared; None when unknown.
        codec: Decoder's name.
        pix_fmt: Pixel format as stored.
        matrix: YUV matrix that was read or assumed.
        full_range: Whether values span 0..255.
        primaries: Colour primaries as tagged, an ITU-T H.273 code; 2 when untagged.
        transfer: Transfer curve as tagged, an ITU-T H.273 code; 2 when untagged.
        sar: Sample aspect ratio of the upright frames (1 for square pixels).
        rotation: Degrees clockwise that the picture was turned to stand upright.
        num_audio: Audio streams that will be copied.
        notes: Lines a person should see (padding, rotation, tone mapping, streams left out).
    """

    name: str
    size: tuple[int, int]
    coded_size: tuple[int, int]
    rate_declared: Fraction | None
    time_base: Fraction
    codec: str
    pix_fmt: str
    num_frames_declared: int | None = None
    duration_s_declared: float | None = None
    start_pts: int | None = None
    matrix: Matrix = "bt601"
    full_range: bool = False
    primaries: int = 2
    transfer: int = 2
    sar: Fraction = Fraction(1)
    rotation: int = 0
    num_audio: int = 0
    notes: tuple[str, ...] = ()

    @property
    def shown_size(self) -> tuple[int, int]:
        """(height, width) of the upright picture without padding."""
        height, width = self.coded_size
        return (width, height) if self.rotation % 180 else (height, width)
