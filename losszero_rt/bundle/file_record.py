"""What a manifest says of one file."""

import re
from dataclasses import dataclass
from pathlib import Path

from losszero_rt.bundle.sidecar import what_it_is, why_no_file
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

    def size_fault(self, path: Path) -> str:
        """Say why a path is no file of this size; empty when it is."""
        if fault := why_no_file(path):
            return fault
        if path.stat().st_size == self.num_bytes:
            return ""
        return f"{what_it_is(path)}, the manifest says {self.num_bytes} bytes"

    def digest_fault(self, digest: str) -> str:
        """Say why a content with this SHA-256 is another one; empty when it is this."""
        if digest == self.sha256:
            return ""
        return f"has sha256 {digest[:12]}..., the manifest says {self.sha256[:12]}..."
