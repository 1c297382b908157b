"""``verify`` compares engines with the network on this machine, whatever was proved at export."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from export.compile_openvino import save_graph
from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine.openvino_facts import capable_precisions, import_openvino, openvino_core
from losszero_rt.pipeline.verification import Check, verify_model
from tests.engine.test_eager_objects import SPEC, write_object_checkpoint
from tests.split_bundles import write_split_bundle


def agreement(folder: Path) -> Check:
    _, checks = verify_model(folder)
    (found,) = (check for check in checks if check.what == "openvino agrees")
    return found


def test_every_precision_is_compared_with_the_network(bundle: Bundle) -> None:
    found = agreement(bundle.path)
    assert found.ok
    for precision in capable_precisions():
        assert f"{precision} " in found.found
    assert "of the labels of 4 drawn night frames are the network's" in found.found


def test_a_graph_that_says_something_else_here_is_a_fault(bundle: Bundle, tmp_path: Path) -> None:
    for name in bundle.files:
        (tmp_path / name).write_bytes(bundle.read(name))
    ov = import_openvino()
    model = openvino_core().read_model(bundle.path / "model.xml")
    labels = model.output(0).get_node().input_value(0)
    swapped = ov.opset13.subtract(ov.opset13.constant(np.uint8(1)), labels)
    others = [port.get_node().input_value(0) for port in model.outputs[1:]]
    wrong = ov.Model([swapped.output(0), *others], model.get_parameters(), "wrong")
    for port, twin in zip(wrong.outputs, model.outputs, strict=True):
        port.set_names(twin.get_names())
    save_graph(wrong, tmp_path)
    found = agreement(seal(replace(bundle, path=tmp_path)).path)
    assert found.ok is False
    assert "0.00% of the labels" in found.fault
    assert "at least" in found.fault


def test_parts_of_a_network_that_finds_nothing_are_not_said_to_agree(tmp_path: Path) -> None:
    checkpoint = write_object_checkpoint(tmp_path / "blind", spec=replace(SPEC, score_min=0.99))
    found = agreement(write_split_bundle(tmp_path / "bundle", checkpoint=checkpoint).path)
    assert (found.ok, found.found) == (None, "nothing to compare in drawn night frames")


def test_what_lies_in_the_folder_and_is_not_of_it_is_named(bundle: Bundle, tmp_path: Path) -> None:
    for name in bundle.files:
        (tmp_path / name).write_bytes(bundle.read(name))
    seal(replace(bundle, path=tmp_path))
    (tmp_path / "old-model.bin").write_bytes(b"\0")
    _, checks = verify_model(tmp_path)
    assert "not of the bundle, and never read: old-model.bin" in checks[0].found
    assert "not of the bundle" not in verify_model(bundle.path)[1][0].found
