"""A 1080p clip to its overlay: this program, Ultralytics, and the usual OpenCV and torch loop.

All run as programs of their own, in turn, on the same clip, with default options; ratios are taken
within a round. *Sustained* is (n - 1) / (last - first) over the frames after warm-up, as each
program shows them; *whole command* is frames over the wall clock from start to end, loading
included.

Run: python -m benchmarks.bench_peers [--peer ENVIRONMENT [--create-peer]]
"""

import json
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.clips import num_frames_of, timed_clip
from benchmarks.options import Options
from benchmarks.program import our_command, read_report, run_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.yolo_peer import PeerAbsentError, frame_times, prepare_peer, rate_of

MIN_FPS = 36.0
MIN_RATIO = 2.3
# The slow loop needs no more for a steady rate.
LOOP_FRAMES = 45
OURS, YOLO, LOOP = "losszero-rt", "ultralytics yolo26n-sem", "opencv + torch loop"

Run = dict[str, float]
Runner = Callable[[], Run]


def measure(options: Options) -> Outcome:
    """Run all programs in turn and compare them."""
    clip = timed_clip(options)
    num_frames = num_frames_of(clip)
    facts: dict[str, Any] = {"clip": clip.name, "frames": num_frames}
    runners: dict[str, Runner] = {OURS: lambda: run_ours(options, clip, facts)}
    absent = add_peers(runners, options, clip=clip, facts=facts)
    runs: dict[str, list[Run]] = {name: [] for name in runners}
    for turn in range(options.rounds):
        # Back and forth, so that a machine that grows slower favours nobody.
        for name in list(runners)[:: -1 if turn % 2 else 1]:
            runs[name].append(runners[name]())
            print(f"  round {turn + 1}: {name} {runs[name][-1]['fps']:.2f} fps", flush=True)
    medians = {name: medians_of(found) for name, found in runs.items()}
    claims = [
        Claim(what=f"{OURS}, sustained", value=medians[OURS]["fps"], unit="fps", limit=MIN_FPS)
    ]
    for name in (YOLO, LOOP):
        limit = MIN_RATIO if name == YOLO else None
        claims += compared(name, runs, limit=limit, absent=absent.get(name, ""))
    return Outcome(
        claims=tuple(claims),
        figures={**facts, "absent": absent, "medians": medians, "runs": runs},
        notes=tuple(f"{name}: {text}" for name, text in facts.get("notes", {}).items()),
    )


def add_peers(
    runners: dict[str, Runner], options: Options, *, clip: Path, facts: dict[str, Any]
) -> dict[str, str]:
    """Add the peers that can run here; return why the others are absent."""
    absent: dict[str, str] = {}
    try:
        peer = prepare_peer(options)
    except PeerAbsentError as error:
        absent[YOLO] = str(error)
    else:
        facts["peer"] = {"version": peer.version, "weights": peer.weights}
        facts["peer"]["command"] = " ".join(peer.predict_command(Path("CLIP")))
        facts["notes"] = {YOLO: f"{peer.version}, OpenVINO, weights {peer.weights}"}

        def run_yolo() -> Run:
            done, video = peer.predict(clip)
            times_s = frame_times(done)
            return as_run(rate_of(times_s), done.wall_s, done.cpu_s, len(times_s), video)

        runners[YOLO] = run_yolo
    if find_spec("torch") is None:
        absent[LOOP] = "torch is not installed"
    else:
        runners[LOOP] = lambda: run_loop(options, clip)
    return absent


def run_ours(options: Options, clip: Path, facts: dict[str, Any]) -> Run:
    """Run our command line with default options."""
    report_path, out = options.work / "peers.json", options.work / "peers.mp4"
    done = run_program(our_command(options, clip, report=report_path, out=out))
    report = read_report(report_path)
    names = ("engine", "precision", "device", "input_size", "latency_ms", "peak_rss_mib", "model")
    facts["ours"] = {name: report[name] for name in names}
    return as_run(report["fps"], done.wall_s, done.cpu_s, report["frames"]["shown"], out)


def run_loop(options: Options, clip: Path) -> Run:
    """Run the OpenCV and torch loop on the first frames of the clip."""
    out = options.work / "peers-loop.mp4"
    words = [sys.executable, "-m", "benchmarks.opencv_loop", str(clip), str(out)]
    words += ["--model", options.model, "--frames", str(LOOP_FRAMES)]
    done = run_program(words)
    told = json.loads(done.lines[-1][1])
    return as_run(told["fps"], done.wall_s, done.cpu_s, told["frames"], out)


def as_run(fps: float, wall_s: float, cpu_s: float, num_frames: int, video: Path) -> Run:
    """Return the figures of one run of one program."""
    return {
        "fps": round(fps, 3),
        "whole_command_fps": round(num_frames / wall_s, 3),
        "cpu_ms_a_frame": round(cpu_s * 1e3 / num_frames, 2),
        "output_mib_a_1000_frames": round(video.stat().st_size / 2**20 * 1000 / num_frames, 2),
    }


def medians_of(runs: list[Run]) -> Run:
    """Return the median of every figure over the rounds."""
    return {key: round(median(run[key] for run in runs), 3) for key in runs[0]}


def compared(
    name: str, runs: dict[str, list[Run]], *, limit: float | None, absent: str
) -> list[Claim]:
    """Return a peer's rate and how many times as fast we are: the median of the rounds' ratios."""
    ratio, whole, fps = None, None, None
    if name in runs:
        pairs = list(zip(runs[OURS], runs[name], strict=True))
        ratio = round(median(ours["fps"] / peer["fps"] for ours, peer in pairs), 3)
        key = "whole_command_fps"
        whole = round(median(ours[key] / peer[key] for ours, peer in pairs), 3)
        fps = medians_of(runs[name])["fps"]
    claims = [Claim(what=f"{name}, sustained", value=fps, unit="fps", absent=absent)]
    what = f"{OURS} against {name}, sustained"
    claims.append(Claim(what=what, value=ratio, unit="x", limit=limit, absent=absent))
    if name == YOLO:
        what = f"{OURS} against {name}, whole command"
        claims.append(Claim(what=what, value=whole, unit="x", absent=absent))
    return claims


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("peers", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
