"""Every option of ``losszero-rt run`` does what it says."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest

import losszero_rt
from losszero_rt.classmap import PALETTES
from losszero_rt.preprocess import yuv_to_rgb
from losszero_rt.video import probe
from tests.cli.program import Program, finish, read_json, read_lines, read_picture, start
from tests.media import packets_of, read_clip, read_index, write_clip

PLAIN = ("--no-legend", "--no-hud")
# Luma, limited range, of pixels in the middle of the bands of classes 0, 1 and 4.
BLACK, GREY, BRIGHT = 16, 59, 188


def schema(name: str) -> Any:
    return json.loads((files("losszero_rt") / "schema" / f"{name}.schema.json").read_text())


def flat(path: Path, *, luma: int = BRIGHT, num_frames: int = 3, **options: Any) -> Path:
    """A clip of one grey."""
    size = options.pop("size", (96, 160))
    picture = np.full(size, luma, np.uint8)
    return write_clip(path, size=size, num_frames=num_frames, draw=lambda _: picture, **options)


def middle(path: Path, *, at: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    """RGB of one place of the first frame."""
    _, frames, _ = read_clip(path)
    planes = frames[0].planes
    y, x = (int(part * side) for part, side in zip(at, planes.size, strict=True))
    yuv = np.array([planes.y[y, x], planes.u[y // 2, x // 2], planes.v[y // 2, x // 2], 1.0])
    rgb: np.ndarray = yuv_to_rgb(planes.matrix, planes.full_range) @ yuv
    return rgb


def profile(path: Path) -> str | None:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.profile


def test_main_job_writes_every_frame_and_the_sound(
    program: Program, night: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "overlay.mp4", tmp_path / "report.json"
    outcome = program.done(night, "--out", out, "--report", report)
    found, facts = probe(out), read_json(report)
    assert found.frames == 40
    assert list(found.pts) == list(probe(night).pts)
    assert [p[1:] for p in packets_of(out)] == [p[1:] for p in packets_of(night)]
    assert facts["frames"]["shown"] == facts["frames"]["read"] == facts["output"]["frames"] == 40
    assert facts["output"]["path"] == str(out)
    assert "40 shown of 40 read" in outcome.out
    assert not list(tmp_path.glob("*.part"))


def test_report_and_lines_follow_their_schemas(
    program: Program, night: Path, tmp_path: Path
) -> None:
    lines, report = tmp_path / "frames.jsonl", tmp_path / "report.json"
    program.done(night, "--out", tmp_path / "o.mp4", "--json", lines, "--report", report)
    *frames, last = read_lines(lines)
    frame_schema, report_schema = schema("frame"), schema("report")
    for frame in frames:
        jsonschema.validate(frame, frame_schema)
    assert [frame["index"] for frame in frames] == list(range(40))
    assert all(sum(frame["shares"].values()) == pytest.approx(1, abs=1e-3) for frame in frames)
    assert list(last) == ["report"]
    jsonschema.validate(last["report"], report_schema)
    assert last["report"] == read_json(report)


def test_report_adds_up(program: Program, night: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    program.done(night, "--out", tmp_path / "o.mp4", "--stride", 2, "--report", report)
    facts = read_json(report)
    frames = facts["frames"]
    parts = ("shown", "late", "dropped", "corrupt")
    assert sum(frames[part] for part in parts) == frames["read"] == 40
    assert frames["dropped_by_reason"] == {"stride": 20}
    assert facts["output"]["frames"] == frames["shown"]
    assert frames["shown"] / facts["elapsed_s"] < facts["fps"] < 100_000
    latency = facts["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert latency["max"] < facts["elapsed_s"] * 1e3
    stages = facts["stage_ms"]
    assert list(stages) == ["decode", "preprocess", "infer", "overlay", "encode"]
    assert all(stage["max"] > 0 for stage in stages.values())
    assert facts["latency_ms"]["max"] >= max(stages[s]["p50"] for s in ("infer", "encode"))
    assert 0 < facts["first_frame_s"] < facts["elapsed_s"]
    assert facts["peak_rss_mib"] > 50


def test_stride_shows_every_nth_frame_at_its_own_time(
    program: Program, night: Path, tmp_path: Path
) -> None:
    out, lines = tmp_path / "o.mp4", tmp_path / "l.jsonl"
    program.done(night, "--out", out, "--stride", 3, "--json", lines, "--alpha", 0, *PLAIN)
    _, frames, _ = read_clip(out)
    assert [read_index(frame.planes) for frame in frames] == list(range(0, 40, 3))
    assert list(probe(out).pts) == list(probe(night).pts)[::3]
    lost = [line for line in read_lines(lines) if line.get("fate") == "dropped"]
    assert {line["reason"] for line in lost} == {"stride"}
    assert len(lost) == 26


def test_start_and_duration_cut_a_part_with_its_sound(
    program: Program, night: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    program.done(night, "--out", out, "--start", 0.5, "--duration", 0.4, "--alpha", 0, *PLAIN)
    _, frames, _ = read_clip(out)
    assert [read_index(frame.planes) for frame in frames] == list(range(15, 27))
    assert frames[0].pts == 0
    sound = packets_of(out)
    assert 0.3 < float(sound[-1][1] - sound[0][1]) < 0.5


def test_alpha_zero_leaves_the_pictures_as_they_are(program: Program, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=(96, 160), num_frames=5)
    out = tmp_path / "o.mp4"
    program.done(clip, "--out", out, "--alpha", 0, "--crf", 1, *PLAIN)
    _, before, _ = read_clip(clip)
    _, after, _ = read_clip(out)
    for a, b in zip(before, after, strict=True):
        assert np.abs(a.planes.y.astype(int) - b.planes.y).max() <= 4
        assert np.abs(a.planes.u.astype(int) - b.planes.u).max() <= 4


def test_alpha_one_is_the_colour_alone_and_classes_choose(program: Program, tmp_path: Path) -> None:
    clip = flat(tmp_path / "c.mp4")  # all of it class 4, rider
    rider = np.array(PALETTES["safe"][4])
    program.done(clip, "--out", tmp_path / "all.mp4", "--alpha", 1, *PLAIN)
    assert np.abs(middle(tmp_path / "all.mp4") - rider).max() < 12
    program.done(clip, "--out", tmp_path / "r.mp4", "--alpha", 1, "--classes", "Rider", *PLAIN)
    assert np.abs(middle(tmp_path / "r.mp4") - rider).max() < 12
    road_only = ("--classes", "road,lane mark")
    program.done(clip, "--out", tmp_path / "no.mp4", "--alpha", 1, *road_only, *PLAIN)
    assert np.ptp(middle(tmp_path / "no.mp4")) < 6, "grey: nothing was coloured"


def test_palette_changes_the_colours(program: Program, tmp_path: Path) -> None:
    clip = flat(tmp_path / "c.mp4", luma=GREY)  # road
    out = tmp_path / "o.mp4"
    program.done(clip, "--out", out, "--alpha", 1, "--palette", "classic", *PLAIN)
    assert np.abs(middle(out) - np.array(PALETTES["classic"][1])).max() < 12


def test_view_mask_shows_colours_only_and_side_shows_both(program: Program, tmp_path: Path) -> None:
    clip = flat(tmp_path / "c.mp4")
    mask, side = tmp_path / "mask.mp4", tmp_path / "side.mp4"
    program.done(clip, "--out", mask, "--view", "mask", *PLAIN)
    assert probe(mask).size == (96, 160)
    assert np.abs(middle(mask) - np.array(PALETTES["safe"][4])).max() < 12
    program.done(clip, "--out", side, "--view", "side", "--alpha", 1, *PLAIN)
    assert probe(side).size == (96, 320)
    assert np.ptp(middle(side, at=(0.5, 0.25))) < 6, "the left half is the frame"
    assert np.abs(middle(side, at=(0.5, 0.75)) - np.array(PALETTES["safe"][4])).max() < 12


def test_legend_and_hud_are_drawn_unless_refused(program: Program, tmp_path: Path) -> None:
    clip = flat(tmp_path / "c.mp4", luma=BLACK, size=(360, 640))  # nothing but background
    _, before, _ = read_clip(clip)

    def changed(*options: str) -> np.ndarray:
        out = tmp_path / "o.mp4"
        program.done(clip, "--out", out, "--force", "--crf", 1, *options)
        _, after, _ = read_clip(out)
        difference = np.abs(after[0].planes.y.astype(int) - before[0].planes.y)
        area: np.ndarray = difference > 20
        return area

    assert changed(*PLAIN).sum() == 0
    hud, legend = changed("--no-legend"), changed("--no-hud")
    assert 200 < hud.sum() < hud.size / 5
    assert 200 < legend.sum() < legend.size / 2
    assert not hud[: hud.shape[0] // 2].any(), "the HUD lies along the bottom"
    assert (changed() >= hud).mean() > 0.99


def test_codec_crf_and_preset_reach_the_encoder(
    program: Program, night: Path, tmp_path: Path
) -> None:
    fine, coarse, slow = (tmp_path / f"{name}.mkv" for name in ("fine", "coarse", "slow"))
    program.done(night, "--out", fine, "--crf", 5)
    program.done(night, "--out", coarse, "--crf", 45)
    sizes = [sum(len(p[2]) for p in packets_of(path, "video")) for path in (fine, coarse)]
    assert sizes[0] > 1.5 * sizes[1]
    program.done(night, "--out", slow, "--preset", "slow", "--codec", "libx264")
    assert profile(fine) == "Constrained Baseline", "what ultrafast restricts itself to"
    assert profile(slow) == "High"
    webm = tmp_path / "o.webm"
    program.done(night, "--out", webm, "--codec", "libvpx-vp9", "--duration", 0.2)
    assert probe(webm).codec == "vp9"


def test_no_audio_leaves_the_sound_out(program: Program, night: Path, tmp_path: Path) -> None:
    program.done(night, "--out", tmp_path / "o.mp4", "--no-audio", "--duration", 0.2)
    assert packets_of(tmp_path / "o.mp4") == []
    assert packets_of(night) != []


@pytest.mark.parametrize("view", ["masks", "json"])
def test_masks_or_lines_alone_are_enough(
    program: Program, night: Path, tmp_path: Path, view: str
) -> None:
    target = tmp_path / "side"
    outcome = program.done(night, f"--{view}", target)
    written = len(list(target.iterdir())) if view == "masks" else len(read_lines(target)) - 1
    assert written == 40
    assert "output" not in outcome.out


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"size": (95, 161), "pix_fmt": "yuv444p"}, (95, 161)),
        ({"size": (96, 160), "rotation": 90}, (160, 96)),
        ({"size": (96, 160)}, (96, 160)),
    ],
)
def test_masks_of_a_video_have_its_upright_size_and_the_ids(
    program: Program, tmp_path: Path, options: dict[str, Any], shape: tuple[int, int]
) -> None:
    stored = options["size"]
    luma = np.full(stored, GREY, np.uint8)
    luma[: stored[0] // 2] = BRIGHT
    clip = write_clip(tmp_path / "c.mp4", num_frames=3, draw=lambda _: luma, **options)
    masks = tmp_path / "masks"
    program.done(clip, "--masks", masks)
    assert sorted(path.name for path in masks.iterdir()) == [f"{i:06d}.png" for i in range(3)]
    mask = read_picture(masks / "000001.png")
    assert mask.shape == shape
    upright = np.rot90(luma, 1) if options.get("rotation") else luma
    expected = np.where(upright == BRIGHT, 4, 1)
    assert (mask == expected).mean() > 0.95


def test_quiet_prints_nothing_and_verbose_prints_more(
    program: Program, night: Path, tmp_path: Path
) -> None:
    quiet = program.done(night, "--out", tmp_path / "q.mp4", "-q")
    assert (quiet.out, quiet.err) == ("", "")
    verbose = program.done(night, "--out", tmp_path / "v.mp4", "-v")
    assert "libx264" in verbose.err
    assert "openvino" in verbose.err


def test_traceback_only_with_vv(program: Program, tmp_path: Path) -> None:
    assert "Traceback" not in program(tmp_path / "no.mp4", "--masks", tmp_path / "m", "-v").err
    for twice in (("-vv",), ("-v", "-v"), ("--verbose", "-v")):
        assert "Traceback" in program(tmp_path / "no.mp4", "--masks", tmp_path / "m", *twice).err


def test_version_and_run_spelled_out(program: Program, night: Path, tmp_path: Path) -> None:
    assert losszero_rt.__version__ in program.done("--version").out
    program.done("run", night, "--out", tmp_path / "o.mp4")
    assert probe(tmp_path / "o.mp4").frames == 40


def test_module_runs_as_a_process(bundle: Path, night: Path, tmp_path: Path) -> None:
    outcome = finish(start(night, "--out", tmp_path / "o.mp4", bundle=bundle))
    assert outcome.code == 0, outcome.err
    assert "40 shown of 40 read" in outcome.out
    assert probe(tmp_path / "o.mp4").frames == 40


def test_batch_changes_nothing_but_the_batch(program: Program, night: Path, tmp_path: Path) -> None:
    one, seven, report = tmp_path / "one", tmp_path / "seven", tmp_path / "r.json"
    program.done(night, "--masks", one, "--precision", "fp32", "--threads", 1)
    program.done(night, "--masks", seven, "--precision", "fp32", "--batch", 7, "--report", report)
    facts = read_json(report)
    assert (facts["batch"], facts["precision"]) == (7, "fp32")
    for path in sorted(one.iterdir()):
        assert path.read_bytes() == (seven / path.name).read_bytes()
