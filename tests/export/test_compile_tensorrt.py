"""Building one engine, up to the compiler: what comes out of it is read back and may be refused."""

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from export import compile_tensorrt
from export.build_place import current, lent_timings
from export.compile_tensorrt import LAYER_INFO_NAME, build
from export.engine_request import EngineRequest
from losszero_rt.caches import VARIABLE
from losszero_rt.checkpoint import load_network
from losszero_rt.errors import ModelError
from tests.bundles import write_small_checkpoint
from tests.engine.tensorrt_double import write_engines

HALF = {"LayerType": "CaskConvolution", "Inputs": [{"DataType": "Half"}], "Outputs": []}
FLOAT = {"LayerType": "CaskConvolution", "Inputs": [{"DataType": "Float"}], "Outputs": []}
ENGINE = ("_run_on_acc_0",)


@pytest.fixture
def request_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EngineRequest]:
    """Put a compiler into the place of the real one, which gives such layers and such parts."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o700)
    network = load_network(write_small_checkpoint(tmp_path / "checkpoint"))[0]
    bundle = write_engines(tmp_path / "bundle", network=network)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Test GPU")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 6))
    # Half is not for every CPU, and nothing of what is compiled is looked at here.
    monkeypatch.setattr(compile_tensorrt, "dtype_of", lambda _: torch.float32)

    def prepare(*, layers: list[dict[str, Any]], parts: tuple[str, ...] = ENGINE) -> EngineRequest:
        for name, module in _library(layers, parts).items():
            monkeypatch.setitem(sys.modules, name, module)
        out = tmp_path / "engine.pt2"
        return EngineRequest(bundle=str(bundle.path), out=str(out), batch=1, device="cpu")

    return prepare


def _library(layers: list[dict[str, Any]], parts: tuple[str, ...]) -> dict[str, ModuleType]:
    def debugger(*, logging_dir: str, **_: object) -> object:
        (Path(logging_dir) / LAYER_INFO_NAME).write_text(json.dumps({"Layers": layers}))
        return nullcontext()

    def compiled(_: object, *, timing_cache_path: str, **__: object) -> object:
        Path(timing_cache_path).write_bytes(b"timings")
        return SimpleNamespace(named_children=lambda: [(name, None) for name in parts])

    def save(_: object, out: str, **__: object) -> None:
        Path(out).write_bytes(b"engine")

    library, rest = ModuleType("torch_tensorrt"), ModuleType("tensorrt")
    library.__dict__.update(
        __version__="2.14", dynamo=SimpleNamespace(Debugger=debugger, compile=compiled), save=save
    )
    rest.__dict__.update(__version__="11.1")
    lowering = ModuleType("torch_tensorrt.dynamo.lowering")
    lowering.__dict__.update(_decompositions=SimpleNamespace(ENABLED_TORCH_DECOMPOSITIONS={}))
    return {
        "torch_tensorrt": library,
        "torch_tensorrt.dynamo": ModuleType("torch_tensorrt.dynamo"),
        "torch_tensorrt.dynamo.lowering": lowering,
        "tensorrt": rest,
    }


def test_what_was_built_as_asked_is_written(
    request_of: Callable[..., EngineRequest], tmp_path: Path
) -> None:
    request = request_of(layers=[HALF] * 3)
    facts = build(request)
    assert (facts.precision_found, facts.num_layers, facts.gpu) == ("fp16", 3, "Test GPU")
    assert Path(request.out).read_bytes() == b"engine"
    (kept,) = (tmp_path / "cache" / "tensorrt").glob("timing-*.bin")
    assert kept.read_bytes() == b"timings"


@pytest.mark.parametrize("layers", [[FLOAT] * 3, [HALF] * 40 + [FLOAT]])
def test_an_engine_in_another_arithmetic_than_was_asked_for_is_not_written(
    request_of: Callable[..., EngineRequest], layers: list[dict[str, Any]]
) -> None:
    request = request_of(layers=layers)
    with pytest.raises(ModelError, match=r"fp16 was asked for, the engine's layers run in"):
        build(request)
    assert not Path(request.out).exists()


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ((), "0 engines and 0 torch parts"),
        (("_run_on_acc_0", "_run_on_acc_1"), "2 engines and 0 torch parts"),
        (("_run_on_acc_0", "_run_on_gpu_1"), "1 engines and 1 torch parts"),
    ],
)
def test_what_is_not_one_engine_is_not_written(
    request_of: Callable[..., EngineRequest], parts: tuple[str, ...], told: str
) -> None:
    request = request_of(layers=[HALF], parts=parts)
    with pytest.raises(ModelError, match=told):
        build(request)
    assert not Path(request.out).exists()


def test_timings_are_kept_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o700)
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with lent_timings(folders[0], place="A 11.1") as lent:
        assert not lent.exists()
        lent.write_bytes(b"good")
    with suppress(KeyboardInterrupt), lent_timings(folders[1], place="A 11.1") as lent:
        assert lent.read_bytes() == b"good"
        lent.write_bytes(b"ha")
        raise KeyboardInterrupt
    (kept,) = (tmp_path / "cache" / "tensorrt").iterdir()
    assert kept.read_bytes() == b"good"
    with lent_timings(folders[1], place="B 11.1") as lent:
        assert lent.read_bytes() != b"good"


def test_the_gpu_that_is_built_for_is_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def device(name: str) -> object:
        taken.append(name)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "device", device)
    with current("cuda:1"):
        assert taken == ["cuda:1"]
    with current("cpu"):
        assert taken == ["cuda:1"]
