"""From a specification to a network."""

from losszero_rt.network.building import build_network, encoder_of, head_of, upsample_logits
from losszero_rt.network.cost import count_flops, count_parameters
from losszero_rt.network.objects import DetectedObjects, ObjectNetwork
from losszero_rt.network.spec import ARCHITECTURES, Architecture, NetworkSpec

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "DetectedObjects",
    "NetworkSpec",
    "ObjectNetwork",
    "build_network",
    "count_flops",
    "count_parameters",
    "encoder_of",
    "head_of",
    "upsample_logits",
]
