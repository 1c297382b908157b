"""Which source goes to which files; every output is checked before anything is computed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.json_lines import is_standard_output
from losszero_rt.pipeline.options import encode_options
from losszero_rt.pipeline.side_files import mask_lock
from losszero_rt.video import (
    FORMATS,
    STILL_SUFFIXES,
    check_output,
    check_writable,
    expand_sources,
    probe_output,
    refuse_leftover,
)
from losszero_rt.video.encoders import candidates
from losszero_rt.video.image_source import is_image


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source with the files it is drawn into.

    Attributes:
        source: Path of the source.
        output: Path of the video or picture to write; None for none.
        is_still: Whether the source is a picture.
        folder: Folder inside those of masks and labels where its files lie; empty for the
            folders themselves. Of several videos each has its own, named like the source.
    """

    source: Path
    output: Path | None
    is_still: bool = False
    folder: str = ""

    @property
    def still_stem(self) -> str | None:
        """Name of a picture's mask and label file; None for a video, whose frames have numbers."""
        return self.source.stem if self.is_still else None


def plan_jobs(specs: list[str], *, config: RunConfig) -> list[Job]:
    """Expand the sources, name the outputs and check that all of them can be written.

    Returns:
        What is to be done; with ``resume`` without the sources whose output is there.

    Raises:
        InputError: A source does not exist or holds no media.
        UsageError: Names do not fit: an unknown suffix, two sources for one file, ...
        OutputError: A folder is missing or cannot be written.
    """
    paths = [path for spec in specs for path in expand_sources(spec)]
    into_folder = _into_folder(specs, config.out, num_sources=len(paths))
    if config.out is not None and into_folder:
        _make_folder(config.out, option="--out")
    jobs = [_job(path, config.out, into_folder, alone=len(paths) == 1) for path in paths]
    _refuse_clashes(jobs, config)
    finished = {job.output for job in jobs if config.resume and job.output and job.output.exists()}
    for job in jobs:
        if job.output is not None and job.output not in finished:
            _check_job(job, job.output, sources=paths, config=config)
    check_side_outputs(config, jobs=jobs)
    return [job for job in jobs if job.output is None or job.output not in finished]


def _into_folder(specs: list[str], out: Path | None, *, num_sources: int) -> bool:
    """Say whether ``out`` is a folder: for several sources, or for whatever a folder may hold."""
    if out is None or out.is_dir():
        return out is not None
    several = num_sources > 1 or not all(Path(spec).is_file() for spec in specs)
    if num_sources > 1 and out.suffix.lower() in (*FORMATS, *STILL_SUFFIXES):
        raise UsageError(
            f"{num_sources} sources and one file {out}",
            accepted="a folder for several sources",
            remedy=f"--out {out.with_suffix('')}",
        )
    return num_sources > 1 or (several and not out.suffix)


def _job(path: Path, out: Path | None, into_folder: bool, *, alone: bool) -> Job:
    is_still = is_image(path)
    folder = "" if alone or is_still else path.stem
    if out is None or not into_folder:
        return Job(source=path, output=out, is_still=is_still, folder=folder)
    suffix = path.suffix.lower()
    if is_still:
        known = suffix if suffix in STILL_SUFFIXES else ".png"
    else:
        known = suffix if suffix in FORMATS else ".mp4"
    return Job(source=path, output=out / (path.stem + known), is_still=is_still, folder=folder)


def _check_job(job: Job, output: Path, *, sources: list[Path], config: RunConfig) -> None:
    if not job.is_still:
        check_output(output, sources=sources, force=config.force)
        candidates(encode_options(config), container=FORMATS[output.suffix.lower()])
        probe_output(output)
        if not (config.force or config.resume):
            refuse_leftover(output)
        return
    if output.suffix.lower() not in STILL_SUFFIXES:
        raise UsageError(
            f"cannot write the picture {job.source.name} to {output.name}",
            accepted=f"a name that ends in {', '.join(STILL_SUFFIXES)}",
        )
    check_writable(output, sources=sources, force=config.force)
    probe_output(output)


def _refuse_clashes(jobs: list[Job], config: RunConfig) -> None:
    """Refuse two writers of one file, be it a video, a picture, a mask or a report."""
    outputs = [job.output for job in jobs if job.output is not None]
    outputs += [path for path in (config.json, config.report) if path is not None]
    if config.masks is not None:
        outputs += [config.masks / _mask_name(job) for job in jobs]
    for path, count in Counter(path.absolute() for path in outputs).items():
        if count > 1:
            raise UsageError(
                f"{path} would be written {count} times",
                accepted="sources and outputs with different names",
                remedy="run sources of the same name one by one, with an --out of their own",
            )


def _mask_name(job: Job) -> str:
    return f"{job.still_stem}.png" if job.is_still else f"{job.folder}/000000.png"


def check_side_outputs(config: RunConfig, *, jobs: list[Job]) -> None:
    """Check mask folder, JSON file, report and label folder before the model loads."""
    sources = [job.source for job in jobs]
    for option, path in (("--json", config.json), ("--report", config.report)):
        if path is not None:
            force = config.force or config.resume
            check_side_file(path, option=option, sources=sources, force=force)
    if config.labels is not None and not config.labels.is_dir():
        raise UsageError(
            f"--labels {config.labels} is no folder",
            accepted="8-bit id PNG files: <stem>.png of a picture, 000000.png of a frame",
        )
    if config.masks is not None:
        _check_masks(config.masks, jobs=jobs, config=config)


def _check_masks(masks: Path, *, jobs: list[Job], config: RunConfig) -> None:
    if config.labels is not None and masks.absolute() == config.labels.absolute():
        raise UsageError(
            f"--masks and --labels are both {masks}: the labels would be overwritten",
            accepted="two different folders",
        )
    _make_folder(masks, option="--masks")
    probe_output(mask_lock(masks))
    for job in jobs:
        if job.is_still:
            sources = [other.source for other in jobs]
            check_writable(masks / _mask_name(job), sources=sources, force=True)
    if any(masks.rglob("*.png")) and not (config.force or config.resume):
        raise OutputError(
            f"--masks {masks} holds PNG files already",
            remedy="choose an empty folder, or add --force to overwrite",
        )


def check_side_file(
    path: Path, *, option: str, sources: Iterable[Path] = (), force: bool = False
) -> None:
    """Check that a file beside the video can be written, and is by no other process.

    Raises:
        UsageError: It is the standard output, and not of JSON lines.
        OutputError: It cannot; the message begins with the option that named it.
    """
    if is_standard_output(path):
        if option == "--json":
            return
        raise UsageError(
            f"{option} {path}: only JSON lines go to the standard output",
            accepted="a file name",
            remedy="--json - ends with the report",
        )
    try:
        check_writable(path, sources=sources, force=force)
        probe_output(path)
    except OutputError as error:
        raise OutputError(f"{option}: {error}") from error


def _make_folder(path: Path, *, option: str) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{option} {path} is no folder that can be written: {error.strerror}",
            accepted="a folder, or the name of a new one in an existing folder",
        ) from error
    check_writable(path / "probe", force=True)
