"""``--precision``: what a bundle is proved in is what it runs in, and nothing else."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from export import openvino_parity
from export.__main__ import main
from export.config import ExportConfig
from export.exporting import export_bundle
from export.gate import GateRequest
from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.engine.openvino_graphs import offered_precisions, proved_precisions
from losszero_rt.errors import ExitCode, ModelError, UsageError

pytestmark = pytest.mark.slow
HAS_BF16 = pytest.mark.skipif(
    "bf16" not in capable_precisions(), reason="this CPU has no bf16 to leave out"
)


@pytest.fixture(scope="module")
def exact(config: ExportConfig, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that was exported in fp32."""
    out = tmp_path_factory.mktemp("precision") / "exact"
    return export_bundle(replace(config, out=out, precision="fp32"))


@pytest.fixture
def bare(exact: Bundle, tmp_path: Path) -> Bundle:
    """The same without its proof, as an export without labelled pictures leaves it."""
    for name in set(exact.files) - {"parity.json"}:
        (tmp_path / name).write_bytes(exact.read(name))
    return seal(replace(exact, path=tmp_path, parity={}))


def test_fp32_is_proved_recorded_and_run_alone(exact: Bundle) -> None:
    assert exact.is_verified
    assert set(exact.parity["openvino"]["precisions"]) == {"fp32"}
    facts = exact.built["openvino"]["graph"]
    assert (facts["precision"], facts["precision_found"]) == ("fp32", "fp32")
    engine = open_engine(exact, name="openvino", options=EngineOptions(threads=1))
    found = engine.info.precision
    engine.close()
    assert found == "fp32"


def test_without_a_proof_fp32_is_still_what_runs(bare: Bundle) -> None:
    assert not bare.is_verified
    assert proved_precisions(bare) == ("fp32",)


@HAS_BF16
def test_what_was_left_out_is_not_run_by_name_either(exact: Bundle) -> None:
    with pytest.raises(ModelError, match=r"exported with --precision fp32.*precisions: auto, fp32"):
        open_engine(exact, name="openvino", options=EngineOptions(precision="bf16", threads=1))


@HAS_BF16
def test_what_was_not_there_to_be_proved_is_not_run_by_name(bare: Bundle, exact: Bundle) -> None:
    """As on a CPU that has more than that of the export."""
    wide = replace(bare, built={"openvino": {"graph": {"precision": "auto"}}}, parity=exact.parity)
    assert proved_precisions(wide) == ("fp32",)
    with pytest.raises(ModelError, match=r"is not proved: the CPU .*auto, fp32\. leave"):
        open_engine(wide, name="openvino", options=EngineOptions(precision="bf16", threads=1))


def test_bf16_is_what_the_cpu_has_of_it_and_fp32(bundle: Bundle) -> None:
    assert bundle.built["openvino"]["graph"]["precision"] == "bf16"
    assert offered_precisions(bundle) == capable_precisions()
    assert set(bundle.parity["openvino"]["precisions"]) == set(capable_precisions())


@pytest.mark.parametrize("facts", [{}, {"precision": 3}, {"precision": "auto"}, "graph"])
def test_a_bundle_that_names_no_float_runs_in_all(bare: Bundle, facts: Any) -> None:
    free = replace(bare, built={"openvino": {"graph": facts}})
    assert offered_precisions(free) == capable_precisions()


@pytest.mark.parametrize(
    ("engine", "precision", "words"),
    [
        ("openvino", "fp16", "--precision auto, fp32, bf16, int8; fp16 is for --engine tensorrt"),
        ("openvino", "fp8", "auto, fp32, bf16, int8; fp8 is for --engine tensorrt"),
        ("onnx", "bf16", "--precision auto, fp32"),
        ("tensorrt", "bf16", "auto, fp16, fp32, int8, fp8; bf16 with --engine openvino"),
        ("all", "bf16", "bf16 with --engine openvino"),
    ],
)
def test_what_an_engine_has_not_is_refused_with_what_it_has(
    config: ExportConfig, engine: Any, precision: Any, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        replace(config, engine=engine, precision=precision, portable=True)


def test_every_precision_that_help_names_is_accepted_by_some_engine(tmp_path: Path) -> None:
    for precision in ("auto", "fp32", "fp16", "bf16", "int8", "fp8"):
        engine = "tensorrt" if precision in ("fp16", "fp8") else "openvino"
        words = ["--precision", precision, "--engine", engine]
        done = CliRunner().invoke(main, [str(tmp_path), "--out", str(tmp_path / "b"), *words])
        assert done.exit_code in (ExitCode.MODEL, ExitCode.USAGE)
        assert "is not one of" not in done.output


def test_help_says_what_becomes_of_bundles_without_labelled_pictures() -> None:
    said = "".join(CliRunner().invoke(main, ["--help"]).output.split())
    assert "--allow-unverified" in said


@HAS_BF16
def test_a_float_beyond_tolerance_is_named_with_the_way_out(
    config: ExportConfig,
    bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = copy.deepcopy(dict(bundle.parity["openvino"]))
    record["precisions"]["bf16"]["miou_points"] = -2.0

    def prove(request: GateRequest) -> dict[str, Any]:
        return {**record, **Bundle.open(Path(request.bundle)).parity_head("openvino")}

    monkeypatch.setattr(openvino_parity, "prove_in_child", prove)
    with pytest.raises(ModelError, match=r"openvino: bf16 moves .*--precision fp32 leaves out"):
        export_bundle(replace(config, out=tmp_path / "out" / "off"))
    assert not (tmp_path / "out").exists()
