"""What an engine runs: a checkpoint is taken as it is, and stands where a bundle would stand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from losszero_rt.bundle import Bundle
from losszero_rt.checkpoint import WEIGHTS_NAME, load_network, read_checkpoint, write_checkpoint
from losszero_rt.engine import (
    EngineOptions,
    TrainedModel,
    fits,
    open_engine,
    open_model,
)
from losszero_rt.errors import ModelError
from losszero_rt.network import upsample_logits
from tests.bundles import CLASSES, INPUT, NETWORK, SIZE, draw_inputs, write_small_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_checkpoint(tmp_path_factory.mktemp("run") / "best")


def options(**choices: object) -> EngineOptions:
    return EngineOptions(**{"threads": 1, **choices})  # type: ignore[arg-type]


def test_checkpoint_answers_what_a_bundle_answers(checkpoint: Path) -> None:
    model = open_model(checkpoint)
    assert isinstance(model, TrainedModel)
    assert model.name == f"{checkpoint.parent.name}/best"
    assert model.sha256 == read_checkpoint(checkpoint).weights_sha256
    assert (model.input_spec, model.classmap, model.network_spec) == (INPUT, CLASSES, NETWORK)
    assert model.labels_size == SIZE
    assert model.is_verified, "nothing was compiled"
    assert model.scores == {}


def test_scores_say_what_they_were_measured_on(checkpoint: Path, tmp_path: Path) -> None:
    network, record = load_network(checkpoint)
    scored = replace(record, scores={"miou": 0.5, "miou_ci95": [0.4, 0.6], "n": 6})
    write_checkpoint(tmp_path / "c", checkpoint=scored, weights=network.state_dict())
    scores = open_model(tmp_path / "c").scores
    assert scores["n"] == 6
    assert "validation" in scores["dataset"]


def test_bundles_are_found_as_before(bundle: Bundle) -> None:
    assert open_model(bundle.path) == bundle
    assert isinstance(open_model("night-ride"), Bundle)
    with pytest.raises(ModelError, match="no model 'elsewhere'"):
        open_model("elsewhere")


def test_weights_of_another_digest_are_refused_before_they_are_read(
    checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / WEIGHTS_NAME).write_bytes(b"no safetensors at all")
    with pytest.raises(ModelError, match="has sha256"):
        open_model(folder)
    model = open_model(checkpoint)
    assert isinstance(model, TrainedModel)
    with pytest.raises(ModelError, match="has sha256"):
        open_engine(replace(model, path=folder), options=options())


def test_folder_of_a_training_points_at_its_checkpoint(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match=f"--model {checkpoint}"):
        open_model(checkpoint.parent)


def test_auto_is_the_eager_engine_and_gives_the_reference_itself(checkpoint: Path) -> None:
    inputs_NHWC = draw_inputs(2)
    engine = open_engine(open_model(checkpoint), options=options(batch=2))
    labels_NHW = engine.submit(inputs_NHWC).result()
    assert (engine.info.name, engine.info.precision) == ("eager", "fp32")
    network, _ = load_network(checkpoint)
    values_NCHW = ((torch.from_numpy(inputs_NHWC).float() - 127.5) / 127.5).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = upsample_logits(network(values_NCHW), SIZE).argmax(1)
    np.testing.assert_array_equal(labels_NHW, expected.numpy())


@pytest.mark.parametrize("name", ["openvino", "tensorrt"])
def test_compiled_engines_name_the_command_that_compiles(checkpoint: Path, name: str) -> None:
    model = open_model(checkpoint)
    with pytest.raises(ModelError) as error:
        open_engine(model, name=name, options=options())
    for beat in (f"the {name} engine cannot run", "run bundles", f"python -m export {checkpoint}"):
        assert beat in str(error.value)
    assert "python -m export" in fits(model)[name]  # type: ignore[index]
    assert fits(model)["eager"] == "fits"
