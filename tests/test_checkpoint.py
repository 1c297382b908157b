import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from losszero_rt.checkpoint import (
    FORMAT,
    RECORD_NAME,
    WEIGHTS_BYTES_MAX,
    WEIGHTS_NAME,
    Checkpoint,
    load_network,
    load_weights,
    read_checkpoint,
    read_weights,
    write_checkpoint,
)
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import ExitCode, ModelError
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec

RECORD = Checkpoint(
    network=NetworkSpec(architecture="unet", decoder_channels=8),
    input=InputSpec(size=(64, 96), mean=(0.5, 0.4, 0.3), std=(0.5, 0.2, 0.1)),
    classes=NIGHT_RIDE,
    scores={"n": 6, "miou": 0.75},
    data={"train": {"night_ride": 36}, "val": 6},
    epoch=3,
    version="0.1.0",
)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return dict(build_network(RECORD.network).state_dict())


@pytest.fixture
def folder(tmp_path: Path, weights: Mapping[str, torch.Tensor]) -> Path:
    write_checkpoint(tmp_path, checkpoint=RECORD, weights=weights)
    return tmp_path


def change_record(folder: Path, **fields: Any) -> None:
    path = folder / RECORD_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_is_written_is_read_again(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    network, record = load_network(folder)
    assert not network.training
    assert record.as_dict() | {"weights_sha256": ""} == RECORD.as_dict()
    assert record.input == RECORD.input
    assert record.classes == RECORD.classes
    assert len(record.weights_sha256) == 64
    for key, value in network.state_dict().items():
        assert torch.equal(value, weights[key])


def test_writing_leaves_two_files_and_replaces_an_older_checkpoint(
    folder: Path, weights: Mapping[str, torch.Tensor]
) -> None:
    first = read_checkpoint(folder)
    changed = {
        key: value + 1 if value.is_floating_point() else value for key, value in weights.items()
    }
    second = write_checkpoint(folder, checkpoint=RECORD, weights=changed)
    assert sorted(path.name for path in folder.iterdir()) == [RECORD_NAME, WEIGHTS_NAME]
    assert second.weights_sha256 != first.weights_sha256
    assert read_checkpoint(folder) == second


def test_changed_weights_are_refused_by_their_digest(folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="sha256") as caught:
        load_network(folder)
    assert caught.value.exit_code == ExitCode.MODEL


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1", b"\x80\x04"]
)
def test_weights_that_are_no_safetensors_are_refused(folder: Path, content: bytes) -> None:

    (folder / WEIGHTS_NAME).write_bytes(content)
    change_record(folder, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match="not safetensors"):
        load_network(folder)


def test_weights_that_could_not_be_read_again_are_never_written(
    tmp_path: Path, weights: Mapping[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("losszero_rt.checkpoint.WEIGHTS_BYTES_MAX", 1000)
    with pytest.raises(ModelError, match=r"have \d{5,} bytes\. weights of at most 1000 bytes"):
        write_checkpoint(tmp_path / "new", checkpoint=RECORD, weights=weights)
    assert not (tmp_path / "new").exists()


def test_room_is_left_for_the_largest_encoder() -> None:
    # timm's samvit_huge_patch16 alone has 637 million parameters in float32.
    assert WEIGHTS_BYTES_MAX > 4 * 637_000_000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_written(
    tmp_path: Path, weights: Mapping[str, torch.Tensor], value: float
) -> None:
    bad = {key: tensor.clone() for key, tensor in weights.items()}
    bad["segmentation_head.0.bias"][0] = value
    with pytest.raises(ModelError, match=r"segmentation_head\.0\.bias"):
        write_checkpoint(tmp_path / "new", checkpoint=RECORD, weights=bad)
    assert not (tmp_path / "new").exists()


def test_weights_that_are_not_finite_are_refused_on_reading(
    folder: Path, weights: Mapping[str, torch.Tensor]
) -> None:
    from safetensors.torch import save

    bad = dict(weights) | {"segmentation_head.0.bias": torch.full((6,), float("nan"))}
    content = save(bad)

    (folder / WEIGHTS_NAME).write_bytes(content)
    change_record(folder, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match="NaN"):
        read_weights(folder, checkpoint=read_checkpoint(folder))


def test_keys_and_shapes_must_fit_one_to_one(weights: Mapping[str, torch.Tensor]) -> None:
    network = build_network(RECORD.network)
    wrong = dict(weights)
    del wrong["segmentation_head.0.bias"]
    wrong["surprise"] = torch.zeros(1)
    wrong["segmentation_head.0.weight"] = torch.zeros(5, 8, 3, 3)
    with pytest.raises(ModelError) as caught:
        load_weights(network, weights=wrong, name="weights")
    for part in ("bias is missing", "surprise is unknown", "(5, 8, 3, 3)"):
        assert part in str(caught.value)


def test_a_record_of_another_format_names_both_numbers(folder: Path) -> None:
    change_record(folder, format=FORMAT + 1)
    with pytest.raises(ModelError, match=f"format {FORMAT + 1}, this version reads {FORMAT}"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"_model_class": "os.system"}, "_model_class"),
        ({"epoch": "3"}, "epoch of the wrong type"),
        ({"network": {"architecture": "os.system"}}, "unknown architecture"),
        ({"network": {"encoder": "../../x"}}, "unknown encoder"),
        ({"network": {"colour": 1}}, "unexpected keyword argument"),
        ({"input": {"size": [64, 96]}}, "does not fit"),
        ({"classes": {"names": ["a"], "colours": []}}, "1 names and 0 colours"),
    ],
)
def test_strange_records_are_refused(folder: Path, fields: dict[str, Any], message: str) -> None:
    change_record(folder, **fields)
    with pytest.raises(ModelError, match=message):
        read_checkpoint(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "<html></html>"])
def test_a_record_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / RECORD_NAME).write_text(text)
    with pytest.raises(ModelError, match=RECORD_NAME):
        read_checkpoint(folder)


def test_a_huge_record_is_refused_unread(folder: Path) -> None:
    (folder / RECORD_NAME).write_bytes(b" " * (2 << 20))
    with pytest.raises(ModelError, match="larger than"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", [RECORD_NAME, WEIGHTS_NAME])
def test_a_file_of_a_checkpoint_names_the_folder_to_give(folder: Path, name: str) -> None:
    with pytest.raises(ModelError, match=rf"{name} is a file, no folder.*\. give {folder}$"):
        read_checkpoint(folder / name)


def test_any_other_file_and_nothing_say_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    for why in ("is missing", "is a file, no folder"):
        with pytest.raises(
            ModelError, match=rf"model.pth {why}.*give the folder that the training"
        ):
            read_checkpoint(path)
        path.write_bytes(b"PK\x03\x04")


def test_a_folder_without_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="checkpoint folder with"):
        load_network(tmp_path / "absent")
