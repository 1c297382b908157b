"""What a manifest says of one file."""

import re
from dataclasses import dataclass

from losszero_rt.errors import ModelError

FILE_BYTES_MAX = 4 << 30
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """What the manifest says of one file.

    Attributes:
        num_bytes: Size.
        sha256: Hex digest of the content.
    """

    num_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not 0 <= self.num_bytes <= FILE_BYTES_MAX or not _SHA256.fullmatch(self.sha256):
            raise ModelError(
                f"a file of {self.num_bytes} bytes with sha256 {self.sha256[:80]!r}",
                accepted=f"at most {FILE_BYTES_MAX} bytes and 64 hexadecimal digits",
            )
