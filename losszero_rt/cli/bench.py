"""``losszero-rt bench``: speed next to the accuracy of what ran."""

import json
from pathlib import Path
from typing import Any

import click

from losszero_rt.cli.option_sets import PATH, batch_option, engine_options, verbosity_options
from losszero_rt.cli.settings import option
from losszero_rt.cli.streams import say


@click.command(short_help="Measure FPS and latency next to mIoU of what ran.")
@click.argument("clip", type=PATH, required=False)
@option("--labels", type=PATH, metavar="DIR", help="Label PNG files of the clip's frames.")
@engine_options
@batch_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--compare",
    nargs=2,
    type=PATH,
    metavar="A.json B.json",
    help="Print the differences of two results and stop.",
)
@verbosity_options
@click.pass_context
def bench(
    context: click.Context,
    /,
    clip: Path | None,
    labels: Path | None,
    as_json: bool,
    compare: tuple[Path, Path] | None,
    verbose: int,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure sustained speed, and the accuracy of the same model, engine, precision and size.

    Without CLIP a 1080p ride is drawn; without --labels a drawn ride is scored.
    """
    from losszero_rt.cli.devices import settle_device
    from losszero_rt.cli.printing import Printer, bench_text
    from losszero_rt.pipeline.benchmark import compare as compare_reports
    from losszero_rt.pipeline.benchmark import run_bench
    from losszero_rt.pipeline.config import RunConfig

    if compare is not None:
        before, after = (_read_report(path) for path in compare)
        say(compare_reports(before, after))
        return
    printer = Printer(verbose=verbose, quiet=quiet)
    config = RunConfig(out=Path("bench.mp4"), **settle_device(options))
    report = run_bench(clip, labels=labels, config=config, progress=printer)
    say(json.dumps(report, indent=2) if as_json else bench_text(report))
    context.exit(report["exit_code"])


def _read_report(path: Path) -> dict[str, Any]:
    from losszero_rt.errors import UsageError

    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read {path}: {error}",
            accepted="what losszero-rt bench --json printed",
        ) from error
    if not isinstance(report, dict) or "fps" not in report:
        raise UsageError(f"{path} is no bench result", accepted="what bench --json printed")
    return report
