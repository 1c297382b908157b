"""From a specification to a network; the only file that knows segmentation_models_pytorch.

Shape letters: N pictures, C channels or classes, H, W height and width.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from losszero_rt.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

Architecture = Literal["deeplabv3plus", "unet", "fpn"]
ENCODERS = ("tu-tf_efficientnet_lite0", "resnet18")


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Everything needed to build a network again.

    Attributes:
        architecture: Decoder family.
        encoder: Encoder name as segmentation_models_pytorch spells it.
        num_classes: Output channels.
        decoder_channels: Width of the decoder; for ``unet`` half the width of its finest level,
            each coarser level being twice as wide.
    """

    architecture: Architecture = "deeplabv3plus"
    encoder: str = "tu-tf_efficientnet_lite0"
    num_classes: int = 6
    decoder_channels: int = 64

    def __post_init__(self) -> None:
        if self.architecture not in get_args(Architecture):
            raise ModelError(
                f"unknown architecture {self.architecture!r}",
                accepted=f"architectures: {', '.join(get_args(Architecture))}",
            )
        if self.encoder not in ENCODERS:
            raise ModelError(
                f"unknown encoder {self.encoder!r}", accepted=f"encoders: {', '.join(ENCODERS)}"
            )
        if not 1 <= self.num_classes <= 254 or not 8 <= self.decoder_channels <= 512:
            raise ModelError(
                f"{self.num_classes} classes, {self.decoder_channels} decoder channels",
                accepted="1 to 254 classes, 8 to 512 decoder channels",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        return asdict(self)


def build_network(spec: NetworkSpec) -> "nn.Module":
    """Build a network with random weights.

    Args:
        spec: What to build.

    Returns:
        A module from normalised float (N, 3, H, W) to logits (N, num_classes, H / 4, W / 4);
        H and W are multiples of 32. The logits are left at the decoder's stride: whoever needs
        them finer upsamples them bilinearly.
    """
    builders = {"deeplabv3plus": _deeplabv3plus, "fpn": _fpn, "unet": _unet}
    return cast("nn.Module", builders[spec.architecture](spec))


def _arguments(spec: NetworkSpec) -> dict[str, Any]:
    return {"encoder_name": spec.encoder, "encoder_weights": None, "classes": spec.num_classes}


def _deeplabv3plus(spec: NetworkSpec) -> Any:
    """DeepLabV3+ over an encoder of stride 32 instead of a dilated one of stride 16.

    The dilated last stages are four times the work, 40 % of the whole network, and the map at
    stride 32 is 12x21: so the atrous rates are a quarter of the usual ones.
    """
    import segmentation_models_pytorch as smp
    from torch import nn

    network = smp.DeepLabV3Plus(
        decoder_channels=spec.decoder_channels,
        decoder_atrous_rates=(3, 6, 9),
        upsampling=1,
        **_arguments(spec),
    )
    network.encoder = smp.encoders.get_encoder(spec.encoder, in_channels=3, depth=5, weights=None)
    network.decoder.up = nn.Upsample(scale_factor=8, mode="bilinear", align_corners=False)
    return network


def _fpn(spec: NetworkSpec) -> Any:
    """FPN with batch normalisation, which folds into the convolutions, where smp has groups."""
    import segmentation_models_pytorch as smp
    from torch import nn

    class Sum(nn.Module):
        """Adds maps pairwise; smp stacks them first, which copies all of them."""

        def forward(self, maps_NCHW: "list[torch.Tensor]") -> "torch.Tensor":
            total = maps_NCHW[0]
            for other in maps_NCHW[1:]:
                total = total + other
            return total

    width = spec.decoder_channels
    network = smp.FPN(
        decoder_pyramid_channels=width,
        decoder_segmentation_channels=width,
        upsampling=1,
        **_arguments(spec),
    )
    network.decoder.merge = Sum()
    for module in list(network.decoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.BatchNorm2d(child.num_channels))
    return network


def _unet(spec: NetworkSpec) -> Any:
    """U-Net that ends at stride 4: the finer levels cost a fifth and gain no edge."""
    import segmentation_models_pytorch as smp

    width = spec.decoder_channels
    channels = (8 * width, 4 * width, 2 * width, width, width)
    network = smp.Unet(encoder_depth=5, decoder_channels=channels, **_arguments(spec))
    network.decoder.blocks = network.decoder.blocks[:-2]
    network.segmentation_head = smp.base.SegmentationHead(2 * width, spec.num_classes)
    return network


def upsample_logits(logits_NCHW: "torch.Tensor", size: tuple[int, int]) -> "torch.Tensor":
    """Resize logits bilinearly to ``size`` (height, width), corners not aligned."""
    from torch.nn import functional

    return functional.interpolate(logits_NCHW, size=size, mode="bilinear", align_corners=False)
