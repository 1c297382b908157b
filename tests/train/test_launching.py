"""Batch norms over several devices; what a launched training does is in test_processes.py."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec, build_network
from train.config import TrainConfig
from train.launching import open_session, with_synced_norms

CUDA = torch.device("cuda", 0)


@pytest.mark.parametrize("encoder", ["tu-tf_efficientnet_lite0", "resnet18"])
def test_synced_norms_keep_names_weights_and_activations(encoder: str) -> None:
    spec = NetworkSpec(architecture="unet", encoder=encoder, decoder_channels=8)
    torch.manual_seed(2)
    network = build_network(spec).eval()
    values_NCHW = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        before = network(values_NCHW)
        names, parameters = list(network.state_dict()), list(network.parameters())
        synced = with_synced_norms(network, device=CUDA).eval()
        # timm's norms carry the activation: without it these would differ.
        assert torch.allclose(synced(values_NCHW), before, atol=1e-5)
    assert list(synced.state_dict()) == names
    assert all(one is other for one, other in zip(synced.parameters(), parameters, strict=True))
    kinds = [type(module) for module in synced.modules()]
    assert any(issubclass(kind, nn.SyncBatchNorm) for kind in kinds)
    assert not any(issubclass(kind, nn.BatchNorm2d) for kind in kinds)


def test_several_cpu_processes_cannot_sync_their_norms() -> None:
    with pytest.raises(UsageError, match="--accelerator cuda"):
        with_synced_norms(nn.BatchNorm2d(3), device=torch.device("cpu"))


def test_one_process_has_nothing_to_sync(tiny_config: TrainConfig) -> None:
    session = open_session(replace(tiny_config, sync_norms=True), accelerator="cpu")
    modules = session.learner.network.modules()
    assert not any(isinstance(module, nn.SyncBatchNorm) for module in modules)
