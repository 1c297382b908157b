"""Recipes of the families, for comparisons and for parking.

Those over EfficientNet-Lite0 start from weights that an installed package brings; those that name
``imagenet`` ask the hub, and where it cannot be reached ``--encoder-weights`` names a file or none.
"""

from dataclasses import replace

from losszero_rt.classmap import NIGHT_RIDE, PARKING
from losszero_rt.network import Architecture, NetworkSpec
from losszero_rt.preprocess import InputSpec
from train.config import LossWeights, Phase, TrainConfig
from train.fitting import with_classes

SHORT_CROPS = Phase(epochs=8, crop_size=(256, 448), batch_size=8, scale=(0.6, 1.5))
# ResNets, mix transformers and SAM's encoder were trained on values of this mean and deviation.
IMAGENET_INPUT = InputSpec(size=(384, 672), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
# What the predecessor of this project found for its few and thin classes.
LOSSZERO_CLASSES = (1.0, 1.0, 12.0, 1.0, 1.0, 6.0)
# The predecessor's rates of Mask R-CNN by part.
MASK_RCNN_RATES = {"backbone": 1e-5, "rpn": 1e-4, "roi": 1e-4}
# 640x360 pictures on sides that are multiples of 32: stretched by 2 % at 352, where a letterbox
# at 384 would spend 6 % of the work on bars.
PARKING_SIZE = (352, 640)


def candidate(architecture: Architecture, decoder_channels: int) -> TrainConfig:
    """Return the short training by which architectures are compared."""
    network = NetworkSpec(architecture=architecture, decoder_channels=decoder_channels)
    return TrainConfig(network=network, phases=(SHORT_CROPS,))


def deeplabv3plus() -> TrainConfig:
    """DeepLabV3+ with a decoder of 128 channels."""
    return candidate("deeplabv3plus", 128)


def deeplabv3plus_wide() -> TrainConfig:
    """DeepLabV3+ with a decoder of 256 channels."""
    return candidate("deeplabv3plus", 256)


def unet() -> TrainConfig:
    """U-Net whose finest level, at stride 4, has 32 channels."""
    return candidate("unet", 16)


def unetplusplus() -> TrainConfig:
    """U-Net++ of the same widths."""
    return candidate("unetplusplus", 16)


def fpn() -> TrainConfig:
    """Feature pyramid with 64 channels a level."""
    return candidate("fpn", 64)


def segformer_lite0() -> TrainConfig:
    """SegFormer's decoder over EfficientNet-Lite0, which has weights without a hub."""
    return candidate("segformer", 128)


def segformer_b0() -> TrainConfig:
    """SegFormer-B0 on crops, for the comparison."""
    spec = NetworkSpec(architecture="segformer", encoder="mit_b0", decoder_channels=128)
    return replace(
        candidate("segformer", 128),
        network=spec,
        input=IMAGENET_INPUT,
        encoder_weights="imagenet",
        learning_rate=1e-3,
        encoder_rate_factor=0.2,
    )


def segformer_b2() -> TrainConfig:
    """SegFormer-B2 on whole pictures of 384x672, with the predecessor's class weights.

    Rates: Xie et al., "SegFormer" (NeurIPS 2021), https://arxiv.org/abs/2105.15203: 6e-5, ten
    times that in the head.
    """
    return TrainConfig(
        network=NetworkSpec(architecture="segformer", encoder="mit_b2", decoder_channels=256),
        phases=(Phase(epochs=60, crop_size=(384, 672), batch_size=8, scale=(0.85, 1.3)),),
        input=IMAGENET_INPUT,
        encoder_weights="imagenet",
        learning_rate=6e-4,
        encoder_rate_factor=0.1,
        weight_decay=0.01,
        loss=LossWeights(classes=LOSSZERO_CLASSES, dice=0.0),
        patience=15,
    )


def mask_rcnn() -> TrainConfig:
    """Mask R-CNN (torchvision's second version) over ResNet-50, a rate for each part."""
    return TrainConfig(
        network=_mask_rcnn_spec("resnet50", 256),
        phases=(Phase(epochs=24, crop_size=(384, 672), batch_size=4, scale=(0.7, 1.4)),),
        input=IMAGENET_INPUT,
        encoder_weights="imagenet",
        learning_rate=1e-4,
        part_rates=MASK_RCNN_RATES,
        gradient_clip=10.0,
    )


def mask_rcnn_small() -> TrainConfig:
    """Mask R-CNN over ResNet-18 with heads of 64 channels, for two cores and without a hub."""
    return replace(
        mask_rcnn(),
        network=replace(_mask_rcnn_spec("resnet18", 64), proposals_max=256),
        phases=(replace(SHORT_CROPS, batch_size=4),),
        encoder_weights="none",
        learning_rate=1e-3,
        part_rates={},
    )


def sam_small() -> TrainConfig:
    """Segment Anything's kind of encoder, small enough to be trained from nothing."""
    spec = NetworkSpec(architecture="sam", encoder="samvit_small_patch16", decoder_channels=64)
    return replace(
        candidate("fpn", 64),
        network=spec,
        input=IMAGENET_INPUT,
        encoder_weights="none",
        learning_rate=6e-4,
        encoder_rate_factor=1.0,
    )


def sam_b() -> TrainConfig:
    """Segment Anything's ViT-B, of whose twelve blocks the last two are tuned.

    Its SA-1B weights are a file that ``--encoder-weights`` names; nothing fetches them.
    """
    spec = NetworkSpec(architecture="sam", encoder="samvit_base_patch16", decoder_channels=64)
    return TrainConfig(
        network=spec,
        phases=(Phase(epochs=24, crop_size=(384, 672), batch_size=4, scale=(0.85, 1.3)),),
        input=IMAGENET_INPUT,
        encoder_weights="imagenet",
        frozen_stages=10,
        learning_rate=5e-4,
        encoder_rate_factor=0.1,
    )


def parking_unet() -> TrainConfig:
    """U-Net for parking spaces seen from a vehicle, by day."""
    return _parking(unet())


def parking_deeplabv3plus() -> TrainConfig:
    """DeepLabV3+ for parking spaces."""
    return _parking(deeplabv3plus())


def parking_mask_rcnn() -> TrainConfig:
    """Mask R-CNN for parking spaces, every space an object."""
    return _parking(mask_rcnn())


def _parking(like: TrainConfig) -> TrainConfig:
    """Return a recipe for parking pictures: whole, a little magnified or reduced."""
    batch_size = like.phases[0].batch_size
    phase = Phase(epochs=30, crop_size=PARKING_SIZE, batch_size=batch_size, scale=(0.8, 1.25))
    return replace(
        with_classes(like, PARKING),
        phases=(phase,),
        input=replace(like.input, size=PARKING_SIZE),
        samples_per_epoch=2400,
        shares={"parking": 1.0},
        patience=6,
    )


def _mask_rcnn_spec(encoder: str, decoder_channels: int) -> NetworkSpec:
    return NetworkSpec(
        architecture="mask-rcnn",
        encoder=encoder,
        num_classes=NIGHT_RIDE.num_classes,
        decoder_channels=decoder_channels,
        background_id=NIGHT_RIDE.background_id,
    )
