"""Ultralytics ``yolo26n-sem`` as a program: its own environment, its own command line.

Ultralytics is AGPL-3.0: it is never imported and nothing of it is copied here. Its own virtual
environment holds it (``pip install ultralytics openvino``), and its ``yolo`` command is run as any
user runs it. Where its weights cannot be downloaded, the same network is built from its
configuration with random weights, by the same command: the work a frame is the same. Random weights
show one class or few, so drawing them is, if anything, cheaper for the peer.
"""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.options import Options
from benchmarks.program import Finished, ProgramError, run_program

NAME = "yolo26n-sem"
REQUIREMENTS = ("ultralytics", "openvino")
# It rounds sizes to its stride; 384x672 is one already, and ours.
INPUT_SIZE = (384, 672)
INSTALL_TIMEOUT_S = 1200.0
WARMUP_FRAMES = 30
_FRAME_LINE = re.compile(r"\(frame (\d+)/\d+\)")


class PeerAbsentError(RuntimeError):
    """The peer cannot run here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The peer, ready to run.

    Attributes:
        yolo: Its command.
        folder: Where it runs and writes.
        model: The exported network.
        weights: Which weights it has.
        version: What its package calls itself.
    """

    yolo: Path
    folder: Path
    model: Path
    weights: str
    version: str

    def predict_command(self, clip: Path) -> list[str]:
        """Return the command line that lays the classes over a clip and saves the video."""
        height, width = INPUT_SIZE
        words = [str(self.yolo), "semantic", "predict", f"model={self.model}", f"source={clip}"]
        words += [f"imgsz={height},{width}", "save=True", f"project={self.folder / 'runs'}"]
        return [*words, "name=overlay", "exist_ok=True"]

    def predict(self, clip: Path) -> tuple[Finished, Path]:
        """Run it on a clip; return how it went and the video that it wrote."""
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        done = run_program(
            self.predict_command(clip), folder=self.folder, environment=environment(self.folder)
        )
        videos = sorted((self.folder / "runs" / "overlay").glob(f"{clip.stem}.*"))
        if not videos:
            raise ProgramError(f"yolo wrote no video for {clip}")
        return done, videos[0]


def environment(folder: Path) -> dict[str, str]:
    """Return variables that keep its settings in a folder of ours and stop it from installing."""
    return {"YOLO_CONFIG_DIR": str(folder), "YOLO_AUTOINSTALL": "false"}


def prepare_peer(options: Options) -> Peer:
    """Find or create the environment, and export the network to OpenVINO.

    Raises:
        PeerAbsentError: It is not here and may not or cannot be created, or does not run.
    """
    yolo = options.peer / "bin" / "yolo"
    folder = options.work / "yolo"
    folder.mkdir(exist_ok=True)
    try:
        if options.create_peer and not yolo.exists():
            create_environment(options.peer)
        if not yolo.exists():
            raise PeerAbsentError(f"no {yolo}; --create-peer makes it (7 GB, with torch)")
        done = run_program([yolo, "version"], folder=folder, environment=environment(folder))
        model, weights = export_model(yolo, folder, weights=options.peer_weights)
    except (ProgramError, OSError) as error:
        raise PeerAbsentError(str(error)) from error
    version = f"ultralytics {done.lines[-1][1].strip()}" if done.lines else "ultralytics"
    return Peer(yolo=yolo, folder=folder, model=model, weights=weights, version=version)


def create_environment(folder: Path) -> None:
    """Make a virtual environment and install the peer into it."""
    run_program([sys.executable, "-m", "venv", folder])
    pip = folder / "bin" / "pip"
    run_program([pip, "install", "--quiet", *REQUIREMENTS], timeout_s=INSTALL_TIMEOUT_S)


def export_model(yolo: Path, folder: Path, *, weights: Path | None) -> tuple[Path, str]:
    """Let the peer export its network; return the exported folder and which weights it has."""
    model = folder / f"{NAME}_openvino_model"
    told = folder / "weights.txt"
    if model.is_dir() and told.exists() and weights is None:
        return model, told.read_text(encoding="utf-8")
    if weights is not None:
        shutil.copy(weights, folder / f"{NAME}.pt")
    try:
        _export(yolo, folder, source=f"{NAME}.pt")
        which = "trained"
    except ProgramError:
        if weights is not None:
            raise
        _export(yolo, folder, source=f"{NAME}.yaml")
        which = "random, as its own cannot be downloaded here"
    if not model.is_dir():
        raise PeerAbsentError(f"yolo export wrote no {model}")
    told.write_text(which, encoding="utf-8")
    return model, which


def _export(yolo: Path, folder: Path, *, source: str) -> None:
    height, width = INPUT_SIZE
    words = [str(yolo), "export", f"model={source}", "format=openvino", f"imgsz={height},{width}"]
    run_program(words, folder=folder, environment=environment(folder))


def frame_times(done: Finished) -> list[float]:
    """Return when the peer said that each frame was done, seconds since its start.

    It prints one line a frame after the frame was written to the video.
    """
    return [time_s for time_s, line in done.lines if _FRAME_LINE.search(line)]


def rate_of(times_s: list[float]) -> float:
    """Return (n - 1) / (last - first) after warm-up, as our own report counts."""
    skip = WARMUP_FRAMES if len(times_s) >= 3 * WARMUP_FRAMES else 0
    return (len(times_s) - skip - 1) / (times_s[-1] - times_s[skip])
