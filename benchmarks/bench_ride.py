"""How fast the sample ride is drawn at 1280x720: by ``losszero-rt demo``, and bare.

Run: python -m benchmarks.bench_ride
"""

import re
import sys
from collections.abc import Sequence
from statistics import median

from benchmarks.options import Options
from benchmarks.program import run_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import Spent, spent
from losszero_rt.ride import Ride, RideSpec

SIZE, QUICK_SIZE = (720, 1280), (180, 320)
SECONDS, QUICK_SECONDS = 4.0, 0.2
MIN_FPS = 20.0
SEEDS = (0, 1, 2)


def measure(options: Options) -> Outcome:
    """Draw rides of several seeds, each as a file and frame by frame."""
    size = QUICK_SIZE if options.quick else SIZE
    seconds = QUICK_SECONDS if options.quick else SECONDS
    seeds = SEEDS[: options.rounds]
    written = {seed: written_fps(options, size=size, seconds=seconds, seed=seed) for seed in seeds}
    drawn = {seed: render_cost(size=size, seconds=seconds, seed=seed) for seed in seeds}
    claim = Claim(
        what=f"ride drawn and encoded at {size[1]}x{size[0]}",
        value=round(median(written.values()), 2),
        unit="fps",
        limit=MIN_FPS,
    )
    figures = {
        "size": list(size),
        "written_fps_by_seed": {str(seed): fps for seed, fps in written.items()},
        "render_ms_by_seed": {str(seed): cost for seed, cost in drawn.items()},
    }
    return Outcome(claims=(claim,), figures=figures)


def written_fps(options: Options, *, size: tuple[int, int], seconds: float, seed: int) -> float:
    """Return the frames a second that the command line reports for one ride with labels."""
    out, labels = options.work / "ride-speed.mp4", options.work / "ride-speed-labels"
    words = [sys.executable, "-m", "losszero_rt", "demo", "--size", f"{size[1]}x{size[0]}"]
    words += ["--seconds", str(seconds), "--seed", str(seed), "--out", str(out), "--force"]
    done = run_program([*words, "--labels", labels])
    found = re.search(r"drawn at ([\d.]+) FPS", "\n".join(line for _, line in done.lines))
    assert found, "the demo command says how fast it drew"
    return float(found[1])


def render_cost(*, size: tuple[int, int], seconds: float, seed: int) -> dict[str, float]:
    """Return wall and processor milliseconds a frame of drawing alone."""
    ride = Ride(RideSpec(size=size, seed=seed, duration_s=seconds))
    total = Spent()
    for index in range(ride.num_frames):
        with spent(total):
            ride.render(index)
    per_ms = 1e3 / ride.num_frames
    return {"wall": round(total.wall_s * per_ms, 2), "cpu": round(total.cpu_s * per_ms, 2)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("ride", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
