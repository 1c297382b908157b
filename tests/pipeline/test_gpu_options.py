"""Options of engines that are compiled for a GPU."""

from pathlib import Path

import pytest

from losszero_rt.errors import UsageError
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.options import engine_options

OUT = Path("out.mp4")


def test_a_batch_that_was_not_asked_for_is_a_wish() -> None:
    wish = engine_options(RunConfig(out=OUT, device="cuda"))
    assert (wish.batch, wish.any_batch) == (4, True)
    asked = engine_options(RunConfig(out=OUT, device="cuda", batch=2))
    assert (asked.batch, asked.any_batch) == (2, False)


def test_trust_and_building_reach_the_engine() -> None:
    plain = engine_options(RunConfig(out=OUT))
    assert not plain.trust_engine
    assert not plain.build
    asked = engine_options(RunConfig(out=OUT, device="cuda", build=True, trust_engine=True))
    assert asked.trust_engine
    assert asked.build


@pytest.mark.parametrize(
    ("engine", "device"), [("auto", "auto"), ("openvino", "cuda"), ("eager", "cuda")]
)
def test_nothing_is_built_for_a_run_without_tensorrt(engine: str, device: str) -> None:
    with pytest.raises(UsageError, match=f"--build with --engine {engine} --device {device}"):
        RunConfig(out=OUT, engine=engine, device=device, build=True)
