"""The ONNX file: one file for others, which says what it is and what the network says."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import helper

from export import compile_onnx
from export.__main__ import main
from export.compile_onnx import (
    OPSET,
    _forget_where,
    check_whole,
    metadata_of,
    read_portable,
    save_portable,
)
from export.config import ExportConfig
from export.exporting import export_bundle
from export.gate import GateRequest
from export.onnx_parity import import_onnxruntime, open_session, prove
from export.portable import settle_portable
from export.trace import LogitsGraph
from losszero_rt.bundle import PARITY_NAME, Bundle, find_bundle, seal
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine, load_bundle_network
from losszero_rt.errors import ExitCode, ModelError
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec
from tests.bundles import SIZE, draw_inputs


@pytest.fixture(scope="module")
def portable(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle with the ONNX file of the network alone."""
    folder = tmp_path_factory.mktemp("portable") / "small"
    folder.mkdir()
    name = "weights.safetensors"
    (folder / name).write_bytes(bundle.read(name))
    bare = seal(replace(bundle, path=folder, engines={}, parity={}, cams_size=None))
    graph = LogitsGraph(load_bundle_network(bare), spec=bare.input_spec).eval()
    return seal(replace(bare, engines={"onnx": save_portable(graph, bare)}))


def model_of(bundle: Bundle) -> onnx.ModelProto:
    return read_portable(bundle.read("model.onnx"))


def test_one_file_takes_any_number_of_pictures_and_gives_the_labels(portable: Bundle) -> None:
    assert [path.name for path in portable.path.glob("model*")] == ["model.onnx"]
    session = open_session(portable)
    eager = EagerEngine(portable, options=EngineOptions(precision="fp32"))
    for num in (1, 2, 5):
        inputs_NHWC = draw_inputs(num, seed=70)
        labels_NHW, logits_NChw = session.run(None, {"pixels": inputs_NHWC})
        assert labels_NHW.dtype == np.uint8
        assert logits_NChw.shape == (num, 2, SIZE[0] // 4, SIZE[1] // 4)
        assert np.mean(labels_NHW == eager.submit(inputs_NHWC).result()) > 0.9999


def test_it_says_what_it_is(portable: Bundle) -> None:
    model = model_of(portable)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]
    facts = {pair.key: pair.value for pair in model.metadata_props}
    assert facts == metadata_of(portable)
    assert json.loads(facts["classes"]) == ["dark", "bright"]
    assert json.loads(facts["preprocessing"])["normalised"] == "inside the graph"
    assert facts["source_sha256"] == portable.source_sha256
    assert facts["opset"] == str(OPSET)


def test_it_tells_nothing_of_the_machine_that_exported_it(portable: Bundle) -> None:
    content = portable.read("model.onnx")
    assert b"stack_trace" not in content
    assert str(Path.cwd()).encode() not in content
    assert str(Path(onnx.__file__).parents[1]).encode() not in content


def test_its_kernels_are_the_stored_ones_and_as_small(portable: Bundle) -> None:
    own = {
        value.numpy().tobytes()
        for value in load_bundle_network(portable).state_dict().values()
        if value.dim() == 4
    }
    constants = [onnx.numpy_helper.to_array(one) for one in model_of(portable).graph.initializer]
    kernels = [
        one for one in constants if one.ndim == 4 and one.size > 16 and one.dtype.kind == "f"
    ]
    assert len(kernels) == len(own)
    assert all(one.dtype == np.float16 for one in kernels)
    assert {one.astype(np.float32).tobytes() for one in kernels} == own
    weights = portable.files["weights.safetensors"].num_bytes
    assert portable.files["model.onnx"].num_bytes < 1.1 * weights


