"""Several sources, pictures, folders, patterns, lists, and labels to measure against."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.video import probe
from tests.cli.program import Program, read_json, read_lines, read_picture
from tests.media import write_clip

SIZE = (96, 160)


def picture(path: Path, *, size: tuple[int, int] = SIZE, level: int = 200) -> Path:
    """A picture of one grey with a dark upper half."""
    pixels = np.full((*size, 3), level, np.uint8)
    pixels[: size[0] // 2] = 50
    cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with a clip, two pictures, and a file that is neither."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    write_clip(folder / "clip.mp4", size=SIZE, num_frames=5)
    picture(folder / "two.png")
    picture(folder / "odd.jpg", size=(61, 83))
    (folder / "notes.txt").write_text("nothing")
    return folder


def test_folder_of_videos_and_pictures_goes_into_a_folder(
    program: Program, mixed: Path, tmp_path: Path
) -> None:
    out, masks, report = tmp_path / "out", tmp_path / "masks", tmp_path / "r.json"
    program.done(mixed, "--out", out, "--masks", masks, "--report", report)
    assert sorted(p.name for p in out.iterdir()) == ["clip.mp4", "odd.jpg", "two.png"]
    assert probe(out / "clip.mp4").frames == 5
    shapes = {path.name: read_picture(path).shape[:2] for path in out.glob("*.[jp][pn]g")}
    assert shapes == {"odd.jpg": (61, 83), "two.png": SIZE}
    numbered = [f"clip/{i:06d}.png" for i in range(5)]
    found = sorted(str(p.relative_to(masks)) for p in masks.rglob("*.png"))
    assert found == sorted([*numbered, "odd.png", "two.png"])
    facts = read_json(report)
    assert facts["frames"]["shown"] == 7
    assert facts["output"] == {
        "path": str(out),
        "frames": 7,
        "duration_s": pytest.approx(1 / 6, abs=1e-5),
    }
    assert len(facts["sources"]) == 3


def test_mask_of_a_picture_has_its_size_and_its_ids(program: Program, tmp_path: Path) -> None:
    still = picture(tmp_path / "odd.png", size=(61, 83))
    program.done(still, "--masks", tmp_path / "m", "--out", tmp_path / "o.png")
    mask = read_picture(tmp_path / "m" / "odd.png")
    assert mask.shape == (61, 83)
    assert set(np.unique(mask[:27])) == {1}
    assert set(np.unique(mask[34:])) == {4}


@pytest.mark.parametrize("how", ["pattern", "list", "words"])
def test_sources_are_named_by_pattern_list_or_one_by_one(
    program: Program, mixed: Path, tmp_path: Path, how: str
) -> None:
    (tmp_path / "list.txt").write_text("# pictures\nmixed/two.png\nmixed/odd.jpg\n")
    ways: dict[str, list[object]] = {
        "pattern": [mixed / "*o*.[pj]*g"],
        "list": [f"@{tmp_path / 'list.txt'}"],
        "words": [mixed / "two.png", mixed / "odd.jpg"],
    }
    lines = tmp_path / "l.jsonl"
    program.done(*ways[how], "--out", tmp_path / "out", "--json", lines)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["odd.jpg", "two.png"]
    sources = {Path(line["source"]).name for line in read_lines(lines)[:-1]}
    assert sources == {"odd.jpg", "two.png"}


def test_folder_with_one_file_still_goes_into_a_folder(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    picture(folder / "only.png")
    program.done(folder, "--out", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["only.png"]


def test_picture_is_told_by_its_content_not_by_its_name(program: Program, tmp_path: Path) -> None:
    picture(tmp_path / "really.png").rename(tmp_path / "really.mp4")
    program.done(tmp_path / "really.mp4", "--out", tmp_path / "o.png")
    assert read_picture(tmp_path / "o.png").shape[:2] == SIZE


def test_several_sources_and_one_file_are_refused(
    program: Program, mixed: Path, tmp_path: Path
) -> None:
    outcome = program(mixed, "--out", tmp_path / "all.mp4")
    assert outcome.code == 2
    assert "a folder for several sources" in outcome.error_line
    assert not (tmp_path / "all.mp4").exists()


def test_sources_of_one_name_are_refused(program: Program, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        picture(tmp_path / folder / "x.png")
    both = (tmp_path / "a" / "x.png", tmp_path / "b" / "x.png")
    for option in ("--out", "--masks"):
        outcome = program(*both, option, tmp_path / "o")
        assert outcome.code == 2
        assert "written 2 times" in outcome.error_line


def test_unreadable_pictures_are_named_and_the_others_done(
    program: Program, mixed: Path, tmp_path: Path
) -> None:
    (mixed / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    report = tmp_path / "r.json"
    outcome = program(mixed, "--out", tmp_path / "out", "--report", report, "-q")
    assert outcome.code == 6
    assert "broken.png" in outcome.error_line
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "clip.mp4",
        "odd.jpg",
        "two.png",
    ]
    errors = [s["error"] for s in read_json(report)["sources"] if s["error"]]
    assert len(errors) == 1


def test_all_sources_unreadable_ends_like_one(program: Program, tmp_path: Path) -> None:
    for name in ("a.png", "b.mp4"):
        (tmp_path / name).write_bytes(b"nothing")
    outcome = program(tmp_path / "a.png", tmp_path / "b.mp4", "--out", tmp_path / "out")
    assert outcome.code == 3
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("size", [(96, 160), (95, 161)])
def test_labels_that_the_run_made_itself_score_one(
    program: Program, tmp_path: Path, size: tuple[int, int]
) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=size, num_frames=4, pix_fmt="yuv444p")
    truth, report = tmp_path / "truth", tmp_path / "r.json"
    program.done(clip, "--masks", truth)
    outcome = program.done(clip, "--labels", truth, "--report", report)
    measured = read_json(report)["measured"]
    assert measured["miou"] == 1.0
    assert measured["n"] == 4
    assert measured["boundary"]["miou"] == 1.0
    assert "measured mIoU 1.000" in outcome.out


def test_altered_labels_lower_the_score_by_what_was_altered(
    program: Program, tmp_path: Path
) -> None:
    still = picture(tmp_path / "x.png")  # upper half class 1, lower half class 4
    truth, report = tmp_path / "truth", tmp_path / "r.json"
    program.done(still, "--masks", truth)
    mask = read_picture(truth / "x.png")
    mask[72:] = 1  # half of what is class 4 is now said to be class 1
    cv2.imwrite(str(truth / "x.png"), mask)
    program.done(still, "--labels", truth, "--report", report)
    measured = read_json(report)["measured"]
    assert measured["class_iou"]["road"] == pytest.approx(48 / 72, abs=0.02)
    assert measured["class_iou"]["rider"] == pytest.approx(24 / 48, abs=0.02)
    assert measured["class_iou"]["lane mark"] is None, "a class that is nowhere has no score"
    assert measured["miou"] == pytest.approx((48 / 72 + 24 / 48) / 2, abs=0.02)


def test_labels_of_no_frame_are_said_and_a_broken_one_is_an_error(
    program: Program, tmp_path: Path
) -> None:
    still = picture(tmp_path / "x.png")
    truth = tmp_path / "truth"
    truth.mkdir()
    report = tmp_path / "r.json"
    outcome = program(still, "--labels", truth, "--report", report)
    assert outcome.code == 0
    assert "no frame has a label file of its name there" in outcome.err
    assert read_json(report)["measured"] is None
    cv2.imwrite(str(truth / "x.png"), np.zeros((*SIZE, 3), np.uint8))
    outcome = program(still, "--labels", truth, "--out", tmp_path / "o.png")
    assert outcome.code == 3
    assert "no label file" in outcome.error_line
    assert (tmp_path / "o.png").exists(), "the picture itself was made"


def test_masks_never_overwrite_labels_or_sources(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    content = picture(folder / "x.png").read_bytes()
    both = program(folder, "--masks", folder, "--labels", folder, "--force")
    assert both.code == 2
    assert "would be overwritten" in both.error_line
    own = program(folder, "--masks", folder, "--force")
    assert own.code == 5
    assert (folder / "x.png").read_bytes() == content


def test_max_loss_decides_between_0_and_6(program: Program, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mkv", size=SIZE, num_frames=60, options={"g": "10", "bf": "0"})
    damaged = bytearray(clip.read_bytes())
    start = len(damaged) // 2
    damaged[start : start + 700] = bytes(700)
    clip.write_bytes(damaged)
    report = tmp_path / "r.json"
    assert program(clip, "--json", tmp_path / "a", "--report", report).code == 6
    frames = read_json(report)["frames"]
    lost = read_json(report)["sources"][0]["missing_share"]
    assert frames["corrupt"] or lost
    assert program(clip, "--json", tmp_path / "b", "--max-loss", 1).code == 0
