"""What a run prints: progress and warnings on standard error, the report on standard output."""

import os
import sys
from contextlib import suppress
from typing import Any

import click

from losszero_rt.cli.streams import printable, say
from losszero_rt.errors import clean_text
from losszero_rt.timings import now_s

REDRAW_PERIOD_S = 0.2


class Printer:
    """Prints for a person, or for a file when the output is no terminal.

    Args:
        verbose: 1 adds details.
        quiet: Errors only.
        lines_go_out: JSON lines go to standard output, so the report does not.
    """

    def __init__(
        self, *, verbose: int = 0, quiet: bool = False, lines_go_out: bool = False
    ) -> None:
        self._lines_go_out = lines_go_out
        self.verbose = verbose
        self.quiet = quiet
        plain = os.environ.get("TERM") == "dumb" or "NO_COLOR" in os.environ
        self._bar = not (quiet or plain) and sys.stderr is not None and sys.stderr.isatty()
        self._name = ""
        self._total: int | None = None
        self._count = 0
        self._start_s = 0.0
        self._drawn_s = 0.0

    def start(self, name: str, *, total: int | None) -> None:
        """Begin a source of ``total`` frames, or of an unknown number."""
        self._name, self._total, self._count = clean_text(name), total, 0
        self._start_s = self._drawn_s = now_s()

    def step(self) -> None:
        """Count one frame."""
        self._count += 1
        now = now_s()
        if self._bar and now - self._drawn_s >= REDRAW_PERIOD_S:
            self._drawn_s = now
            share = f" of {self._total}" if self._total else ""
            fps = self._count / max(1e-6, now - self._start_s)
            self._write(f"\r{self._name}: {self._count}{share} frames, {fps:.1f} FPS ", end="")

    def done(self) -> None:
        """End the source: clear the line."""
        if self._bar:
            self._write("\r\x1b[K", end="")

    def note(self, text: str) -> None:
        """Print a detail if details are wanted."""
        if self.verbose:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Print one line that is no error."""
        if not self.quiet:
            self.done()
            self._write(clean_text(text))

    def fail(self, text: str) -> None:
        """Print one line that says what went wrong, even when only errors are wanted."""
        self.done()
        self._write(f"losszero-rt: {clean_text(text)}")

    def report(self, report: dict[str, Any]) -> None:
        """Print the report on standard output, or on standard error beside JSON lines."""
        if self.quiet:
            return
        if self._lines_go_out:
            self._write(report_text(report))
        else:
            say(report_text(report))

    def _write(self, text: str, *, end: str = "\n") -> None:
        """Write to standard error; nobody reading it is no reason to stop the work."""
        with suppress(OSError):
            click.echo(printable(text, stream=sys.stderr), err=True, nl=end == "\n")


def report_text(report: dict[str, Any]) -> str:
    """Return a report as a few lines for a person; every figure has its unit."""
    frames, latency, stages = report["frames"], report["latency_ms"], report["stage_ms"]
    lines = [
        _frames_line(frames),
        f"speed    {_rate(report['fps'])} FPS  in {report['elapsed_s']:.1f} s"
        + (
            f"  (first {report['warmup_frames']} frames excluded)"
            if report["warmup_frames"]
            else ""
        ),
        f"latency  p50 {latency['p50']:.0f}  p95 {latency['p95']:.0f}  p99 {latency['p99']:.0f}"
        f"  max {latency['max']:.0f} ms, "
        + ("decoded to muxer" if report["live"] is None else "captured to handed on"),
        "stages   " + "  ".join(f"{s} {stages[s]['p50']:.1f}" for s in stages) + " ms, p50",
        f"engine   {report['engine']} {report['precision']} on {report['device']}"
        f", input {_size(report['input_size'])}, batch {report['batch']}"
        f", {report['threads']} threads, peak {report['peak_rss_mib']:.0f} MiB"
        + (", loaded by --trust-engine" if report["engine_trusted_by"] == "--trust-engine" else ""),
        *([f"compiled {report['engine_parts']}"] if report["engine_parts"] else []),
        _model_line(report["model"]),
    ]
    if report["live"] is not None:
        lines.append(_live_line(report["live"]))
    if report["cam"] is not None:
        lines.append(f"drawn    CAM of {report['cam']}, in place of the class colours")
    if report["measured"] is not None:
        lines.append(_measured_line(report["measured"]))
    if report["detections"] is not None:
        lines.append(_detections_line(report["detections"]))
    if report["output"] is not None:
        lines.append(_output_line(report["output"]))
    return "\n".join(clean_text(line) for line in lines)


def _frames_line(frames: dict[str, Any]) -> str:
    reasons = ", ".join(f"{reason} {n}" for reason, n in frames["dropped_by_reason"].items())
    dropped = f"{frames['dropped']} ({reasons})" if reasons else "0"
    lost = f"late {frames['late']}, dropped {dropped}, corrupt {frames['corrupt']}"
    suspect = f", suspect {frames['suspect']}" if frames["suspect"] else ""
    return f"frames   {frames['shown']} shown of {frames['read']} read  ({lost}{suspect})"


def _rate(fps: float | None) -> str:
    return "n/a" if fps is None else f"{fps:.1f}"


def _live_line(live: dict[str, Any]) -> str:
    declared = "" if live["rate_declared"] is None else f" of {live['rate_declared']:.4g}"
    signal = live["signal"]
    gaps = "no gap"
    if signal["num_gaps"]:
        plural = "gap" if signal["num_gaps"] == 1 else "gaps"
        gaps = f"{signal['num_gaps']} {plural}, {signal['lost_s']:.1f} s without signal"
    files = len(live["segments"])
    segments = f", {files} segments" if files > 1 else ""
    over = f", {live['over_deadline']} shown after it" if live["over_deadline"] else ""
    ending = f"{gaps}{segments}, {live['policy']}{over}"
    return f"source   {live['rate_measured']:.1f}{declared} FPS, {ending}"


def _size(size: list[int]) -> str:
    return f"{size[0]}x{size[1]}"


def _interval(interval: list[float] | None) -> str:
    return f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""


def _model_line(model: dict[str, Any]) -> str:
    kind = "checkpoint " if model["kind"] == "checkpoint" else ""
    who = f"model    {kind}{model['name']} {model['sha256'][:12]}"
    state = "" if model["verified"] else "  UNVERIFIED"
    if model["miou"] is None:
        return f"{who}, not measured{state}"
    figure = f"mIoU {model['miou']:.3f}{_interval(model['miou_ci95'])}"
    place = f"on {model['dataset']}, n={model['n']}"
    return f"{who}: {figure} {place}, of {model['score_of']}{_weights_words(model)}{state}"


def _weights_words(model: dict[str, Any]) -> str:
    """Return what goes with the score of an engine, or with that of weights that it is not."""
    if model["score_of"] == "fp32 weights":
        return ": what ran was not scored itself"
    if model["score_of"] == "eager fp32" or model["weights_miou"] is None:
        return ""
    return f" (fp32 weights {model['weights_miou']:.3f}{_interval(model['weights_miou_ci95'])})"


def _measured_line(measured: dict[str, Any]) -> str:
    if measured["miou"] is None:
        return f"measured nothing: the {measured['n']} label files ignore every pixel"
    classes = "  ".join(
        f"{name} {'n/a' if iou is None else format(iou, '.3f')}"
        for name, iou in measured["class_iou"].items()
    )
    return (
        f"measured mIoU {measured['miou']:.3f}{_interval(measured['miou_ci95'])} on this run"
        f", n={measured['n']}: {classes}"
    )


def _detections_line(found: dict[str, Any]) -> str:
    classes = "  ".join(
        f"{name} {of['objects']} in {of['frames']} frames, mean score {of['mean_score']:.2f}"
        for name, of in found["classes"].items()
    )
    return f"objects  {found['objects']} in {found['frames']} frames: {classes or 'none'}"


def _output_line(output: dict[str, Any]) -> str:
    seconds = output["duration_s"]
    length = "" if seconds is None else f", {seconds:.2f} s"
    return f"output   {output['path']}: {output['frames']} frames{length}"


def bench_text(report: dict[str, Any]) -> str:
    """Return a bench report as text: the run's lines, every stage, then accuracy."""
    lines = [report_text(report | {"measured": None, "output": None})]
    lines.append(f"{'stage, ms':<14}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    rows = {"end to end": report["latency_ms"], **report["stage_ms"]}
    for name, row in rows.items():
        cells = "".join(f"{row[key]:>8.1f}" for key in ("p50", "p95", "p99", "max"))
        lines.append(f"{name:<14}{cells}")
    if report["accuracy"] is not None:
        lines += _accuracy_lines(report["accuracy"])
    return "\n".join(lines)


def _accuracy_lines(accuracy: dict[str, Any]) -> list[str]:
    lines = [
        f"accuracy of the same engine: mIoU {_cell(accuracy['miou'])}"
        f"{_interval(accuracy['miou_ci95'])}, n={accuracy['n']}, {accuracy['dataset']}"
    ]
    lines.append(f"{'class':<14}{'IoU':>8}  {'95 % CI':<16}{'boundary IoU':>13}")
    for name, iou in accuracy["class_iou"].items():
        edge = accuracy["boundary"]["class_iou"][name]
        interval = accuracy["class_iou_ci95"][name]
        cells = "n/a" if iou is None else f"{iou:.3f}"
        span = "" if iou is None else _interval(interval).strip()
        lines.append(f"{name:<14}{cells:>8}  {span:<16}{_cell(edge):>13}")
    return lines


def _cell(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
