"""Whom to name for a model's weights, whose licence is for their maker to state."""

from collections.abc import Iterator, Mapping
from typing import Any

from losszero_rt.data_record import NONE, OTHERS, PUBLISHED, encoder_in, sources_in
from losszero_rt.network import NetworkSpec

NOT_STATED = "not stated"
# What is known of the sources that the training names; the licences ask for these words.
SOURCES = {
    "night_ride": (
        "Motorcycle Night Ride (Acme AI Ltd. et al., Kaggle 2022, DOI 10.34740/KAGGLE/DSV/4208825),"
        " CC BY 4.0, modified: re-sampled, masks reconstructed"
    ),
    "comma10k": "comma10k (Copyright comma.ai), MIT",
    "rides": "night rides drawn by losszero-rt itself, Apache-2.0",
}
# Published ImageNet weights by encoder.
ENCODERS = {
    "tu-tf_efficientnet_lite0": "EfficientNet-Lite0 ImageNet weights, Apache-2.0",
    "mit_b0": "SegFormer MiT-B0 ImageNet weights, NVIDIA Source Code License (non-commercial)",
    "mit_b2": "SegFormer MiT-B2 ImageNet weights, NVIDIA Source Code License (non-commercial)",
}


def attribution_of(data: Mapping[str, Any], *, spec: NetworkSpec) -> str:
    """Return whom the licences of the training data and of the encoder's weights ask to name.

    Args:
        data: What a checkpoint says that it was trained on.
        spec: Its network.
    """
    return "; ".join([*_encoder_credit(data, spec), *_data_credits(data)])


def trained_on(data: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of training pictures by source; empty where none is recorded."""
    counts = data.get("train")
    if not isinstance(counts, Mapping):
        return {}
    return {str(name): num for name, num in counts.items() if type(num) is int}


def _encoder_credit(data: Mapping[str, Any], spec: NetworkSpec) -> Iterator[str]:
    began = encoder_in(data)
    if not began:
        yield f"encoder {spec.encoder}: whether it began with published weights is not recorded"
    elif began in PUBLISHED:
        other = f"ImageNet weights of {spec.encoder}, under the licence that these came with"
        yield ENCODERS.get(spec.encoder, other)
    elif began != NONE:
        yield f"encoder weights of the file {began}, under the licence that these came with"


def _data_credits(data: Mapping[str, Any]) -> Iterator[str]:
    known = sources_in(data)
    for name in sorted(known - {OTHERS}):
        yield SOURCES.get(name, f"{name}, under the licence that these pictures came with")
    if OTHERS in known:
        yield "whether it was trained on other pictures before is not recorded"
