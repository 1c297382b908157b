import pytest
import torch

from losszero_rt.network.objects import Detections, lay_out, paint, paste

SIZE = (32, 48)
Box = tuple[float, float, float, float]


def found(*objects: tuple[int, float, Box], inside: float = 1.0) -> Detections:
    """Make objects of (class id, score, box) whose masks fill their boxes."""
    return Detections(
        class_ids=torch.tensor([class_id for class_id, _, _ in objects], dtype=torch.int64),
        scores=torch.tensor([score for _, score, _ in objects], dtype=torch.float32),
        boxes=torch.tensor([box for _, _, box in objects], dtype=torch.float32).reshape(-1, 4),
        masks_KSS=torch.full((len(objects), 28, 28), inside),
    )


def labels(*pictures: Detections, background_id: int = 0) -> torch.Tensor:
    logits = paint(pictures, num_classes=4, background_id=background_id, size=SIZE)
    assert logits.shape == (len(pictures), 4, 8, 12)
    return logits.argmax(1)


def test_a_mask_fills_its_box_and_nothing_else() -> None:
    probabilities = paste(found((1, 0.9, (8, 4, 24, 20))), size=SIZE)
    expected = torch.zeros(SIZE, dtype=torch.bool)
    expected[4:20, 8:24] = True
    assert torch.equal(probabilities[0] > 0.5, expected)
    assert probabilities[0, 12, 16].item() == pytest.approx(1.0)


def test_a_mask_is_laid_over_the_edge_of_the_picture() -> None:
    probabilities = paste(found((1, 0.9, (-10, -10, 12, 8))), size=SIZE)
    assert bool((probabilities[0, :7, :11] > 0.5).all())
    assert not bool((probabilities[0, 9:] > 0.5).any())


def test_halves_of_a_mask_land_where_they_are() -> None:
    half = found((1, 0.9, (8, 8, 40, 24)))
    half.masks_KSS[:, :, 14:] = 0
    laid = lay_out(half, size=SIZE).masks[0]
    assert int(laid[16].nonzero().min()) == 8
    assert int(laid[16].nonzero().max()) == pytest.approx(23, abs=1)


def test_no_object_paints_the_background() -> None:
    nothing = found()
    assert not labels(nothing).any()
    assert bool((labels(nothing, nothing, background_id=3) == 3).all())
    objects = lay_out(nothing, size=SIZE)
    assert objects.masks.shape == (0, *SIZE)
    assert repr(objects) == "DetectedObjects(0)"


@pytest.mark.parametrize("score", [0.06, 0.5, 0.99])
def test_a_mask_ends_at_half_whatever_the_score(score: float) -> None:
    box = (8.0, 8.0, 40.0, 24.0)
    assert (labels(found((2, score, box), inside=0.55)) == 2).any()
    assert not labels(found((2, score, box), inside=0.45)).any()


def test_the_more_certain_object_lies_on_top() -> None:
    low, high = (0.0, 0.0, 48.0, 24.0), (0.0, 8.0, 48.0, 32.0)
    painted = labels(found((1, 0.6, low), (3, 0.9, high)))[0]
    assert painted[1, 6] == 1
    assert painted[3, 6] == 3
    assert painted[6, 6] == 3
    assert torch.equal(labels(found((3, 0.9, high), (1, 0.6, low)))[0], painted)


def test_objects_stay_in_their_picture() -> None:
    one, other = found((1, 0.9, (0, 0, 48, 32))), found((2, 0.8, (0, 0, 24, 32)))
    painted = labels(one, found(), other)
    assert bool((painted[0] == 1).all())
    assert not painted[1].any()
    assert bool((painted[2, :, :6] == 2).all())
    assert not painted[2, :, 6:].any()


def test_many_objects_are_laid_out_in_order() -> None:
    boxes: list[Box] = [(float(x), 0.0, float(x + 1), 32.0) for x in range(40)]
    laid = lay_out(found(*[(1, 0.9, box) for box in boxes]), size=SIZE)
    assert laid.masks.shape == (40, *SIZE)
    assert [int(mask[16].nonzero().max()) for mask in laid.masks] == list(range(40))


def test_logits_lead_back_to_the_masks() -> None:
    one = found((2, 0.9, (8, 8, 40, 24)))
    one.masks_KSS.requires_grad_(True)
    logits = paint([one], num_classes=4, background_id=0, size=SIZE)
    torch.autograd.backward(logits[:, 2].sum())
    assert one.masks_KSS.grad is not None
    assert bool((one.masks_KSS.grad > 0).any())
