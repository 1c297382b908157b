"""``losszero-rt demo``, ``models`` and ``doctor``."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import click

from losszero_rt.cli.settings import option
from losszero_rt.cli.streams import say

PATH: Any = click.Path(path_type=Path)
MAX_SIDE_PX = 8192


def parse_size(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    """Turn ``1280x720`` into (height, width)."""
    width, cross, height = value.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise click.BadParameter(f"{value!r}: WIDTHxHEIGHT such as 1280x720")
    if max(int(width), int(height)) > MAX_SIDE_PX:
        raise click.BadParameter(f"{value!r}: at most {MAX_SIDE_PX} pixels each way")
    return int(height), int(width)


def parse_rate(_: click.Context, __: click.Parameter, value: str) -> Fraction:
    """Turn ``30`` or ``30000/1001`` into a fraction."""
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{value!r}: a number such as 30, 29.97 or 30000/1001") from None


@click.command(short_help="Draw a sample night ride with exact labels.")
@option("--out", type=PATH, default=Path("ride.mp4"), help="Video to write.")
@option("--labels", type=PATH, metavar="DIR", help="Write an 8-bit id PNG for every frame.")
@option("--size", default="1280x720", callback=parse_size, metavar="WxH", help="Picture size.")
@option(
    "--seconds",
    type=click.FloatRange(0, 86_400, min_open=True),
    default=20.0,
    help="Length of the ride.",
)
@option("--rate", default="30", callback=parse_rate, help="Frames a second.")
@option("--vfr", is_flag=True, help="Irregular frame times, as of a camera at night.")
@option("--seed", type=int, default=1, help="Another seed is another ride.")
@option(
    "--viewpoint",
    type=click.Choice(["motorcycle", "car"]),
    default="motorcycle",
    help="Where the camera rides.",
)
@option("--force", is_flag=True, help="Overwrite outputs.")
def demo(
    out: Path,
    labels: Path | None,
    size: tuple[int, int],
    seconds: float,
    rate: Fraction,
    vfr: bool,
    seed: int,
    viewpoint: Any,
    force: bool,
) -> None:
    """Draw a sample night ride: the same seed always gives the same pictures and labels."""
    from losszero_rt.errors import UsageError
    from losszero_rt.pipeline.demo import write_ride
    from losszero_rt.ride import RideSpec

    try:
        spec = RideSpec(
            size=size, seed=seed, rate=rate, vfr=vfr, duration_s=seconds, viewpoint=viewpoint
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    files = write_ride(out, spec=spec, labels=labels, force=force)
    say(f"{files.video}: {files.num_frames} frames drawn at {files.fps:.1f} FPS")
    if files.labels is not None:
        say(f"{files.labels}: {files.num_frames} label files")


@click.command(short_help="List the models that ship, with data, licence and scores.")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(names: tuple[str, ...], as_json: bool) -> None:
    """List the models that ship: what they were trained on, under which licence, how good.

    MODEL is the folder of a bundle or of a training checkpoint: then those are listed.
    """
    import json

    from losszero_rt.pipeline.survey import model_cards, models_text

    cards = model_cards(names)
    say(json.dumps(cards, indent=2) if as_json else models_text(cards))


@click.command(short_help="Say what this machine can do.")
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(names: tuple[str, ...], as_json: bool) -> None:
    """Say in one screen what this machine can do, and which model runs on which engine.

    MODEL is the folder of a bundle or of a training checkpoint, judged beside those that ship.
    """
    import json

    from losszero_rt.pipeline.survey import doctor_text, machine_facts

    facts = machine_facts(models=names)
    say(json.dumps(facts, indent=2) if as_json else doctor_text(facts))
