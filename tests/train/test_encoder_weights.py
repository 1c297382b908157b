import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, build_network, encoder_of
from losszero_rt.timings import now_s
from train.encoder_weights import input_statistics, load_encoder_weights, load_imagenet

RESNET = NetworkSpec(architecture="fpn", encoder="resnet18", decoder_channels=32)
SEGFORMER = NetworkSpec(architecture="segformer", encoder="mit_b0", decoder_channels=32)
TIMM = NetworkSpec(architecture="unet", encoder="tu-convnext_atto", decoder_channels=8)
SAM = NetworkSpec(architecture="sam", encoder="samvit_tiny_patch16", decoder_channels=16)
OBJECTS = NetworkSpec(architecture="mask-rcnn", encoder="resnet18", decoder_channels=16)
MIT_B0_COMMIT = "9ce53d104d92d75aabb00aae70677aaab67e7c84"


def build(spec: NetworkSpec, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(spec)


def state(spec: NetworkSpec, *, seed: int = 7) -> dict[str, torch.Tensor]:
    """Return other weights for a specification's encoder."""
    return encoder_of(build(spec, seed=seed)).state_dict()


def equal(network: nn.Module, wanted: dict[str, torch.Tensor]) -> bool:
    own = encoder_of(network).state_dict()
    return all(torch.equal(value, wanted[key]) for key, value in own.items())


def block_the_network(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Let every connection fail at once, and note who tried."""
    tried: list[tuple[object, ...]] = []

    def refuse(*arguments: Any, **_: Any) -> None:
        tried.append(arguments)
        raise OSError("blocked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


def test_imagenet_weights_reach_every_tensor_of_the_encoder() -> None:
    torch.manual_seed(0)
    encoder = build_network(NetworkSpec()).get_submodule("encoder")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    load_imagenet(encoder)
    after = encoder.state_dict()
    changed = [key for key in after if not key.endswith("num_batches_tracked")]
    kept = [key for key in changed if torch.equal(after[key], before[key])]
    assert kept == []


def test_another_encoder_is_refused() -> None:
    encoder = build_network(RESNET).get_submodule("encoder")
    with pytest.raises(ModelError, match="lite0"):
        load_imagenet(encoder)


def test_none_changes_nothing_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = block_the_network(monkeypatch)
    network = build(RESNET)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_encoder_weights(network, source="none", spec=RESNET)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not tried


def test_the_package_serves_its_own_encoder_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = block_the_network(monkeypatch)
    network, other = build(NetworkSpec()), build(NetworkSpec(), seed=3)
    load_encoder_weights(network, source="imagenet-offline", spec=NetworkSpec())
    load_imagenet(encoder_of(other))
    assert equal(network, encoder_of(other).state_dict())
    assert not tried


@pytest.mark.parametrize("spec", [RESNET, SEGFORMER, SAM, OBJECTS])
def test_the_package_says_which_encoder_it_serves(spec: NetworkSpec) -> None:
    with pytest.raises(ModelError, match=r"tu-tf_efficientnet_lite0.*file"):
        load_encoder_weights(build(spec), source="imagenet-offline", spec=spec)


@pytest.mark.parametrize("spec", [RESNET, SEGFORMER, TIMM, OBJECTS])
def test_an_unreachable_hub_is_told_at_once_with_the_alternatives(
    spec: NetworkSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    network = build(spec)
    tried = block_the_network(monkeypatch)
    start_s = now_s()
    with pytest.raises(ModelError, match=r"cannot be reached.*none.*imagenet-offline.*file"):
        load_encoder_weights(network, source="imagenet", spec=spec)
    assert now_s() - start_s < 5
    assert tried
    assert socket.getdefaulttimeout() is None


def test_a_hub_that_stays_silent_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = build(RESNET)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr("train.weight_hub.REACH_TIMEOUT_S", 0.5)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        start_s = now_s()
        with pytest.raises(ModelError, match="cannot be reached: timed out"):
            load_encoder_weights(network, source="imagenet", spec=RESNET)
    assert now_s() - start_s < 5


def test_offline_mode_is_respected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    network = build(RESNET)
    tried = block_the_network(monkeypatch)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        load_encoder_weights(network, source="imagenet", spec=RESNET)
    assert not tried


def test_what_the_hub_gave_before_is_read_from_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The layout of huggingface_hub's cache, with the repository and commit that smp asks for.
    folder = tmp_path / "models--smp-hub--mit_b0.imagenet" / "snapshots" / MIT_B0_COMMIT
    folder.mkdir(parents=True)
    wanted = state(SEGFORMER)
    (folder / "config.json").write_text("{}")
    save_file(wanted, folder / "model.safetensors")
    network = build(SEGFORMER)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    tried = block_the_network(monkeypatch)
    load_encoder_weights(network, source="imagenet", spec=SEGFORMER)
    assert equal(network, wanted)
    assert not tried


def test_sam_has_no_imagenet_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = block_the_network(monkeypatch)
    with pytest.raises(ModelError, match=r"sam_vit_b_01ec64\.pth"):
        load_encoder_weights(build(SAM), source="imagenet", spec=SAM)
    assert not tried


@pytest.mark.parametrize("prefix", ["", "encoder.", "backbone."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_fills_the_encoder(suffix: str, prefix: str, tmp_path: Path) -> None:
    wanted = state(RESNET)
    stored = {prefix + key: value for key, value in wanted.items()}
    stored["fc.weight"] = torch.zeros(10, 512)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": stored, "epoch": 3}, path)
    else:
        save_file(stored, path)
    network = build(RESNET)
    before = network.get_parameter("segmentation_head.0.weight").clone()
    load_encoder_weights(network, source=str(path), spec=RESNET)
    assert equal(network, wanted)
    assert torch.equal(network.get_parameter("segmentation_head.0.weight"), before)


def test_a_classifier_of_timm_fills_the_encoder_that_timm_wraps(tmp_path: Path) -> None:
    import timm

    torch.manual_seed(4)
    published = timm.create_model("convnext_atto", pretrained=False).state_dict()
    save_file(published, tmp_path / "model.safetensors")
    network = build(TIMM)
    load_encoder_weights(network, source=str(tmp_path / "model.safetensors"), spec=TIMM)
    own = encoder_of(network).state_dict()
    block = "stages.1.blocks.0.conv_dw.weight"
    wrapped = "model.stages_1.blocks.0.conv_dw.weight"
    assert torch.equal(own[wrapped], published[block])


def test_a_resnet_fills_the_backbone_of_mask_rcnn(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.manual_seed(4)
    published = resnet18(weights=None).state_dict()
    torch.save(published, tmp_path / "resnet18.pth")
    network = build(OBJECTS)
    load_encoder_weights(network, source=str(tmp_path / "resnet18.pth"), spec=OBJECTS)
    assert equal(network, published)


def test_the_file_of_segment_anything_fills_the_encoder(tmp_path: Path) -> None:
    wanted = state(SAM)
    meta = {
        "image_encoder." + key.replace("mlp.fc", "mlp.lin"): value for key, value in wanted.items()
    }
    meta["mask_decoder.iou_token.weight"] = torch.zeros(1, 256)
    meta["prompt_encoder.no_mask_embed.weight"] = torch.zeros(1, 256)
    torch.save(meta, tmp_path / "sam_vit_b_01ec64.pth")
    network = build(SAM)
    load_encoder_weights(network, source=str(tmp_path / "sam_vit_b_01ec64.pth"), spec=SAM)
    assert equal(network, wanted)


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.trace,)  # type: ignore[return-value]


def test_a_file_with_code_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    torch.save({"conv1.weight": Bomb(trace)}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="more than tensors"):
        load_encoder_weights(build(RESNET), source=str(tmp_path / "evil.pth"), spec=RESNET)
    assert not trace.exists()


def test_files_that_do_not_serve_are_refused(tmp_path: Path) -> None:
    network = build(RESNET)
    poisoned = state(RESNET)
    poisoned["layer1.0.conv1.weight"][0, 0] = float("nan")
    short = {key: value for key, value in state(RESNET).items() if not key.startswith("layer4")}
    other = state(RESNET) | {"conv1.weight": torch.zeros(64, 1, 7, 7)}
    (tmp_path / "text.pth").write_text("<html>not found</html>")
    (tmp_path / "text.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
    (tmp_path / "net.onnx").write_text("")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save(poisoned, tmp_path / "nan.pth")
    torch.save(short, tmp_path / "short.pth")
    torch.save(other, tmp_path / "gray.pth")
    faults = {
        "text.pth": "no file of torch",
        "text.safetensors": "cannot be read",
        "net.onnx": "ends in",
        "list.pth": "holds a list",
        "nan.pth": r"layer1\.0\.conv1\.weight is not finite",
        "short.pth": r"layer4\.0\.conv1\.weight is missing.*more",
        "gray.pth": r"conv1\.weight is \(64, 1, 7, 7\), not \(64, 3, 7, 7\)",
        "absent.pth": "no encoder weights at",
    }
    for name, fault in faults.items():
        with pytest.raises(ModelError, match=fault):
            load_encoder_weights(network, source=str(tmp_path / name), spec=RESNET)


def test_inputs_are_normalised_as_the_weights_expect() -> None:
    assert input_statistics(NetworkSpec()) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    imagenet = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert all(input_statistics(spec) == imagenet for spec in (SEGFORMER, SAM, OBJECTS, TIMM))
