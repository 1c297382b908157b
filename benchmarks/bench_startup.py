"""How long from starting the program to the first written frame, from a cold and a warm disk cache.

Seen from outside in three ways, all of them at or after the moment asked for:

* *handed to the muxer*: the whole run on the wall, less what the program itself says it took after
  its first frame. Everything before and after its own clock counts as start.
* *playable on disk*: the first group of pictures lies in the ``.part`` file.
* *one-frame clip*: the program has written, closed and checked a clip of one frame, and has ended.

Run: python -m benchmarks.bench_startup (as root for the cold cache)
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.clips import drawn_clip, looped
from benchmarks.options import Options
from benchmarks.program import ProgramError, our_command, read_report, run_program, start_program
from benchmarks.record import Claim, Outcome, conduct
from losszero_rt.timings import now_s

MAX_START_S = 3.0
NUM_FRAMES, QUICK_FRAMES = 60, 6
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
# More than the boxes before the first fragment.
FRAGMENT_BYTES = 4096
POLL_S = 0.002

Start = dict[str, float]


def measure(options: Options) -> Outcome:
    """Start the program over and over, cold and warm in turn."""
    num_frames = QUICK_FRAMES if options.quick else NUM_FRAMES
    clip = looped(drawn_clip(options), num_frames=num_frames)
    single = looped(drawn_clip(options), num_frames=1)
    why_warm = "quick" if options.quick else why_not_cold()
    starts: dict[str, list[Start]] = {"warm": []} if why_warm else {"cold": [], "warm": []}
    for _ in range(options.rounds):
        for cache, found in starts.items():
            found.append(start_once(options, clip=clip, single=single, cold=cache == "cold"))
    claims = []
    for cache in ("cold", "warm"):
        runs = starts.get(cache)
        value = round(median(run["handed_to_muxer_s"] for run in runs), 3) if runs else None
        claims.append(
            Claim(
                what=f"{cache} start to the first frame handed to the muxer",
                value=value,
                unit="s",
                bound="at most",
                limit=MAX_START_S,
                absent="" if runs else why_warm,
            )
        )
    figures = {
        "frames": num_frames,
        "medians": {
            cache: {key: round(median(run[key] for run in runs), 3) for key in runs[0]}
            for cache, runs in starts.items()
        },
        "runs": starts,
    }
    return Outcome(claims=tuple(claims), figures=figures)


def start_once(options: Options, *, clip: Path, single: Path, cold: bool) -> Start:
    """Start the program on both clips and return the three figures."""
    if cold:
        drop_caches()
    start = start_watched(options, clip)
    if cold:
        drop_caches()
    report, out = options.work / "startup.json", options.work / "startup.mp4"
    whole = run_program(our_command(options, single, report=report, out=out))
    return {**start, "one_frame_clip_s": round(whole.wall_s, 3)}


def start_watched(options: Options, clip: Path) -> Start:
    """Run the program and watch its ``.part`` file grow."""
    report, out = options.work / "startup.json", options.work / "startup.mp4"
    part = out.with_name(out.name + ".part")
    out.unlink(missing_ok=True)
    start_s = now_s()
    process = start_program(our_command(options, clip, report=report, out=out))
    on_disk_s = None
    while process.poll() is None:
        if on_disk_s is None and _size_of(part) > FRAGMENT_BYTES:
            on_disk_s = now_s() - start_s
        time.sleep(POLL_S)
    wall_s = now_s() - start_s
    if process.returncode:
        raise ProgramError(f"losszero-rt ended with {process.returncode} on {clip}")
    facts = read_report(report)
    after_first_s = facts["elapsed_s"] - facts["first_frame_s"]
    # A clip of less than one group of pictures reaches the disk when it is closed.
    playable_s = on_disk_s if on_disk_s is not None else wall_s
    return {
        "handed_to_muxer_s": round(wall_s - after_first_s, 3),
        "playable_on_disk_s": round(playable_s, 3),
        "own_clock_s": facts["first_frame_s"],
    }


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def why_not_cold() -> str:
    """Say why the disk cache cannot be emptied here; empty when it can."""
    if not DROP_CACHES.exists():
        return f"no {DROP_CACHES} on this system"
    try:
        drop_caches()
    except OSError as error:
        return f"the disk cache cannot be emptied: {error.strerror}"
    return ""


def drop_caches() -> None:
    """Empty the system's cache of files, so that libraries and model come from the disk."""
    os.sync()
    DROP_CACHES.write_text("3\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("startup", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
