"""The gate asks engines that were built here, and refuses those that are not the network."""

from dataclasses import replace
from pathlib import Path

import pytest

from export.origin import write_weights
from export.tensorrt_parity import ProofRequest, prove_in_child
from losszero_rt.bundle import GATE, WEIGHTS_NAME, Bundle, seal
from losszero_rt.bundle.parity_rules import fault_of, run_faults
from losszero_rt.engine import EngineOptions, open_engine, score_of
from losszero_rt.engine.eager_engine import load_bundle_network
from tests.gpu.bundles import night_ride, with_engines, write_shipped

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(3600)]

# Logits of the shipped model reach about 40, on every probe 7; half precision ends at 65504.
TOO_MUCH = 2e4
ASKED = {"logits", "probes", "batches"}


def copy_of(bundle: Bundle, folder: Path) -> Bundle:
    """The same files in a folder of their own, whose engines are trusted as well."""
    folder.mkdir()
    for name in bundle.files:
        (folder / name).write_bytes(bundle.read(name))
    return seal(replace(bundle, path=folder, parity={}))


def test_engines_are_proved_in_a_fresh_process_after_a_reload(shipped: Bundle) -> None:
    record = prove_in_child(ProofRequest(bundle=str(shipped.path)))
    assert record["gate"] == GATE
    assert set(record["precisions"]) == {f"fp16 batch {batch}" for batch in (1, 2, 8)}
    for row, found in record["precisions"].items():
        batch = int(row.rpartition(" ")[2])
        assert set(found) == ASKED, "labels and rates need labelled pictures"
        assert run_faults(row, found) == []
        assert len(found["batches"]) == batch
    roles = shipped.engines["tensorrt"]
    assert all(record[f"{r}_sha256"] == shipped.files[n].sha256 for r, n in roles.items())


def test_an_engine_runs_with_the_score_that_it_was_proved_with(
    shipped: Bundle, tmp_path: Path
) -> None:
    bundle = copy_of(shipped, tmp_path / "copy")
    labelled = str(night_ride())
    record = prove_in_child(ProofRequest(bundle=str(bundle.path), labelled=labelled, split="val"))
    assert fault_of(record) == ""
    proved = replace(bundle, parity={"tensorrt": {**record, "dataset": "night_ride/val"}})
    engine = open_engine(proved, name="tensorrt", options=EngineOptions(batch=2))
    score = score_of(proved, engine.info)
    engine.close()
    found = record["precisions"]["fp16 batch 2"]
    assert score is not None
    assert (score.of, score.miou, score.n) == ("tensorrt fp16 batch 2", found["miou"], record["n"])


def test_an_engine_of_other_weights_is_refused(tmp_path: Path) -> None:
    bundle = with_engines(write_shipped(tmp_path / "bundle"))
    network = load_bundle_network(bundle)
    head = network.get_submodule("segmentation_head")
    for values in head.parameters():
        values.data.copy_(values.data.flip(0))
    write_weights(network, bundle.path / WEIGHTS_NAME)
    other = seal(bundle)
    record = prove_in_child(ProofRequest(bundle=str(other.path)))
    ((row, found),) = record["precisions"].items()
    assert any("labels of drawn night frames" in fault for fault in run_faults(row, found))


def test_logits_beyond_half_precision_are_refused_though_labels_are_right(tmp_path: Path) -> None:
    bare = write_shipped(tmp_path / "bundle")
    network = load_bundle_network(bare)
    for values in network.get_submodule("segmentation_head").parameters():
        values.data.mul_(TOO_MUCH)
    write_weights(network, bare.path / WEIGHTS_NAME)
    record = prove_in_child(ProofRequest(bundle=str(with_engines(seal(bare)).path)))
    ((row, found),) = record["precisions"].items()
    assert any("overflows" in fault for fault in run_faults(row, found))
