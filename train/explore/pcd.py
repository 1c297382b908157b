"""Point clouds of a LiDAR: the .pcd files of the Point Cloud Library.

Shape letters: N points.

Source: "The PCD (Point Cloud Data) file format", Point Cloud Library documentation.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from losszero_rt.errors import InputError
from train.explore.lzf import unpack_lzf

HEADER_BYTES_MAX = 8192
FILE_BYTES_MAX = 1 << 29
POINTS_MAX = 8_000_000
POINT_BYTES_MAX = 1024
_SIZES = {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}
_KINDS = {"F": "f", "I": "i", "U": "u"}
_ENCODINGS = ("ascii", "binary", "binary_compressed")


@dataclass(frozen=True, kw_only=True)
class PcdHeader:
    """What the text at the top of a .pcd file says.

    Attributes:
        names: Field names in file order.
        types: NumPy type of each field, little endian, e.g. ``<f4``.
        counts: Elements of each field.
        num_points: Number of points, at most :data:`POINTS_MAX`.
        encoding: ``ascii``, ``binary`` or ``binary_compressed``.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    counts: tuple[int, ...]
    num_points: int
    encoding: str

    @property
    def point_bytes(self) -> int:
        """Bytes of one point in the two binary encodings."""
        return sum(
            np.dtype(kind).itemsize * n for kind, n in zip(self.types, self.counts, strict=True)
        )

    def column_of(self, name: str) -> int:
        """Return the column of a field in the ascii encoding."""
        return sum(self.counts[: self.names.index(name)])


