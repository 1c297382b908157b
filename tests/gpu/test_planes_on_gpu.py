"""Frames made inputs of on the GPU: the same inputs, the same labels, no memory that grows."""

import gc
from collections import deque

import cv2
import numpy as np
import pytest
import torch

from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, PlanesEngine, Ticket, open_engine
from losszero_rt.engine.gpu_input import PlaneConverter
from losszero_rt.frame import Planes
from losszero_rt.ride import Ride, RideSpec
from tests.engine.test_gpu_input import by_processor, draw_planes

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

SIZES = (1080, 1920), (720, 1280), (480, 640), (480, 480)
NUM_FRAMES = 24


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chroma_444", [False, True])
def test_inputs_are_those_of_the_processor(
    shipped: Bundle, size: tuple[int, int], chroma_444: bool
) -> None:
    planes, spec = draw_planes(size, chroma_444=chroma_444), shipped.input_spec
    device = torch.device("cuda", 0)
    out_HWC = torch.full((*spec.size, 3), 77, dtype=torch.uint8, device=device)
    PlaneConverter(device).write(
        torch.from_numpy(planes.y).to(device),
        torch.from_numpy(np.stack([planes.u, planes.v])).to(device),
        matrix=planes.matrix,
        full_range=planes.full_range,
        place=spec.place(size),
        out_HWC=out_HWC,
    )
    difference = np.abs(out_HWC.cpu().numpy().astype(int) - by_processor(planes, spec=spec))
    assert difference.max() <= 1
    assert (difference == 0).mean() >= 0.99


def draw_rides(*, num: int) -> list[Planes]:
    """Draw frames of a ride in 4:2:0."""
    ride = Ride(RideSpec(size=(720, 1280), seed=6))
    found = []
    for index in range(num):
        i420 = cv2.cvtColor(ride.render(index).pixels_HWC, cv2.COLOR_RGB2YUV_I420)
        chroma = i420[720:].reshape(2, 360, 640)
        found.append(Planes(y=i420[:720], u=chroma[0], v=chroma[1]))
    return found


@pytest.mark.parametrize("batch", [1, 8])
def test_labels_are_those_of_inputs_made_by_the_processor(shipped: Bundle, batch: int) -> None:
    engine = open_engine(shipped, name="tensorrt", options=EngineOptions(batch=batch))
    assert isinstance(engine, PlanesEngine)
    frames = draw_rides(num=NUM_FRAMES)
    parts = [frames[start : start + batch] for start in range(0, NUM_FRAMES, batch)]
    waiting: deque[Ticket] = deque()
    found, wanted = [], []
    for part in parts:
        if len(waiting) == 3:
            found.append(waiting.popleft().result())
        waiting.append(engine.submit_planes(part))
    found += [ticket.result() for ticket in waiting]
    for part in parts:
        inputs_NHWC = np.stack([by_processor(one, spec=shipped.input_spec) for one in part])
        wanted.append(engine.submit(inputs_NHWC).result())
    engine.close()
    assert (np.concatenate(found) == np.concatenate(wanted)).mean() >= 0.999


def test_a_thousand_frames_take_no_more_memory(shipped: Bundle) -> None:
    engine = open_engine(shipped, name="tensorrt", options=EngineOptions())
    assert isinstance(engine, PlanesEngine)
    frames = draw_rides(num=4)
    for planes in frames:
        engine.submit_planes([planes]).result()
    gc.collect()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    for index in range(1000):
        engine.submit_planes([frames[index % 4]]).result()
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() == before
    engine.close()
