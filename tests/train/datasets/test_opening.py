"""What every layout promises, whatever lies in it."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.errors import ExitCode, InputError, UsageError
from tests.train.datasets.drawn_layouts import NUM, WRITERS, scene, write, write_id_masks
from train.datasets import open_pictures, read_folder
from train.datasets.opening import LAYOUTS

NAMES = sorted(WRITERS)


@pytest.fixture(params=NAMES)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(layout: str, tmp_path: Path) -> Path:
    return WRITERS[layout](tmp_path / "data")


def test_every_layout_is_drawn_here() -> None:
    assert sorted(layout.NAME for layout in LAYOUTS) == NAMES


def test_layout_is_recognised_by_itself(folder: Path, layout: str) -> None:
    recognising = [each.NAME for each in LAYOUTS if each.recognises(folder)]
    assert recognising[0] == layout
    own = open_pictures(folder)
    assert own.names == open_pictures(folder, layout=layout).names
    assert len(own) == NUM


def test_pictures_hold_rgb_and_ids_of_the_classes(folder: Path) -> None:
    pictures = open_pictures(folder, thorough=True)
    for picture in pictures:
        assert picture.pixels_HWC.dtype == np.uint8
        assert picture.pixels_HWC.shape == (*picture.labels_HW.shape, 3)
        assert picture.labels_HW.dtype == np.uint8
        assert set(np.unique(picture.labels_HW)) <= {*range(pictures.classes.num_classes), 255}
        if picture.instances_HW is not None:
            assert picture.instances_HW.dtype == np.int32
            assert picture.instances_HW.shape == picture.labels_HW.shape


def test_rgb_is_not_swapped(folder: Path, layout: str) -> None:
    pixels = open_pictures(folder)[0].pixels_HWC
    expected = scene(0)[0]
    shown = cv2.resize(pixels, expected.shape[1::-1], interpolation=cv2.INTER_AREA)
    # JPEG, of the parking pictures, is not exact.
    difference = np.abs(shown.astype(int) - expected).mean()
    assert difference < (15 if layout == "parking" else 1e-9)


def test_ids_outside_the_classes_are_counted(folder: Path, layout: str) -> None:
    known = {"camvid": 3, "cityscapes": 3}.get(layout, 1)
    with pytest.raises(
        InputError, match=r"ids outside the classes: \[200\] on \d+ pixels"
    ) as caught:
        open_pictures(folder, id_map={known: 200}, thorough=True)
    assert caught.value.exit_code == ExitCode.INPUT
    assert str(caught.value).count("ids outside") == NUM


def test_a_file_that_is_no_picture_is_listed(folder: Path) -> None:
    pictures = open_pictures(folder)
    for record in pictures.records[:2]:
        record.image.write_bytes(b"not a picture")
    with pytest.raises(InputError) as caught:
        open_pictures(folder)
    for record in pictures.records[:2]:
        assert f"{record.image.name} cannot be decoded" in str(caught.value)


def test_a_link_out_of_the_data_set_is_refused(folder: Path, tmp_path: Path) -> None:
    image = open_pictures(folder).records[0].image
    outside = tmp_path / f"elsewhere{image.suffix}"
    image.rename(outside)
    image.symlink_to(outside)
    with pytest.raises(InputError, match="is a link that leaves"):
        open_pictures(folder)


def test_an_image_of_another_size_than_its_labels_is_refused(folder: Path, layout: str) -> None:
    if layout == "parking":
        pytest.skip("parking labels are polygons, which carry no size")
    write(open_pictures(folder).records[0].image, np.zeros((10, 12, 3), np.uint8))
    with pytest.raises(InputError, match=r"\(10, 12\) but"):
        open_pictures(folder)


def test_unknown_folder_lists_the_layouts(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_pictures(tmp_path)
    for name in NAMES:
        assert f"{name}: " in str(caught.value)


def test_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown layout 'kitti'.*motorcycle.*parking"):
        open_pictures(tmp_path, layout="kitti")


def write_zip(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../outside.txt", "harm")


def write_tar(archive: Path) -> None:
    with tarfile.open(archive, "w" if archive.suffix == ".tar" else "w:gz") as file:
        link = tarfile.TarInfo("images")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        file.addfile(link)
        harm = tarfile.TarInfo("../outside.txt")
        harm.size = 4
        file.addfile(harm, io.BytesIO(b"harm"))


@pytest.mark.parametrize(
    ("name", "write"),
    [("data.zip", write_zip), ("data.tar", write_tar), ("data.tar.gz", write_tar)],
)
def test_archive_is_not_unpacked_and_the_error_says_what_to_do(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    archive = tmp_path / name
    write(archive)
    with pytest.raises(InputError, match=r"is an archive.*unpack it into a new folder"):
        open_pictures(archive)
    assert sorted(path.name for path in tmp_path.parent.iterdir()).count("outside.txt") == 0


def test_masks_without_images_and_images_without_masks_are_all_listed(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path)
    (folder / "images" / "p0.png").unlink()
    (folder / "masks" / "p1.png").unlink()
    with pytest.raises(InputError) as caught:
        open_pictures(folder)
    for part in ("p0 has no image", "p1 has no mask", "p0 of manifest.json is not there"):
        assert part in str(caught.value)


def test_read_folder_reads_one_split_into_memory(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path)
    classes = open_pictures(folder).classes
    assert [picture.ride for picture in read_folder(folder, classes=classes, split="val")] == [
        "ride 2"
    ]
    assert len(read_folder(folder, classes=classes)) == NUM