def read_pcd(path: Path) -> np.ndarray:
    """Read the points of a .pcd file; what a sensor left out (not a number) is left out here.

    Args:
        path: The file, in any of the three encodings.

    Returns:
        float32 (N, 3): x, y, z in the sensor's own frame, metres.

    Raises:
        InputError: If the file is not a point cloud, is cut, or claims more than it may hold.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > FILE_BYTES_MAX:
            raise _refusal(path, f"has {size_bytes} bytes", f"at most {FILE_BYTES_MAX} bytes")
        with path.open("rb") as file:
            header = read_header(file, path=path)
            if header.encoding == "ascii":
                points_N3 = _read_ascii(file, header, path)
            elif header.encoding == "binary":
                points_N3 = _read_binary(file, header, path)
            else:
                points_N3 = _read_packed(file, header, path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    return np.asarray(points_N3[np.isfinite(points_N3).all(axis=1)])


def read_header(file: BinaryIO, *, path: Path) -> PcdHeader:
    """Read the header and leave ``file`` at the first byte of the points.

    Args:
        file: Opened for reading bytes, at its start.
        path: What to call it in messages.

    Raises:
        InputError: If it is no header, or one that claims too much.
    """
    entries: dict[str, list[str]] = {}
    left = HEADER_BYTES_MAX
    while "DATA" not in entries:
        line = file.readline(left)
        left -= len(line)
        if not line.endswith(b"\n"):
            raise _refusal(path, "has no complete header", "a .pcd file")
        words = line.decode("ascii", errors="replace").split("#")[0].split()
        if words:
            entries[words[0].upper()] = words[1:]
    try:
        return _checked_header(entries)
    except (KeyError, IndexError, ValueError) as error:
        raise _refusal(path, f"has a damaged header: {error!r}", "a .pcd file") from error


def _checked_header(entries: dict[str, list[str]]) -> PcdHeader:
    names = tuple(word.lower() for word in entries["FIELDS"])
    sizes = [int(word) for word in entries["SIZE"]]
    kinds = [word.upper() for word in entries["TYPE"]]
    counts = tuple(int(word) for word in entries.get("COUNT", ["1"] * len(names)))
    if not len(names) == len(sizes) == len(kinds) == len(counts):
        raise ValueError("FIELDS, SIZE, TYPE and COUNT differ in length")
    if any(size not in _SIZES[kind] for size, kind in zip(sizes, kinds, strict=True)):
        raise ValueError("unknown TYPE with SIZE")
    axes = [names.index(axis) if names.count(axis) == 1 else -1 for axis in "xyz"]
    if min(axes) < 0 or any(counts[axis] != 1 for axis in axes):
        raise ValueError("FIELDS without one x, y and z each")
    header = PcdHeader(
        names=names,
        types=tuple(f"<{_KINDS[kind]}{size}" for kind, size in zip(kinds, sizes, strict=True)),
        counts=counts,
        num_points=_num_points(entries),
        encoding=entries["DATA"][0].lower(),
    )
    if min(counts) < 1 or max(counts) > POINT_BYTES_MAX or header.point_bytes > POINT_BYTES_MAX:
        raise ValueError(f"COUNT out of range, points of at most {POINT_BYTES_MAX} bytes")
    if header.encoding not in _ENCODINGS:
        raise ValueError(f"DATA {header.encoding}")
    return header


def _num_points(entries: dict[str, list[str]]) -> int:
    area = int(entries["WIDTH"][0]) * int(entries["HEIGHT"][0])
    num_points = int(entries["POINTS"][0]) if "POINTS" in entries else area
    if num_points != area or not 0 <= num_points <= POINTS_MAX:
        raise ValueError(f"{num_points} points, WIDTH * HEIGHT {area}, at most {POINTS_MAX}")
    return num_points


def _read_ascii(file: BinaryIO, header: PcdHeader, path: Path) -> np.ndarray:
    columns = [header.column_of(axis) for axis in "xyz"]
    if header.num_points == 0:
        return np.zeros((0, 3), np.float32)
    try:
        # Parsed as doubles like the binary readers do, so that equal clouds give equal points.
        values = np.loadtxt(file, usecols=columns, max_rows=header.num_points, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise _refusal(path, f"has damaged points: {error}", "numbers") from error
    if len(values) != header.num_points:
        raise _cut(path, header, len(values))
    return values.astype(np.float32)


def _read_binary(file: BinaryIO, header: PcdHeader, path: Path) -> np.ndarray:
    body = file.read(header.num_points * header.point_bytes)
    if len(body) < header.num_points * header.point_bytes:
        raise _cut(path, header, len(body) // header.point_bytes)
    names = [f"{index} {name}" for index, name in enumerate(header.names)]
    layout = np.dtype(list(zip(names, header.types, header.counts, strict=True)))
    points = np.frombuffer(body, layout)
    columns = [points[names[header.names.index(axis)]].reshape(-1) for axis in "xyz"]
    return np.stack(columns, axis=1).astype(np.float32)


def _read_packed(file: BinaryIO, header: PcdHeader, path: Path) -> np.ndarray:
    """Read the packed encoding, which keeps all values of a field together."""
    sizes = np.frombuffer(file.read(8).ljust(8, b"\0"), "<u4")
    num_packed, num_bytes = int(sizes[0]), int(sizes[1])
    if num_bytes != header.num_points * header.point_bytes:
        raise _cut(path, header, num_bytes // header.point_bytes)
    body = unpack_lzf(file.read(min(num_packed, FILE_BYTES_MAX)), num_bytes=num_bytes)
    columns = []
    for axis in "xyz":
        field = header.names.index(axis)
        before = zip(header.types[:field], header.counts[:field], strict=True)
        start = sum(np.dtype(kind).itemsize * count for kind, count in before) * header.num_points
        columns.append(np.frombuffer(body, header.types[field], header.num_points, start))
    return np.stack(columns, axis=1).astype(np.float32)


def _cut(path: Path, header: PcdHeader, num_found: int) -> InputError:
    return _refusal(path, f"holds {num_found} points", f"the {header.num_points} of its header")


def _refusal(path: Path, came: str, accepted: str) -> InputError:
    return InputError(
        f"point cloud {path.name} {came}",
        accepted=accepted,
        remedy="write or download it again",
    )
