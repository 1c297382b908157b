"""Frames a second from file to file of one engine in one precision: the whole program, as used."""

from dataclasses import replace

from benchmarks.clips import RATE, drawn_clip, num_frames_of
from benchmarks.engine_subjects import Subject
from benchmarks.engine_variants import EAGER
from benchmarks.options import Options
from benchmarks.program import our_command, read_report, run_program

# A run takes about so long, but is of so many frames at least.
_LENGTH_S, _FRAMES_MIN = 6.0, 45


def end_to_end_fps(
    subject: Subject, name: str, *, frame_ms: float, options: Options
) -> float | None:
    """Run ``losszero-rt CLIP --out ...`` on the drawn 1080p ride.

    Args:
        subject: The network; its bundle is run.
        name: One of the compared engines.
        frame_ms: What a frame costs there on one thread, by which the run is kept short.
        options: Of the benchmark.

    Returns:
        The rate after warm-up; None where the command line has no such engine.

    Raises:
        ProgramError: It failed.
    """
    words = _engine_words(name)
    if not words:
        return None
    clip, report = drawn_clip(options), options.work / "engines.json"
    wanted = max(_FRAMES_MIN, int(_LENGTH_S * 1e3 / frame_ms))
    length_s = min(wanted, num_frames_of(clip)) / RATE
    run_program(
        [
            *our_command(
                replace(options, model=str(subject.bundle.path)),
                clip,
                report=report,
                out=options.work / "engines.mp4",
            ),
            *words,
            *("--duration", str(length_s)),
        ],
        environment={"LOSSZERO_CACHE": str(options.work / "engines" / "cache")},
    )
    fps: float | None = read_report(report)["fps"]
    return None if fps is None else round(fps, 1)


def _engine_words(name: str) -> tuple[str, ...]:
    if name == EAGER:
        return ("--engine", "eager", "--precision", "fp32")
    engine, _, precision = name.partition(" ")
    return ("--engine", "openvino", "--precision", precision) if engine == "OpenVINO" else ()
