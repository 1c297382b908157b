"""LZF, the packing inside ``DATA binary_compressed`` point clouds."""

from losszero_rt.errors import InputError

# Control bytes below this start a run of literal bytes, all others a copy of earlier output.
_LITERALS = 32
_LONG_COPY = 7
_REMEDY = "write the point cloud again, as DATA binary"


def unpack_lzf(packed: bytes, *, num_bytes: int) -> bytes:
    """Return what an LZF stream holds.

    Args:
        packed: The stream.
        num_bytes: Number of bytes that must come out; never more are produced.

    Raises:
        InputError: If the stream is cut, points before its own start or holds another length.

    Source: the format of LibLZF (Lehmann), as used by the Point Cloud Library.
    """
    out = bytearray()
    place = 0
    try:
        while place < len(packed) and len(out) <= num_bytes:
            control = packed[place]
            place += 1
            if control < _LITERALS:
                out += packed[place : place + control + 1]
                place += control + 1
                continue
            length = control >> 5
            if length == _LONG_COPY:
                length += packed[place]
                place += 1
            start = len(out) - ((control & 31) << 8 | packed[place]) - 1
            place += 1
            _copy(out, start, length + 2)
    except IndexError:
        raise InputError("LZF stream is cut or damaged", remedy=_REMEDY) from None
    if len(out) != num_bytes or place != len(packed):
        raise InputError(
            f"LZF stream unpacks to {len(out)} bytes", accepted=f"{num_bytes}", remedy=_REMEDY
        )
    return bytes(out)


def _copy(out: bytearray, start: int, length: int) -> None:
    """Append ``length`` bytes from ``start`` on, which may reach into what is being written."""
    if start < 0:
        raise IndexError(start)
    chunk = out[start : start + length]
    while len(chunk) < length:
        chunk += chunk[: length - len(chunk)]
    out += chunk
