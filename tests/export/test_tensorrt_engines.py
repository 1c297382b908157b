"""Building TensorRT engines into bundles and caches, over doubles of the builder."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from export import cached_engine, tensorrt_engines
from export.__main__ import main
from export.cached_engine import build_cached
from export.config import ExportConfig
from export.engine_request import EngineFacts, EngineRequest
from export.exporting import export_bundle
from export.tensorrt_engines import settle_engines
from export.tensorrt_parity import ProofRequest
from losszero_rt.bundle import GATE, Bundle, find_bundle
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.engine.engine_files import cache_stem, engine_files
from losszero_rt.engine.engine_trust import is_recorded
from losszero_rt.errors import ExitCode, ModelError, UsageError
from tests.bundle.test_parity_rules import GOOD
from tests.bundles import write_pairs, write_small_checkpoint
from tests.engine.tensorrt_double import (
    CAMS_SIZE,
    HERE,
    VERSIONS,
    engine_bytes,
    without_gpu,
    write_engines,
)

WITHOUT_LIBRARY = pytest.mark.skipif(
    find_spec("torch_tensorrt") is not None, reason="the real library is here: tests/gpu runs it"
)


def build_double(request: EngineRequest) -> EngineFacts:
    Path(request.out).write_bytes(engine_bytes(request.batch, cams=request.cams))
    return EngineFacts(
        precision_found=request.precision,
        half_share=1.0,
        num_layers=12,
        gpu=HERE.name,
        compute_capability=HERE.compute_capability,
        driver="13.0",
        versions={**VERSIONS, "torch": "2.14.1"},
        attention_fused=False,
        cams_size=CAMS_SIZE if request.cams else None,
    )


@pytest.fixture
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A GPU, the library and a builder."""
    with without_gpu(monkeypatch, cache_folder=tmp_path / "cache"):
        monkeypatch.setattr(tensorrt_engines, "find_gpu", lambda _: torch.device("cpu"))
        monkeypatch.setattr(tensorrt_engines, "build_in_child", build_double)
        monkeypatch.setattr(cached_engine, "build_in_child", build_double)
        yield


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExportConfig:
    folder = tmp_path_factory.mktemp("export")
    return ExportConfig(
        model=write_small_checkpoint(folder / "checkpoint"),
        out=folder / "small",
        labelled=write_pairs(folder / "pairs"),
        engine="tensorrt",
        batches=(1, 3),
        portable=False,
    )


def true_maps_of_the_double(_: Bundle, inputs_NHWC: np.ndarray) -> list[np.ndarray]:
    """Maps of a network that is what the double of the builder builds."""
    bright_Nhw = inputs_NHWC[:, ::4, ::4, 0].astype(np.float32) / 256
    return [1 - bright_Nhw, bright_Nhw]


def proof_of(bundle_folder: str, *, points: float) -> dict[str, Any]:
    """What the proving child would answer."""
    files = find_bundle(bundle_folder, allow_unverified=True)
    measured = {
        "label_agreement": 0.999,
        "miou_points": points,
        "class_points": {"dark": points, "bright": 0.0},
    }
    found = {**GOOD, **measured}
    return {
        **files.parity_head("tensorrt"),
        "precisions": {"fp16 batch 1": found, "fp16 batch 3": found},
    }


