"""A small bundle for tests: a real network at 64x96 that tells bright from dark."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.classmap import ClassMap
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec

SIZE = (64, 96)
CLASSES = ClassMap(names=("dark", "bright"), colours=((0, 0, 0), (240, 228, 66)))
INPUT = InputSpec(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
NETWORK = NetworkSpec(encoder="resnet18", num_classes=2, decoder_channels=16)
NUM_PICTURES = 4


def draw_picture(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw uint8 pixels (64, 96, 3) with bright bars on dark ground, and their labels."""
    rng = np.random.default_rng(seed)
    labels_HW = np.zeros(SIZE, np.uint8)
    for left in (8, 56):
        labels_HW[16:48, left + rng.integers(0, 8) : left + 24] = 1
    noise = rng.normal(0, 8, (*SIZE, 3))
    levels = np.where(labels_HW[..., None] == 1, 200, 40)
    return np.clip(levels + noise, 0, 255).astype(np.uint8), labels_HW


def draw_inputs(num: int, *, seed: int = 0) -> np.ndarray:
    """Draw uint8 (num, 64, 96, 3)."""
    return np.stack([draw_picture(seed + index)[0] for index in range(num)])


def write_pairs(folder: Path, *, first: int = 0) -> Path:
    """Write labelled pictures as ``images/`` and ``masks/``; another ``first`` draws others."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for seed in range(first, first + NUM_PICTURES):
        pixels_HWC, labels_HW = draw_picture(seed)
        cv2.imwrite(str(folder / "images" / f"{seed}.png"), pixels_HWC[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{seed}.png"), labels_HW)
    return folder


def write_small_checkpoint(folder: Path) -> Path:
    """Write a checkpoint whose head was fitted to the drawn pictures; the rest is random."""
    checkpoint = Checkpoint(
        network=NETWORK,
        input=INPUT,
        classes=CLASSES,
        scores={},
        data={"train": {"night_ride": 36}},
        epoch=1,
        version="0",
    )
    write_checkpoint(folder, checkpoint=checkpoint, weights=_fitted_network().state_dict())
    return folder


@torch.no_grad()
def _fitted_network() -> nn.Module:
    """Fit the linear head by least squares, so that classes are far apart in every precision."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(NETWORK).eval()
    pixels, labels = zip(*(draw_picture(seed) for seed in range(NUM_PICTURES)), strict=True)
    values_NCHW = ((torch.from_numpy(np.stack(pixels)).float() - 127.5) / 127.5).permute(0, 3, 1, 2)
    head = network.get_submodule("segmentation_head.0")
    assert isinstance(head, nn.Conv2d)
    taken: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    network(values_NCHW)
    hook.remove()
    features = taken[0].permute(0, 2, 3, 1).reshape(-1, head.in_channels)
    features = torch.cat([features, torch.ones(len(features), 1)], 1)
    truth = torch.from_numpy(np.stack(labels)[:, 2::4, 2::4]).long().reshape(-1)
    targets = nn.functional.one_hot(truth, 2).float()
    solution = torch.linalg.lstsq(features.double(), targets.double()).solution.float()
    head.weight.copy_(solution[:-1].T.reshape_as(head.weight))
    assert head.bias is not None
    head.bias.copy_(solution[-1])
    return network


@torch.no_grad()
def swap_classes(network: nn.Module) -> None:
    """Exchange the rows of the head, as careless code or somebody with an editor could."""
    head = network.get_submodule("segmentation_head.0")
    assert isinstance(head, nn.Conv2d)
    assert head.bias is not None
    head.weight.copy_(head.weight.flip(0))
    head.bias.copy_(head.bias.flip(0))
