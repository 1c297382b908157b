"""Whom to name for a model."""

from dataclasses import replace

from export.credits import attribution_of
from losszero_rt.network import NetworkSpec
from tests.bundles import NETWORK

LITE = replace(NETWORK, encoder="tu-tf_efficientnet_lite0")
UNKNOWN_BEFORE = "whether it was trained on other pictures before is not recorded"


def test_whom_to_name_is_told_by_what_was_used() -> None:

    def credit(source: str, spec: NetworkSpec = NETWORK, **train: int) -> str:
        known = {"sources": [name for name, num in train.items() if num]}
        return attribution_of({"encoder_weights": source, "train": train, **known}, spec=spec)

    assert credit("none") == ""
    assert credit("imagenet-offline", LITE) == "EfficientNet-Lite0 ImageNet weights, Apache-2.0"
    assert credit("imagenet").startswith("ImageNet weights of resnet18, under the licence")
    assert credit("sam_vit_b_01ec64.pth").startswith("encoder weights of the file sam_vit_b")
    assert credit("none", comma10k=10, rides=0) == "comma10k (Copyright comma.ai), MIT"
    assert credit("none", own=3) == "own, under the licence that these pictures came with"
    unknown = attribution_of({}, spec=NETWORK)
    encoder = "encoder resnet18: whether it began with published weights is not recorded"
    assert unknown == f"{encoder}; {UNKNOWN_BEFORE}"


def test_data_sets_of_trainings_before_are_named() -> None:
    record = {"encoder_weights": "none", "train": {"rides": 3}, "sources": ["mine", "rides"]}
    assert attribution_of(record, spec=NETWORK) == (
        "mine, under the licence that these pictures came with; "
        "night rides drawn by losszero-rt itself, Apache-2.0"
    )
    del record["sources"]
    assert attribution_of(record, spec=NETWORK).endswith("; " + UNKNOWN_BEFORE)
