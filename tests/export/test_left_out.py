"""Arithmetic that loses objects is left out of a bundle, whether or not anything proves it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from export import openvino_parity
from export.config import ExportConfig
from export.exporting import export_bundle
from export.gate import GateRequest, read_truth
from export.openvino_parity import prove, prove_parts
from losszero_rt.bundle import Bundle
from losszero_rt.bundle.parity_rules import run_faults
from losszero_rt.engine import Engine, EngineOptions, open_engine, openvino_graphs
from losszero_rt.engine.protocol import Precision
from losszero_rt.errors import ModelError, NotFiniteError
from tests.bundles import write_pairs
from tests.engine.test_eager_objects import write_object_checkpoint
from tests.split_bundles import write_split_bundle

# Each proves a network in every way a gate has: some seconds, more on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FAULT = "loses 9 of 9 objects"
Opened = Callable[[Bundle, Precision, int], AbstractContextManager[Engine]]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_checkpoint(tmp_path_factory.mktemp("left-out") / "checkpoint")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("left-out-pairs") / "pairs")


@pytest.fixture
def in_fp32(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A CPU that says it has bf16, whatever it has: what runs in its place is fp32."""
    plain = openvino_parity._engine

    @contextmanager
    def engine(
        bundle: Bundle, precision: Precision, batch: int, *, floats: Precision = "auto"
    ) -> Iterator[Engine]:
        with plain(bundle, "fp32", batch) as found:
            yield found

    monkeypatch.setattr(openvino_parity, "offered_precisions", lambda _: ("bf16", "fp32"))
    monkeypatch.setattr(openvino_graphs, "capable_precisions", lambda: ("bf16", "fp32"))
    monkeypatch.setattr(openvino_parity, "_engine", engine)
    return engine


@pytest.fixture
def bf16_faults(in_fp32: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, where the gate finds fault with bf16."""

    def faults(precision: str, found: Any) -> list[str]:
        return [FAULT] if precision == "bf16" else run_faults(precision, found)

    monkeypatch.setattr(openvino_parity, "run_faults", faults)
    monkeypatch.setattr(openvino_parity, "prove_in_child", prove)


@pytest.mark.usefixtures("bf16_faults")
@pytest.mark.parametrize("has_pictures", [True, False])
def test_what_loses_objects_is_left_out_with_and_without_labelled_pictures(
    checkpoint: Path, labelled: Path, tmp_path: Path, has_pictures: bool
) -> None:
    said: list[str] = []
    config = ExportConfig(
        model=checkpoint,
        out=tmp_path / "bundle",
        labelled=labelled if has_pictures else None,
        engine="openvino",
    )
    bundle = export_bundle(config, say=said.append)
    assert bundle.is_verified == has_pictures
    facts = bundle.built["openvino"]["graph"]
    assert (facts["left_out"], facts["precision_found"]) == ({"bf16": FAULT}, "fp32")
    assert f"bf16 is left out, it is not run: {FAULT}" in said
    assert openvino_graphs.offered_precisions(bundle) == ("fp32",)
    options = EngineOptions(threads=1)
    engine = open_engine(bundle, name="openvino", options=options)
    assert engine.info.precision == "fp32"
    engine.close()
    options = EngineOptions(threads=1, precision="bf16")
    with pytest.raises(ModelError, match=rf"bf16 .*{FAULT}.*precisions: auto, fp32"):
        open_engine(bundle, name="openvino", options=options)


@pytest.mark.usefixtures("bf16_faults")
def test_what_was_asked_for_by_name_and_is_left_out_ends_the_export(
    checkpoint: Path, tmp_path: Path
) -> None:
    config = ExportConfig(
        model=checkpoint, out=tmp_path / "bundle", engine="openvino", precision="bf16"
    )
    with pytest.raises(ModelError, match=rf"openvino: bf16 {FAULT}.*--precision fp32 leaves out"):
        export_bundle(config)
    assert not config.out.exists()


def test_what_overflows_is_left_out_but_for_fp32(
    checkpoint: Path, tmp_path: Path, in_fp32: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is left is fp32, so that where this overflows too there is nothing to export."""
    overflowing = {"bf16"}
    bundle = write_split_bundle(tmp_path / "bundle", checkpoint=checkpoint)
    truth = read_truth(GateRequest(bundle=str(bundle.path)))

    @contextmanager
    def engine(
        bundle: Bundle, precision: Precision, batch: int, *, floats: Precision = "auto"
    ) -> Iterator[Engine]:
        if precision in overflowing:
            raise NotFiniteError("the compiled trunk part", precision=precision)
        with in_fp32(bundle, precision, batch) as found:
            yield found

    monkeypatch.setattr(openvino_parity, "_engine", engine)
    record = prove_parts(truth)
    assert set(record["precisions"]) == {"fp32"}
    assert record["left_out"] == {"bf16": "overflows in bf16: its values are not finite"}
    overflowing.add("fp32")
    with pytest.raises(ModelError, match=r"trunk part overflows in fp32.*losszero-rt verify MODEL"):
        prove_parts(truth)
