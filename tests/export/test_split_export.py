"""Bundles of networks that find objects: what export writes, proves and refuses, and what runs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from export import split_export
from export.__main__ import main
from export.config import ExportConfig
from export.exporting import export_bundle
from export.rounding import halve_kernels
from export.split_graphs import part_of
from export.tensorrt_engines import requests_of
from losszero_rt.bundle import WEIGHTS_NAME, Bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_objects import open_on_openvino
from losszero_rt.errors import ModelError
from losszero_rt.network import build_network
from losszero_rt.network.mask_rcnn_split import Part
from tests.bundles import draw_inputs, write_pairs
from tests.cli.program import Program
from tests.engine.bright_objects import write_bright_checkpoint
from tests.engine.test_eager_objects import SPEC
from tests.media import write_clip
from tests.split_bundles import assert_same_objects

# Trained for a moment, exported and proved: some tens of seconds.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExportConfig:
    folder = tmp_path_factory.mktemp("split")
    return ExportConfig(
        model=write_bright_checkpoint(folder / "checkpoint"),
        out=folder / "bright",
        labelled=write_pairs(folder / "pairs"),
    )


@pytest.fixture(scope="module")
def bundle(config: ExportConfig) -> Bundle:
    words = [str(config.model), "--out", str(config.out), "--labelled", str(config.labelled)]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "compiled in parts: trunk, boxes, masks; no int8, no ONNX" in done.output
    assert "UNVERIFIED" not in done.output
    return Bundle.open(config.out)


def test_bundle_holds_every_part_with_its_digest_and_what_it_ran_in(bundle: Bundle) -> None:
    roles = bundle.engines["openvino"]
    assert sorted(roles) == [
        f"{part}_{kind}" for part in ("boxes", "masks", "trunk") for kind in ("constants", "graph")
    ]
    record = bundle.parity["openvino"]
    for role, name in roles.items():
        assert record[f"{role}_sha256"] == bundle.files[name].sha256
    assert bundle.is_verified
    assert "fp32" in record["precisions"]
    assert bundle.built["openvino"]["graph"]["precision_found"] == "+".join(record["precisions"])


def test_record_proves_labels_and_objects(bundle: Bundle) -> None:
    found = bundle.parity["openvino"]["precisions"]["fp32"]
    assert found["label_agreement"] > 0.999
    assert found["logits"]["share"] < 1e-3
    objects = found["objects"]
    # Two bars in each of four pictures, at the least.
    assert objects["n"] >= 8
    assert (objects["lost"], objects["invented"]) == (0, 0)
    assert objects["score_off"] < 1e-3


def test_a_part_that_was_changed_is_refused(bundle: Bundle) -> None:
    path = bundle.path / bundle.engines["openvino"]["boxes_constants"]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(ModelError, match=r"sha256 .* the manifest says"):
            Bundle.open(bundle.path)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("part", ["boxes", "masks"])
def test_a_part_that_is_not_the_networks_leaves_nothing(
    config: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Part
) -> None:
    def other(network: torch.nn.Module, name: Part) -> torch.nn.Module:
        found = part_of(network, name)
        if name == part:
            with torch.no_grad():
                for parameter in found.parameters():
                    parameter.mul_(0.5)
        return found

    monkeypatch.setattr(split_export, "part_of", other)
    out = tmp_path / "out" / "off"
    words = {"model": config.model, "out": out, "labelled": config.labelled}
    with pytest.raises(ModelError, match=r"would not be the network: openvino: fp32"):
        export_bundle(ExportConfig(**words))  # type: ignore[arg-type]
    assert not out.parent.exists()


def test_a_bundle_of_parts_is_exported_once_more(
    bundle: Bundle, config: ExportConfig, tmp_path: Path
) -> None:
    again = replace(config, model=bundle.path, out=tmp_path / "again", precision="fp32")
    made = export_bundle(again)
    assert made.read(WEIGHTS_NAME) == bundle.read(WEIGHTS_NAME)
    assert set(made.engines) == {"openvino"}
    assert made.parity["openvino"]["precisions"]["fp32"]["label_agreement"] > 0.999


def test_a_run_counts_the_objects_that_the_eager_network_finds(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(capsys)
    clip = write_clip(tmp_path / "clip.mp4")
    reports = {}
    for engine in ("openvino", "eager"):
        path = tmp_path / f"{engine}.json"
        words = (
            "--model",
            bundle.path,
            "--engine",
            engine,
            "--precision",
            "fp32",
            "--report",
            path,
        )
        said = program.done("run", clip, "--out", tmp_path / f"{engine}.mp4", *words).out
        reports[engine] = json.loads(path.read_text())
        assert ("compiled trunk, box head, mask head" in said) == (engine == "openvino")
    mine, theirs = reports["openvino"], reports["eager"]
    assert mine["engine_parts"].startswith("trunk, box head, mask head")
    assert theirs["engine_parts"] is None
    assert mine["detections"]["frames"] == 30
    assert mine["detections"]["objects"] == theirs["detections"]["objects"] > 0
    for name, found in theirs["detections"]["classes"].items():
        assert mine["detections"]["classes"][name]["objects"] == found["objects"]
        mean = mine["detections"]["classes"][name]["mean_score"]
        assert mean == pytest.approx(found["mean_score"], abs=1e-3)


def test_the_engine_that_was_exported_finds_what_the_network_finds(bundle: Bundle) -> None:
    inputs_NHWC = draw_inputs(3, seed=50)
    options = EngineOptions(precision="fp32", batch=3, threads=1)
    found = open_on_openvino(bundle, options=options).submit(inputs_NHWC)
    truth = EagerEngine(bundle, options=options).submit(inputs_NHWC)
    assert (found.result() == truth.result()).mean() > 0.999
    assert found.extras.objects is not None
    assert truth.extras.objects is not None
    assert sum(map(len, truth.extras.objects)) >= 3
    for mine, theirs in zip(found.extras.objects, truth.extras.objects, strict=True):
        assert_same_objects(mine, theirs)


def test_tensorrt_is_asked_for_a_trunk_a_batch_size_and_for_both_heads(bundle: Bundle) -> None:
    config = ExportConfig(
        model=Path("c"), out=Path("o"), engine="tensorrt", precision="fp16", batches=(1, 4)
    )
    requests = requests_of(bundle, config=config)
    asked = {role: (one.part, one.batch, one.precision) for role, one in requests.items()}
    assert asked == {
        "b1": ("trunk", 1, "fp16"),
        "b4": ("trunk", 4, "fp16"),
        "boxes": ("boxes", 50, "fp16"),
        "masks": ("masks", 5, "fp16"),
    }
    assert len({one.out for one in requests.values()}) == 4


def test_kernels_are_rounded_to_what_is_stored_and_biases_left_alone() -> None:
    network = build_network(SPEC)
    before = {name: value.clone() for name, value in network.named_parameters()}
    halve_kernels(network)
    for name, value in network.named_parameters():
        assert torch.equal(value, value.half().float()) or value.dim() < 2
        expected = before[name] if value.dim() < 2 else before[name].half().float()
        assert torch.equal(value, expected)
    with torch.no_grad():
        next(iter(network.parameters())).fill_(1e6)
    with pytest.raises(ModelError, match="beyond fp16"):
        halve_kernels(network)
