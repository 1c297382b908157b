from pathlib import Path

import pytest
from click.testing import CliRunner

from losszero_rt.errors import InputError, OutputError, UsageError
from tests.train.datasets.drawn_layouts import scene, write, write_id_masks, write_motorcycle
from train.__main__ import main
from train.datasets import check_split, open_pictures, read_split


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["split", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_parts_shares_and_data_version_are_printed_and_written(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path / "data")
    out = tmp_path / "split.json"
    output = run(folder, "--out", out, "--seed", 7)
    split = read_split(out)
    check_split(split, open_pictures(folder))
    assert split.scheme == "ratios 6:2:2"
    assert split.seed == 7
    assert f"data version {split.data_version}" in output
    for part in ("train: 1 pictures", "val: 1 pictures", "test: 1 pictures", "lane mark"):
        assert part in output
    assert "note: annotations and colour masks are both there" in output


def test_pictures_can_be_written_as_id_masks_with_their_parts(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path / "data")
    run(folder, "--out", tmp_path / "split.json", "--write", tmp_path / "copy")
    copied, split = (
        open_pictures(tmp_path / "copy", thorough=True),
        read_split(tmp_path / "split.json"),
    )
    assert len(copied) == len(open_pictures(folder))
    for part, names in split.parts.items():
        assert copied.of_split(part).names == names


def test_folds_and_ratios_can_be_chosen(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path / "data")
    run(folder, "--out", tmp_path / "folds.json", "--folds", 3)
    assert list(read_split(tmp_path / "folds.json").parts) == ["fold-1", "fold-2", "fold-3"]
    run(folder, "--out", tmp_path / "two.json", "--ratios", "2:1")
    assert list(read_split(tmp_path / "two.json").parts) == ["train", "val"]


def test_absent_classes_and_duplicates_kept_together_are_reported(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path / "data")
    (folder / "manifest.json").unlink()
    for number in range(3):
        labels = scene(number)[1]
        labels[labels == 4] = 0
        write(folder / "masks" / f"p{number}.png", labels)
        write(folder / "masks" / f"q{number}.png", labels)
        write(folder / "images" / f"q{number}.png", scene(number)[0])
    output = run(folder, "--out", tmp_path / "split.json", "--folds", 3)
    assert "absent in fold-1, scores will be n/a: rider" in output
    assert "3 near-duplicate pairs kept together" in output
    assert "leak" not in output
    for names in read_split(tmp_path / "split.json").parts.values():
        assert len({name[1:] for name in names}) == 1


def test_a_broken_data_set_writes_no_split(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path / "data")
    (folder / "masks" / "p0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"p0.png cannot be decoded"):
        run(folder, "--out", tmp_path / "split.json")
    assert not (tmp_path / "split.json").exists()


@pytest.mark.parametrize(
    "options", [("--ratios", "a:b"), ("--ratios", "1:2", "--folds", "3"), ("--ratios", "1")]
)
def test_options_that_mean_nothing_are_usage_errors(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    folder = write_id_masks(tmp_path / "data")
    with pytest.raises(UsageError):
        run(folder, "--out", tmp_path / "split.json", *options)


def test_a_split_is_not_replaced_unasked(tmp_path: Path) -> None:
    folder, out = write_id_masks(tmp_path / "data"), tmp_path / "split.json"
    run(folder, "--out", out)
    kept = out.read_bytes()
    with pytest.raises(OutputError, match="--force"):
        run(folder, "--out", out, "--folds", 3)
    assert out.read_bytes() == kept
    run(folder, "--out", out, "--folds", 3, "--force")
    assert read_split(out).scheme == "folds 3"


def test_the_folder_of_all_data_sets_means_its_night_ride(
    data_folder: Path, tmp_path: Path
) -> None:
    for name, data in (("whole", data_folder), ("inner", data_folder / "night_ride")):
        run(data, "--out", tmp_path / name, "--ratios", "3:1")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "inner").read_bytes()


def test_a_folder_of_no_layout_names_those_within_that_would_do(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path / "all" / "mine")
    (tmp_path / "all" / "empty").mkdir()
    with pytest.raises(InputError) as refused:
        run(tmp_path / "all", "--out", tmp_path / "split.json")
    assert str(refused.value).endswith(f"name a folder within that does: {folder}")
