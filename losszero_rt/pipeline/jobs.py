"""Which source goes to which file; every output is checked before anything is computed."""

from dataclasses import dataclass
from pathlib import Path

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.video import (
    FORMATS,
    IMAGE_SUFFIXES,
    STILL_SUFFIXES,
    check_output,
    expand_sources,
)
from losszero_rt.video.output_path import check_writable


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source with the file it is drawn into.

    Attributes:
        source: Path of the source.
        output: Path of the video or picture to write; None for none.
    """

    source: Path
    output: Path | None

    @property
    def is_still(self) -> bool:
        """Whether the source is a picture by its name."""
        return self.source.suffix.lower() in IMAGE_SUFFIXES


def plan_jobs(specs: list[str], *, config: RunConfig) -> list[Job]:
    """Expand the sources, name the outputs and check that all of them can be written.

    Raises:
        InputError: A source does not exist or holds no media.
        UsageError: Names do not fit: an unknown suffix, two sources for one file, ...
        OutputError: A folder is missing or cannot be written.
    """
    paths = [path for spec in specs for path in expand_sources(spec)]
    into_folder = config.out is not None and (len(paths) > 1 or config.out.is_dir())
    if config.out is not None and into_folder:
        _make_folder(config.out, option="--out")
    jobs = [_job(path, config.out, into_folder=into_folder) for path in paths]
    _refuse_clashes(jobs)
    finished = {job.output for job in jobs if config.resume and job.output and job.output.exists()}
    for job in jobs:
        if job.output is not None and job.output not in finished:
            _check_output(job, job.output, sources=paths, force=config.force)
    check_side_outputs(config, sources=paths)
    return [job for job in jobs if job.output is None or job.output not in finished]


def _job(path: Path, out: Path | None, *, into_folder: bool) -> Job:
    if out is None or not into_folder:
        return Job(source=path, output=out)
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        known = suffix if suffix in STILL_SUFFIXES else ".png"
    else:
        known = suffix if suffix in FORMATS else ".mp4"
    return Job(source=path, output=out / (path.stem + known))


def _check_output(job: Job, output: Path, *, sources: list[Path], force: bool) -> None:
    if not job.is_still:
        check_output(output, sources=sources, force=force)
        return
    if output.suffix.lower() not in STILL_SUFFIXES:
        raise UsageError(
            f"cannot write the picture {job.source.name} to {output.name}",
            accepted=f"a name that ends in {', '.join(STILL_SUFFIXES)}",
        )
    check_writable(output, sources=sources, force=force)


def _refuse_clashes(jobs: list[Job]) -> None:
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.output is None:
            continue
        if job.output in seen:
            raise UsageError(
                f"{seen[job.output]} and {job.source} would both be written to {job.output}",
                accepted="sources with different names",
                remedy="run them one by one with an --out of their own",
            )
        seen[job.output] = job.source


def check_side_outputs(config: RunConfig, *, sources: list[Path]) -> None:
    """Check mask folder, JSON file, report and label folder before the model loads."""
    for option, path in (("--json", config.json), ("--report", config.report)):
        if path is not None:
            _check_side_file(path, option=option, sources=sources, config=config)
    if config.masks is not None:
        _make_folder(config.masks, option="--masks")
        if any(config.masks.glob("*.png")) and not (config.force or config.resume):
            raise OutputError(
                f"--masks {config.masks} holds PNG files already",
                remedy="choose an empty folder, or add --force to overwrite",
            )
    if config.labels is not None and not config.labels.is_dir():
        raise UsageError(
            f"--labels {config.labels} is no folder",
            accepted="a folder of 8-bit id PNG files: <stem>.png for pictures, 000000.png for frames",
        )


def _check_side_file(path: Path, *, option: str, sources: list[Path], config: RunConfig) -> None:
    try:
        check_writable(path, sources=sources, force=config.force or config.resume)
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
