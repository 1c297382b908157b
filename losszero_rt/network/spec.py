"""What a network is made of: enough to build it again, checked without building it."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from losszero_rt.errors import ModelError

Architecture = Literal[
    "deeplabv3plus",
    "unet",
    "unetplusplus",
    "fpn",
    "segformer",
    "mask-rcnn",
    "sam",
    "deeplabv3",
    "linknet",
    "pspnet",
    "manet",
    "pan",
    "upernet",
    "dpt",
]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
# Their decoders need features at stride 2, which a mix transformer has none of.
_WITHOUT_MIX_TRANSFORMERS = ("unetplusplus", "linknet")
# No colon and no slash: a name can never be a hub address or a path.
_ENCODER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}")
_OBJECT_FIELDS = ("background_id", "score_min", "detections_max", "proposals_max")


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Everything needed to build a network again.

    Attributes:
        architecture: Decoder family.
        encoder: Encoder name: as segmentation_models_pytorch spells it, ``tu-`` and a timm name,
            for ``sam`` a ``samvit_...`` name, for ``mask-rcnn`` a ResNet. Whether it exists is
            checked when the network is built.
        num_classes: Output channels.
        decoder_channels: Width of the decoder; for ``unet``, ``unetplusplus`` and ``manet`` half
            the width of its finest level, each coarser level being twice as wide; for
            ``mask-rcnn`` the width of the pyramid and of the heads (256 in torchvision); without
            meaning for ``linknet``.
        background_id: ``mask-rcnn`` only: the class that is no object.
        score_min: ``mask-rcnn`` only: objects of a lower score are left out, 0..1.
        detections_max: ``mask-rcnn`` only: most objects a picture.
        proposals_max: ``mask-rcnn`` only: most regions a picture that the heads look at, twice
            as many in training.

    Raises:
        ModelError: If a value is not accepted.
    """

    architecture: Architecture = "deeplabv3plus"
    encoder: str = "tu-tf_efficientnet_lite0"
    num_classes: int = 6
    decoder_channels: int = 64
    background_id: int = 0
    score_min: float = 0.5
    detections_max: int = 100
    proposals_max: int = 1000

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ModelError(
                f"unknown architecture {self.architecture!r}",
                accepted=f"architectures: {', '.join(ARCHITECTURES)}",
            )
        self._check_encoder()
        self._check_sizes()
        self._check_objects()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file, without those without use here."""
        fields = asdict(self)
        if self.architecture != "mask-rcnn":
            for name in _OBJECT_FIELDS:
                del fields[name]
        return fields

    def _check_encoder(self) -> None:
        if not isinstance(self.encoder, str) or not _ENCODER_NAME.fullmatch(self.encoder):
            raise ModelError(
                f"unknown encoder {self.encoder!r}",
                accepted="letters, digits and _ . + - only, for example tu-tf_efficientnet_lite0",
            )
        is_sam = self.encoder.startswith("samvit_")
        if is_sam != (self.architecture == "sam"):
            raise ModelError(
                f"{self.architecture} over the encoder {self.encoder}",
                accepted="sam over a samvit_... encoder, and those over nothing else",
            )
        if self.encoder.startswith("mit_") and self.architecture in _WITHOUT_MIX_TRANSFORMERS:
            raise ModelError(
                f"{self.architecture} over the mix transformer {self.encoder}, "
                "which has no features at stride 2",
                accepted="a convolutional encoder here, or segformer, unet or fpn over this one",
            )

    def _check_sizes(self) -> None:
        counts = (self.num_classes, self.decoder_channels)
        if not all(type(count) is int for count in counts) or not (
            1 <= self.num_classes <= 254 and 8 <= self.decoder_channels <= 512
        ):
            raise ModelError(
                f"{self.num_classes} classes, {self.decoder_channels} decoder channels",
                accepted="1 to 254 classes, 8 to 512 decoder channels",
            )

    def _check_objects(self) -> None:
        limits = (self.background_id, self.detections_max, self.proposals_max)
        fits = all(type(limit) is int for limit in limits) and (
            0 <= self.background_id < self.num_classes
            and 1 <= self.detections_max <= 1000
            and 1 <= self.proposals_max <= 10_000
        )
        if not fits or not 0 <= self.score_min <= 1:
            raise ModelError(
                f"background_id {self.background_id}, score_min {self.score_min}, "
                f"detections_max {self.detections_max}, proposals_max {self.proposals_max}",
                accepted=f"a class id below {self.num_classes}, a score of 0 to 1, "
                "1 to 1000 detections, 1 to 10000 proposals",
            )
