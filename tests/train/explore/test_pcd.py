import struct
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.errors import InputError
from train.explore.lzf import unpack_lzf
from train.explore.pcd import HEADER_BYTES_MAX, read_pcd

# Intensity and ring come before and between the axes, so that offsets must be reckoned.
LAYOUT = np.dtype(
    [("i", "<u1"), ("x", "<f4"), ("n", "<i2", (2,)), ("y", "<f8"), ("z", "<f4")], align=False
)


def header(num_points: int, encoding: str, **replaced: str) -> bytes:
    entries = {
        "VERSION": ".7",
        "FIELDS": "intensity x normal y z",
        "SIZE": "1 4 2 8 4",
        "TYPE": "U F I F F",
        "COUNT": "1 1 2 1 1",
        "WIDTH": str(num_points),
        "HEIGHT": "1",
        "VIEWPOINT": "0 0 0 1 0 0 0",
        "POINTS": str(num_points),
        "DATA": encoding,
    } | replaced
    lines = [f"{key} {value}" for key, value in entries.items() if value != "(none)"]
    return ("# .PCD v.7\n" + "\n".join(lines) + "\n").encode()


def draw_points(num_points: int) -> np.ndarray:
    rng = np.random.default_rng(num_points)
    points = np.zeros(num_points, LAYOUT)
    points["i"], points["n"] = rng.integers(0, 255, num_points), 7
    for axis in "xyz":
        points[axis] = rng.normal(0, 30, num_points).astype(np.float32)
    return points


def axes_of(points: np.ndarray) -> np.ndarray:
    return np.stack([points[axis] for axis in "xyz"], axis=1).astype(np.float32)


def ascii_body(points: np.ndarray) -> bytes:
    lines = (f"{p['i']} {p['x']!s} {p['n'][0]} {p['n'][1]} {p['y']!s} {p['z']!s}" for p in points)
    return ("\n".join(lines) + "\n").encode()


def pack_literally(plain: bytes) -> bytes:
    """Write LZF without any copy: runs of up to 32 literal bytes."""
    runs = [plain[start : start + 32] for start in range(0, len(plain), 32)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def packed_body(points: np.ndarray) -> bytes:
    plain = b"".join(
        np.ascontiguousarray(points[name]).tobytes() for name in points.dtype.names or ()
    )
    packed = pack_literally(plain)
    return struct.pack("<II", len(packed), len(plain)) + packed


def write(folder: Path, content: bytes) -> Path:
    path = folder / "points.pcd"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("num_points", [0, 1, 500])
def test_the_three_encodings_of_one_cloud_are_equal(tmp_path: Path, num_points: int) -> None:
    points = draw_points(num_points)
    bodies = {
        "ascii": ascii_body(points),
        "binary": points.tobytes(),
        "binary_compressed": packed_body(points),
    }
    for encoding, body in bodies.items():
        read = read_pcd(write(tmp_path, header(num_points, encoding) + body))
        assert read.dtype == np.float32
        assert read.shape == (num_points, 3)
        np.testing.assert_array_equal(read, axes_of(points), err_msg=encoding)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_points_without_an_echo_are_left_out(tmp_path: Path, encoding: str) -> None:
    points = draw_points(4)
    points["y"][1] = np.nan
    points["z"][3] = np.inf
    body = ascii_body(points) if encoding == "ascii" else points.tobytes()
    read = read_pcd(write(tmp_path, header(4, encoding) + body))
    np.testing.assert_array_equal(read, axes_of(points)[[0, 2]])


def test_organised_cloud_without_points_line_counts_width_times_height(tmp_path: Path) -> None:
    points = draw_points(6)
    head = header(6, "binary", WIDTH="3", HEIGHT="2", POINTS="(none)", COUNT="1 1 2 1 1")
    assert len(read_pcd(write(tmp_path, head + points.tobytes()))) == 6


def test_missing_count_line_means_one_each(tmp_path: Path) -> None:
    head = header(2, "ascii", FIELDS="x y z", SIZE="4 4 4", TYPE="F F F", COUNT="(none)")
    read = read_pcd(write(tmp_path, head + b"1 2 3\n4 5 6\n"))
    np.testing.assert_array_equal(read, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("replaced", "reason"),
    [
        ({"POINTS": "99999999999", "WIDTH": "99999999999"}, "at most"),
        ({"POINTS": "-1", "WIDTH": "-1"}, "at most"),
        ({"POINTS": "7"}, "WIDTH"),
        ({"COUNT": "1 1 999999999 1 1"}, "COUNT"),
        ({"COUNT": "1 1 0 1 1"}, "COUNT"),
        ({"COUNT": "1 3 2 1 1"}, "one x, y and z"),
        ({"SIZE": "1 3 2 8 4"}, "TYPE"),
        ({"TYPE": "U F Q F F"}, "header"),
        ({"SIZE": "1 4"}, "length"),
        ({"FIELDS": "intensity x normal y x"}, "one x, y and z"),
        ({"FIELDS": "(none)"}, "FIELDS"),
        ({"WIDTH": "many"}, "many"),
        ({"DATA": "pickle"}, "pickle"),
        ({"DATA": ""}, "header"),
    ],
)
def test_hostile_headers_are_refused_before_anything_is_read(
    tmp_path: Path, replaced: dict[str, str], reason: str
) -> None:
    path = write(tmp_path, header(2, "binary", **replaced) + draw_points(2).tobytes())
    with pytest.raises(InputError, match=reason) as caught:
        read_pcd(path)
    assert "points.pcd" in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n" + bytes(300), b"FIELDS x y z", b"#\n" * HEADER_BYTES_MAX],
    ids=["empty", "other file", "cut header", "endless header"],
)
def test_what_is_no_point_cloud_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match="no complete header"):
        read_pcd(write(tmp_path, content))


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_cut_clouds_name_both_numbers(tmp_path: Path, encoding: str) -> None:
    points = draw_points(10)
    body = {
        "ascii": ascii_body(points[:6]),
        "binary": points[:6].tobytes(),
        "binary_compressed": packed_body(points[:6]),
    }[encoding]
    with pytest.raises(InputError, match=r"holds 6 points.*10 of its header"):
        read_pcd(write(tmp_path, header(10, encoding) + body))


def test_ascii_points_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="damaged points"):
        read_pcd(write(tmp_path, header(1, "ascii") + b"1 one 1 1 2 3\n"))


def test_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_pcd(tmp_path / "absent.pcd")


def test_lzf_copies_may_reach_into_their_own_output() -> None:
    # "ab", then 7 bytes copied from 2 back; then a long copy of 9 + 5 bytes from 1 back.
    packed = bytes([1]) + b"ab" + bytes([(7 - 2) << 5, 1]) + bytes([7 << 5, 5, 0])
    assert unpack_lzf(packed, num_bytes=23) == b"ab" + b"abababa" + b"a" * 14


@pytest.mark.parametrize(
    "packed",
    [bytes([5]) + b"ab", bytes([1]) + b"ab" + bytes([1 << 5, 9]), bytes([7 << 5])],
    ids=["cut run", "copy from before the start", "cut copy"],
)
def test_damaged_lzf_is_refused(packed: bytes) -> None:
    with pytest.raises(InputError, match="LZF"):
        unpack_lzf(packed, num_bytes=6)


def test_lzf_stops_when_more_comes_out_than_was_said() -> None:
    bomb = bytes([0, 65]) + bytes([7 << 5, 255, 0]) * 100_000
    with pytest.raises(InputError, match="unpacks"):
        unpack_lzf(bomb, num_bytes=1000)
