import pytest
import torch
from timm.models.vision_transformer_sam import VisionTransformerSAM

from losszero_rt.network import NetworkSpec, build_network, count_parameters, encoder_of

TINY = NetworkSpec(architecture="sam", encoder="samvit_tiny_patch16", decoder_channels=16)


@pytest.mark.parametrize("size", [(64, 96), (384, 672), (256, 256), (512, 512)])
def test_pictures_of_any_size_are_taken(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = build_network(TINY).eval()
    with torch.no_grad():
        logits = network(torch.randn(1, 3, *size))
    assert logits.shape == (1, 6, size[0] // 4, size[1] // 4)


def test_position_embeddings_are_interpolated_to_the_picture() -> None:
    network = build_network(TINY).eval()
    encoder = encoder_of(network)
    ramp = torch.linspace(0, 1, 16)[None, None, :, None]
    seen: list[torch.Tensor] = []
    first = encoder.get_submodule("blocks.0")
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.zeros(1, 3, 96, 672))
        encoder.get_parameter("pos_embed").copy_(ramp.expand(1, 16, 16, 64))
        network(torch.zeros(1, 3, 96, 672))
    places = (seen[1] - seen[0])[0]
    assert places.shape == (6, 42, 64)
    wanted = torch.linspace(0, 1, 42)[None, :, None].expand(6, 42, 64)
    torch.testing.assert_close(places, wanted, rtol=0, atol=0.05)


def test_the_published_encoder_is_built_with_its_own_tensors() -> None:
    network = build_network(NetworkSpec(architecture="sam", encoder="samvit_base_patch16"))
    encoder = encoder_of(network)
    assert isinstance(encoder, VisionTransformerSAM)
    # Segment Anything's image encoder has 89.7 million parameters (ViT-B).
    assert count_parameters(encoder) == 89_670_912
    assert encoder.get_parameter("pos_embed").shape == (1, 64, 64, 768)


def test_small_ones_grow_in_order() -> None:
    sizes = [
        count_parameters(build_network(NetworkSpec(architecture="sam", encoder=name)))
        for name in ("samvit_tiny_patch16", "samvit_small_patch16")
    ]
    assert sizes[0] < 1_000_000 < sizes[1] < 10_000_000
