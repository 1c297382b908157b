import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame
from losszero_rt.preprocess import yuv_to_rgb
from losszero_rt.video import SourceOptions, StillSource, VideoSource, open_source
from tests.media import write_clip

RED_BGR = (61, 40, 199)


def draw(size: tuple[int, int] = (60, 91)) -> np.ndarray:
    """Return BGR pixels: red, with a bright square at the top left."""
    pixels = np.full((*size, 3), RED_BGR, np.uint8)
    pixels[:20, :20] = 255
    return pixels


def only_frame(path: Path) -> Frame:
    source = StillSource(path)
    (frame,) = source
    assert isinstance(frame, Frame)
    assert source.audio_streams == ()
    assert source.origin_pts == 0
    source.close()
    return frame


def rgb_at(frame: Frame, point: tuple[int, int]) -> np.ndarray:
    planes = frame.planes
    yuv = np.array([[[planes.y[point], planes.u[point], planes.v[point]]]], np.float32)
    return np.asarray(cv2.transform(yuv, yuv_to_rgb("bt601", True))[0, 0])


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif"])
def test_image_becomes_one_frame_in_its_own_size(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), draw())
    frame = only_frame(path)
    assert frame.planes.size == frame.planes.u.shape == (60, 91)
    assert frame.planes.full_range
    assert rgb_at(frame, (40, 60)) == pytest.approx(RED_BGR[::-1], abs=4)
    assert rgb_at(frame, (8, 8)) == pytest.approx((255, 255, 255), abs=4)


@pytest.mark.parametrize(
    ("pixels", "level"),
    [
        (np.full((40, 50), 130, np.uint8), 130),
        (np.full((40, 50), 130 * 257, np.uint16), 130),
        (np.full((40, 50, 3), 130 * 257, np.uint16), 130),
        (np.full((40, 50, 4), 130, np.uint8), 130),
    ],
    ids=["grey", "grey16", "colour16", "alpha"],
)
def test_other_depths_become_8_bit_colour(tmp_path: Path, pixels: np.ndarray, level: int) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), pixels)
    assert rgb_at(only_frame(path), (20, 20)) == pytest.approx([level] * 3, abs=2)


def with_exif_orientation(jpeg: bytes, value: int) -> bytes:
    """Insert an APP1 segment whose only tag is the orientation (EXIF 2.32, section 4.5)."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize(
    ("value", "bright"), [(1, (8, 8)), (6, (8, 50)), (3, (50, 80)), (8, (80, 8))]
)
def test_exif_orientation_is_honoured(tmp_path: Path, value: int, bright: tuple[int, int]) -> None:
    encoded = cv2.imencode(".jpg", draw())[1].tobytes()
    path = tmp_path / "phone.jpg"
    path.write_bytes(with_exif_orientation(encoded, value))
    frame = only_frame(path)
    assert frame.planes.size == ((60, 91) if value in (1, 3) else (91, 60))
    assert rgb_at(frame, bright)[1] > 240


def cmyk_jpeg(levels: tuple[int, int, int, int], *, size: tuple[int, int]) -> bytes:
    """Return a CMYK JPEG as Adobe writes it, inverted: one scan of a grey JPEG a component."""
    greys = [cv2.imencode(".jpg", np.full(size, level, np.uint8))[1].tobytes() for level in levels]
    tables, scans = b"", b""
    for number, grey in enumerate(greys, start=1):
        at = 2
        while grey[at : at + 2] != b"\xff\xda":
            end = at + 2 + int.from_bytes(grey[at + 2 : at + 4], "big")
            if number == 1 and grey[at + 1] in (0xDB, 0xC4):
                tables += grey[at:end]
            at = end
        data = grey[at + 2 + int.from_bytes(grey[at + 2 : at + 4], "big") : -2]
        scans += b"\xff\xda\0\x08\x01" + bytes([number]) + b"\0\0\x3f\0" + data
    height, width = size
    frame = struct.pack(">HBHHB", 8 + 3 * 4, 8, height, width, 4)
    frame += b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3, 4))
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    return b"\xff\xd8" + adobe + tables + b"\xff\xc0" + frame + scans + b"\xff\xd9"


def test_cmyk_becomes_colour(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    path.write_bytes(cmyk_jpeg((200, 40, 60, 255), size=(48, 64)))
    assert rgb_at(only_frame(path), (20, 20)) == pytest.approx((200, 40, 60), abs=5)


def png_of(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * width) * min(height, 100))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(30000, 30000))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(InputError, match="larger than allowed"):
        StillSource(path)


def test_limit_is_inclusive(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), draw())
    StillSource(path, options=SourceOptions(max_pixels=60 * 91))
    with pytest.raises(InputError):
        StillSource(path, options=SourceOptions(max_pixels=60 * 91 - 1))


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" * 9])
def test_unreadable_image_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png"):
        StillSource(path)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_cut_image_is_incomplete(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    data = cv2.imencode(f".{suffix}", noise)[1].tobytes()
    path.write_bytes(data)
    assert StillSource(path).incomplete is None
    path.write_bytes(data[: len(data) * 2 // 3])
    try:
        source = StillSource(path)
    except InputError:
        return
    assert source.incomplete == "the image is cut off"
    assert next(iter(source)).suspect  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["frame%03d.png", "-a b.png", "röad 夜.png", "a*?.png"])
def test_odd_names_are_taken_literally(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(cv2.imencode(".png", draw())[1].tobytes())
    monkeypatch.chdir(tmp_path)
    assert only_frame(Path(name)).planes.size == (60, 91)


def test_content_decides_what_a_file_is(tmp_path: Path) -> None:
    image, video = tmp_path / "a.mp4", tmp_path / "b.mp4"
    image.write_bytes(cv2.imencode(".png", draw())[1].tobytes())
    write_clip(video, num_frames=2)
    assert isinstance(open_source(image), StillSource)
    source = open_source(video)
    assert isinstance(source, VideoSource)
    source.close()


def test_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_source(tmp_path / "absent.png")
