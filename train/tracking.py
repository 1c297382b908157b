"""Following a training: curves, pictures, confusion, and what was made from what.

Keys: ``train/loss``, ``train/rate`` (learning rate) by step; by epoch ``train/miou``,
``val/miou``, ``val/pixel_accuracy``, ``val/class_iou/NAME`` and ``safety/RATE``, which
:func:`score_values` reads off scores. Machine load is noted by Weights & Biases itself.

Weights & Biases (W&B) runs offline unless told otherwise: nothing is sent, no login is asked for.
Frames of rides are personal data: they enter a W&B run, which ``wandb sync`` may send one day,
only with ``upload_pictures``. Whatever fails inside W&B ends in one line, never in a training.
"""

import json
import math
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from losszero_rt.checkpoint import write_whole
from losszero_rt.errors import clean_text
from losszero_rt.metrics import Scores
from train.journal import JsonlTracker, Tracker
from train.lineage import REF_DIGITS, Artifact, ArtifactKind, files_of
from train.panels import Panel, heat_over
from train.scrubbing import scrubbed

if TYPE_CHECKING:
    import wandb

__all__ = ["Tracker", "TrackingMode", "open_tracker", "score_values"]

TrackingMode = Literal["offline", "online", "disabled"]
RECORD_NAME = "track.json"
PROJECT = "losszero-rt"
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".mp4", ".mkv", ".mov", ".webm"}
_INIT_TIMEOUT_S = 60.0
_FINISH_TIMEOUT_S = 300.0


def open_tracker(
    out: Path,
    *,
    mode: TrackingMode = "offline",
    config: Mapping[str, Any],
    upload_pictures: bool = False,
    resume_step: int = 0,
    say: Callable[[str], object] = print,
) -> Tracker:
    """Open the tracker of a training.

    Args:
        out: The training's folder: ``metrics.jsonl``, ``panels/``, ``plots/``, ``wandb/``.
        mode: What W&B does: ``offline`` writes into ``out/wandb`` and sends nothing, ``online``
            sends, ``disabled`` leaves it out.
        config: What is trained and how; URL secrets and the home folder's name are scrubbed.
        upload_pictures: Whether pictures may enter the W&B run.
        resume_step: Step from which a training goes on, 0 for a new one.
        say: Receives the one line of whatever fails beside the training.
    """
    journal = JsonlTracker(out, resume_step=resume_step, say=say)
    if mode == "disabled":
        return journal
    return WandbTracker(
        journal,
        out=out,
        mode=mode,
        config=config,
        upload_pictures=upload_pictures,
        is_new=resume_step == 0,
        say=say,
    )


def score_values(scores: Scores, *, part: str = "val") -> dict[str, float]:
    """Return the numbers of scores by their keys; absent classes and rates are left out.

    Args:
        scores: What was measured.
        part: What it was measured on. The safety rates are those of ``val``.
    """
    values = {f"{part}/miou": scores.miou, f"{part}/pixel_accuracy": scores.pixel_accuracy}
    for name, iou in zip(scores.classmap.names, scores.class_iou.tolist(), strict=True):
        values[f"{part}/class_iou/{name.replace(' ', '_')}"] = iou
    if part == "val":
        values |= {f"safety/{k}": v for k, v in scores.rates().items() if v is not None}
    return {key: value for key, value in values.items() if math.isfinite(value)}


