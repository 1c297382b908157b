"""Reading JSON that strangers wrote: bounded in size and depth, in UTF-8."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from losszero_rt.errors import InputError

JSON_BYTES_MAX = 16 << 20


def read_json(
    path: Path,
    *,
    bytes_max: int = JSON_BYTES_MAX,
    remedy: str = "",
    hook: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """Return what a JSON file holds.

    Args:
        path: The file.
        bytes_max: Larger files are refused unread.
        remedy: What to do about a file that cannot be read.
        hook: Given every object once it was read, may replace it.

    Raises:
        InputError: If the file is absent, too large, too deep or no JSON.
    """
    if not path.is_file():
        raise InputError(f"{path} is absent", remedy=remedy)
    if path.stat().st_size > bytes_max:
        raise InputError(f"{path} is larger than {bytes_max} bytes", remedy=remedy)
    try:
        return json.loads(path.read_bytes(), object_hook=hook)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is no JSON ({type(error).__name__}: {error})", remedy=remedy
        ) from error
