"""From contestants to a report: scored, looked at, run, and written down."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from losszero_rt.checkpoint import load_network, read_checkpoint, write_whole
from losszero_rt.classmap import ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.network.cost import count_flops, count_parameters
from train.compare.comparison import Comparison
from train.compare.contestants import Contestant, Weights, check_names
from train.compare.machine import machine_facts
from train.compare.markdown import PICTURES_NAME, make_markdown
from train.compare.page import make_page
from train.compare.pictures import Side, Tile, draw_sheet, encode_png, first_tiles, network_tile
from train.compare.plot import accuracy_plot, class_plot
from train.compare.row import Row, Speed
from train.compare.running import Clip, RefusedError, export_for_openvino, measure_speed
from train.datasets import LabelledPicture
from train.datasets.picture_set import PictureSet
from train.scored import read_scored, score_all, write_scored
from train.seen import overlap_with

ENGINES = ("eager", "openvino")


def compare(
    contestants: Sequence[Contestant],
    *,
    pictures: PictureSet,
    part: str,
    shown: Sequence[LabelledPicture],
    drawn_pictures: bool,
    clip: Clip,
    out: Path,
    weights: Weights,
    data_version: str = "",
    say: Callable[[str], object] = print,
) -> Comparison:
    """Score and run every network, and write report.md, report.json and report.html.

    Args:
        contestants: Trained networks, all of the same classes; at least one.
        pictures: What all are judged on; the report says which network was trained on how many
            of them.
        part: Which part of its data set that is, in words.
        shown: Pictures to show side by side.
        drawn_pictures: Whether ``shown`` are rendered rides.
        clip: What all run.
        out: Folder of the report, the pictures and the clips.
        weights: Which checkpoint of each training this is, for the record.
        data_version: Digest of the pictures, for the record.
        say: Receives a line for every network and step.

    Raises:
        UsageError: If names repeat, or networks are of different classes.
    """
    check_names([contestant.name for contestant in contestants])
    classes = common_classes(contestants)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    columns: list[list[Tile]] = []
    for contestant in contestants:
        say(f"{contestant.name}: scoring {len(pictures)} pictures")
        row, tiles = _judge(contestant, pictures, shown, out)
        if row.overlap.seen:
            say(f"{contestant.name}: {row.overlap}, its figures are too good")
        rows.append(row)
        columns.append(tiles)
    # Everything is trained and scored by now, so nothing of this process runs beside the clips.
    machine = machine_facts()
    speeds = _run_all(contestants, clip, out, say)
    comparison = Comparison(
        rows=[replace(row, speeds=speeds[row.name]) for row in rows],
        data=f"{pictures.name} ({part})",
        data_version=data_version,
        weights=weights,
        clip=clip,
        machine=machine,
        sides=_sides(shown, columns, classes),
        drawn_pictures=drawn_pictures,
    )
    write_comparison(comparison, out)
    return comparison


def common_classes(contestants: Sequence[Contestant]) -> ClassMap:
    """Return the classes that all networks tell apart; UsageError if they differ."""
    maps = {each.name: read_checkpoint(each.checkpoint).classes for each in contestants}
    first = next(iter(maps.values()))
    for name, classes in maps.items():
        if classes.names != first.names:
            raise UsageError(
                f"{name} knows the classes {', '.join(classes.names)}, "
                f"the first network {', '.join(first.names)}",
                accepted="networks of the same classes",
            )
    return first


def _sides(
    shown: Sequence[LabelledPicture], columns: Sequence[Sequence[Tile]], classes: ClassMap
) -> list[Side]:
    """Return every picture with its truth and what each network makes of it."""
    return [
        Side(
            name=picture.name,
            tiles=(*first_tiles(picture, classes=classes), *(each[index] for each in columns)),
        )
        for index, picture in enumerate(shown)
    ]


def _judge(
    contestant: Contestant,
    pictures: PictureSet,
    shown: Sequence[LabelledPicture],
    out: Path,
) -> tuple[Row, list[Tile]]:
    """Score one network, or read what it scored before, and let it label what is shown."""
    network, record = load_network(contestant.checkpoint)
    path, digest = out / "scored" / f"{contestant.name}.json", record.weights_sha256
    names = pictures.names
    scored = read_scored(path, classes=record.classes, weights_sha256=digest, names=names)
    if scored is None:
        scored = score_all(network, pictures, spec=record.input, classes=record.classes)
        path.parent.mkdir(exist_ok=True)
        write_scored(scored, path, weights_sha256=digest)
    row = Row(
        name=contestant.name,
        origin=contestant.origin,
        network=record.network.as_dict(),
        input_size=record.input.size,
        weights_sha256=digest,
        scored=scored,
        parameters=count_parameters(network),
        gflops=count_flops(network, size=record.input.size) / 1e9,
        epochs=contestant.epochs,
        epochs_planned=contestant.epochs_planned,
        train_minutes=contestant.train_minutes,
        overlap=overlap_with(contestant.checkpoint, names=names),
    )
    tiles = [
        network_tile(
            picture,
            name=contestant.name,
            network=network,
            spec=record.input,
            classes=record.classes,
        )
        for picture in shown
    ]
    return row, tiles


def _run_all(
    contestants: Sequence[Contestant], clip: Clip, out: Path, say: Callable[[str], object]
) -> dict[str, dict[str, Speed]]:
    """Run every network over the clip on every engine that takes it."""
    speeds: dict[str, dict[str, Speed]] = {}
    for contestant in contestants:
        name, found = contestant.name, {}
        for engine in ENGINES:
            model = contestant.checkpoint
            try:
                if engine == "openvino":
                    model = out / "bundles" / name
                    export_for_openvino(contestant.checkpoint, out=model)
                found[engine] = measure_speed(
                    clip,
                    model=model,
                    engine=engine,
                    folder=out,
                    name=name,
                    keep_clip=engine == "eager",
                )
            except RefusedError as error:
                found[engine] = Speed(engine=engine, absent=f"not exported: {error}")
            told = found[engine]
            say(f"{name}: {engine} " + (f"{told.fps:.1f} FPS" if told.fps else told.absent))
        speeds[name] = found
    return speeds


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write the report three ways, the plots, and the sheets of pictures."""
    plots = (
        (
            "Accuracy against speed",
            "accuracy-speed.svg",
            accuracy_plot(comparison.rows, engine=_plotted_engine(comparison.rows)),
        ),
        ("IoU by class", "class-iou.svg", class_plot(comparison.rows)),
    )
    drawn = [plot for plot in plots if plot[2]]
    for _, name, svg in drawn:
        write_whole(out / name, svg.encode())
    (out / PICTURES_NAME).mkdir(exist_ok=True)
    for side in comparison.sides:
        sheet = encode_png(draw_sheet(side.tiles))
        write_whole(out / PICTURES_NAME / f"{side.file_stem}.png", sheet)
    text = make_markdown(comparison, plots=[(title, name) for title, name, _ in drawn])
    page = make_page(comparison, plots=[(title, svg) for title, _, svg in drawn])
    record = json.dumps(comparison.as_dict(), indent=1, allow_nan=False) + "\n"
    write_whole(out / "report.md", text.encode())
    write_whole(out / "report.html", page.encode())
    write_whole(out / "report.json", record.encode())


def _plotted_engine(rows: Sequence[Row]) -> str:
    """Return the engine on which most networks have a speed, a compiled one before eager."""
    counts = {
        engine: sum(1 for row in rows if (told := row.speeds.get(engine)) and told.fps)
        for engine in reversed(ENGINES)
    }
    return max(counts, key=lambda engine: counts[engine])
