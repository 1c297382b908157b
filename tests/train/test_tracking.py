import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.util import get_core_path

from losszero_rt.classmap import NIGHT_RIDE
from tests.train.noted import checkpoint_in, panel, scores
from train.journal import read_rows
from train.lineage import read_lineage
from train.scrubbing import scrubbed
from train.tracking import Tracker, open_tracker, score_values

SECRET = "rtsp://rider:hunter2@camera.example/live"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test find, and leave, the environment without what tracking sets in it."""
    for name in ("WANDB_ERROR_REPORTING", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_API_KEY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def track_everything(tracker: Tracker, out: Path) -> None:
    for step in (1, 2, 3):
        tracker.log({"train/loss": 1.0 / step, "train/rate": 0.01}, step=step)
    tracker.log(score_values(scores()), step=3)
    tracker.pictures([panel(with_cam=True)], step=3)
    tracker.confusion(scores().total, names=NIGHT_RIDE.names, step=3)
    split = out / "split.json"
    split.write_text("{}")
    data = tracker.artifact(split, kind="data", name="night ride", version="d" * 64)
    tracker.artifact(
        checkpoint_in(out / "best"),
        kind="checkpoint",
        name="run-best",
        aliases=("best-miou",),
        uses=(data.ref,),
    )
    tracker.close()


def records_in(out: Path) -> list[dict[str, Any]]:
    """Read what W&B wrote, with the reader that it comes with (`wandb leet inspect`)."""
    reader = [get_core_path(), "leet", "inspect", "--no-observability", "--json", "--run-file"]
    found: list[dict[str, Any]] = []
    for path in sorted((out / "wandb").glob("offline-run-*/*.wandb")):
        command = [*reader, str(path), str(out / "wandb")]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        found += [json.loads(line) for line in said.stdout.splitlines()]
    return found


def history_in(out: Path) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for record in records_in(out):
        for key, value in record.get("history", {}).get("item", {}).items():
            values.setdefault(key, []).append(value)
    return values


# --- W&B, for real, offline


@pytest.mark.slow
def test_an_offline_run_holds_curves_config_and_artifacts(tmp_path: Path) -> None:
    config = {"learning_rate": 0.01, "source": SECRET, "phases": ({"epochs": 3},)}
    lines: list[str] = []
    track_everything(open_tracker(tmp_path, config=config, say=lines.append), tmp_path)
    assert lines == []
    records = records_in(tmp_path)
    [run] = [record["run"] for record in records if record["type"] == "run"]
    noted = {k: v for k, v in run["config"]["update"].items() if k != "_wandb"}
    assert noted == {
        "learning_rate": 0.01,
        "source": "rtsp://***@camera.example/live",
        "phases": [{"epochs": 3}],
    }
    assert run["run_id"] == json.loads((tmp_path / "track.json").read_text())["wandb_id"]
    history = history_in(tmp_path)
    assert history["train/loss"] == pytest.approx([1.0, 1 / 2, 1 / 3])
    assert history["val/miou"] == pytest.approx([scores().miou])
    assert history["val/pixel_accuracy"] == pytest.approx([scores().pixel_accuracy])
    assert history["safety/undrivable_as_road"] == pytest.approx([5 / 55])
    assert history["step"] == [1, 2, 3]
    artifacts = {a["type"]: a for a in (r.get("artifact", {}) for r in records) if a}
    data, made = artifacts["data"], artifacts["checkpoint"]
    assert json.loads(made["metadata"])["made_from"] == ["night ride:" + "d" * 12]
    assert "best-miou" in made["aliases"]
    assert "d" * 12 in data["aliases"]
    kept = {file["path"]: Path(file["local_path"]) for file in made["manifest"]["contents"]}
    assert kept["weights.safetensors"].read_bytes() == b"weights"
    assert tmp_path in kept["weights.safetensors"].parents
    tables = list((tmp_path / "wandb").rglob("*.table.json"))
    assert len(tables) == 1
    assert ["undrivable", "road", 5] in json.loads(tables[0].read_text())["data"]


@pytest.mark.slow
def test_an_offline_run_holds_how_the_machine_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_X_STATS_SAMPLING_INTERVAL", "0.2")
    tracker = open_tracker(tmp_path, config={}, say=print)
    for step in range(1, 21):
        tracker.log({"train/loss": 1.0 / step}, step=step)
        time.sleep(0.1)
    tracker.close()
    told = [record["stats"] for record in records_in(tmp_path) if record["type"] == "stats"]
    assert told, "processors and memory, as long as it ran"
    assert any("cpu" in json.dumps(one) for one in told)


@pytest.mark.slow
def test_pictures_enter_a_run_only_where_that_was_asked_for(tmp_path: Path) -> None:
    for asked in (False, True):
        out = tmp_path / str(asked)
        track_everything(open_tracker(out, config={}, upload_pictures=asked, say=str), out)
        kept = [path for path in (out / "wandb").rglob("*") if path.suffix == ".png"]
        manifests = [r["artifact"] for r in records_in(out) if r["type"] == "artifact"]
        paths = {f["path"] for a in manifests for f in a["manifest"]["contents"]}
        assert ("seen.png" in paths) == asked
        assert len(kept) == (4 if asked else 0)
        assert list((out / "panels").glob("*.png"))


def test_nothing_of_the_machine_or_its_user_is_in_a_run(tmp_path: Path) -> None:
    config = {"encoder_weights": str(Path.home() / "weights.pth"), "url": SECRET}
    open_tracker(tmp_path, config=config, say=str).close()
    records = records_in(tmp_path)
    assert "~/weights.pth" in json.dumps(records)
    for told in ("hunter2", f"{Path.home()}/", f'"{socket.gethostname()}"', sys.executable):
        assert told not in json.dumps(records)
    assert not [record for record in records if record["type"] == "environment"]


def test_a_resumed_training_goes_on_in_the_same_run_and_a_new_one_does_not(tmp_path: Path) -> None:
    for step, resume_step in ((1, 0), (2, 1)):
        tracker = open_tracker(tmp_path, config={}, resume_step=resume_step, say=str)
        tracker.log({"train/loss": float(step)}, step=step)
        tracker.close()
    ids = {r["run"]["run_id"] for r in records_in(tmp_path) if r["type"] == "run"}
    assert len(ids) == 1
    assert sorted(history_in(tmp_path)["train/loss"]) == [1.0, 2.0]
    open_tracker(tmp_path, config={}, say=str).close()
    assert len({r["run"]["run_id"] for r in records_in(tmp_path) if r["type"] == "run"}) == 2


# --- W&B that fails


@pytest.mark.parametrize("place", ["init", "log", "log_artifact", "finish"])
def test_a_failing_wandb_is_said_once_and_the_journal_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def broken(*args: object, **options: object) -> None:
        raise RuntimeError(f"cannot reach {SECRET}")

    monkeypatch.setattr(wandb if place == "init" else wandb.Run, place, broken)
    lines: list[str] = []
    track_everything(open_tracker(tmp_path, config={}, say=lines.append), tmp_path)
    monkeypatch.undo()
    if wandb.run is not None:
        wandb.run.finish()
    assert len(lines) == 1
    assert lines[0].startswith("W&B stopped: RuntimeError: cannot reach rtsp://***@camera")
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2, 3, 3]
    assert (tmp_path / "plots" / "loss.png").exists()
    assert len(read_lineage(tmp_path)) == 2


@pytest.mark.slow
def test_a_training_outlives_the_wandb_service(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys, pathlib\n"
        "from train.tracking import open_tracker\n"
        "tracker = open_tracker(pathlib.Path(sys.argv[1]), config={})\n"
        "tracker.log({'train/loss': 1.0}, step=1)\n"
        "for pid in pathlib.Path(f'/proc/self/task/{os.getpid()}/children').read_text().split():\n"
        "    os.kill(int(pid), signal.SIGKILL)\n"
        "for step in range(2, 5):\n"
        "    tracker.log({'train/loss': 1.0}, step=step)\n"
        "tracker.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2, 3, 4]


def test_online_without_a_key_stays_offline_and_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    lines: list[str] = []
    tracker = open_tracker(tmp_path, mode="online", config={}, say=lines.append)
    tracker.close()
    assert lines == ["W&B has no key here (`wandb login`): its run is kept offline"]
    assert list((tmp_path / "wandb").glob("offline-run-*"))


# --- the network


@contextmanager
def proxy() -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Listen where a program that wants out would have to ask."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), address)
        yield listener, proxies | {"NO_PROXY": "", "no_proxy": ""}


def wants_out(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


OURS = "from train.tracking import open_tracker; t = open_tracker(out, config={}, say=str)"
THEIRS = "import wandb; t = wandb.init(mode='offline', dir=str(out))"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        pytest.param(OURS, False, id="ours"),
        pytest.param(THEIRS, True, id="wandb-as-it-comes", marks=pytest.mark.slow),
    ],
)
def test_an_offline_run_does_not_try_to_reach_anyone(
    tmp_path: Path, start: str, expected: bool
) -> None:
    script = f"import pathlib, sys; out = pathlib.Path(sys.argv[1]); {start}\n"
    script += "t.log({'train/loss': 1.0}, step=1)\n"
    script += "t.close() if hasattr(t, 'close') else t.finish()"
    with proxy() as (listener, proxies):
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            check=True,
            env={**os.environ, **proxies},
            timeout=60,
        )
        # The same script with W&B's own defaults does ask: so the trap works.
        assert wants_out(listener) == expected


def test_scrubbing_reaches_into_every_corner() -> None:
    given = {"a": [{"b": SECRET}, (SECRET,)], "home": Path.home() / "x", "n": 1, "none": None}
    assert scrubbed(given) == {
        "a": [{"b": "rtsp://***@camera.example/live"}, ["rtsp://***@camera.example/live"]],
        "home": "~/x",
        "n": 1,
        "none": None,
    }
