"""Segment Anything's image encoder under a semantic head.

The encoder is timm's, with the tensors of Meta's: position embeddings are kept for pictures of
1024 pixels, as published, and interpolated to the picture at hand in every pass.

Source: Kirillov et al., "Segment Anything" (2023), https://arxiv.org/abs/2304.02643, from whose
mask decoder the two transposed convolutions of the head are taken.

Shape letters: N pictures, C channels or classes, H, W height and width.
"""

from typing import TYPE_CHECKING, Any, cast

from losszero_rt.errors import ModelError
from losszero_rt.network.spec import NetworkSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

PUBLISHED = ("samvit_base_patch16", "samvit_large_patch16", "samvit_huge_patch16")
# Encoders of the same make that two cores can train; nobody publishes weights for them.
_OWN: dict[str, dict[str, Any]] = {
    "samvit_small_patch16": {
        "img_size": 512,
        "embed_dim": 192,
        "depth": 8,
        "num_heads": 3,
        "global_attn_indexes": (3, 7),
        "neck_chans": 128,
    },
    "samvit_tiny_patch16": {
        "img_size": 256,
        "embed_dim": 64,
        "depth": 4,
        "num_heads": 2,
        "global_attn_indexes": (1, 3),
        "neck_chans": 32,
    },
}
SAM_ENCODERS = (*PUBLISHED, *_OWN)


def build_sam(spec: NetworkSpec) -> "nn.Module":
    """Build the encoder with a head that ends at stride 4, with random weights.

    Raises:
        ModelError: If there is no such encoder.
    """
    from timm.layers.norm import LayerNorm2d
    from torch import nn

    encoder = _encoder(spec.encoder)
    width = spec.decoder_channels

    class SamSegmenter(nn.Module):
        """Encoder at stride 16, two doublings, a linear head."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            self.decoder = nn.Sequential(
                nn.ConvTranspose2d(encoder.num_features, 2 * width, 2, stride=2),
                LayerNorm2d(2 * width),
                nn.GELU(),
                nn.ConvTranspose2d(2 * width, width, 2, stride=2),
                LayerNorm2d(width),
                nn.GELU(),
                # Blocks of the transposed convolutions do not see each other: this one mends it.
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                LayerNorm2d(width),
                nn.GELU(),
            )
            self.segmentation_head = nn.Conv2d(width, spec.num_classes, 1)

        def forward(self, values_NCHW: "torch.Tensor") -> "torch.Tensor":
            features_NCHW = self.encoder.forward_features(values_NCHW)
            return cast("torch.Tensor", self.segmentation_head(self.decoder(features_NCHW)))

    return SamSegmenter()


def _encoder(name: str) -> Any:
    import timm
    from timm.models.vision_transformer_sam import VisionTransformerSAM

    if name in PUBLISHED:
        return timm.create_model(name, pretrained=False, num_classes=0)
    if name not in _OWN:
        raise ModelError(
            f"unknown encoder {name!r}", accepted=f"encoders of sam: {', '.join(SAM_ENCODERS)}"
        )
    return VisionTransformerSAM(num_classes=0, use_rel_pos=True, window_size=14, **_OWN[name])
