"""``--build`` up to the builder's own process."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

import losszero_rt
from losszero_rt.bundle import seal
from losszero_rt.engine import EngineOptions, building, eager_engine, open_engine
from losszero_rt.engine.building import checkout_root, run_builder
from losszero_rt.errors import ModelError
from tests.engine.tensorrt_double import without_gpu, write_engines
from tests.waiting import until

SCRIPT = "import sys; print('one', flush=True); print('two'); {}"


def run_script(ending: str, heard: list[str]) -> None:
    command = [sys.executable, "-c", SCRIPT.format(ending)]
    run_builder(command, root=Path.cwd(), say=heard.append)


def test_lines_of_the_builder_are_heard() -> None:
    heard: list[str] = []
    run_script("pass", heard)
    assert heard == ["one", "two"]


def test_a_builder_that_fails_is_an_error_with_its_last_line() -> None:
    heard: list[str] = []
    with pytest.raises(ModelError, match=r"not built: no kernel fits. --engine eager"):
        run_script("sys.stderr.write('noise\\n'); sys.exit('no kernel fits')", heard)
    assert heard == ["one", "two"]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_builder_that_is_given_up_goes_with_all_that_it_started(tmp_path: Path) -> None:
    left = tmp_path / "left.part"
    compiler = f"""
import pathlib, time
part = pathlib.Path({str(left)!r})
try:
    part.touch()
    time.sleep(600)
finally:
    part.unlink()
"""
    builder = f"""
import subprocess, sys, time, pathlib
child = subprocess.Popen([sys.executable, "-c", {compiler!r}])
while not pathlib.Path({str(left)!r}).exists():
    time.sleep(0.01)
print(child.pid, flush=True)
child.wait()
"""
    heard: list[int] = []

    def give_up(line: str) -> None:
        heard.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_builder([sys.executable, "-c", builder], root=tmp_path, say=give_up)
    until(lambda: is_gone(heard[0]))
    assert not left.exists()


def test_a_silent_death_is_told_too() -> None:
    with pytest.raises(ModelError, match="exit status 7"):
        run_script("sys.exit(7)", [])


def test_the_checkout_is_where_the_export_lies() -> None:
    assert (checkout_root() / "export" / "compile_tensorrt.py").is_file()


def test_an_installed_wheel_cannot_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(losszero_rt, "__file__", str(tmp_path / "losszero_rt" / "__init__.py"))
    with pytest.raises(ModelError, match="needs the export, which an installed wheel"):
        checkout_root()


@pytest.mark.skipif(find_spec("torch_tensorrt") is not None, reason="the real library is here")
class TestOpening:
    """What ``auto`` and ``--build`` do on a machine with a GPU."""

    @pytest.fixture(autouse=True)
    def doubles(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with without_gpu(monkeypatch, cache_folder=tmp_path / "cache"):
            yield

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
        """Requests that the builder got instead of being started."""
        requests: list[dict[str, Any]] = []

        def run(command: list[str], **_: object) -> None:
            requests.append(json.loads(command[-1]))

        monkeypatch.setattr(building, "run_builder", run)
        return requests

    def test_auto_on_a_gpu_takes_an_engine_that_fits(self, tmp_path: Path) -> None:
        bundle = write_engines(tmp_path / "bundle")
        options = EngineOptions(device="cuda", batch=4, any_batch=True)
        engine = open_engine(bundle, options=options)
        assert (engine.info.name, engine.info.batch) == ("tensorrt", 3)

    def test_a_bundle_of_nothing_but_engines_needs_no_device(self, tmp_path: Path) -> None:
        bundle = write_engines(tmp_path / "bundle")
        assert open_engine(bundle, options=EngineOptions()).info.name == "tensorrt"
        # A file for other runtimes changes nothing of that.
        (bundle.path / "model.onnx").write_bytes(b"never opened here")
        engines = {**bundle.engines, "onnx": {"graph": "model.onnx"}}
        both = seal(replace(bundle, engines=engines))
        assert open_engine(both, options=EngineOptions()).info.name == "tensorrt"

    def test_auto_says_why_it_is_eager_and_how_to_compile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bundle = write_engines(tmp_path / "bundle", gpu="Other GPU")
        heard: list[str] = []
        # The simulated device has no number, so the eager engine is none that would run.
        monkeypatch.setattr(eager_engine, "EagerEngine", lambda *_, **__: "eager")
        opened = open_engine(bundle, options=EngineOptions(device="cuda"), say=heard.append)
        assert str(opened) == "eager"
        (line,) = heard
        assert line.startswith("eager engine on cuda: tensorrt-b1.pt2 was built on Other GPU")
        assert f"python -m export {bundle.path} --out BUNDLE --engine tensorrt" in line

    def test_build_compiles_where_nothing_fits(
        self, tmp_path: Path, asked: list[dict[str, Any]]
    ) -> None:
        bundle = write_engines(tmp_path / "bundle", gpu="Other GPU")
        options = EngineOptions(device="cuda", batch=4, any_batch=True, build=True)
        with pytest.raises(ModelError, match="Other GPU"):
            open_engine(bundle, options=options)
        (request,) = asked
        assert Path(request["bundle"]) == bundle.path.resolve()
        assert (request["batch"], request["precision"]) == (1, "fp16")

    def test_build_compiles_nothing_where_an_engine_fits(
        self, tmp_path: Path, asked: list[dict[str, Any]]
    ) -> None:
        bundle = write_engines(tmp_path / "bundle")
        options = EngineOptions(device="cuda", batch=3, build=True)
        assert open_engine(bundle, options=options).info.batch == 3
        assert not asked

    def test_build_knows_its_precisions(self, tmp_path: Path, asked: list[Any]) -> None:
        bundle = write_engines(tmp_path / "bundle")
        options = EngineOptions(device="cuda", precision="bf16", build=True)
        with pytest.raises(ModelError, match="auto, fp16, fp32"):
            open_engine(bundle, options=options)
        assert not asked
