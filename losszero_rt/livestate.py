"""What a live run shares with who watches it: the signal, the picture asked for, the figures.

Each value is frozen and replaced whole, so that one thread may write it and others read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from losszero_rt.errors import UsageError

SignalState = Literal["connecting", "live", "stalled", "reconnecting", "ended"]
LiveView = Literal["overlay", "mask", "side", "cam"]
LIVE_VIEWS: tuple[LiveView, ...] = ("overlay", "mask", "side", "cam")


@dataclass(frozen=True, kw_only=True)
class Signal:
    """How a live source does.

    Attributes:
        state: ``connecting`` before the first frame, ``live``, ``stalled`` (connected, but no
            frame within the read time-out), ``reconnecting``, or ``ended``.
        since_s: Monotonic clock when this state began, seconds.
        since_unix_s: Wall clock of the same moment, for people, seconds.
        reason: Why, one line, secrets scrubbed; empty while live.
        attempt: Connections tried since the signal was lost, the one under way among them; 0 while
            there is a signal and before the first try.
        num_reconnects: Times that a lost signal came back on a new connection.
    """

    state: SignalState
    since_s: float
    since_unix_s: float
    reason: str = ""
    attempt: int = 0
    num_reconnects: int = 0


@dataclass(frozen=True, kw_only=True)
class PictureChoice:
    """The picture that those who watch asked for.

    Attributes:
        view: What is shown.
        alpha: Weight of the colour, 0..1.
        classes: Ids of the classes to colour; None for all but the background.
        cam: Id of the class whose activation map is drawn; None for none.
        text: Whether legend and figures are drawn into the picture.
        paused: Nothing is shown until this is False again; the run goes on.
    """

    view: LiveView = "overlay"
    alpha: float = 0.45
    classes: tuple[int, ...] | None = None
    cam: int | None = None
    text: bool = True
    paused: bool = False

    def __post_init__(self) -> None:
        if self.view not in LIVE_VIEWS or not 0 <= self.alpha <= 1:
            raise UsageError(
                f"view {self.view!r} with alpha {self.alpha!r}",
                accepted=f"views {', '.join(LIVE_VIEWS)}; alpha 0 to 1",
            )


@dataclass(frozen=True, kw_only=True)
class LiveStatus:
    """The figures of a live run at one moment.

    Attributes:
        source: Name of the source, secrets scrubbed.
        signal: How the source does.
        elapsed_s: Time since the run began, seconds.
        size: (height, width) of the source.
        fps: Frames handed on a second, over the last two seconds.
        fps_measured: Frames a second that the source gives; 0 while unknown.
        fps_declared: Frames a second that the source claims; None when it does not.
        age_ms: Capture to handed on over the last frames: ``p50``, ``p95``, ``p99``, ``max``; empty
            before the first one.
        frames: The ledger as its ``as_dict`` gives it.
        shares: Share of the picture by class, 0..1, in the order of ``class_names``.
        class_names: Names of the classes.
        class_colours: RGB of the classes, 0..255.
        engine: Engine, device and precision that run: ``name``, ``device``, ``precision``.
        model: Name and ``verified`` of the model; ``miou``, ``miou_ci95`` and ``n`` of what runs,
            or of what ``score_of`` says; ``weights_miou`` and ``weights_miou_ci95``.
        choice: The picture that is shown.
        can_cam: Whether activation maps can be asked for.
        cam_configured: Id of the class whose activation map the run was asked to draw; None for
            none.
        cam_fixed: Id of the class that all of them are of, because what is recorded or shown in a
            window has them; None where viewers choose.
        notes: Lines a person should see (low light, rescaled, ...).
    """

    source: str
    signal: Signal
    elapsed_s: float
    size: tuple[int, int]
    fps: float
    fps_measured: float
    fps_declared: float | None
    age_ms: Mapping[str, float]
    frames: Mapping[str, object]
    shares: tuple[float, ...]
    class_names: tuple[str, ...]
    class_colours: tuple[tuple[int, int, int], ...]
    engine: Mapping[str, str]
    model: Mapping[str, Any]
    choice: PictureChoice = field(default_factory=PictureChoice)
    can_cam: bool = False
    cam_configured: int | None = None
    cam_fixed: int | None = None
    notes: tuple[str, ...] = ()
