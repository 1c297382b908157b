"""The eager engine with a network that knows objects: the real one, small and untrained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.engine import EngineOptions, open_model
from losszero_rt.engine.eager_engine import EagerEngine, load_model_network
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, ObjectNetwork, build_network, upsample_logits
from losszero_rt.preprocess import InputSpec

SIZE = (64, 96)
SPEC = NetworkSpec(
    architecture="mask-rcnn",
    encoder="resnet18",
    num_classes=6,
    decoder_channels=16,
    score_min=0.05,
    detections_max=5,
    proposals_max=30,
)


def write_object_checkpoint(folder: Path, *, spec: NetworkSpec = SPEC) -> Path:
    """Write a checkpoint of random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(spec)
    checkpoint = Checkpoint(
        network=spec,
        input=InputSpec(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        classes=NIGHT_RIDE,
        scores={},
        data={},
        epoch=0,
        version="0",
    )
    write_checkpoint(folder, checkpoint=checkpoint, weights=network.state_dict())
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_checkpoint(tmp_path_factory.mktemp("objects") / "c")


def pixels(num: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, *SIZE, 3), np.uint8)


def test_objects_and_labels_are_those_of_the_network_from_one_pass(folder: Path) -> None:
    model, inputs_NHWC = open_model(folder), pixels(2)
    engine = EagerEngine(model, options=EngineOptions(batch=2, threads=1))
    assert engine.info.gives_objects
    passes: list[int] = []
    network = engine._open_network()
    network.get_submodule("backbone").register_forward_hook(lambda *_: passes.append(1))
    ticket = engine.submit(inputs_NHWC)
    labels_NHW, objects = ticket.result(), ticket.extras.objects
    assert len(passes) == 1
    assert objects is not None
    assert len(objects) == 2
    reference = load_model_network(model)
    assert isinstance(reference, ObjectNetwork)
    values_NCHW = ((torch.from_numpy(inputs_NHWC).float() - 127.5) / 127.5).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = reference.objects(values_NCHW)
        expected = upsample_logits(reference(values_NCHW), SIZE).argmax(1)
    np.testing.assert_array_equal(labels_NHW, expected.numpy())
    for mine, theirs in zip(objects, found, strict=True):
        assert 0 < len(mine) <= SPEC.detections_max
        np.testing.assert_array_equal(mine.class_ids, theirs.class_ids.numpy())
        np.testing.assert_allclose(mine.scores, theirs.scores.numpy(), atol=1e-5)
        np.testing.assert_allclose(mine.boxes, theirs.boxes.numpy(), atol=1e-2)
        assert (mine.masks == theirs.masks.numpy()).mean() > 0.999
        assert mine.class_ids.dtype == np.uint8
        assert mine.masks.dtype == np.bool_
        assert list(mine.scores) == sorted(mine.scores, reverse=True)


def test_objects_that_nobody_asked_for_are_not_given(folder: Path) -> None:
    asked = EagerEngine(open_model(folder), options=EngineOptions(threads=1))
    engine = EagerEngine(open_model(folder), options=EngineOptions(threads=1, objects=False))
    assert not engine.info.gives_objects
    ticket = engine.submit(pixels(1))
    assert ticket.extras.objects is None
    np.testing.assert_array_equal(ticket.result(), asked.submit(pixels(1)).result())


def test_picture_without_objects_has_none_of_them(tmp_path: Path) -> None:
    shy = write_object_checkpoint(tmp_path / "c", spec=replace(SPEC, score_min=1.0))
    engine = EagerEngine(open_model(shy), options=EngineOptions(threads=1))
    ticket = engine.submit(pixels(1))
    assert ticket.extras.objects is not None
    assert len(ticket.extras.objects[0]) == 0
    assert ticket.extras.objects[0].masks.shape == (0, *SIZE)
    assert not ticket.result().any()


def test_precision_without_room_for_coordinates_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"bf16 for mask-rcnn.*auto, fp32"):
        EagerEngine(open_model(folder), options=EngineOptions(precision="bf16"))