def test_no_normalisation_is_left_beside_the_kernels(portable: Bundle) -> None:
    kinds = [node.op_type for node in model_of(portable).graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") > 20


def damage_kernel(model: onnx.ModelProto) -> None:
    kernel = next(one for one in model.graph.initializer if len(one.dims) == 4)
    values = onnx.numpy_helper.to_array(kernel).copy()
    values.flat[np.abs(values).argmax()] *= 64
    kernel.CopyFrom(onnx.numpy_helper.from_array(values, kernel.name))


def swap_labels(model: onnx.ModelProto) -> None:
    """Exchange the two classes where labels are cast to their type."""
    last = next(node for node in model.graph.node if "labels" in node.output)
    last.output[0] = "right"
    one = onnx.numpy_helper.from_array(np.array(1, np.uint8), "one")
    model.graph.initializer.append(one)
    model.graph.node.append(onnx.helper.make_node("BitwiseXor", ["right", "one"], ["labels"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "words"),
    [(None, ""), (damage_kernel, "moves the logits"), (swap_labels, "moves the mean IoU")],
)
def test_the_gate_knows_a_right_file_from_a_wrong_one(
    portable: Bundle,
    pairs: Path,
    tmp_path: Path,
    harm: Callable[[onnx.ModelProto], None] | None,
    words: str,
) -> None:
    for name in portable.files:
        (tmp_path / name).write_bytes(portable.read(name))
    model = model_of(portable)
    if harm is not None:
        harm(model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    made = seal(replace(portable, path=tmp_path))
    record = prove(GateRequest(bundle=str(tmp_path), labelled=str(pairs)))
    (tmp_path / PARITY_NAME).write_text(json.dumps({"onnx": record}))
    fault = seal(made).parity_fault("onnx")
    assert words in fault
    assert bool(fault) == bool(words)


@pytest.mark.parametrize("place", ["model.onnx.data", "../../etc/passwd", "/etc/passwd"])
def test_constants_in_another_file_are_refused_wherever_it_lies(
    portable: Bundle, place: str
) -> None:
    model = model_of(portable)
    kernel = next(one for one in model.graph.initializer if len(one.dims) == 4)
    kernel.ClearField("raw_data")
    kernel.data_location = onnx.TensorProto.EXTERNAL
    kernel.external_data.add(key="location", value=place)
    with pytest.raises(ModelError, match=f"in another file, '{place}'.*a single file"):
        read_portable(model.SerializeToString())


def test_constants_inside_of_branches_are_looked_at_too() -> None:
    tensor = onnx.helper.make_tensor("far", onnx.TensorProto.FLOAT, [1], [1.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="far.bin")
    inner = onnx.helper.make_graph(
        [onnx.helper.make_node("Constant", [], ["far"], value=tensor)], "inner", [], []
    )
    branch = onnx.helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    model = onnx.helper.make_model(onnx.helper.make_graph([branch], "outer", [], []))
    with pytest.raises(ModelError, match=r"'far' in another file, 'far\.bin'"):
        check_whole(model)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x80\x02K\x01."])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="no valid ONNX file"):
        read_portable(content)


def test_without_the_packages_it_is_refused_by_name_and_else_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compile_onnx, "find_spec", lambda name: name != "onnxscript" or None)
    nowhere: dict[str, Any] = {"model": Path("c"), "out": Path("o")}
    with pytest.raises(ModelError, match=r"onnxscript absent: pip install -e '\.\[export\]'"):
        settle_portable(ExportConfig(**nowhere, engine="onnx"), say=print)
    heard: list[str] = []
    assert settle_portable(ExportConfig(**nowhere), say=heard.append) is False
    assert heard == ["onnx is left out: onnxscript absent: pip install -e '.[export]'"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        ("unet", "resnet18"),
        ("fpn", "tu-tf_efficientnet_lite0"),
        ("deeplabv3plus", "tu-tf_efficientnet_lite0"),
        ("segformer", "mit_b0"),
        ("sam", "samvit_tiny_patch16"),
    ],
)
def test_families_have_one(bundle: Bundle, tmp_path: Path, architecture: Any, encoder: str) -> None:
    import torch

    spec = NetworkSpec(architecture=architecture, encoder=encoder)
    size = (64, 96)
    inputs = InputSpec(size=size, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    other = replace(bundle, path=tmp_path, network_spec=spec, input_spec=inputs)
    torch.manual_seed(0)
    graph = LogitsGraph(build_network(spec).eval(), spec=inputs).eval()
    save_portable(graph, other)
    session = import_onnxruntime().InferenceSession(tmp_path / "model.onnx")
    pixels_NHWC = np.random.default_rng(0).integers(0, 256, (3, *size, 3), np.uint8)
    _, found = session.run(None, {"pixels": pixels_NHWC})
    with torch.inference_mode():
        truth = graph(torch.from_numpy(pixels_NHWC)).numpy()
    assert np.abs(found - truth).max() < 1e-3 * np.abs(truth).max()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "engines"),
    [((), {"openvino", "onnx"}), (("--engine", "onnx"), {"onnx"})],
)
def test_the_command_writes_and_proves_it(
    config: ExportConfig, tmp_path: Path, words: tuple[str, ...], engines: set[str]
) -> None:
    first = [config.model, "--out", tmp_path / "small", "--labelled", config.labelled]
    done = CliRunner().invoke(main, [*map(str, first), "--precision", "fp32", *words])
    assert done.exit_code == ExitCode.OK, done.output
    made = find_bundle(tmp_path / "small")
    assert set(made.engines) == set(made.parity) - {"weights"} == engines
    assert made.built["onnx"]["graph"]["opset"] == OPSET


def refuse_to_convert(*_: object, **__: object) -> None:
    raise RuntimeError("no rule for aten::unheard_of")


def answer_wrongly(_: GateRequest) -> dict[str, Any]:
    """What the proving child would answer of a file whose logits are far off."""
    logits = {"n": 1, "not_finite": [], "max": 9.0, "mean": 1.0, "share": 0.5}
    probes = {"n": 1, "distinct": 4, "night": 1.0, "night_least": 1.0}
    rows = {"fp32": {"logits": logits, "probes": probes, "batches": {"3 of 3": 1.0}}}
    return {"precisions": rows}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "other", "told"),
    [
        ("torch.onnx.export", refuse_to_convert, "no rule for aten::unheard_of"),
        ("export.onnx_parity.prove_in_child", answer_wrongly, "moves the logits"),
    ],
)
def test_what_is_wrong_with_it_keeps_nothing_else_from_being_written(
    config: ExportConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    other: Callable[..., Any],
    told: str,
) -> None:
    monkeypatch.setattr(place, other)
    bare = replace(config, labelled=None, precision="fp32", portable=True)
    heard: list[str] = []
    made = export_bundle(replace(bare, out=tmp_path / "b"), say=heard.append)
    assert set(made.engines) == {"openvino"}
    assert "model.onnx" not in made.files
    (line,) = (line for line in heard if line.startswith("onnx is left out: "))
    assert told in line
    assert "--engine onnx" not in line, "nobody gave that"
    with pytest.raises(ModelError, match=told):
        export_bundle(replace(bare, out=tmp_path / "c", engine="onnx"))
    assert not (tmp_path / "c").exists()


def test_branches_of_a_graph_forget_where_they_were_made_too() -> None:
    def branch(name: str) -> onnx.GraphProto:
        node = helper.make_node("Identity", ["x"], ["y"], doc_string="/home/somebody/branch.py")
        node.metadata_props.add(key="stack_trace", value="/home/somebody/branch.py, line 7")
        return helper.make_graph([node], name, [], [floats("y")])

    def floats(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1])

    chosen = helper.make_tensor_value_info("chosen", onnx.TensorProto.BOOL, [1])
    node = helper.make_node(
        "If", ["chosen"], ["y"], then_branch=branch("then"), else_branch=branch("else")
    )
    graph = helper.make_graph([node], "whole", [chosen, floats("x")], [floats("y")])
    model = helper.make_model(graph)
    _forget_where(model)
    assert b"somebody" not in model.SerializeToString()
    onnx.checker.check_model(model, full_check=True)
