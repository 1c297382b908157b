"""Saved engines in other processes, and those that do not belong here."""

import operator
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from export.child import run_child
from export.compile_tensorrt import build
from export.engine_request import EngineRequest
from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.engine.engine_trust import record_trust
from losszero_rt.engine.tensorrt_engine import EXECUTE, TensorRtEngine, load_engine
from losszero_rt.errors import ModelError
from tests.gpu.bundles import ride_inputs

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

NAME = "tensorrt-b1.pt2"


def test_two_fresh_processes_give_identical_labels(shipped: Bundle) -> None:
    request = {"bundle": str(shipped.path), "num": 10}
    runs = [run_child("tests.gpu.run_engine", request, timeout_s=600) for _ in range(2)]
    assert runs[0] == runs[1]


def answers(graph: Any, inputs_NHWC: torch.Tensor) -> list[torch.Tensor]:
    """Return all outputs of a compiled graph, frame by frame, on the CPU."""
    given = [graph(frame_HWC[None].contiguous()) for frame_HWC in inputs_NHWC]
    return [t.cpu() for one in given for t in (one if isinstance(one, tuple | list) else [one])]


def test_a_loaded_engine_answers_as_it_did_before_it_was_saved(
    bare: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch_tensorrt

    # As engines take them, before they are loaded again.
    inputs_NHWC = torch.from_numpy(ride_inputs(bare, num=3)).cuda().half()
    before: list[torch.Tensor] = []
    save, out = torch_tensorrt.save, tmp_path / NAME

    def answered_and_saved(compiled: Any, *arguments: Any, **settings: Any) -> None:
        before.extend(answers(compiled, inputs_NHWC))
        save(compiled, *arguments, **settings)

    monkeypatch.setattr(torch_tensorrt, "save", answered_and_saved)
    build(EngineRequest(bundle=str(bare.path), out=str(out), batch=1))
    loaded = load_engine(out.read_bytes(), device=torch.device("cuda", 0))
    after = answers(loaded, inputs_NHWC)
    assert len(before) == len(after) >= len(inputs_NHWC)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_a_loaded_program_is_one_engine_and_nothing_else(shipped: Bundle) -> None:
    graph: Any = load_engine(shipped.read(NAME), device=torch.device("cuda", 0)).program.graph
    called = [node.target for node in graph.nodes if node.op == "call_function"]
    assert sum(str(target) == EXECUTE for target in called) == 1
    assert all(str(t) == EXECUTE or t is operator.getitem for t in called), called


def other(shipped: Bundle, folder: Path, **facts: Any) -> Bundle:
    """The same bundle, whose engine says that it was built for something else."""
    shutil.copytree(shipped.path, folder)
    built = {role: {**found, **facts} for role, found in shipped.built["tensorrt"].items()}
    return seal(replace(shipped, path=folder, built={"tensorrt": built}))


def test_an_engine_of_another_gpu_is_refused_with_both_names(
    shipped: Bundle, tmp_path: Path
) -> None:
    bundle = other(shipped, tmp_path / "other", gpu="Other GPU", compute_capability=[5, 0])
    here = torch.cuda.get_device_name(0)
    with pytest.raises(ModelError, match=rf"(?s)Other GPU.*{here}.*--engine tensorrt.*eager"):
        TensorRtEngine(bundle, options=EngineOptions())


def test_an_engine_of_another_tensorrt_is_refused_with_both_versions(
    shipped: Bundle, tmp_path: Path
) -> None:
    versions = {**shipped.built["tensorrt"]["b1"]["versions"], "tensorrt": "10.9.0"}
    bundle = other(shipped, tmp_path / "other", versions=versions)
    with pytest.raises(ModelError, match=r"with tensorrt 10\.9\.0, .* is installed"):
        TensorRtEngine(bundle, options=EngineOptions())


def test_a_truncated_engine_is_refused_with_the_rebuild_command(
    shipped: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(shipped.path, folder)
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:-4096])
    bundle = seal(replace(shipped, path=folder))
    record_trust(bundle.files[NAME].sha256, facts={})
    with pytest.raises(ModelError, match=r"TensorRT refuses tensorrt-b1\.pt2.*python -m export"):
        TensorRtEngine(bundle, options=EngineOptions())


def test_auto_goes_eager_and_says_why_where_no_engine_fits(shipped: Bundle, tmp_path: Path) -> None:
    bundle = other(shipped, tmp_path / "other", gpu="Other GPU", compute_capability=[5, 0])
    heard: list[str] = []
    engine = open_engine(bundle, options=EngineOptions(device="cuda"), say=heard.append)
    assert engine.info.name == "eager"
    assert engine.info.device == torch.cuda.get_device_name(0)
    assert "Other GPU" in heard[0]
    engine.close()


def test_build_compiles_proves_and_keeps_an_engine(bare: Bundle) -> None:
    heard: list[str] = []
    options = EngineOptions(device="cuda", any_batch=True, build=True)
    engine = open_engine(bare, options=options, say=heard.append)
    assert (engine.info.name, engine.info.batch) == ("tensorrt", 1)
    assert engine.info.trusted_by == "record"
    assert any("built in" in line for line in heard)
    engine.close()
    again: list[str] = []
    open_engine(bare, options=options, say=again.append).close()
    assert not any("building" in line for line in again), "what was kept is found"
    assert ["not measured on labels" in line for line in again] == [True]
