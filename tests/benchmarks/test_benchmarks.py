"""Every benchmark script runs on tiny inputs and writes a result that can be read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks import bench_live, bench_soak, run_all, summary
from benchmarks.bench_encoder import Encoding, kib_at, ssim_of
from benchmarks.bench_memory import part_median
from benchmarks.clips import looped, lossless_clip, num_frames_of
from benchmarks.machine import digest_of
from benchmarks.options import ROOT, Options
from benchmarks.program import ProgramError, run_program
from benchmarks.record import Claim, Outcome, claims_text, conduct
from benchmarks.yolo_peer import PeerAbsentError, frame_times, prepare_peer, rate_of
from tests.media import write_clip


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the clips of all scripts."""
    return tmp_path_factory.mktemp("work")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", run_all.SCRIPTS)
def test_every_script_writes_its_result(name: str, work: Path, tmp_path: Path) -> None:
    # Each in a process of its own, as it is run: two OpenMP libraries that several of them load
    # between them do not survive one another in one process.
    places = ["--out", str(tmp_path), "--work", str(work), "--peer", str(tmp_path / "none")]
    command = [sys.executable, "-m", f"benchmarks.bench_{name}", "--quick", *places]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((tmp_path / f"{name}.json").read_text())
    assert result["name"] == name
    assert result["quick"]
    assert result["machine"]["cores"] >= 1
    assert {"av", "numpy", "openvino", "opencv-python"} <= set(result["versions"])
    assert result["claims"]
    assert all(claim["value"] is not None or claim["absent"] for claim in result["claims"])
    assert "| " + name in summary.table_of([result])


def test_a_result_of_other_code_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    told = {"code_sha256": "a", "model_sha256": "b", "quick": False, "rounds": 3}
    path.write_text(json.dumps({**told, "machine": {"cpu": "x"}}))
    assert run_all.is_done(path, wanted={**told, "cpu": "x"})
    assert not run_all.is_done(path, wanted={**told, "cpu": "y"})
    assert not run_all.is_done(path, wanted={**told, "cpu": "x", "code_sha256": "c"})
    assert not run_all.is_done(tmp_path / "two.json", wanted={**told, "cpu": "x"})


