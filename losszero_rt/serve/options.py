"""How a page is served: where, to whom, and at which size and quality."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from losszero_rt.errors import UsageError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
# All addresses of this machine.
ANY_HOST = "0.0.0.0"
MIN_TOKEN_CHARACTERS = 8


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """Where and how a page is served.

    Attributes:
        host: Name or address to listen on; anything but loopback demands a token.
        port: TCP port; 0 takes any free one.
        token: Secret that a viewer must know; None makes one up where one is needed.
        cert: PEM file with the certificate chain, for TLS; needs ``key``.
        key: PEM file with the private key.
        max_viewers: Viewers at one time.
        quality: JPEG quality, 1..100.
        max_side: Longer side of a picture that is sent, pixels; larger ones are reduced.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)
    cert: Path | None = None
    key: Path | None = None
    max_viewers: int = 32
    quality: int = 80
    max_side: int = 1920

    def __post_init__(self) -> None:
        if not self.host or not 0 <= self.port <= 65535:
            raise UsageError(
                f"address {self.host!r}, port {self.port}", accepted="a host and a port 0 to 65535"
            )
        if self.token is not None and not _is_sound(self.token):
            raise UsageError(
                "a token that is too short or has characters besides letters, digits and -._~",
                accepted=f"at least {MIN_TOKEN_CHARACTERS} of these characters",
                remedy="leave --token out and a random one is made",
            )
        if (self.cert is None) != (self.key is None):
            raise UsageError(
                "one of --cert and --key alone", accepted="both for TLS, or neither", remedy=""
            )
        if self.max_viewers < 1 or not 1 <= self.quality <= 100 or self.max_side < 16:
            raise UsageError(
                f"{self.max_viewers} viewers, quality {self.quality}, side {self.max_side}",
                accepted="at least 1 viewer, quality 1 to 100, a side of at least 16 pixels",
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_place(text: str) -> tuple[str, int]:
    """Return host and port of ``PORT``, ``HOST:PORT`` or ``[IPv6]:PORT``.

    Raises:
        UsageError: If it is none of these.
    """
    host, colon, port = text.strip().rpartition(":")
    bare = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bare else host
    host = ANY_HOST if host in ("*", "0") else host
    misplaced = (":" in host) != bare or (bool(colon) and not host)
    if misplaced or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise UsageError(
            f"place to serve {text!r}",
            accepted="PORT, HOST:PORT or [IPv6]:PORT, the port 0 to 65535",
            remedy=f"--serve {DEFAULT_PORT}",
        )
    return host or DEFAULT_HOST, int(port)


def _is_sound(token: str) -> bool:
    """Say whether a token survives a URL and a header as it is, and is no mere word."""
    plain = all(c.isascii() and (c.isalnum() or c in "-._~") for c in token)
    return plain and len(token) >= MIN_TOKEN_CHARACTERS
