"""From a checkpoint to a bundle, as the command does it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from export import exporting, origin
from export.__main__ import main
from export.compile_openvino import convert_graph
from export.config import ExportConfig
from export.exporting import export_bundle
from export.parity import Verdict, compare
from losszero_rt.bundle import (
    CARD_NAME,
    GATE,
    PARITY_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
)
from losszero_rt.checkpoint import WEIGHTS_NAME as CHECKPOINT_WEIGHTS
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.errors import ExitCode, ModelError
from losszero_rt.metrics import ScoreKeeper
from tests.bundles import CLASSES, swap_classes
from tests.engine.test_eager_objects import write_object_checkpoint


def test_the_bundle_holds_weights_graph_proof_and_card(bundle: Bundle) -> None:
    graph_files = set(bundle.engines["openvino"].values())
    assert set(bundle.files) == {WEIGHTS_NAME, PARITY_NAME, CARD_NAME} | graph_files
    assert bundle.scores["n"] == 4
    assert bundle.scores["dataset"] == "pairs"
    assert "Motorcycle Night Ride" in bundle.attribution
    assert "comma10k" not in bundle.attribution


def test_parity_was_measured_in_every_precision_of_this_cpu(bundle: Bundle) -> None:
    record = bundle.parity["openvino"]
    assert set(record["precisions"]) == set(capable_precisions())
    exact = record["precisions"]["fp32"]
    assert exact["label_agreement"] > 0.999
    assert exact["logits"]["share"] < 1e-4
    assert 0 < exact["logits"]["mean"] <= exact["logits"]["max"] < 1e-3
    assert exact["logits"]["n"] == exact["probes"]["n"] + 4
    assert set(exact["batches"]) == {"3 of 3", "2 of 3", "1 of 3"}
    assert record["gate"] == GATE


def test_the_stored_weights_were_compared_with_the_trained_ones(
    bundle: Bundle, config: ExportConfig
) -> None:
    record = bundle.parity[WEIGHTS]
    assert record["sha256"] == bundle.files[WEIGHTS_NAME].sha256
    assert record["source_sha256"] == bundle.source_sha256
    assert 0.99 < record["label_agreement"] < 1, "kernels are rounded"


def test_the_manifest_says_where_it_comes_from_and_what_runs(bundle: Bundle) -> None:
    assert re.fullmatch("[0-9a-f]{40}", bundle.provenance.get("commit", "0" * 40))
    assert re.fullmatch("[0-9a-f]{64}", bundle.provenance["labelled_sha256"])
    facts = bundle.built["openvino"]["graph"]
    assert facts["precision"] == "bf16"
    assert facts["precision_found"] == "+".join(capable_precisions())
    assert "FP32" in facts["capabilities"]
    assert facts["device"]


def test_the_card_speaks_of_data_scores_and_limits(bundle: Bundle) -> None:
    card = bundle.read(CARD_NAME).decode()
    for words in ("night_ride: 36 pictures", "CC BY 4.0", "**mean**", "## Limits", "fp32"):
        assert words in card


def test_stored_kernels_are_what_runs(bundle: Bundle) -> None:
    for name, value in load_bundle_network(bundle).state_dict().items():
        if value.dim() > 1:
            assert bool((value.bfloat16().float() == value).all()), name


def test_a_bundle_is_not_replaced_without_force(bundle: Bundle, config: ExportConfig) -> None:
    arguments = [str(config.model), "--out", str(bundle.path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == ExitCode.OUTPUT
    assert "--force" in done.output


@pytest.mark.slow
def test_no_labelled_pictures_leave_it_unverified(config: ExportConfig, tmp_path: Path) -> None:
    made = export_bundle(replace(config, labelled=None, out=tmp_path / "bare"))
    assert not made.is_verified
    assert PARITY_NAME not in made.files
    assert "Unverified" in made.read(CARD_NAME).decode()


@pytest.mark.slow
def test_a_graph_that_is_not_the_network_leaves_nothing(
    config: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph is damaged before it is written; the process that proves it knows only files."""

    def convert_wrongly(graph: Any, **options: Any) -> Any:
        swap_classes(graph.inner.network)
        return convert_graph(graph, **options)

    monkeypatch.setattr(exporting, "convert_graph", convert_wrongly)
    with pytest.raises(ModelError, match=r"would not be the network: openvino: .*moves the logits"):
        export_bundle(replace(config, out=tmp_path / "out" / "off"))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_weights_that_are_not_the_checkpoints_leave_nothing(
    config: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graph and stored weights agree with each other, and both are wrong."""
    monkeypatch.setattr(origin, "round_kernels", lambda network, **_: swap_classes(network))
    with pytest.raises(ModelError, match="would not be the network: weights: moves the mean IoU"):
        export_bundle(replace(config, out=tmp_path / "out" / "off"))
    assert not (tmp_path / "out").exists()


def test_a_broken_checkpoint_is_exit_4(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), "--out", str(tmp_path / "bundle")])
    assert done.exit_code == ExitCode.MODEL
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--engine", "onnx"], "mask-rcnn network, which finds objects and is no single graph"),
        (["--precision", "int8"], "eight bits for a mask-rcnn network"),
        (["--calibration", "somewhere"], "eight bits for a mask-rcnn network"),
    ],
)
def test_what_a_network_in_parts_cannot_become_is_refused_before_any_work(
    tmp_path: Path, words: list[str], fault: str
) -> None:
    checkpoint, out = write_object_checkpoint(tmp_path / "objects"), tmp_path / "out" / "b"
    # Whoever opens the weights would meet this.
    (checkpoint / CHECKPOINT_WEIGHTS).write_bytes(b"")
    done = CliRunner().invoke(main, [str(checkpoint), "--out", str(out), *words])
    assert done.exit_code == ExitCode.MODEL
    assert fault in done.output
    assert not out.parent.exists()


def test_compare_tells_signed_points_and_agreement() -> None:
    truth_HW = np.repeat(np.array([[0, 1]], np.uint8), 100, axis=0)
    wrong_HW = truth_HW.copy()
    wrong_HW[:10, 0] = 1
    found = compare(_verdict(wrong_HW, truth_HW), reference=_verdict(truth_HW, truth_HW))
    assert found["label_agreement"] == 0.95
    assert found["class_points"] == {"dark": -10.0, "bright": pytest.approx(-9.0909, abs=1e-3)}
    assert found["miou_points"] == pytest.approx(-9.5455, abs=1e-3)
    json.dumps(found, allow_nan=False)


def _verdict(labels_HW: np.ndarray, truth_HW: np.ndarray) -> Verdict:
    keeper = ScoreKeeper(CLASSES)
    keeper.add(labels_HW, truth=truth_HW)
    return Verdict(labels=[labels_HW], scores=keeper.scores())
