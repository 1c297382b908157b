"""A small training as a program of its own: to be killed, or to be run by several processes.

Run: python -m tests.train.training_program OUT NETWORK [--resume] [--devices N] [--accumulate K]
"""

import argparse
import hashlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec
from tests.train.conftest import draw_picture
from tests.train.doubles import plain_network
from train import launching, loop
from train.config import Phase, TrainConfig
from train.loop import Data, open_session, train
from train.session import Session
from train.state import read_step
from train.stopping import StoppedError
from train.validation import measure

REAL = NetworkSpec(architecture="unet", decoder_channels=8)
CONFIG = TrainConfig(
    network=REAL,
    phases=(Phase(epochs=3, crop_size=(64, 64), batch_size=4, scale=(0.8, 1.2)),),
    input=InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    samples_per_epoch=12,
    encoder_weights="none",
    num_rides=0,
)


def drawn_data() -> Data:
    """Return pictures of which the validation set cannot be dealt out evenly."""
    pictures = [draw_picture(seed) for seed in range(8)]
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("network", choices=["plain", "real"])
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--accumulate", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.network == "plain":
        setattr(launching, "build_network", plain_network)  # noqa: B010 (mypy: not exported)
    held: list[Session] = []

    def keep(*arguments: Any, **options: Any) -> Session:
        held.append(open_session(*arguments, **options))
        return held[-1]

    setattr(loop, "open_session", keep)  # noqa: B010 (mypy: not exported)
    config = replace(CONFIG, accumulate=given.accumulate)
    try:
        train(
            config,
            data=drawn_data(),
            out=given.out,
            resume=given.resume,
            save_every_s=0.0,
            accelerator="cpu",
            devices=given.devices,
        )
    except StoppedError as stopped:
        print(f"StoppedError: {stopped}", file=sys.stderr)
        raise SystemExit(int(stopped.exit_code)) from None
    if read_step(given.out / "state") < config.num_steps:
        return  # Another process has been asked to stop, and says so.
    # Before anything is restored: every process reads the same file.
    write_proof(given.out, config, devices=given.devices, state=digest_of(held[0]))


def digest_of(session: Session) -> str:
    """Return a digest of the weights and statistics that this process holds, and their average."""
    learner = session.learner
    values = (*learner.network.state_dict().values(), *learner.average.state.values())
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in values)).hexdigest()


def write_proof(out: Path, config: TrainConfig, *, devices: int, state: str) -> None:
    """Write what this process had in the end, and what it measures a given network to be worth."""
    session = open_session(config, accelerator="cpu", devices=devices)
    session.restore(out / "state", data=drawn_data().identity())
    torch.manual_seed(7)
    network = build_network(REAL).eval()
    val = drawn_data().val
    found = measure(network, val, config=config, team=session.team, device=torch.device("cpu"))
    proof = {
        "state": state,
        "areas": found.areas.as_dict(),
        "outlines": found.outlines.as_dict(),
    }
    rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))
    (out / f"proof-{rank}.json").write_text(json.dumps(proof))


if __name__ == "__main__":
    main()
