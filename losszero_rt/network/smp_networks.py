"""Networks from segmentation_models_pytorch; the only file that knows it.

Shape letters: N pictures, C channels or classes, H, W height and width.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from losszero_rt.errors import ModelError
from losszero_rt.network.segformer_decoder import lean_decoder
from losszero_rt.network.spec import NetworkSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

TIMM_PREFIX = "tu-"


def build_smp(spec: NetworkSpec) -> "nn.Module":
    """Build an encoder with a decoder and a linear ``segmentation_head``.

    Raises:
        ModelError: If there is no such encoder, or the architecture cannot be put over it.
    """
    check_encoder(spec)
    try:
        return cast("nn.Module", _BUILDERS[spec.architecture](spec))
    # smp and timm refuse combinations with whatever error came up inside.
    except Exception as error:
        raise ModelError(
            f"{spec.architecture} cannot be built over the encoder {spec.encoder}: {error}",
            accepted="an encoder with features at strides 4 to 32, vision transformers for dpt",
        ) from error


def check_encoder(spec: NetworkSpec) -> None:
    """Check that an encoder exists and takes pictures of any size; no hub is asked.

    Raises:
        ModelError: If not; the message offers the names that come closest.
    """
    import segmentation_models_pytorch as smp
    import timm

    plain = spec.encoder.removeprefix(TIMM_PREFIX)
    known = list(smp.encoders.get_encoder_names())
    if spec.encoder in known:
        return
    is_timm = spec.encoder != plain and timm.models.is_model(plain.split(".")[0])
    if not is_timm:
        offered = known + [TIMM_PREFIX + name for name in timm.list_models()]
        close = get_close_matches(spec.encoder, offered, n=5, cutoff=0.5)
        raise ModelError(
            f"unknown encoder {spec.encoder!r}",
            accepted=f"close to it: {', '.join(close) or 'nothing'}; all encoders of "
            "segmentation_models_pytorch, and 'tu-' before any name of timm",
        )
    settings = timm.models.get_pretrained_cfg(plain)
    if spec.architecture != "dpt" and settings is not None and settings.fixed_input_size:
        raise ModelError(
            f"the encoder {spec.encoder} takes pictures of one size only: {settings.input_size}",
            accepted="an encoder for pictures of any size; vision transformers with dpt",
        )


def published_encoder(name: str) -> "dict[str, torch.Tensor]":
    """Return the pretrained tensors of an encoder; asks the hub for what is not cached.

    Args:
        name: Encoder as in :class:`NetworkSpec`.

    Returns:
        Tensors by the name that the library which publishes them gives them.

    Raises:
        Exception: Whatever the library raises when it cannot have them.
    """
    import segmentation_models_pytorch as smp
    import timm

    if name.startswith(TIMM_PREFIX):
        encoder = timm.create_model(name.removeprefix(TIMM_PREFIX), pretrained=True)
    else:
        encoder = smp.encoders.get_encoder(name, weights="imagenet")
    return cast("dict[str, torch.Tensor]", encoder.state_dict())


def _arguments(spec: NetworkSpec) -> dict[str, Any]:
    return {"encoder_name": spec.encoder, "encoder_weights": None, "classes": spec.num_classes}


def _halving(spec: NetworkSpec) -> tuple[int, ...]:
    """Widths of a decoder's levels at strides 16, 8, 4, 2 and 1."""
    width = spec.decoder_channels
    return 8 * width, 4 * width, 2 * width, width, width


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
    """FPN with batch normalisation, which folds into the convolutions, where smp has groups.

    smp normalises in 32 groups and so refuses other widths than multiples of 32; without groups
    any width will do.
    """
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
    grouped = -(-width // 32) * 32
    network = smp.FPN(
        decoder_pyramid_channels=width,
        decoder_segmentation_channels=grouped,
        upsampling=1,
        **_arguments(spec),
    )
    network.decoder.merge = Sum()
    for module in list(network.decoder.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.BatchNorm2d(width))
            elif isinstance(child, nn.Conv2d) and child.kernel_size == (3, 3) and grouped != width:
                setattr(module, name, nn.Conv2d(width, width, 3, padding=1, bias=False))
    if grouped != width:
        network.segmentation_head[0] = nn.Conv2d(width, spec.num_classes, 1)
        network.initialize()
    return network


def _unet(spec: NetworkSpec) -> Any:
    """U-Net that ends at stride 4: the finer levels cost a fifth and gain no edge."""
    import segmentation_models_pytorch as smp

    channels = _halving(spec)
    network = smp.Unet(encoder_depth=5, decoder_channels=channels, **_arguments(spec))
    network.decoder.blocks = network.decoder.blocks[:-2]
    network.segmentation_head = smp.base.SegmentationHead(channels[2], spec.num_classes)
    return network


def _unetplusplus(spec: NetworkSpec) -> Any:
    """U-Net++ over the strides 4 to 32, like the U-Net beside it.

    Its nested nodes at strides 2 and 1 are most of its work.
    """
    import segmentation_models_pytorch as smp
    from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder
    from torch import nn

    class CoarseDecoder(UnetPlusPlusDecoder):  # type: ignore[misc]
        """Leaves out the features at stride 2, and the last step beyond stride 4."""

        def forward(self, maps_NCHW: "list[torch.Tensor]") -> "torch.Tensor":
            return cast("torch.Tensor", super().forward(maps_NCHW[1:]))

    channels = _halving(spec)
    network = smp.UnetPlusPlus(decoder_channels=channels, **_arguments(spec))
    network.decoder = CoarseDecoder(network.encoder.out_channels[1:], channels[:4], n_blocks=4)
    network.decoder.blocks["x_0_3"] = nn.Identity()
    network.segmentation_head = smp.base.SegmentationHead(channels[2], spec.num_classes)
    network.initialize()
    return network


def _segformer(spec: NetworkSpec) -> Any:
    import segmentation_models_pytorch as smp

    width = spec.decoder_channels
    network = smp.Segformer(decoder_segmentation_channels=width, upsampling=1, **_arguments(spec))
    network.decoder = lean_decoder(network.decoder)
    return network


def _linknet(spec: NetworkSpec) -> Any:
    import segmentation_models_pytorch as smp

    return smp.Linknet(**_arguments(spec))


def _pspnet(spec: NetworkSpec) -> Any:
    import segmentation_models_pytorch as smp

    return smp.PSPNet(psp_out_channels=spec.decoder_channels, upsampling=1, **_arguments(spec))


def _manet(spec: NetworkSpec) -> Any:
    import segmentation_models_pytorch as smp

    return smp.MAnet(decoder_channels=_halving(spec), **_arguments(spec))


def _dpt(spec: NetworkSpec) -> Any:
    """DPT whose vision transformer takes pictures of any size in multiples of its patch."""
    import segmentation_models_pytorch as smp

    width = spec.decoder_channels
    return smp.DPT(
        decoder_fusion_channels=width,
        decoder_intermediate_channels=(width, 2 * width, 4 * width, 4 * width),
        dynamic_img_size=True,
        **_arguments(spec),
    )


def _plain(name: str) -> Callable[[NetworkSpec], Any]:
    """Return the builder of a decoder that needs its width and no upsampling."""

    def build(spec: NetworkSpec) -> Any:
        import segmentation_models_pytorch as smp

        family = {"deeplabv3": smp.DeepLabV3, "pan": smp.PAN, "upernet": smp.UPerNet}[name]
        return family(decoder_channels=spec.decoder_channels, upsampling=1, **_arguments(spec))

    return build


_BUILDERS: dict[str, Callable[[NetworkSpec], Any]] = {
    "deeplabv3": _plain("deeplabv3"),
    "deeplabv3plus": _deeplabv3plus,
    "dpt": _dpt,
    "fpn": _fpn,
    "linknet": _linknet,
    "manet": _manet,
    "pan": _plain("pan"),
    "pspnet": _pspnet,
    "segformer": _segformer,
    "unet": _unet,
    "unetplusplus": _unetplusplus,
    "upernet": _plain("upernet"),
}
