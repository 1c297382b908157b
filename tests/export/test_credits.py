"""Whom to name for a model, and whether its makers are known to allow a permissive licence."""

from dataclasses import replace

import pytest

from export.credits import LICENCE, NOT_STATED, attribution_of, licence_of
from losszero_rt.network import NetworkSpec
from tests.bundles import NETWORK

LITE = replace(NETWORK, encoder="tu-tf_efficientnet_lite0")
KNOWN = {"night_ride": 36, "rides": 240, "own": 0}


def test_whom_to_name_is_told_by_what_was_used() -> None:

    def credit(source: str, spec: NetworkSpec = NETWORK, **train: int) -> str:
        return attribution_of({"encoder_weights": source, "train": train}, spec=spec)

    assert credit("none") == ""
    assert credit("imagenet-offline", LITE) == "EfficientNet-Lite0 ImageNet weights, Apache-2.0"
    assert credit("imagenet").startswith("ImageNet weights of resnet18, under the licence")
    assert credit("sam_vit_b_01ec64.pth").startswith("encoder weights of the file sam_vit_b")
    assert credit("none", comma10k=10, rides=0) == "comma10k (Copyright comma.ai), MIT"
    assert credit("none", own=3) == "own, under the licence that these pictures came with"
    unknown = attribution_of({}, spec=NETWORK)
    assert unknown == ("encoder resnet18: whether it began with published weights is not recorded")


@pytest.mark.parametrize(
    ("began", "spec", "train", "licence"),
    [
        ("none", NETWORK, KNOWN, LICENCE),
        ("imagenet", LITE, KNOWN, LICENCE),
        ("imagenet-offline", LITE, KNOWN, LICENCE),
        ("imagenet", replace(NETWORK, encoder="mit_b0"), KNOWN, NOT_STATED),
        ("imagenet_sam.pth", LITE, KNOWN, NOT_STATED),
        ("", LITE, KNOWN, NOT_STATED),
        ("none", NETWORK, {"own": 3}, NOT_STATED),
        ("none", NETWORK, {}, NOT_STATED),
    ],
)
def test_a_licence_is_not_claimed_for_what_others_made(
    began: str, spec: NetworkSpec, train: dict[str, int], licence: str
) -> None:
    assert licence_of({"encoder_weights": began, "train": train}, spec=spec) == licence