class WandbTracker:
    """A journal that W&B follows for as long as nothing fails in it.

    Args:
        journal: Gets everything first.
        is_new: Whether to start another run instead of going on with the one in ``out``.

    The rest is said at :func:`open_tracker`.
    """

    def __init__(
        self,
        journal: JsonlTracker,
        *,
        out: Path,
        mode: Literal["offline", "online"],
        config: Mapping[str, Any],
        upload_pictures: bool,
        is_new: bool,
        say: Callable[[str], object],
    ) -> None:
        self._journal = journal
        self._upload_pictures = upload_pictures
        self._say = say
        self._artifacts: dict[Path, Artifact] = {}
        self._confusion: tuple[np.ndarray, Sequence[str]] | None = None
        self._step = 0
        self._run: wandb.Run | None = None
        self._guarded(lambda: self._start(out, mode, config, is_new))

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Note numbers; see :class:`Tracker`."""
        self._journal.log(values, step=step)
        known = {key: float(value) for key, value in values.items() if math.isfinite(value)}
        self._send(known, step)

    def pictures(self, panels: Sequence[Panel], *, step: int) -> None:
        """Note pictures; W&B gets them only where that was asked for."""
        self._journal.pictures(panels, step=step)
        if self._upload_pictures and self._run is not None:
            self._guarded(lambda: self._send(_images(panels), step))

    def confusion(self, matrix: np.ndarray, *, names: Sequence[str], step: int) -> None:
        """Note a confusion matrix; see :class:`Tracker`."""
        self._journal.confusion(matrix, names=names, step=step)
        # To W&B it is a table with its file and artifact: the last one is enough.
        self._confusion = (matrix, names)

    def artifact(
        self,
        path: Path,
        *,
        kind: ArtifactKind,
        name: str,
        version: str = "",
        aliases: Sequence[str] = (),
        uses: Sequence[str] = (),
    ) -> Artifact:
        """Note an artifact. W&B gets the last one noted of each path when the training closes."""
        made = self._journal.artifact(
            path, kind=kind, name=name, version=version, aliases=aliases, uses=uses
        )
        # At each epoch it would copy the weights anew, and keep every copy.
        self._artifacts[path] = made
        return made

    def close(self) -> None:
        """Hand over the artifacts and finish the run, then draw the plots."""
        self._guarded(self._finish)
        self._journal.close()

    def _start(
        self, out: Path, mode: Literal["offline", "online"], config: Mapping[str, Any], is_new: bool
    ) -> None:
        # Set before the import: offline, too, its service reports errors over the network, and
        # its copies of artifacts would stay in the home folder for good.
        os.environ["WANDB_ERROR_REPORTING"] = "false"
        os.environ["WANDB_DATA_DIR"] = str(out.resolve() / "wandb" / "data")
        os.environ["WANDB_CACHE_DIR"] = str(out.resolve() / "wandb" / "cache")
        import wandb

        if mode == "online" and not wandb.login(prompt=False, verify=False):
            self._say("W&B has no key here (`wandb login`): its run is kept offline")
            mode = "offline"
        self._run = wandb.init(
            project=PROJECT,
            dir=str(out),
            id=_run_id(out, is_new=is_new),
            name=out.resolve().name,
            resume="allow",
            config=scrubbed(dict(config)),
            settings=_settings(mode),
        )
        if mode == "online":
            self._say(f"W&B: {self._run.url}")
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")
        for key, summary in (("val/miou", "max"), ("train/loss", "min")):
            self._run.define_metric(key, step_metric="step", summary=summary)

    def _send(self, values: Mapping[str, Any], step: int) -> None:
        run, self._step = self._run, step
        if run is not None and values:
            self._guarded(lambda: run.log({**values, "step": step}, step=step))

    def _finish(self) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        try:
            if self._confusion is not None:
                chart = _chart(self._confusion[0], names=self._confusion[1])
                run.log({"val/confusion": chart, "step": self._step}, step=self._step)
            for path, made in self._artifacts.items():
                copy = _copied(path, made, with_pictures=self._upload_pictures)
                run.log_artifact(copy, aliases=[*made.aliases, made.version[:REF_DIGITS]])
        finally:
            run.finish()

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            self._run = None
            said = clean_text(f"{type(error).__name__}: {error}")
            self._say(f"W&B stopped: {said}; the training goes on, followed in metrics.jsonl")


def _settings(mode: Literal["offline", "online"]) -> "wandb.Settings":
    """Say what W&B may not do: print, read console, git or code, name the machine, hang."""
    import wandb

    return wandb.Settings(
        mode=mode,
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        save_code=False,
        x_disable_meta=True,
        host="",
        init_timeout=_INIT_TIMEOUT_S,
        finish_timeout=_FINISH_TIMEOUT_S,
    )


def _run_id(out: Path, *, is_new: bool) -> str:
    """Return the id of the run that is kept in a training's folder, or put a new one there."""
    path = out / RECORD_NAME
    if path.exists() and not is_new:
        return str(json.loads(path.read_text(encoding="utf-8"))["wandb_id"])
    run_id = uuid.uuid4().hex[:12]
    write_whole(path, json.dumps({"wandb_id": run_id}).encode())
    return run_id


def _images(panels: Sequence[Panel]) -> dict[str, Any]:
    import wandb

    images: dict[str, Any] = {"val/pictures": [], "val/cam": []}
    for panel in panels:
        named = dict(enumerate(panel.classes.names)) | {panel.classes.ignored_id: "ignored"}
        labels = {"labels": panel.labels_HW, "truth": panel.truth_HW}
        masks = {
            key: {"mask_data": mask, "class_labels": named}
            for key, mask in labels.items()
            if mask is not None
        }
        caption = clean_text(panel.name)
        images["val/pictures"].append(wandb.Image(panel.pixels_HWC, masks=masks, caption=caption))
        if panel.cam_HW is not None:
            heat_HWC = heat_over(panel.pixels_HWC, cam_HW=panel.cam_HW)
            title = f"{caption}: {panel.cam_class}"
            images["val/cam"].append(wandb.Image(heat_HWC, caption=title))
    return {key: shown for key, shown in images.items() if shown}


def _chart(matrix: np.ndarray, *, names: Sequence[str]) -> Any:
    import wandb

    columns: list[str | int] = ["Actual", "Predicted", "nPredictions"]
    counts = [
        [true, called, int(matrix[row, column])]
        for row, true in enumerate(names)
        for column, called in enumerate(names)
    ]
    return wandb.plot_table(
        vega_spec_name="wandb/confusion_matrix/v1",
        data_table=wandb.Table(columns=columns, data=counts),
        fields={str(column): str(column) for column in columns},
        string_fields={"title": "pixels by true and predicted class"},
    )


def _copied(path: Path, made: Artifact, *, with_pictures: bool) -> "wandb.Artifact":
    import wandb

    metadata = {"version": made.version, "made_from": list(made.uses), "sha256": dict(made.files)}
    copy = wandb.Artifact(re.sub(r"[^\w.-]", "-", made.name), type=made.kind, metadata=metadata)
    for inside, file in files_of(path).items():
        if with_pictures or file.suffix.lower() not in _PICTURES:
            copy.add_file(str(file), name=inside)
    return copy
