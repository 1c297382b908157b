"""Choosing and opening engines."""

from importlib.util import find_spec

import pytest

from losszero_rt.bundle import Bundle
from losszero_rt.engine import ENGINE_NAMES, EngineOptions, engine_facts, fits, open_engine
from losszero_rt.errors import ModelError, UsageError


def test_auto_is_openvino_on_a_cpu(bundle: Bundle) -> None:
    engine = open_engine(bundle, options=EngineOptions(threads=1))
    assert engine.info.name == "openvino"


def test_auto_never_answers_a_wish_for_a_gpu_with_the_cpu(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="cuda:97"):
        open_engine(bundle, options=EngineOptions(device="cuda:97"))


def test_tensorrt_says_what_it_needs(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="no TensorRT engine in this bundle"):
        open_engine(bundle, name="tensorrt", options=EngineOptions())


def test_unknown_engine_is_refused_with_the_known_ones(bundle: Bundle) -> None:
    with pytest.raises(UsageError, match="auto, openvino, eager, tensorrt"):
        open_engine(bundle, name="onnx", options=EngineOptions())


def test_fits_speaks_of_every_engine(bundle: Bundle) -> None:
    verdicts = fits(bundle)
    assert set(verdicts) == set(ENGINE_NAMES)
    assert verdicts["openvino"] == "fits"
    assert verdicts["eager"] == "fits"
    assert "TensorRT" in verdicts["tensorrt"]


def test_facts_cover_all_engines() -> None:
    facts = engine_facts()
    assert facts["openvino"]["version"]
    assert facts["torch"]["version"]
    assert facts["torch_tensorrt"] == ("present" if find_spec("torch_tensorrt") else "absent")
