"""What a configuration may tell others: nothing of who trains, and no key to anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from losszero_rt.errors import clean_text


def scrubbed(value: Any) -> Any:
    """Return a configuration without URL secrets, control characters or the home folder's name."""
    if isinstance(value, Mapping):
        return {str(key): scrubbed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item) for item in value]
    if isinstance(value, str | Path):
        return clean_text(str(value)).replace(str(Path.home()), "~")
    return value
