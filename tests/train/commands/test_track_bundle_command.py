from pathlib import Path

import pytest
from click.testing import CliRunner

from losszero_rt.bundle import Bundle, seal
from losszero_rt.checkpoint import WEIGHTS_NAME
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec
from train.__main__ import main
from train.journal import JsonlTracker, read_rows
from train.lineage import Artifact, read_lineage


def run(*arguments: object) -> str:
    command = ["track-bundle", *map(str, arguments), "--track", "disabled"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of a training that wrote the checkpoint ``best`` from a data version."""
    folder = tmp_path / "run"
    tracker = JsonlTracker(folder)
    tracker.log({"train/loss": 1.0}, step=40)
    (folder / "split.json").write_text("{}")
    (folder / "best").mkdir()
    (folder / "best" / WEIGHTS_NAME).write_bytes(b"weights")
    data = tracker.artifact(folder / "split.json", kind="data", name="pairs")
    tracker.artifact(folder / "best", kind="checkpoint", name="run-best", uses=(data.ref,))
    return folder


def write_bundle(folder: Path, *, source_sha256: str) -> Bundle:
    folder.mkdir()
    (folder / WEIGHTS_NAME).write_bytes(b"folded weights")
    return seal(
        Bundle(
            path=folder,
            name="small",
            network_spec=NetworkSpec(),
            input_spec=InputSpec(size=(64, 96), mean=(0.5,) * 3, std=(0.5,) * 3),
            labels_size=(64, 96),
            classmap=NIGHT_RIDE,
            engines={},
            files={},
            versions={"losszero_rt": "0"},
            source_sha256=source_sha256,
            scores={},
            data={},
            licence="Apache-2.0",
            attribution="nobody",
        )
    )


def by_ref(out: Path) -> dict[str, Artifact]:
    return {made.ref: made for made in read_lineage(out)}


def test_a_bundle_is_traced_to_its_data_through_its_checkpoint(out: Path, tmp_path: Path) -> None:
    [checkpoint] = [made for made in read_lineage(out) if made.kind == "checkpoint"]
    bundle = write_bundle(tmp_path / "bundle", source_sha256=checkpoint.files[WEIGHTS_NAME])
    output = run(bundle.path, "--run", out)
    [noted] = [made for made in read_lineage(out) if made.kind == "bundle"]
    assert noted.version == bundle.sha256
    assert output.strip() == f"{noted.ref} <- {checkpoint.ref}"
    known = by_ref(out)
    [used] = [known[ref] for ref in noted.uses]
    [data] = [known[ref] for ref in used.uses]
    assert (used.kind, data.kind) == ("checkpoint", "data")
    # Noting a bundle leaves the training's own record as it was.
    assert [row["step"] for row in read_rows(out)] == [40]


def test_a_bundle_of_another_training_is_refused(out: Path, tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", source_sha256="0" * 64)
    with pytest.raises(ModelError, match=r"no checkpoint of .* has the weights 000000000000"):
        run(bundle.path, "--run", out)
    assert {made.kind for made in read_lineage(out)} == {"data", "checkpoint"}
