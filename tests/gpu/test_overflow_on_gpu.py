"""An overflow in half precision shows beside the labels, and not where there is none."""

from functools import partial
from pathlib import Path

import pytest
import torch

from export.compile_tensorrt import build_in_child
from export.engine_request import EngineRequest
from export.origin import write_weights
from losszero_rt.bundle import WEIGHTS_NAME, Bundle, seal
from losszero_rt.engine.cuda_slots import CudaSlots, labels_and_maps
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.engine.tensorrt_engine import load_engine
from losszero_rt.network import head_of
from tests.gpu.bundles import ride_inputs, write_shipped

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

# Logits of a trained network reach ten or so; halves end at 65504.
TOO_MUCH = 1e5


@pytest.mark.parametrize("gain", [1.0, TOO_MUCH])
def test_overflow_is_told_and_nothing_else_is(gain: float, tmp_path: Path) -> None:
    bundle = amplified(write_shipped(tmp_path / "bundle"), gain=gain)
    slots = opened(bundle, tmp_path / "engine.pt2")
    inputs_NHWC = ride_inputs(bundle, num=4)
    told = [slots.fetch(slots.send(one[None]), num_frames=1).finite_n.all() for one in inputs_NHWC]
    slots.close()
    assert told == [gain == 1.0] * len(inputs_NHWC)


def amplified(bundle: Bundle, *, gain: float) -> Bundle:
    """Multiply the weights of a network's head, so that its logits are as much larger."""
    network = load_bundle_network(bundle)
    with torch.no_grad():
        head_of(network).weight.mul_(gain).clamp_(-6e4, 6e4)
    write_weights(network, bundle.path / WEIGHTS_NAME)
    return seal(bundle)


def opened(bundle: Bundle, path: Path) -> CudaSlots:
    """Build the engine of a bundle without the gate, which would refuse it, and load it."""
    facts = build_in_child(EngineRequest(bundle=str(bundle.path), out=str(path), batch=1))
    assert facts.cams_size is not None
    device = torch.device("cuda", 0)
    module = load_engine(path.read_bytes(), device=device)
    return CudaSlots(
        partial(labels_and_maps, module),
        device=device,
        batch=1,
        spec=bundle.input_spec,
        labels_size=bundle.labels_size,
        cams_shape=(bundle.classmap.num_classes, *facts.cams_size),
        num_slots=3,
    )
