from typing import Any, cast

import pytest
import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, ObjectNetwork, build_network

SIZE = (64, 96)
Target = dict[str, torch.Tensor]


def build(**changes: Any) -> tuple[torch.nn.Module, ObjectNetwork]:
    """Return a small network twice: as a module, and as what finds objects."""
    fields: dict[str, Any] = {"num_classes": 4, "decoder_channels": 16, "proposals_max": 60}
    torch.manual_seed(0)
    network = build_network(
        NetworkSpec(architecture="mask-rcnn", encoder="resnet18", **fields | changes)
    )
    return network, cast("ObjectNetwork", network)


def target(*boxes: tuple[int, int, int, int, int]) -> Target:
    """Make a target of rectangles (class id, x0, y0, x1, y1)."""
    masks = torch.zeros(len(boxes), *SIZE, dtype=torch.uint8)
    for mask, (_, x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = 1
    return {
        "boxes": torch.tensor([box[1:] for box in boxes], dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor([box[0] for box in boxes], dtype=torch.int64),
        "masks": masks,
    }


def drawing(*boxes: tuple[int, int, int, int, int]) -> torch.Tensor:
    """Draw a picture (3, H, W) of the same rectangles, each class in its own colour."""
    picture = torch.full((3, *SIZE), -1.0)
    for class_id, x0, y0, x1, y1 in boxes:
        picture[:, y0:y1, x0:x1] = -0.5
        picture[class_id % 3, y0:y1, x0:x1] = 2.0
    return picture


def test_the_large_one_has_the_tensors_of_torchvision() -> None:
    own = build_network(
        NetworkSpec(architecture="mask-rcnn", encoder="resnet50", decoder_channels=256)
    )
    published = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None, num_classes=6)
    shapes = {name: value.shape for name, value in own.state_dict().items()}
    assert shapes == {name: value.shape for name, value in published.state_dict().items()}


def test_untrained_it_detects_nothing_in_a_batch_of_two() -> None:
    network, finder = build(score_min=0.9)
    network.eval()
    values = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, objects = network(values), finder.objects(values)
    assert logits.shape == (2, 4, 16, 24)
    assert not logits.argmax(1).any()
    assert [len(one.scores) for one in objects] == [0, 0]
    assert objects[1].masks.shape == (0, *SIZE)
    assert objects[1].boxes.shape == (0, 4)


def test_objects_respect_the_limits_of_the_spec() -> None:
    network, finder = build(score_min=0.05, detections_max=7)
    network.eval()
    with torch.no_grad():
        one, _ = finder.objects(torch.randn(2, 3, *SIZE))
    assert 0 < len(one.scores) <= 7
    assert one.masks.shape == (len(one.scores), *SIZE)
    assert one.masks.dtype == torch.bool
    assert bool((one.scores > 0.05).all())
    assert bool((one.scores[:-1] >= one.scores[1:]).all())
    assert bool((one.boxes[:, 2] <= SIZE[1]).all())
    assert not bool((one.class_ids == 0).any())


@pytest.mark.slow
@pytest.mark.parametrize("background_id", [0, 2])
def test_it_learns_what_it_is_shown(background_id: int) -> None:
    classes = [one for one in range(4) if one != background_id]
    network, finder = build(background_id=background_id, decoder_channels=32)
    boxes = [(classes[0], 4, 30, 60, 62), (classes[2], 56, 6, 92, 30)]
    values = torch.stack([drawing(*boxes), drawing(boxes[1])])
    targets = [target(*boxes), target(boxes[1])]
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    network.train()
    totals = []
    for step in range(45):
        torch.manual_seed(step)
        losses = finder.losses(values, targets)
        total = torch.stack(list(losses.values())).sum()
        optimiser.zero_grad()
        torch.autograd.backward(total)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] / 2
    network.eval()
    with torch.no_grad():
        labels = network(values).argmax(1)
        first, second = finder.objects(values)
    assert {classes[0], classes[2]} == set(first.class_ids.tolist())
    assert set(second.class_ids.tolist()) == {classes[2]}
    truth = torch.full((2, *SIZE), background_id)
    truth[0, 30:62, 4:60] = classes[0]
    truth[:, 6:30, 56:92] = classes[2]
    assert (labels == truth[:, 2::4, 2::4]).float().mean().item() > 0.85


def test_a_step_reaches_every_part() -> None:
    network, finder = build()
    network.train()
    box = (3, 10, 10, 50, 40)
    losses = finder.losses(torch.stack([drawing(box), drawing()]), [target(box), target()])
    assert set(losses) == {
        "loss_objectness",
        "loss_rpn_box_reg",
        "loss_classifier",
        "loss_box_reg",
        "loss_mask",
    }
    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    for name, parameters in finder.parts().items():
        assert all(one.grad is not None for one in parameters), name
        assert any(bool(one.grad.any()) for one in parameters if one.grad is not None), name


def test_the_background_is_never_an_object() -> None:
    network, finder = build(background_id=2, score_min=0.05)
    network.eval()
    with torch.no_grad():
        found = finder.objects(torch.randn(2, 3, *SIZE))
    assert {int(one) for picture in found for one in picture.class_ids} == {0, 1, 3}


def test_pictures_without_objects_teach_and_leave_the_statistics_whole() -> None:
    network, finder = build()
    network.train()
    losses = finder.losses(torch.randn(2, 3, *SIZE), [target(), target()])
    torch.autograd.backward(torch.stack(list(losses.values())).sum())
    assert all(bool(value.isfinite()) for value in losses.values())
    assert all(bool(value.isfinite().all()) for value in network.state_dict().values())
    gradients = [one.grad for one in network.parameters() if one.grad is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_parts_share_out_all_parameters() -> None:
    network, finder = build()
    parts = finder.parts()
    assert list(parts) == ["backbone", "rpn", "roi"]
    together = [id(one) for part in parts.values() for one in part]
    assert len(together) == len(set(together))
    assert set(together) == {id(one) for one in network.parameters()}


def test_the_mode_decides_what_may_be_asked() -> None:
    network, finder = build()
    values = torch.zeros(1, 3, *SIZE)
    network.train()
    for ask in (network, finder.objects):
        with pytest.raises(ModelError, match="training mode"):
            ask(values)
    network.eval()
    with pytest.raises(ModelError, match="training mode only"):
        finder.losses(values, [target()])


@pytest.mark.parametrize(
    "change",
    [
        {"labels": torch.tensor([0])},
        {"labels": torch.tensor([4])},
        {"boxes": torch.tensor([[20.0, 10.0, 20.0, 30.0]])},
        {"boxes": torch.zeros(2, 4)},
        {"masks": torch.zeros(1, 32, 48, dtype=torch.uint8)},
    ],
)
def test_targets_that_do_not_fit_are_refused(change: Target) -> None:
    network, finder = build()
    network.train()
    good = target((1, 10, 10, 50, 40))
    with pytest.raises(ModelError, match="target 1"):
        finder.losses(torch.zeros(2, 3, *SIZE), [good, good | change])
    with pytest.raises(ModelError, match="1 targets for 2"):
        finder.losses(torch.zeros(2, 3, *SIZE), [good])
