"""What the report says of a live run beside what it says of every run."""

from typing import Any

from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_feed import LiveFeed, LiveStream
from losszero_rt.pipeline.live_watch import LiveWatch
from losszero_rt.pipeline.recording import Recording
from losszero_rt.pipeline.report import Meter
from losszero_rt.timings import now_s


def live_facts(
    source: LiveStream,
    *,
    config: LiveConfig,
    feed: LiveFeed,
    watch: LiveWatch,
    meter: Meter,
    recording: Recording | None,
) -> dict[str, Any]:
    """Return the part of the report that only live runs have."""
    declared = source.rate_declared
    return {
        "source": source.info.name,
        "size": list(source.info.shown_size),
        "codec": source.info.codec,
        "policy": config.policy,
        "deadline_ms": config.deadline_ms if config.policy == "deadline" else None,
        "over_deadline": meter.ledger.over_deadline if config.policy == "deadline" else None,
        "max_fps": config.max_fps,
        "rate_declared": None if declared is None else round(float(declared), 6),
        "rate_measured": round(feed.rate_fps, 3),
        "age_ms": meter.latency.percentiles(skip=meter.num_warmup).as_dict(),
        "signal": watch.history.as_dict(now_s=now_s()),
        "segments": [] if recording is None else [s.as_dict() for s in recording.finished],
        "most_viewers": watch.most_viewers,
        "ended_by": "lost" if feed.lost is not None else watch.ending or "source",
    }


def recorded_output(recording: Recording | None) -> dict[str, Any] | None:
    """Return what the report says of the recording as a whole; None when nothing was recorded."""
    if recording is None or not recording.finished:
        return None
    segments = [segment.as_dict() for segment in recording.finished]
    if len(segments) == 1:
        names = ("path", "frames", "duration_s", "codec")
        return {name: segments[0][name] for name in names}
    return {
        "path": str(recording.finished[0].report.path.parent),
        "frames": sum(segment["frames"] for segment in segments),
        "duration_s": round(sum(segment["duration_s"] or 0.0 for segment in segments), 6),
        "codec": segments[0]["codec"],
    }
