"""What a live run is asked to do: one frozen value, checked on creation."""

import math
from dataclasses import dataclass
from pathlib import Path

from losszero_rt.errors import UsageError
from losszero_rt.pipeline.flow import Flow, Policy
from losszero_rt.pipeline.stream_config import StreamConfig
from losszero_rt.video import LiveOptions


@dataclass(frozen=True, kw_only=True)
class LiveConfig(StreamConfig):
    """Options of a live run; the command line has one flag for each.

    Attributes:
        batch: Frames a submission: one, as the first of several would wait for the others.
        max_loss: Largest share of frames that may be lost; all of them, unless asked otherwise:
            a live run leaves out what it cannot show in time.
        policy: Which frames are shown when not all can be.
        deadline_ms: Age from which on a frame is late under the policy ``deadline``,
            milliseconds; late ones are shown only where nothing was for half a second.
        max_fps: Frames a second to show at most; None for no limit.
        width: Width to ask a camera for, pixels; None leaves it to the camera.
        height: Height to ask a camera for, pixels.
        input_fps: Rate to ask a camera for, frames a second.
        read_timeout_s: Without a frame for so long the signal counts as lost, seconds.
        wait: Wait for a source that does not answer yet.
        max_reconnects: Attempts in a row that may fail before the source is given up; None for
            no end.
        record: Video to write; None for none.
        segment_minutes: Begin a new file after so many minutes; None for one file.
        max_record_mb: End the run when the recording has so many megabytes (10^6 bytes), all of
            its files together; None for no limit.
        show: Show a window.
        serve: A page is served.
    """

    batch: int = 1
    max_loss: float = 1.0
    policy: Policy = Flow.policy
    deadline_ms: float = Flow.deadline_ms
    max_fps: float | None = None
    width: int | None = None
    height: int | None = None
    input_fps: float | None = None
    read_timeout_s: float = LiveOptions.read_timeout_s
    wait: bool = False
    max_reconnects: int | None = None
    record: Path | None = None
    segment_minutes: float | None = None
    max_record_mb: float | None = None
    show: bool = False
    serve: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.batch == 1, "batch", "1 in a live run")
        self._check_recording("segment_minutes", unit="minutes")
        self._check_recording("max_record_mb", unit="megabytes")
        # They are checked on creation.
        _ = self.flow, self.opening
        if not (self.record or self.show or self.serve or self.json):
            raise UsageError(
                "no output asked for",
                accepted="--serve [HOST:]PORT, --show, --record FILE or --json FILE",
                remedy="add --serve 8080 and open http://127.0.0.1:8080",
            )

    @property
    def writes_video(self) -> bool:
        """Whether an encoder runs."""
        return self.record is not None

    @property
    def is_page_alone(self) -> bool:
        """Whether the page is all that anybody sees of the run."""
        return not (self.record or self.show or self.json)

    @property
    def is_json_alone(self) -> bool:
        """Whether the JSON lines are all that is left of the run."""
        return self.json is not None and not (self.record or self.show or self.serve)

    @property
    def flow(self) -> Flow:
        """The rules by which frames are left out."""
        return Flow(policy=self.policy, deadline_ms=self.deadline_ms, max_fps=self.max_fps)

    @property
    def opening(self) -> LiveOptions:
        """How the source is opened and read."""
        return LiveOptions(
            width=self.width,
            height=self.height,
            input_fps=self.input_fps,
            read_timeout_s=self.read_timeout_s,
            # Who waits longer for a picture does so for the first one too.
            open_timeout_s=max(LiveOptions.open_timeout_s, self.read_timeout_s),
            max_reconnects=self.max_reconnects,
            max_pixels=self.max_pixels,
        )

    def _check_recording(self, name: str, *, unit: str) -> None:
        """Check an option that is a length of recordings."""
        length, option = getattr(self, name), f"--{name.replace('_', '-')}"
        if length is None:
            return
        self._require(0 < length < math.inf, name, f"more than 0 {unit}")
        if self.record is None:
            raise UsageError(
                f"{option} {length:g} without a recording",
                accepted=f"{option} with --record FILE",
                remedy="add --record ride.mp4",
            )
