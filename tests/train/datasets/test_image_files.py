import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from losszero_rt.errors import InputError
from tests.train.datasets.drawn_layouts import write
from train.datasets.image_files import PIXELS_MAX, read_colours, read_header, read_ids, read_pixels

RED, BLUE = (255, 0, 0), (0, 0, 255)


def png_claiming(path: Path, *, height: int, width: int) -> Path:
    """Write a PNG of a few bytes that says it is large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    return path


def test_palette_png_gives_its_indices_not_its_colours(tmp_path: Path) -> None:
    ids = np.arange(6, dtype=np.uint8).reshape(2, 3)
    image = Image.fromarray(ids)
    image.putpalette([value for index in range(6) for value in (index * 40, 0, 255 - index * 40)])
    image.save(tmp_path / "p.png")
    assert read_header(tmp_path / "p.png").mode == "P"
    assert np.array_equal(read_ids(tmp_path / "p.png"), ids)


def test_colours_of_a_palette_png_count_where_colours_are_asked_for(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8))
    image.putpalette([*BLUE, *RED])
    image.save(tmp_path / "p.png")
    ids = read_colours(tmp_path / "p.png", colours={RED: 1, BLUE: 2}, ignored_id=255)
    assert ids.tolist() == [[2, 1], [1, 2]]


@pytest.mark.parametrize("shape", [(20000, 20000), (PIXELS_MAX // 1024 + 1, 1024)])
def test_a_picture_that_would_fill_memory_is_refused_undecoded(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    bomb = png_claiming(tmp_path / "bomb.png", height=shape[0], width=shape[1])
    assert bomb.stat().st_size < 1000
    for read in (read_pixels, read_ids):
        with pytest.raises(InputError, match=r"bomb.png is larger than \d+ pixels"):
            read(bomb)


def test_jpeg_masks_are_refused_even_under_another_name(tmp_path: Path) -> None:
    jpeg = write(tmp_path / "m.jpg", np.zeros((8, 8), np.uint8))
    jpeg.rename(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"m.png is a JPEG mask, which alters labels"):
        read_ids(tmp_path / "m.png")


def test_16_bit_masks_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.png"), np.full((8, 8), 3, np.uint16))
    with pytest.raises(InputError, match="not an 8-bit single-channel mask but I;16"):
        read_ids(tmp_path / "m.png")
    with pytest.raises(InputError, match="not an 8-bit"):
        read_colours(tmp_path / "m.png", colours={RED: 1}, ignored_id=255)


def test_unknown_colours_are_counted_most_frequent_first(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 3), RED, np.uint8)
    pixels[0] = (1, 2, 3)
    pixels[1, 0] = (254, 0, 0)
    path = write(tmp_path / "m.png", pixels)
    with pytest.raises(InputError, match="unknown colours: #010203 on 5 pixels, #fe0000 on 1"):
        read_colours(path, colours={RED: 1, BLUE: 2}, ignored_id=255)


def test_colours_become_ids_and_transparent_pixels_unlabelled(tmp_path: Path) -> None:
    pixels = np.array([[(*RED, 255), (*BLUE, 255), (*RED, 0), (9, 9, 9, 0)]], np.uint8)
    ids = read_colours(write(tmp_path / "m.png", pixels), colours={RED: 1, BLUE: 2}, ignored_id=255)
    assert ids.tolist() == [[1, 2, 255, 255]]


def test_sideways_photographs_are_turned_upright_and_measured_so(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((10, 30, 3), np.uint8)).save(tmp_path / "p.jpg", exif=exif)
    assert read_header(tmp_path / "p.jpg").size == (30, 10)
    assert read_pixels(tmp_path / "p.jpg").shape == (30, 10, 3)


def test_a_truncated_picture_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write(tmp_path / "m.png", rng.integers(0, 5, (64, 64)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"m.png cannot be decoded"):
        read_ids(path)
