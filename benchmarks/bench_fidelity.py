"""Whether the runtime shows what the network says, and whether bf16 says what fp32 says.

*Through the runtime*: labelled pictures become lossless videos (FFV1 in RGB: every pixel survives),
the command line writes label files for them, and those are scored. *Against*: the eager network in
fp32 on the same pictures, without any video. *bf16*: the OpenVINO engine on those pictures.

Run: python -m benchmarks.bench_fidelity
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from benchmarks.clips import lossless_clip
from benchmarks.options import Options
from benchmarks.program import our_command, run_program
from benchmarks.record import Claim, Outcome, conduct
from export.labelled import LabelledPicture, read_labelled
from export.parity import compare, judge, judge_eager
from losszero_rt.bundle import CLASS_POINTS_MAX, MIOU_POINTS_MAX, Bundle, find_bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.metrics import ScoreKeeper, Scores
from losszero_rt.pipeline.outlets import read_label_file
from losszero_rt.ride import Ride, RideSpec

RUNTIME_POINTS_MAX = 0.5
RIDE_SIZE, QUICK_SIZE = (540, 960), (180, 320)
SEEDS, QUICK_SEEDS = (100, 101, 102, 103), (100,)
# Frames of each ride, far apart.
FRAMES = (0, 40, 80, 119)

# The set that the limits of bf16 are stated for; on any other its differences are only told.
REAL = "night_ride val"

Pictures = list[LabelledPicture]


def measure(options: Options) -> Outcome:
    """Score every data set in three ways."""
    bundle = find_bundle(options.model, allow_unverified=True)
    figures: dict[str, Any] = {}
    claims: list[Claim] = []
    pictures, absent = real_pictures(options)
    for name, some in ((REAL, pictures), ("rendered rides", drawn_pictures(options))):
        if not some:
            claims += absent_claims(name, why=absent)
            continue
        figures[name] = judge_three_ways(options, bundle, some)
        claims += claims_of(name, figures[name])
    return Outcome(claims=tuple(claims), figures=figures)


def real_pictures(options: Options) -> tuple[Pictures, str]:
    """Return the val pairs of night_ride, or why there are none."""
    if options.quick:
        return [], "quick"
    if options.data is None or not (options.data / "night_ride").is_dir():
        return [], "no night_ride here; set LOSSZERO_DATA"
    return read_labelled(options.data / "night_ride", split="val"), ""


def drawn_pictures(options: Options) -> Pictures:
    """Return frames of rides with their exact labels."""
    size = QUICK_SIZE if options.quick else RIDE_SIZE
    pictures = []
    for seed in QUICK_SEEDS if options.quick else SEEDS:
        ride = Ride(RideSpec(size=size, seed=seed, duration_s=4.0))
        drawn = [ride.render(index) for index in FRAMES]
        pictures += [
            LabelledPicture(pixels_HWC=one.pixels_HWC, labels_HW=one.labels_HW) for one in drawn
        ]
    return pictures


def judge_three_ways(options: Options, bundle: Bundle, pictures: Pictures) -> dict[str, Any]:
    """Score pictures with the eager network, with OpenVINO in bf16, and through the runtime."""
    eager = judge_eager(bundle, pictures)
    runtime = judge_runtime(options, bundle, pictures)
    found: dict[str, Any] = {
        "n": len(pictures),
        "eager_fp32": eager.scores.as_dict(),
        "runtime": runtime.as_dict(),
        "runtime_against_eager": points_between(runtime, reference=eager.scores),
    }
    if "bf16" in capable_precisions():
        engine = OpenVinoEngine(bundle, options=EngineOptions(precision="bf16"))
        verdict = judge(engine, pictures, spec=bundle.input_spec, classes=bundle.classmap)
        found["bf16_executed"] = engine.info.precision
        found["bf16_against_eager"] = compare(verdict, reference=eager)
        engine.close()
    return found


def points_between(scores: Scores, *, reference: Scores) -> dict[str, Any]:
    """Return how far scores are from others in hundredths, signed; absent classes left out."""
    points = 100 * (scores.class_iou - reference.class_iou)
    pairs = zip(scores.classmap.names, points.tolist(), strict=True)
    return {
        "miou_points": round(100 * (scores.miou - reference.miou), 4),
        "class_points": {name: round(one, 4) for name, one in pairs if isfinite(one)},
    }


def judge_runtime(options: Options, bundle: Bundle, pictures: Pictures) -> Scores:
    """Send pictures through the command line as lossless videos and score the label files.

    A video has one size, so there is one video a size.
    """
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, picture in enumerate(pictures):
        places[picture.labels_HW.shape].append(place)
    labels: dict[int, np.ndarray] = {}
    for group in places.values():
        videos = label_files(options, [pictures[place].pixels_HWC for place in group])
        labels.update(zip(group, videos, strict=True))
    keeper = ScoreKeeper(bundle.classmap)
    for place, picture in enumerate(pictures):
        keeper.add(labels[place], truth=picture.labels_HW)
    return keeper.scores()


def label_files(options: Options, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Return what the command line writes for pictures of one size, uint8 (h, w) each."""
    clip = lossless_clip(options.work / "fidelity.mkv", pictures)
    masks = options.work / "fidelity-masks"
    for old in masks.glob("*.png"):
        old.unlink()
    run_program(our_command(options, clip, report=options.work / "fidelity.json", masks=masks))
    return [read_label_file(masks / f"{index:06d}.png") for index in range(len(pictures))]


def claims_of(name: str, found: dict[str, Any]) -> list[Claim]:
    """Return what one data set says about the three limits."""
    what = {"runtime": f"{name}: through the runtime against eager fp32, mean IoU"}
    what["mean"] = f"{name}: OpenVINO bf16 against eager fp32, mean IoU"
    what["worst"] = f"{name}: OpenVINO bf16 against eager fp32, worst class"
    runtime = abs(found["runtime_against_eager"]["miou_points"])
    claims = [_points(what["runtime"], runtime, limit=RUNTIME_POINTS_MAX)]
    bf16 = found.get("bf16_against_eager")
    why = "" if bf16 else "this processor has no bf16"
    mean = abs(bf16["miou_points"]) if bf16 else None
    worst = max(map(abs, bf16["class_points"].values())) if bf16 else None
    limits = (MIOU_POINTS_MAX, CLASS_POINTS_MAX) if name == REAL else (None, None)
    claims.append(_points(what["mean"], mean, limit=limits[0], absent=why))
    claims.append(_points(what["worst"], worst, limit=limits[1], absent=why))
    return claims


def absent_claims(name: str, *, why: str) -> list[Claim]:
    """Return the claim of a data set that is not here."""
    what = f"{name}: through the runtime against eager fp32, mean IoU"
    return [_points(what, None, limit=RUNTIME_POINTS_MAX, absent=why)]


def _points(what: str, value: float | None, *, limit: float | None, absent: str = "") -> Claim:
    return Claim(
        what=what,
        value=None if value is None else round(value, 4),
        unit="points",
        bound="at most",
        limit=limit,
        absent=absent,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("fidelity", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
