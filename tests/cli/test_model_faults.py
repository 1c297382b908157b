"""Models that are not what they should be: said in one line, exit code 4, and nothing executed."""

import ast
import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from losszero_rt.bundle import MANIFEST_NAME, PARITY_NAME, WEIGHTS, WEIGHTS_NAME, Bundle, seal
from losszero_rt.network import build_network
from tests.bundles import CLASSES, INPUT, NETWORK, SIZE
from tests.cli.program import Program, read_json

ROOM = Path(__file__).parents[2] / "losszero_rt"
EAGER = ("--engine", "eager", "--threads", "1", "--duration", "0.1")


def model_fault(program: Program, clip: Path, model: Path, *options: str) -> str:
    """Run a model, demand exit code 4 and no output, and return the one line that was said."""
    out = model.parent / "o.mp4"
    outcome = program(clip, "--out", out, "--model", model, *options)
    assert (outcome.code, outcome.out) == (4, "")
    assert not list(model.parent.glob("o.mp4*"))
    return outcome.error_line


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """The state of a small network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return dict(build_network(NETWORK).eval().state_dict())


def write_eager(folder: Path, content: bytes, **fields: Any) -> Path:
    """Write a bundle that holds weights alone, with true digests whatever they are."""
    folder.mkdir()
    (folder / WEIGHTS_NAME).write_bytes(content)
    bundle = Bundle(
        path=folder,
        name="eager",
        network_spec=NETWORK,
        input_spec=INPUT,
        labels_size=SIZE,
        classmap=CLASSES,
        engines={},
        files={},
        versions={},
        source_sha256="",
        scores={},
        data={},
        licence="",
        attribution="",
    )
    sealed = seal(replace(bundle, **fields))
    points = {"miou_points": 0.0, "class_points": dict.fromkeys(CLASSES.names, 0.0)}
    record = {WEIGHTS: {**sealed.parity_head(WEIGHTS), **points}}
    (folder / PARITY_NAME).write_text(json.dumps(record))
    return seal(sealed).path


class Canary:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


FILES = {
    "absent": (None, "no model"),
    "text": (b"no model", "is a file of 8 bytes that is not what it should be"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
    "HTML page": (b"<!DOCTYPE html><html>404</html>", "is an HTML page"),
    "torch archive": (b"PK\x03\x04 and more", "a torch pickle, which is never loaded"),
    "pickle": (b"\x80\x04K\x01.", "a Python pickle, which is never loaded"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_place_of_a_model_is_called_what_it_is(
    program: Program, night: Path, tmp_path: Path, name: str
) -> None:
    content, words = FILES[name]
    path = tmp_path / "model.pth"
    if content is not None:
        path.write_bytes(content)
    assert words in model_fault(program, night, path)


@pytest.mark.parametrize("place", ["file", "weights", "manifest"])
def test_a_pickle_is_never_loaded_wherever_it_lies(
    program: Program, night: Path, tmp_path: Path, place: str
) -> None:
    canary = tmp_path / "sang"
    evil = pickle.dumps(Canary(canary))
    model = tmp_path / "model.pth"
    if place == "file":
        model.write_bytes(evil)
    else:
        model = write_eager(tmp_path / "model", evil)
        if place == "manifest":
            (model / MANIFEST_NAME).write_bytes(evil)
    model_fault(program, night, model, *EAGER)
    assert not canary.exists()
    pickle.loads(evil)
    assert canary.exists(), "the canary sings when it is let out"


def test_nothing_on_a_load_path_could_unpickle() -> None:
    """The one exception deserialises TensorRT engines, which are code, once they are trusted."""
    allowed = {("engine/tensorrt_engine.py", "torch.export.load")}
    found = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = str(path.relative_to(ROOM))
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = [alias.name for alias in node.names]
                modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                bad = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
                found |= {(name, module) for module in modules if module.split(".")[0] in bad}
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("eval", "exec", "torch.load", "torch.jit.load", "torch.export.load"):
                    found.add((name, called))
                if called in ("np.load", "numpy.load"):
                    found.add((name, called))
    assert found <= allowed, found - allowed


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda content: content[: len(content) // 2], "is not safetensors"),
    "header longer than the file": (
        lambda content: struct.pack("<Q", 1 << 40) + content[8:],
        "is not safetensors",
    ),
    "header of no JSON": (lambda content: content[:8] + b"{" * 64 + content[72:], "safetensors"),
    "empty": (lambda _: b"", "is not safetensors"),
}


@pytest.mark.parametrize("harm", BROKEN)
def test_broken_weights_with_a_true_digest_are_refused(
    program: Program, night: Path, tmp_path: Path, weights: dict[str, torch.Tensor], harm: str
) -> None:
    change, words = BROKEN[harm]
    model = write_eager(tmp_path / "model", change(save(weights)))
    assert words in model_fault(program, night, model, *EAGER)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(
    program: Program,
    night: Path,
    tmp_path: Path,
    weights: dict[str, torch.Tensor],
    value: float,
) -> None:
    key = "segmentation_head.0.bias"
    model = write_eager(
        tmp_path / "model", save({**weights, key: torch.full_like(weights[key], value)})
    )
    line = model_fault(program, night, model, *EAGER)
    assert f"holds NaN or infinite values in {key}" in line


def test_weights_of_another_network_name_the_first_keys_that_differ(
    program: Program, night: Path, tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    content = save(weights)
    other = replace(NETWORK, architecture="unet")
    line = model_fault(
        program, night, write_eager(tmp_path / "unet", content, network_spec=other), *EAGER
    )
    assert "does not fit its network: decoder." in line
    assert "is missing" in line
    renamed = {f"module.{key}": value for key, value in load(content).items()}
    line = model_fault(program, night, write_eager(tmp_path / "renamed", save(renamed)), *EAGER)
    assert "encoder.conv1.weight is missing" in line
    wider = replace(NETWORK, decoder_channels=32)
    line = model_fault(
        program, night, write_eager(tmp_path / "wide", content, network_spec=wider), *EAGER
    )
    assert "is (" in line
    assert "not (" in line


def test_a_network_of_other_classes_is_refused_before_its_weights_are_read(
    program: Program, night: Path, tmp_path: Path, bundle: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for path in bundle.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    record = json.loads((model / MANIFEST_NAME).read_text())
    record["network"]["num_classes"] = 5
    (model / MANIFEST_NAME).write_text(json.dumps(record))
    assert "5 classes with 6 class names" in model_fault(program, night, model)


def nested(depth: int) -> Any:
    return [] if depth == 0 else [nested(depth - 1)]


MANIFESTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "attribute to call": (lambda m: m["network"].update(_model_class="os.system"), "_model_class"),
    "unknown architecture": (lambda m: m["network"].update(architecture="eval"), "'eval'"),
    "hub address": (lambda m: m["network"].update(encoder="hf_hub:x/y"), "hf_hub:x/y"),
    "unknown key": (lambda m: m.update(run_me="x"), "unknown keys ['run_me']"),
    "unknown provenance": (lambda m: m.update(provenance={"by": "x"}), "provenance: unknown keys"),
    "dirty as text": (lambda m: m.update(provenance={"dirty": "no"}), "dirty of the wrong type"),
    "no mean": (lambda m: m["input"].pop("mean"), "does not fit: 'mean'"),
    "no deviation": (lambda m: m["input"].pop("std"), "does not fit: 'std'"),
    "no input": (lambda m: m.pop("input"), "lacks ['input']"),
    "other channel order": (lambda m: m["input"].update(channels="bgr"), "accepted|rgb"),
    "deep": (lambda m: m["data"].update(deep=nested(20)), "deeper than 16 levels"),
    "long": (lambda m: m["data"].update(long="x" * (1 << 20)), "is larger than 1048576 bytes"),
    "file outside": (
        lambda m: m["files"].update({"../../etc/passwd": m["files"]["model.bin"]}),
        "plain file names inside the folder",
    ),
}


@pytest.mark.parametrize("change", MANIFESTS)
def test_a_manifest_is_believed_only_as_far_as_it_is_known(
    program: Program, night: Path, tmp_path: Path, bundle: Path, change: str
) -> None:
    alter, words = MANIFESTS[change]
    model = tmp_path / "model"
    model.mkdir()
    for path in bundle.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    record = json.loads((model / MANIFEST_NAME).read_text())
    alter(record)
    (model / MANIFEST_NAME).write_text(json.dumps(record))
    line = model_fault(program, night, model)
    assert any(word in line for word in words.split("|")), line


@pytest.mark.parametrize("name", ["../../x", "night-ride/../../x", "/nowhere/x", "..", "~x"])
def test_names_of_models_do_not_leave_the_folder_of_what_ships(
    program: Program, night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = program(night, "--out", tmp_path / "o.mp4", "--model", name)
    assert outcome.code == 4
    assert list(tmp_path.iterdir()) == []


def test_the_last_batch_may_be_short(program: Program, night: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    words = ("--out", tmp_path / "o.mp4", "--report", report, "--batch", "7")
    program.done(night, *words)
    facts = read_json(report)
    assert facts["batch"] == 7
    assert facts["frames"]["shown"] == 40, "five batches of seven, and five frames"


def test_an_overflow_to_what_is_no_number_ends_the_run(
    program: Program, night: Path, tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    key = "segmentation_head.0.bias"
    beyond = {**weights, key: torch.full_like(weights[key], 1e6)}
    model = write_eager(tmp_path / "model", save(beyond))
    out = tmp_path / "fine.mp4"
    program.done(night, "--out", out, "--model", model, *EAGER)
    half = ("--precision", "fp16", "--allow-unverified")
    line = model_fault(program, night, model, *EAGER, *half)
    assert "overflows in fp16" in line
    assert "--precision fp32" in line


def test_the_network_in_another_arithmetic_is_not_what_was_proved(
    program: Program, night: Path, tmp_path: Path, weights: dict[str, torch.Tensor]
) -> None:
    model, report = write_eager(tmp_path / "model", save(weights)), tmp_path / "r.json"
    words = ("--out", tmp_path / "o.mp4", "--report", report, "--model", model)
    reduced = (*EAGER, "--precision", "bf16")
    outcome = program(night, *words, *reduced)
    assert outcome.code == 4
    assert "eager in bf16 is unverified: nobody compared" in outcome.error_line
    assert not (tmp_path / "o.mp4").exists()
    program.done(night, *words, *reduced, "--allow-unverified")
    assert read_json(report)["model"]["verified"] is False
    program.done(night, *words, *EAGER, "--force")
    assert read_json(report)["model"]["verified"] is True
