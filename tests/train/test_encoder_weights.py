import pytest
import torch

from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, build_network
from train.encoder_weights import load_imagenet


def test_imagenet_weights_reach_every_tensor_of_the_encoder() -> None:
    torch.manual_seed(0)
    encoder = build_network(NetworkSpec()).get_submodule("encoder")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    load_imagenet(encoder)
    after = encoder.state_dict()
    changed = [key for key in after if not key.endswith("num_batches_tracked")]
    kept = [key for key in changed if torch.equal(after[key], before[key])]
    assert kept == []


def test_encoder_features_tell_pictures_apart() -> None:
    encoder = build_network(NetworkSpec()).get_submodule("encoder").eval()
    load_imagenet(encoder)
    flat = torch.zeros(1, 3, 64, 64)
    stripes = torch.sign(torch.sin(torch.arange(64.0))).expand(1, 3, 64, 64)
    with torch.no_grad():
        difference = (encoder(flat)[-1] - encoder(stripes)[-1]).abs().mean()
    assert difference > 0.1


def test_another_encoder_is_refused() -> None:
    encoder = build_network(NetworkSpec(encoder="resnet18")).get_submodule("encoder")
    with pytest.raises(ModelError, match="tu-tf_efficientnet_lite0"):
        load_imagenet(encoder)
