"""A second graph in int8: made by NNCF, within tolerance, and run like any other precision."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export import int8_graphs
from export.config import ExportConfig
from export.exporting import export_bundle
from export.int8_graphs import Int8Request
from export.labelled import LabelledPicture
from export.provenance import digest_of
from losszero_rt.bundle import CARD_NAME, Bundle
from losszero_rt.engine import EngineOptions, openvino_graphs, score_of
from losszero_rt.engine.openvino_candidates import precisions_of
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import (
    capable_precisions,
    import_openvino,
    multiplies_int8,
    openvino_core,
    runs_as_asked,
)
from losszero_rt.engine.openvino_graphs import (
    int8_floats,
    offered_precisions,
    proved_precisions,
    read_graph,
)
from losszero_rt.errors import ModelError
from losszero_rt.pipeline.inspection import inspection_text
from tests.bundles import NUM_PICTURES, draw_inputs, draw_picture, write_pairs

pytestmark = pytest.mark.slow

needs_nncf = pytest.mark.skipif(not find_spec("nncf"), reason="nncf is not installed")
needs_int8 = pytest.mark.skipif(not multiplies_int8(), reason="this CPU has no int8 products")
# Runs in a fresh interpreter: any socket, and any process that is forked, is an error.
_QUIET = """
import json, os, socket, sys
def refuse(*_, **__):
    raise SystemExit("a socket or a process was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = os.fork = refuse
from pathlib import Path
from export.compile_int8 import quantise
from export.int8_graphs import Int8Request
from losszero_rt.bundle import Bundle
words = json.loads(sys.argv[1])
print(json.dumps(quantise(Bundle.open(Path(words.pop("bundle"))), Int8Request(**words))))
"""


@pytest.fixture(scope="module")
def made(config: ExportConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """A bundle that was exported with an int8 graph."""
    folder = tmp_path_factory.mktemp("int8")
    calibration = write_pairs(folder / "other", first=40)
    # One that is scored too, under another name.
    for part in ("images", "masks"):
        shutil.copy(f"{config.labelled}/{part}/2.png", calibration / part / "known.png")
    said: list[str] = []
    yield export_bundle(
        replace(config, out=folder / "small", precision="int8", calibration=calibration),
        say=said.append,
    )
    assert any("1 pictures of other are scored" in line for line in said)
    assert any("layers stay floats" in line for line in said)


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_nncf
class TestInt8:
    def test_it_lies_beside_the_graph_of_floats_and_says_how_it_was_made(
        self, made: Bundle
    ) -> None:
        roles = made.engines["openvino"]
        assert set(roles) == {"graph", "constants", "int8_graph", "int8_constants"}
        facts = made.built["openvino"]["int8_graph"]
        assert facts["tool"].startswith("nncf ")
        assert facts["calibration"] == NUM_PICTURES
        assert (facts["calibration_set"], facts["calibration_scored"]) == ("other", 1)
        others = [draw_picture(seed) for seed in range(40, 40 + NUM_PICTURES)]
        assert facts["calibration_sha256"] == digest_of(
            [LabelledPicture(pixels_HWC=p, labels_HW=labels) for p, labels in others]
        )
        assert facts["calibration_sha256"] in made.read(CARD_NAME).decode()
        assert f"{NUM_PICTURES} pictures of other" in inspection_text(made)
        assert facts["layers"] > len(facts["left_out"])
        assert set(facts["miou_points"]) == {"calibration", "labelled"}
        constants = made.files[roles["int8_constants"]].num_bytes
        assert constants < 0.7 * made.files[roles["constants"]].num_bytes

    @needs_int8
    def test_it_is_proved_like_any_precision(self, made: Bundle) -> None:
        assert made.is_verified
        record = made.parity["openvino"]
        rows = record["precisions"]
        assert {row.split(" ")[0] for row in rows} == set(offered_precisions(made))
        floats = {row: facts["floats"] for row, facts in rows.items() if "int8" in row}
        fastest, *others = capable_precisions()
        assert floats == {"int8": fastest, **{f"int8 with {name}": name for name in others}}
        assert record["int8_graph_sha256"] == made.files["model-int8.xml"].sha256
        assert record["cams"]["int8"] > 0.99

    @needs_int8
    def test_it_runs_and_int8_is_read_back_from_what_executes(self, made: Bundle) -> None:
        engine = OpenVinoEngine(made, options=EngineOptions(precision="int8", threads=1))
        assert runs_as_asked(engine.info.precision, asked="int8")
        exact = OpenVinoEngine(made, options=EngineOptions(precision="fp32", threads=1))
        inputs_NHWC = draw_inputs(1, seed=70)
        found, truth = (one.submit(inputs_NHWC).result() for one in (engine, exact))
        assert (found == truth).mean() > 0.95

    @needs_int8
    def test_auto_tries_it_only_where_it_was_proved(self, made: Bundle) -> None:
        assert "int8" in precisions_of(made, EngineOptions())
        record = made.parity["openvino"]
        rows = record["precisions"].items()
        rest = {name: found for name, found in rows if "int8" not in name}
        cautious = replace(made, parity={"openvino": {**record, "precisions": rest}})
        assert "int8" not in precisions_of(cautious, EngineOptions())

    @needs_int8
    def test_what_it_leaves_in_floats_runs_in_what_was_proved(
        self, made: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record = made.parity["openvino"]

        def proved_with(*floats: str) -> Bundle:
            rows = {
                row: facts
                for row, facts in record["precisions"].items()
                if facts.get("floats", "fp32") in floats
            }
            return replace(made, parity={"openvino": {**record, "precisions": rows}})

        fastest = capable_precisions()[0]
        assert int8_floats(made) == capable_precisions()
        assert int8_floats(proved_with("fp32")) == ("fp32",)
        engine = OpenVinoEngine(
            proved_with("fp32"), options=EngineOptions(precision="int8", threads=1)
        )
        info = engine.info
        engine.close()
        assert "bf16" not in info.precision
        score = score_of(proved_with("fp32"), info)
        assert score is not None
        row = "int8" if fastest == "fp32" else "int8 with fp32"
        assert score.of in (f"openvino {row}", "openvino int8")
        # A CPU that has not what was proved runs no int8 at all.
        monkeypatch.setattr(openvino_graphs, "capable_precisions", lambda: ("fp32",))
        elsewhere = proved_with("bf16") if fastest == "bf16" else None
        if elsewhere is not None:
            with pytest.raises(ModelError, match="is proved in nothing that this CPU has"):
                proved_precisions(elsewhere)

    def test_a_graph_whose_ranges_are_wrong_is_seen(self, made: Bundle) -> None:
        from export.compile_int8 import Yardstick
        from export.compile_openvino import cut_at_logits

        drawn = [draw_picture(seed) for seed in range(2)]
        pictures = [LabelledPicture(pixels_HWC=p, labels_HW=labels) for p, labels in drawn]
        floats = cut_at_logits(made)
        floats.reshape([1, *made.input_spec.size, 3])
        yardstick = Yardstick(floats, made, sets={"drawn": pictures})
        assert yardstick.faults(floats.clone())[1] == []
        broken = cut_at_logits(made, precision="int8")
        broken.reshape([1, *made.input_spec.size, 3])
        narrow_ranges(broken)
        assert any("drawn pictures" in fault for fault in yardstick.faults(broken)[1])

    def test_layers_are_ranked_and_the_graph_is_left_as_it_was(self, made: Bundle) -> None:
        from export.compile_openvino import cut_at_logits
        from export.int8_ranking import quantised_layers, rank_layers

        floats = cut_at_logits(made)
        floats.reshape([1, *made.input_spec.size, 3])
        quantised = cut_at_logits(made, precision="int8")
        before = logits_of(floats)
        ranked = rank_layers(floats, quantised, inputs=list(draw_inputs(1)))
        assert {name for name, _ in ranked} == set(quantised_layers(quantised))
        errors = [error for _, error in ranked]
        assert errors == sorted(errors, reverse=True)
        assert errors[0] > 0
        np.testing.assert_array_equal(logits_of(floats), before)

    def test_quantising_opens_no_socket(self, made: Bundle, pairs: Path, tmp_path: Path) -> None:
        for name in made.files:
            (tmp_path / name).write_bytes(made.read(name))
        (tmp_path / "manifest.json").write_bytes((made.path / "manifest.json").read_bytes())
        words = {"bundle": str(tmp_path), "calibration": str(pairs)}
        command = [sys.executable, "-c", _QUIET, json.dumps(words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(done.stdout.splitlines()[-1])["calibration"] == NUM_PICTURES


def narrow_ranges(model: Any) -> None:
    """Let every operation that rounds know nothing beyond a hundredth of its range."""
    op = import_openvino().opset13
    for node in model.get_ops():
        if node.get_type_name() == "FakeQuantize":
            for index in range(1, 5):
                narrow = op.multiply(node.input_value(index), op.constant(np.float32(0.01)))
                node.input(index).replace_source_output(narrow.output(0))


def logits_of(model: Any) -> np.ndarray:
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino_core().compile_model(model, "CPU", settings)
    return np.array(compiled(draw_inputs(1))[0])


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_nncf
def test_pictures_that_are_not_there_are_an_error_of_the_child(made: Bundle) -> None:
    request = Int8Request(calibration="/nowhere")
    said: list[str] = []
    same = int8_graphs.add_int8(made, request, insist=False, say=said.append)
    assert same is made
    assert "int8 is left out" in said[-1]
    with pytest.raises(ModelError, match="nowhere"):
        int8_graphs.add_int8(made, request, insist=True, say=said.append)


def test_the_int8_graph_is_read_only_when_it_is_asked_for(bundle: Bundle) -> None:
    core = openvino_core()
    types = {node.get_type_name() for node in read_graph(core, bundle).get_ops()}
    assert "FakeQuantize" not in types
    with pytest.raises(KeyError):
        read_graph(core, bundle, precision="int8")
