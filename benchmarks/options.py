"""The command line that all benchmark scripts share."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
WORK = ROOT / "runs" / "benchmarks"
PEER = ROOT / "runs" / "peer"
DEFAULT_MODEL = "night-ride"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a script is asked to do.

    Attributes:
        quick: Tiny inputs that only prove that the script works; the figures mean nothing.
        rounds: Repeats of everything that is compared, interleaved.
        out: Folder for the results.
        work: Folder for clips and outputs; clips are kept there between scripts.
        model: Name or path of the bundle.
        clip: Video to use where a 1080p one is drawn otherwise.
        data: Folder with ``night_ride``; None when there is none.
        peer: Virtual environment of the peer.
        create_peer: Create that environment when it is absent.
        peer_weights: The peer's weights; None lets it download them.
        checkpoints: Folder of trained checkpoints; None takes networks that nobody trained.
    """

    quick: bool = False
    rounds: int = 3
    out: Path = RESULTS
    work: Path = WORK
    model: str = DEFAULT_MODEL
    clip: Path | None = None
    data: Path | None = None
    peer: Path = PEER
    create_peer: bool = False
    peer_weights: Path | None = None
    checkpoints: Path | None = None


def parse_options(
    arguments: Sequence[str] | None,
    *,
    description: str,
    own: argparse.ArgumentParser | None = None,
) -> Options:
    """Read the command line of a script and make its folders.

    Args:
        arguments: Words of the command line; None takes them from the process.
        description: What the script measures.
        own: Options of this script alone, which it reads itself; made without help.
    """
    options = to_options(build_parser(description, own=own).parse_args(arguments))
    options.out.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    return options


def build_parser(
    description: str, *, own: argparse.ArgumentParser | None = None
) -> argparse.ArgumentParser:
    """Return the parser that all scripts share, with what a script adds to it."""
    parser = argparse.ArgumentParser(
        description=description.partition("\n")[0], parents=[own] if own else []
    )
    parser.add_argument("--quick", action="store_true", help="tiny inputs: does it work at all?")
    parser.add_argument("--rounds", type=int, help="interleaved repeats [3; quick: 1]")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for clips and outputs")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or path of the bundle")
    parser.add_argument("--clip", type=Path, help="1080p clip to use instead of a drawn one")
    parser.add_argument("--data", type=Path, default=find_data(), help="folder with night_ride")
    parser.add_argument("--peer", type=Path, default=PEER, help="environment of the peer")
    parser.add_argument("--create-peer", action="store_true", help="create it when absent")
    parser.add_argument("--peer-weights", type=Path, help="weights file of the peer")
    parser.add_argument("--checkpoints", type=Path, help="trained checkpoints to measure")
    return parser


def to_options(parsed: argparse.Namespace) -> Options:
    """Turn what the parser found into options; paths become absolute."""
    values = vars(parsed)
    values["rounds"] = values["rounds"] or (1 if values["quick"] else 3)
    for name in ("out", "work", "clip", "data", "peer", "peer_weights", "checkpoints"):
        values[name] = values[name].absolute() if values[name] else None
    return Options(**{name: values[name] for name in Options.__dataclass_fields__})


def find_data() -> Path | None:
    """Return the folder of labelled pictures that ``LOSSZERO_DATA`` names or lies beside us."""
    folder = Path(os.environ.get("LOSSZERO_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None
