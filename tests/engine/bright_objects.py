"""A Mask R-CNN that was trained for a moment: it finds the bright bars of the drawn pictures."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.network import NetworkSpec, ObjectNetwork, build_network
from tests.bundles import CLASSES, INPUT, draw_picture

SPEC = NetworkSpec(
    architecture="mask-rcnn",
    encoder="resnet18",
    num_classes=2,
    decoder_channels=16,
    score_min=0.5,
    detections_max=5,
    proposals_max=50,
)
NUM_STEPS = 60


def write_bright_checkpoint(folder: Path) -> Path:
    """Write a checkpoint of the network."""
    checkpoint = Checkpoint(
        network=SPEC, input=INPUT, classes=CLASSES, scores={}, data={}, epoch=1, version="0"
    )
    write_checkpoint(folder, checkpoint=checkpoint, weights=trained().state_dict())
    return folder


def trained() -> nn.Module:
    """Train from nothing on drawn pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(SPEC)
        assert isinstance(network, ObjectNetwork)
        optimiser = torch.optim.AdamW(network.parameters(), lr=4e-3)
        for step in range(NUM_STEPS):
            values, targets = zip(*(sample(2 * step + k) for k in range(2)), strict=True)
            loss = torch.stack(list(network.losses(torch.stack(values), targets).values())).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


def sample(seed: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return values (3, H, W) of a drawn picture and its bars as a target."""
    pixels_HWC, labels_HW = draw_picture(seed)
    num, parts, stats, _ = cv2.connectedComponentsWithStats(labels_HW)
    x, y, width, height = (stats[1:num, k] for k in range(4))
    boxes = np.stack([x, y, x + width, y + height], 1).astype(np.float32)
    masks = np.stack([parts == k for k in range(1, num)]).astype(np.uint8)
    target = {
        "boxes": torch.from_numpy(boxes),
        "labels": torch.ones(num - 1, dtype=torch.int64),
        "masks": torch.from_numpy(masks),
    }
    return (torch.from_numpy(pixels_HWC).float().permute(2, 0, 1) - 127.5) / 127.5, target