def test_every_script_has_its_place_in_run_all() -> None:
    folder = Path(run_all.__file__).parent
    found = {path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py")}
    assert found == {*run_all.SCRIPTS, *run_all.LEFT_OUT}


@pytest.mark.parametrize(
    ("table", "stays"),
    [
        (None, False),
        ({"shipped": {"openvino int8": {"miou": 0.8}}, "fpn": {"eager": {"p50_ms": 1.0}}}, False),
        ({"shipped": {}, "fpn": {"eager": {"p50_ms": 1.0}, "openvino": {"miou": 0.7}}}, True),
    ],
)
def test_a_table_of_trained_networks_stays(
    tmp_path: Path, table: dict[str, Any] | None, stays: bool
) -> None:
    path = tmp_path / "engines.json"
    if table is not None:
        path.write_text(json.dumps({"figures": {"table": table}}))
    assert run_all.is_of_trained(path) is stays


def test_digest_changes_with_any_line_of_code(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "a.py").write_text("x = 1\n")
    before = digest_of(tmp_path / "room")
    assert digest_of(tmp_path / "room") == before
    (tmp_path / "room" / "a.py").write_text("x = 2\n")
    assert digest_of(tmp_path / "room") != before


@pytest.mark.parametrize(
    ("bound", "value", "holds"),
    [
        ("at least", 36.0, True),
        ("at least", 35.9, False),
        ("at most", 0.5, True),
        ("at most", 0.51, False),
        ("at most", None, None),
    ],
)
def test_claims_hold_up_to_their_limit(bound: Any, value: float | None, holds: bool | None) -> None:
    limit = 36.0 if bound == "at least" else 0.5
    claim = Claim(what="it", value=value, unit="", bound=bound, limit=limit, absent="why")
    assert claim.holds is holds


@pytest.mark.parametrize(("slowness", "holds"), [(2.3, True), (0.8, None)])
def test_ages_of_a_network_that_keeps_up_claim_nothing(slowness: float, holds: bool | None) -> None:
    assert bench_live.flat_claim(1.0, slowness=slowness).holds is holds


@pytest.mark.parametrize("script", [bench_live, bench_soak])
def test_help_names_what_a_script_adds_to_the_shared_options(
    script: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        script.main(["--help"])
    said = capsys.readouterr().out
    assert "--minutes" in said
    assert "--quick" in said


def test_table_says_what_was_missed_and_what_is_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = (
        Claim(what="speed", value=1.0, unit="fps", limit=2.0),
        Claim(what="peer", value=None, unit="x", limit=2.0, absent="not here"),
    )
    outcome = Outcome(claims=claims, figures={}, notes=("a note",))
    assert "MISSED" in claims_text(outcome)
    places = ["--out", str(tmp_path), "--work", str(tmp_path)]
    outcome.figures["file"] = str(tmp_path / "clip.mp4")
    conduct("one", lambda _: outcome, description="One.", arguments=places)
    assert str(tmp_path) not in (tmp_path / "one.json").read_text()
    assert "absent: not here" in capsys.readouterr().out
    (tmp_path / "candidates.json").write_text("[]")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{summary.START}\nold\n{summary.END}\nafter\n")
    summary.main(["--out", str(tmp_path), "--readme", str(readme)])
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "one: a note." in text
    assert "| one | speed | 1 fps | at least 2: **missed** |" in text
    assert "| one | peer | absent: not here | at least 2: not measured |" in text


def test_looped_clip_plays_on_evenly(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", num_frames=30)
    path = looped(clip, num_frames=75)
    assert num_frames_of(path) == 75
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        times = [
            frame.pts * video.time_base
            for frame in container.decode(video)
            if frame.pts is not None and video.time_base
        ]
    steps = np.diff([float(time) for time in times])
    assert len(times) == 75
    assert np.allclose(steps, 1 / 30, atol=1e-4)


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_lossless_clip_keeps_every_pixel(size: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(3)]
    path = lossless_clip(tmp_path / "clip.mkv", pictures)
    with av.open(str(path)) as container:
        found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert all(np.array_equal(a, b) for a, b in zip(found, pictures, strict=True))


def test_program_is_timed_and_its_lines_are_stamped() -> None:
    code = "import time\nfor i in range(3):\n  print('(frame', f'{i}/3)')\n  time.sleep(0.1)"
    done = run_program([sys.executable, "-c", code])
    times_s = frame_times(done)
    assert len(times_s) == 3
    assert 0 < times_s[0] < times_s[1] < times_s[2] < done.wall_s
    assert rate_of(times_s) == pytest.approx(10, rel=0.3)
    assert done.cpu_s > 0


def test_programs_know_no_setting_of_ours_but_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSZERO_ALPHA", "0.2")
    code = "import os; print(os.environ.get('LOSSZERO_ALPHA'), os.environ['LOSSZERO_CACHE'])"
    (line,) = [text for _, text in run_program([sys.executable, "-c", code]).lines]
    assert line == f"None {os.environ['LOSSZERO_CACHE']}"


def test_failing_program_is_told_with_its_last_lines() -> None:
    code = "import sys; print('out of luck'); sys.exit(3)"
    with pytest.raises(ProgramError, match=r"(?s)ended with 3 .*out of luck"):
        run_program([sys.executable, "-c", code])


def test_program_that_hangs_is_ended() -> None:
    code = "import time; time.sleep(60)"
    with pytest.raises(ProgramError, match="ended with -9"):
        run_program([sys.executable, "-c", code], timeout_s=0.3)


def fake_environment(folder: Path, *, downloads: bool) -> Path:
    """Make an environment whose ``yolo`` exports only what it can."""
    script = f"""#!{sys.executable}
import pathlib, sys
words = sys.argv[1:]
if words == ["version"]:
    print("8.9.9")
elif words[0] == "export":
    if words[1].endswith(".pt") and not {downloads}:
        sys.exit("Download failure")
    pathlib.Path("yolo26n-sem_openvino_model").mkdir()
"""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "yolo").write_text(script)
    (folder / "bin" / "yolo").chmod(0o755)
    return folder


@pytest.mark.parametrize(("downloads", "weights"), [(True, "trained"), (False, "random")])
def test_peer_says_which_weights_it_has(tmp_path: Path, downloads: bool, weights: str) -> None:
    peer = fake_environment(tmp_path / "peer", downloads=downloads)
    found = prepare_peer(Options(work=tmp_path, peer=peer))
    assert found.weights.startswith(weights)
    assert found.version == "ultralytics 8.9.9"
    assert prepare_peer(Options(work=tmp_path, peer=peer)).weights == found.weights


def test_absent_peer_is_said_to_be_absent(tmp_path: Path) -> None:
    with pytest.raises(PeerAbsentError, match="--create-peer"):
        prepare_peer(Options(work=tmp_path, peer=tmp_path / "none"))


def test_similarity_is_one_for_equal_planes_and_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 256, (64, 64), np.uint8)
    noisy = np.clip(plane + rng.normal(0, 40, plane.shape), 0, 255).astype(np.uint8)
    assert ssim_of(plane, plane) == pytest.approx(1)
    assert 0 < ssim_of(plane, noisy) < 0.95


def test_sizes_are_compared_at_equal_quality() -> None:
    def at(psnr_y: float, kib: float) -> Encoding:
        return Encoding(cpu_ms=1, kib=kib, psnr_y=psnr_y, ssim_y=1)

    by_crf = {20: at(44, 40.0), 26: at(40, 10.0)}
    assert kib_at(by_crf, psnr_y=42) == pytest.approx(20)
    assert kib_at(by_crf, psnr_y=44) == pytest.approx(40)


def test_growth_compares_parts_of_the_run() -> None:
    samples = np.array([(k, 100.0 if k < 50 else 103.0) for k in range(100)])
    assert part_median(samples, (0.1, 0.2)) == 100
    assert part_median(samples, (0.88, 0.98)) == 103
