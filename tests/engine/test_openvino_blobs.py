"""Compiled graphs in the user's cache."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine import openvino_blobs as blobs
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_graphs import GraphSpec, compile_graph
from tests.bundles import draw_inputs

OPTIONS = EngineOptions(precision="fp32", threads=1, num_requests=1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / blobs.CACHE


@pytest.fixture
def compiled_specs(monkeypatch: pytest.MonkeyPatch) -> list[GraphSpec]:
    """What was compiled rather than taken from the cache."""
    specs: list[GraphSpec] = []

    def watched(core: Any, bundle: Bundle, *, spec: GraphSpec) -> Any:
        specs.append(spec)
        return compile_graph(core, bundle, spec=spec)

    monkeypatch.setattr(blobs, "compile_graph", watched)
    return specs


def labels_of(bundle: Bundle, options: EngineOptions = OPTIONS) -> np.ndarray:
    engine = OpenVinoEngine(bundle, options=options)
    try:
        return engine.submit(draw_inputs(1)).result()
    finally:
        engine.close()


def test_the_second_start_compiles_nothing_and_says_the_same(
    bundle: Bundle, cache: Path, compiled_specs: list[GraphSpec]
) -> None:
    first = labels_of(bundle)
    second = labels_of(bundle)
    assert len(compiled_specs) == 1
    np.testing.assert_array_equal(first, second)
    assert OpenVinoEngine(bundle, options=OPTIONS).info.precision == "fp32"
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied", "linked"])
def test_a_blob_that_is_not_what_was_written_is_compiled_again(
    bundle: Bundle, cache: Path, compiled_specs: list[GraphSpec], harm: str
) -> None:
    expected = labels_of(bundle)
    (path,) = cache.glob("*.blob")
    content = path.read_bytes()
    if harm == "linked":
        path.rename(cache / "elsewhere")
        path.symlink_to(cache / "elsewhere")
    else:
        changed = content[:-9] + bytes([content[-9] ^ 255]) + content[-8:]
        path.write_bytes({"cut": content[:-100], "changed": changed, "emptied": b""}[harm])
    np.testing.assert_array_equal(labels_of(bundle), expected)
    assert len(compiled_specs) == 2
    assert labels_of(bundle).shape == expected.shape
    assert len(compiled_specs) == 2
    assert not path.is_symlink()


def test_a_blob_that_openvino_does_not_take_is_compiled_again(
    bundle: Bundle, cache: Path, compiled_specs: list[GraphSpec]
) -> None:
    labels_of(bundle)
    (path,) = cache.glob("*.blob")
    blobs.write_blob(path, b"something that was never a graph")
    assert labels_of(bundle).shape
    assert len(compiled_specs) == 2


def test_another_use_has_another_blob(bundle: Bundle, cache: Path) -> None:
    labels_of(bundle)
    labels_of(bundle, EngineOptions(precision="fp32", threads=1, num_requests=1, batch=2))
    labels_of(bundle, EngineOptions(precision="fp32", threads=1, num_requests=1, cams=False))
    assert len(list(cache.glob("*.blob"))) == 3


def test_those_used_longest_ago_make_room(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:02}.blob" for number in range(blobs.NUM_KEPT + 2)]
    for path in paths[:-1]:
        blobs.write_blob(path, path.name.encode())
    for age_s, path in enumerate(paths[:-1]):
        if path.exists():
            os.utime(path, (1_000_000 - age_s, 1_000_000 - age_s))
    assert blobs.read_blob(paths[-2]) == paths[-2].name.encode()
    blobs.write_blob(paths[-1], b"new")
    left = {path for path in paths if path.exists()}
    assert len(left) == blobs.NUM_KEPT
    assert {paths[-1], paths[-2]} <= left


def test_a_cache_that_cannot_be_written_is_told(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs, "write_blob", refuse)
    said: list[str] = []
    engine = OpenVinoEngine(bundle, options=OPTIONS, say=said.append)
    assert engine.submit(draw_inputs(1)).result().shape
    assert len(said) == 1
    assert "No space left" in said[0]


def test_a_blob_under_the_name_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    mine, other = tmp_path / "a.blob", tmp_path / "b.blob"
    blobs.write_blob(mine, b"graph a")
    blobs.write_blob(other, b"graph b")
    assert blobs.read_blob(mine) == b"graph a"
    mine.write_bytes(other.read_bytes())
    assert blobs.read_blob(mine) is None