@WITHOUT_LIBRARY
def test_an_engine_wanted_by_name_without_a_gpu_is_an_error_before_any_work(
    tmp_path: Path,
) -> None:
    arguments = [str(tmp_path / "absent"), "--out", str(tmp_path / "b"), "--engine", "tensorrt"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == ExitCode.MODEL
    assert "no TensorRT engine can be built here" in done.output
    assert "--engine openvino" in done.output
    assert not list(tmp_path.iterdir())


@WITHOUT_LIBRARY
def test_all_leaves_tensorrt_out_and_says_so(config: ExportConfig) -> None:
    heard: list[str] = []
    plain = replace(config, engine="all", precision="auto", batches=(1,))
    assert settle_engines(plain, say=heard.append) == ("openvino",)
    assert len(heard) == 1
    assert heard[0].startswith("tensorrt is left out: ")


@pytest.mark.usefixtures("doubles")
def test_all_means_both_where_both_can_be_built(config: ExportConfig) -> None:
    both = settle_engines(replace(config, engine="all"), say=pytest.fail)
    assert both == ("openvino", "tensorrt")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--precision", "fp16", "--precision fp16 for --engine openvino"),
        ("--batch", "1,2", "without a TensorRT engine"),
        ("--attention", "plain", "without a TensorRT engine"),
    ],
)
def test_what_only_tensorrt_knows_is_refused_without_it(
    option: str, value: str, words: str, tmp_path: Path
) -> None:
    arguments = [str(tmp_path), "--out", str(tmp_path / "b"), option, value]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == ExitCode.USAGE
    assert words in done.output


@pytest.mark.skipif(find_spec("modelopt") is not None, reason="nvidia-modelopt is here")
@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_eight_bits_without_their_library_are_refused_before_any_work(
    precision: str, tmp_path: Path
) -> None:
    arguments = [str(tmp_path), "--out", str(tmp_path / "b"), "--engine", "tensorrt"]
    done = CliRunner().invoke(main, [*arguments, "--precision", precision])
    assert done.exit_code == ExitCode.MODEL
    assert f"{precision} needs nvidia-modelopt" in done.output
    assert "pip install -e '.[quantise]'" in done.output
    assert "--precision fp16" in done.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("batches", [(), (0,), (1, 65)])
def test_batches_have_limits(config: ExportConfig, batches: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="numbers from 1 to 64"):
        replace(config, batches=batches)


@pytest.mark.slow
@pytest.mark.usefixtures("doubles")
def test_a_bundle_of_engines_is_proved_recorded_and_opens(
    config: ExportConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tensorrt_engines, "prove_in_child", lambda request: proof_of(request.bundle, points=0.1)
    )
    heard: list[str] = []
    bundle = export_bundle(config, say=heard.append)
    assert bundle.is_verified
    assert dict(bundle.engines) == {"tensorrt": {"b1": "tensorrt-b1.pt2", "b3": "tensorrt-b3.pt2"}}
    built = bundle.built["tensorrt"]["b3"]
    assert (built["batch"], built["precision"], built["precision_found"]) == (3, "fp16", "fp16")
    assert (built["gpu"], built["compute_capability"]) == (HERE.name, [9, 0])
    assert built["versions"]["tensorrt"] == VERSIONS["tensorrt"]
    assert all(is_recorded(bundle.files[n].sha256) for n in bundle.engines["tensorrt"].values())
    assert bundle.scores["n"] == 4
    assert any(line.startswith("building tensorrt-b1.pt2 in fp16") for line in heard)
    engine = open_engine(bundle, options=EngineOptions(batch=3))
    assert (engine.info.name, engine.info.trusted_by) == ("tensorrt", "record")


@pytest.mark.slow
@pytest.mark.usefixtures("doubles")
def test_engines_beyond_tolerance_leave_nothing(
    config: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        tensorrt_engines, "prove_in_child", lambda request: proof_of(request.bundle, points=1.5)
    )
    out = tmp_path / "out" / "off"
    with pytest.raises(ModelError, match="the bundle would not be the network: tensorrt"):
        export_bundle(replace(config, out=out))
    assert not out.parent.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("doubles")
