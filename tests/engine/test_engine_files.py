"""Which engine of a bundle or of the user's cache runs here."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.bundle import MANIFEST_NAME, Bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.engine_files import (
    EngineFile,
    Gpu,
    cache_stem,
    choose_file,
    engine_files,
    misfit,
    smaller_batch,
)
from losszero_rt.errors import ModelError
from tests.engine.tensorrt_double import FACTS, HERE, VERSIONS, write_engines

OTHER_GPU = Gpu(name="Other GPU", compute_capability=(8, 9), versions=VERSIONS)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Engines for batches of 1, 2 and 8, whose content is of no matter here."""
    contents = {batch: bytes([batch]) for batch in (1, 2, 8)}
    return write_engines(tmp_path / "bundle", batches=(1, 2, 8), contents=contents)


def choose(files: list[EngineFile], gpu: Gpu = HERE, **options: Any) -> EngineFile:
    return choose_file(files, gpu=gpu, options=EngineOptions(**options))


def test_the_engine_of_the_wanted_batch_is_taken(bundle: Bundle) -> None:
    files = engine_files(bundle)
    assert [choose(files, batch=batch).batch for batch in (1, 2, 8)] == [1, 2, 8]


def test_a_batch_without_an_engine_names_those_there_are(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"batch of 4. batches here: 1, 2, 8. --batch 2.*export"):
        choose(engine_files(bundle), batch=4)


@pytest.mark.parametrize(("wish", "taken"), [(1, 1), (4, 2), (64, 8)])
def test_a_wish_takes_the_nearest_batch(bundle: Bundle, wish: int, taken: int) -> None:
    assert choose(engine_files(bundle), batch=wish, any_batch=True).batch == taken


def test_an_engine_of_another_gpu_names_both(bundle: Bundle) -> None:
    with pytest.raises(
        ModelError,
        match=r"built on Test GPU \(compute capability 9.0\), the GPU here is Other GPU "
        r"\(compute capability 8.9\).*--build.*python -m export.*--engine eager --device cuda",
    ):
        choose(engine_files(bundle), gpu=OTHER_GPU)


@pytest.mark.parametrize("library", ["tensorrt", "torch_tensorrt"])
def test_an_engine_of_other_versions_names_both(bundle: Bundle, library: str) -> None:
    gpu = replace(HERE, versions={**VERSIONS, library: "12.0"})
    with pytest.raises(ModelError, match=rf"with {library} {VERSIONS[library]}, 12.0 is installed"):
        choose(engine_files(bundle), gpu=gpu)


def test_an_engine_of_a_newer_driver_names_both(bundle: Bundle) -> None:
    (file, *_) = engine_files(bundle)
    built = replace(file, built_for=replace(file.built_for, driver="550.90.07"))
    with pytest.raises(ModelError, match=r"under driver 550\.90\.07, 535\.104\.05 here is older"):
        choose([built], gpu=replace(HERE, driver="535.104.05"))
    assert choose([built], gpu=replace(HERE, driver="560.35.03")) == built
    assert choose([built]) == built


def test_another_precision_is_not_taken_silently(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"in fp16. precisions here: fp32.*--precision fp16"):
        choose(engine_files(bundle), precision="fp16")


def test_no_engine_at_all_says_how_to_get_one(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"no TensorRT engine in this bundle.*--build"):
        choose(engine_files(replace(bundle, engines={})))


def test_the_next_smaller_batch_is_known(bundle: Bundle) -> None:
    files = engine_files(bundle)
    sizes = [smaller_batch(files, gpu=HERE, than=than) for than in (8, 2, 1)]
    assert sizes == [2, 1, None]


@pytest.mark.parametrize("facts", [{"outputs": 3}, {"outputs": None}])
def test_an_engine_with_other_outputs_is_refused(tmp_path: Path, facts: dict[str, Any]) -> None:
    path = write_engines(tmp_path / "other", contents={1: b"1", 3: b"3"}).path
    manifest = json.loads((path / MANIFEST_NAME).read_text())
    for built in manifest["built"]["tensorrt"].values():
        built.update(facts)
        if built["outputs"] is None:  # as it was before there were versions
            del built["outputs"]
    (path / MANIFEST_NAME).write_text(json.dumps(manifest))
    version = facts["outputs"] or 1
    with pytest.raises(ModelError, match=rf"outputs of version {version}, .* reads 2.*--build"):
        choose(engine_files(Bundle.open(path)))


@pytest.mark.parametrize("broken", [None, {}, {**FACTS, "compute_capability": 9}])
def test_facts_that_cannot_be_understood_are_refused(bundle: Bundle, broken: Any) -> None:
    built = {"tensorrt": {**bundle.built["tensorrt"], "b2": broken}}
    with pytest.raises(ModelError, match=r"tensorrt-b2.pt2 has facts that cannot be understood"):
        engine_files(replace(bundle, built=built))


def put_into_cache(bundle: Bundle, content: bytes = b"engine", **facts: object) -> Path:
    stem = cache_stem(bundle, batch=4, precision="fp32", gpu=HERE.name)
    stem.with_suffix(".pt2").write_bytes(content)
    sha256 = hashlib.sha256(b"engine").hexdigest()
    record = {**FACTS, "batch": 4, "sha256": sha256, "label_agreement": 0.999, **facts}
    stem.with_suffix(".json").write_text(json.dumps(record))
    return stem


def test_the_users_own_engines_come_first(bundle: Bundle) -> None:
    put_into_cache(bundle)
    assert [file.batch for file in engine_files(bundle)] == [4, 1, 2, 8]
    assert choose(engine_files(bundle), batch=4).read() == b"engine"


def test_cached_engines_belong_to_one_bundle(bundle: Bundle) -> None:
    put_into_cache(replace(bundle, sha256="c" * 64))
    assert [file.batch for file in engine_files(bundle)] == [1, 2, 8]


@pytest.mark.parametrize("agreement", [0.5, None, "much"])
def test_a_cached_engine_that_was_not_proved_is_left_out(bundle: Bundle, agreement: object) -> None:
    put_into_cache(bundle, label_agreement=agreement)
    assert [file.batch for file in engine_files(bundle)] == [1, 2, 8]


def test_a_changed_file_in_the_cache_is_refused(bundle: Bundle) -> None:
    put_into_cache(bundle, content=b"changed")
    with pytest.raises(ModelError, match="not the file that was built"):
        choose(engine_files(bundle), batch=4).read()


def test_facts_survive_the_manifest(bundle: Bundle) -> None:
    again = Bundle.open(bundle.path)
    assert again.built == bundle.built
    assert not misfit(engine_files(again)[0], gpu=HERE)
