import json
from typing import Any

import pytest

from losszero_rt.errors import ModelError
from losszero_rt.network import ARCHITECTURES, NetworkSpec


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "yolo"},
        {"architecture": None},
        {"encoder": "hf_hub:someone/something"},
        {"encoder": "local-dir:/tmp/net"},
        {"encoder": "../resnet18"},
        {"encoder": ""},
        {"encoder": 18},
        {"num_classes": 0},
        {"num_classes": 6.0},
        {"num_classes": True},
        {"decoder_channels": 4},
        {"decoder_channels": "64"},
        {"architecture": "unetplusplus", "encoder": "mit_b2"},
        {"architecture": "linknet", "encoder": "mit_b0"},
        {"architecture": "sam", "encoder": "resnet18"},
        {"architecture": "unet", "encoder": "samvit_base_patch16"},
        {"background_id": 6},
        {"background_id": -1},
        {"score_min": 1.5},
        {"score_min": float("nan")},
        {"detections_max": 0},
        {"proposals_max": 10**6},
    ],
)
def test_what_no_network_can_be_is_refused_with_what_can(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"\. "):
        NetworkSpec(**change)


def test_a_record_of_the_first_version_is_read() -> None:
    record = {
        "architecture": "fpn",
        "encoder": "tu-tf_efficientnet_lite0",
        "num_classes": 6,
        "decoder_channels": 64,
    }
    spec = NetworkSpec(**record)  # type: ignore[arg-type]
    assert spec.as_dict() == record


def test_specs_survive_json() -> None:
    for spec in (
        NetworkSpec(architecture="segformer", encoder="mit_b2", decoder_channels=256),
        NetworkSpec(
            architecture="mask-rcnn",
            encoder="resnet18",
            background_id=2,
            score_min=0.25,
            detections_max=7,
            proposals_max=90,
        ),
    ):
        assert NetworkSpec(**json.loads(json.dumps(spec.as_dict()))) == spec


def test_the_six_families_are_known() -> None:
    families = {"unet", "unetplusplus", "deeplabv3plus", "segformer", "mask-rcnn", "sam"}
    assert families < set(ARCHITECTURES)
