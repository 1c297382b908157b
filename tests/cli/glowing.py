"""A model of a few bytes whose labels a test can foretell: it labels pixels by their brightness."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from losszero_rt.bundle import WEIGHTS, Bundle, seal
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.engine.openvino_facts import import_openvino
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec

SIZE = (64, 96)
# Brightness in the middle of the band of each class, RGB 0..255.
CENTRES = (0, 50, 100, 150, 200, 250)
PARITY = {
    "miou_points": 0.0,
    "class_points": dict.fromkeys(NIGHT_RIDE.names, 0.0),
    "rate_points": {},
    "logits": {"n": 3, "not_finite": [], "max": 0.0, "mean": 0.0, "share": 0.0},
    "probes": {"n": 3, "distinct": 3, "night": 1.0},
    "batches": {"3 of 3": 1.0},
}


def label_of(brightness: int) -> int:
    """Return the class that the model sees in grey of a brightness."""
    return int(np.argmin(np.abs(np.array(CENTRES) - brightness)))


def write_bundle(folder: Path, *, verified: bool = True, cams: bool = False) -> Path:
    """Write the bundle; its class is the nearest centre, as an argmax over linear functions.

    With ``cams`` the activation map of a class is brightness (0..1) times the class's centre.
    """
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"none")
    roles = _save(folder, cams=cams)
    bundle = Bundle(
        path=folder,
        name="glowing",
        network_spec=NetworkSpec(),
        input_spec=InputSpec(size=SIZE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        labels_size=SIZE,
        classmap=NIGHT_RIDE,
        engines={"openvino": roles},
        files={},
        versions={},
        source_sha256="0" * 64,
        scores=SCORES if verified else {},
        data={},
        licence="Apache-2.0",
        attribution="nobody",
        cams_size=SIZE if cams else None,
    )
    if verified:
        bundle = seal(bundle)
        head = bundle.parity_head("openvino")
        scored = {**PARITY, "miou": SCORES["miou"]}
        precisions = {"fp32": scored, "bf16": scored}
        record = {**head, "n": 3, "dataset": "nothing", "precisions": precisions}
        weights = {**bundle.parity_head(WEIGHTS), **scored}
        proofs = {"openvino": record, WEIGHTS: weights}
        (folder / "parity.json").write_text(json.dumps(proofs))
    return seal(bundle).path


SCORES = {
    "miou": 0.5,
    "miou_ci95": [0.4, 0.6],
    "n": 3,
    "dataset": "nothing",
    "class_iou": dict.fromkeys(NIGHT_RIDE.names, 0.5),
}


def _graph(*, cams: bool) -> Any:
    """Graph from uint8 pixels to labels: c * x - c * c / 2 is largest where c is nearest to x."""
    ov = import_openvino()
    op = ov.opset13
    pixels = op.parameter([-1, *SIZE, 3], np.uint8, name="pixels")
    values = op.transpose(op.convert(pixels, "f32"), np.array([0, 3, 1, 2], np.int64))
    centres = np.array(CENTRES, np.float32) / 255
    kernel = np.ascontiguousarray(
        np.broadcast_to((centres / 3 / 255)[:, None, None, None], (len(CENTRES), 3, 1, 1))
    )
    weighed = op.convolution(values, op.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])
    bias = op.constant((-(centres**2) / 2).reshape(1, len(CENTRES), 1, 1))
    best = op.topk(op.add(weighed, bias), np.int64(1), 1, "max", "index").output(1)
    labels = op.convert(op.squeeze(best, np.array([1], np.int64)), "u8")
    maps = [op.relu(op.multiply(weighed, op.constant(np.float32(255))))] if cams else []
    return ov.Model([labels, *maps], [pixels], "glowing")


def _save(folder: Path, *, cams: bool) -> dict[str, str]:
    graph = _graph(cams=cams)
    import_openvino().save_model(graph, folder / "model.xml", compress_to_fp16=False)
    return {"graph": "model.xml", "constants": "model.bin"}
