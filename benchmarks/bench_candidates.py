"""Compare trained candidates by what they are worth and by what they cost.

Accuracy comes from the last checkpoint of each run (its weights are the fixed end of the same
schedule, not the best epoch on the validation pictures). Cost is one OpenVINO inference on one
thread, uint8 picture in and uint8 labels out, interleaved over the candidates so that a busy
moment of the machine meets all of them, minimum over many.

    python -m benchmarks.bench_candidates RUN... --out benchmarks/results/candidates.json

A RUN is a folder that ``python -m train run`` wrote.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from benchmarks.machine import code_facts, machine_facts, versions
from export.compile_openvino import convert_graph, with_labels
from export.trace import LogitsGraph
from losszero_rt.checkpoint import Checkpoint, load_network, read_checkpoint

NUM_ROUNDS = 60


def compiled(run: Path, *, precision: str) -> Any:
    """Return the labels graph of a run's last checkpoint, compiled for one CPU thread."""
    network, checkpoint = load_network(run / "last")
    graph = LogitsGraph(network, spec=checkpoint.input).eval()
    size = checkpoint.input.size
    model = with_labels(convert_graph(graph, size=size), size=size)
    model.reshape([1, *size, 3])
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    return openvino.Core().compile_model(model, "CPU", options)


def min_ms(models: list[Any], *, size: tuple[int, int]) -> list[float]:
    """Return the fastest inference of each model, models taken in turn."""
    picture = np.random.default_rng(0).integers(0, 255, (1, *size, 3), np.uint8)
    requests = [model.create_infer_request() for model in models]
    best = [float("inf")] * len(models)
    for _ in range(NUM_ROUNDS):
        for index, request in enumerate(requests):
            started_s = time.perf_counter()
            request.infer({0: picture})
            best[index] = min(best[index], 1000 * (time.perf_counter() - started_s))
    return best


def row(run: Path, checkpoint: Checkpoint, cost_ms: float) -> dict[str, Any]:
    """Return one candidate for the table."""
    network, _ = load_network(run / "last")
    state = json.loads((run / "state" / "state.json").read_text())
    return {
        "run": run.name,
        "network": checkpoint.network.as_dict(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "epochs": checkpoint.epoch,
        "samples": checkpoint.epoch * state["config"]["samples_per_epoch"],
        "scores": checkpoint.scores,
        "openvino_one_thread_ms": round(cost_ms, 2),
    }


def main() -> None:
    """Measure the runs named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precision", default="bf16")
    arguments = parser.parse_args()
    facts = machine_facts()
    checkpoints = [read_checkpoint(run / "last") for run in arguments.runs]
    models = [compiled(run, precision=arguments.precision) for run in arguments.runs]
    costs_ms = min_ms(models, size=checkpoints[0].input.size)
    table = {
        "machine": facts,
        "versions": versions(),
        **code_facts(),
        "precision": arguments.precision,
        "rounds": NUM_ROUNDS,
        "candidates": [
            row(run, checkpoint, cost_ms)
            for run, checkpoint, cost_ms in zip(arguments.runs, checkpoints, costs_ms, strict=True)
        ],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(table, indent=1) + "\n")
    for candidate in table["candidates"]:
        print(candidate["run"], candidate["scores"]["miou"], candidate["openvino_one_thread_ms"])


if __name__ == "__main__":
    main()