def test_a_proof_of_the_first_gate_is_not_enough_for_an_engine(
    config: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prove(request: ProofRequest) -> dict[str, Any]:
        record = proof_of(request.bundle, points=0.1)
        return {key: value for key, value in record.items() if key != "gate"}

    monkeypatch.setattr(tensorrt_engines, "prove_in_child", prove)
    with pytest.raises(ModelError, match=rf"record of gate 1, .* needs one of gate {GATE}"):
        export_bundle(replace(config, out=tmp_path / "out" / "old"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("doubles")
class TestCache:
    """``losszero-rt --build``."""

    @pytest.mark.parametrize("agreement", [0.995, 1.0])
    def test_an_engine_that_agrees_is_kept_and_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agreement: float
    ) -> None:
        bundle = write_engines(tmp_path / "bundle", batches=(3,))
        monkeypatch.setattr(cached_engine, "check_alive", lambda *_: None)
        monkeypatch.setattr(cached_engine, "agreement_of", lambda *_: agreement)
        monkeypatch.setattr(cached_engine, "true_maps", true_maps_of_the_double)
        kept = build_cached(bundle, batch=1, precision="fp32", device="cpu")
        assert [file.batch for file in engine_files(bundle)] == [1, 3]
        facts = json.loads(kept.with_suffix(".json").read_text())
        assert (facts["label_agreement"], facts["batch"]) == (agreement, 1)
        assert facts["cams"] > 0.999
        heard: list[str] = []
        options = EngineOptions(batch=1)
        engine = open_engine(bundle, name="tensorrt", options=options, say=heard.append)
        assert (engine.info.batch, engine.info.trusted_by) == (1, "record")
        assert f"{agreement:.1%}" in engine.info.proof
        assert ["not measured on labels" in line for line in heard] == [True]
        engine.watch(1)

    def test_an_engine_that_does_not_agree_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = write_engines(tmp_path / "bundle", batches=(3,))
        monkeypatch.setattr(cached_engine, "check_alive", lambda *_: None)
        monkeypatch.setattr(cached_engine, "agreement_of", lambda *_: 0.9)
        with pytest.raises(ModelError, match=r"90.00% of the pixels"):
            build_cached(bundle, batch=1, precision="fp16", device="cpu")
        stem = cache_stem(bundle, batch=1, precision="fp16", gpu=HERE.name)
        assert not list(stem.parent.iterdir())

    def test_an_engine_whose_maps_are_not_the_networks_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = write_engines(tmp_path / "bundle", batches=(3,))
        monkeypatch.setattr(cached_engine, "check_alive", lambda *_: None)
        monkeypatch.setattr(cached_engine, "agreement_of", lambda *_: 1.0)
        monkeypatch.setattr(
            cached_engine, "true_maps", lambda *one: true_maps_of_the_double(*one)[::-1]
        )
        with pytest.raises(ModelError, match="class activation maps in fp16 correlate"):
            build_cached(bundle, batch=1, precision="fp16", device="cpu")
        stem = cache_stem(bundle, batch=1, precision="fp16", gpu=HERE.name)
        assert not list(stem.parent.iterdir())

    def test_a_failure_is_one_line_and_an_exit_code(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        request = {"bundle": str(tmp_path), "batch": 1, "precision": "fp16", "device": "cpu"}
        assert cached_engine.main(request) == ExitCode.MODEL
        assert len(capsys.readouterr().err.strip().splitlines()) == 1

    def test_two_builds_at_once_are_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stem, waits = tmp_path / "engine", Event()

        def wait_and_look() -> Path | None:
            with cached_engine.alone(stem) as built:
                return built

        monkeypatch.setattr(cached_engine, "tell", lambda _: waits.set())
        (tmp_path / "engine.part.pt2").write_bytes(b"of a build that was killed")
        (tmp_path / "engine.part.json.part").write_bytes(b"of a build that was killed")
        with ThreadPoolExecutor() as pool:
            with cached_engine.alone(stem) as built:
                assert built is None
                assert not list(tmp_path.glob("engine*"))
                other = pool.submit(wait_and_look)
                assert waits.wait(30)
                stem.with_suffix(".pt2").write_bytes(b"built")
            assert other.result(30) == stem.with_suffix(".pt2")
        with cached_engine.alone(stem) as built:
            assert built is None, "it lay here before"
