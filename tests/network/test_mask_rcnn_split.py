"""The split of a Mask R-CNN: with torch in place of compiled parts it is the whole network."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from export.split_graphs import part_of
from losszero_rt.errors import ModelError, NotFiniteError
from losszero_rt.network import NetworkSpec, ObjectNetwork, build_network
from losszero_rt.network.mask_rcnn_split import (
    Head,
    Part,
    SplitNetwork,
    in_pieces,
    num_regions,
    regions_shape,
)

SIZE = (64, 96)
SPEC = NetworkSpec(
    architecture="mask-rcnn",
    encoder="resnet18",
    num_classes=6,
    decoder_channels=16,
    background_id=2,
    score_min=0.05,
    detections_max=20,
    proposals_max=200,
)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_network(SPEC).eval()


def values(num: int) -> torch.Tensor:
    return torch.randn(num, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def head_of_fixed_shape(part: nn.Module, *, num: int, sizes: list[int]) -> Head:
    """What a compiled head does: exactly so many regions, into buffers that it uses again."""
    kept: list[torch.Tensor] = []

    def run(regions_RCSS: torch.Tensor) -> Sequence[torch.Tensor]:
        assert len(regions_RCSS) == num
        sizes.append(num)
        found = part(regions_RCSS)
        outputs = list(found) if isinstance(found, tuple) else [found]
        kept[:] = kept or [torch.empty_like(one) for one in outputs]
        for mine, theirs in zip(kept, outputs, strict=True):
            mine.copy_(theirs)
        return kept

    return run


def split_of(network: nn.Module, *, sizes: list[int], boxes: int = 64) -> SplitNetwork:
    def head(part: Part, num: int) -> Head:
        fixed = head_of_fixed_shape(part_of(network, part), num=num, sizes=sizes)
        return in_pieces(fixed, num=num)

    return SplitNetwork(SPEC, boxes=head("boxes", boxes), masks=head("masks", 16), precision="fp32")


@pytest.mark.parametrize("num", [1, 3])
def test_split_finds_and_paints_what_the_whole_network_does(network: nn.Module, num: int) -> None:
    sizes: list[int] = []
    split = split_of(network, sizes=sizes)
    assert isinstance(network, ObjectNetwork)
    with torch.inference_mode():
        truth_logits, truth = network.logits_and_objects(values(num))
        trunk = part_of(network, "trunk")(values(num))
    logits, found = split.logits_and_objects(trunk, size=SIZE)
    assert len(trunk) == 15
    assert torch.equal(logits.argmax(1), truth_logits.argmax(1))
    torch.testing.assert_close(logits, truth_logits, atol=1e-3, rtol=1e-4)
    assert len(found) == len(truth) == num
    for mine, theirs in zip(found, truth, strict=True):
        assert len(mine.scores) > 0
        assert torch.equal(mine.class_ids, theirs.class_ids)
        torch.testing.assert_close(mine.scores, theirs.scores, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(mine.boxes, theirs.boxes, atol=1e-2, rtol=1e-4)
        assert (mine.masks == theirs.masks).float().mean() > 0.9999
    # The proposals of these pictures are more than a head takes at once.
    assert sizes.count(64) > 1


def test_pictures_without_objects_ask_the_heads_all_the_same(network: nn.Module) -> None:
    sizes: list[int] = []
    split = split_of(network, sizes=sizes)
    with torch.inference_mode():
        trunk = part_of(network, "trunk")(values(1))
    split._network.roi_heads.score_thresh = 1.0
    logits, found = split.logits_and_objects(trunk, size=SIZE)
    assert len(found[0].scores) == 0
    assert found[0].masks.shape == (0, *SIZE)
    assert torch.equal(logits.argmax(1), torch.full((1, 16, 24), SPEC.background_id))
    # Every piece of proposals, then the masks of no regions.
    assert 64 in sizes
    assert sizes.index(16) == len(sizes) - 1


@pytest.mark.parametrize("num_given", [0, 1, 4, 5, 8])
def test_regions_come_back_in_order_whatever_their_number(num_given: int) -> None:
    regions = torch.arange(num_given * 2.0).reshape(num_given, 2, 1, 1)
    ask = in_pieces(head_of_fixed_shape(nn.Flatten(), num=4, sizes=[]), num=4)
    (found,) = ask(regions)
    assert torch.equal(found, regions.flatten(1))


def test_only_a_piece_that_is_short_is_copied_and_padded() -> None:
    regions, given = torch.ones(6, 2, 1, 1), []

    def head(regions_RCSS: torch.Tensor) -> Sequence[torch.Tensor]:
        given.append(regions_RCSS)
        return [regions_RCSS.flatten(1)]

    in_pieces(head, num=4)(regions)
    assert [one.shape[0] for one in given] == [4, 4]
    assert given[0].data_ptr() == regions.data_ptr()
    assert given[1].flatten(1).sum(1).tolist() == [2, 2, 0, 0]


@pytest.mark.parametrize(
    ("precision", "remedy"), [("bf16", "--precision fp32"), ("fp32", "losszero-rt verify MODEL")]
)
@pytest.mark.parametrize("part", ["trunk", "boxes", "masks"])
def test_a_part_that_overflows_is_named_in_place_of_objects_left_out(
    network: nn.Module, part: str, precision: str, remedy: str
) -> None:
    def broken(name: str) -> Head:
        whole = part_of(network, name)  # type: ignore[arg-type]

        def run(regions_RCSS: torch.Tensor) -> Sequence[torch.Tensor]:
            found = whole(regions_RCSS)
            outputs = list(found) if isinstance(found, tuple) else [found]
            return [one * float("nan") if part == name else one for one in outputs]

        return run

    split = SplitNetwork(SPEC, boxes=broken("boxes"), masks=broken("masks"), precision=precision)
    with torch.inference_mode():
        trunk = broken("trunk")(values(1))
    with pytest.raises(
        ModelError, match=rf"compiled {part} .* in {precision}: .*not finite.*{remedy}"
    ):
        split.logits_and_objects(trunk, size=SIZE)


class Reads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts how often a value is brought to the host, which a GPU is waited for."""

    num = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.num += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_single_value_is_noticed_and_the_host_waits_once_a_part(
    network: nn.Module, value: float
) -> None:
    split = split_of(network, sizes=[])
    outputs = [torch.ones(2, 3, 4, 4) for _ in range(15)]
    with Reads() as reads:  # type: ignore[no-untyped-call]
        assert split._finite(outputs, part="trunk") is outputs
    assert reads.num == 1
    outputs[14][1, 2, 3, 3] = value
    with pytest.raises(NotFiniteError):
        split._finite(outputs, part="trunk")
    # What is infinite both ways adds up to no number.
    outputs[0][0, 0, 0, 0] = -value
    with pytest.raises(NotFiniteError):
        split._finite(outputs, part="trunk")


def test_heads_take_no_more_regions_than_a_network_ever_has() -> None:
    assert (num_regions(SPEC, "boxes"), num_regions(SPEC, "masks")) == (128, 16)
    few = NetworkSpec(
        architecture="mask-rcnn", encoder="resnet18", detections_max=5, proposals_max=30
    )
    assert (num_regions(few, "boxes"), num_regions(few, "masks")) == (30, 5)
    assert regions_shape(SPEC, "boxes") == (16, 7, 7)
    assert regions_shape(SPEC, "masks") == (16, 14, 14)
