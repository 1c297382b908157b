"""Who may see the page: a token outside this machine, and never another site's script.

The token reaches a browser in the fragment of the URL, which no browser sends to any server, so it
stays out of logs and of the Referer. The page's script hands it over once and gets a cookie that
scripts cannot read. Programs send it as ``Authorization: Bearer``, or as the password of ``Basic``.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Gate:
    """Decides about requests by their headers.

    Args:
        token: Secret that is demanded; None demands none.
        host: Name or address that the page listens on.
        port: Port that it listens on.
        is_loopback: Whether only this machine can reach it.
        tls: Whether it is served over TLS.
    """

    def __init__(
        self, token: str | None, *, host: str, port: int, is_loopback: bool, tls: bool
    ) -> None:
        self._token = token
        self._port = port
        self._scheme = "https" if tls else "http"
        bare = f"[{host}]" if ":" in host else host
        # A name of some other site that was made to point at this machine (DNS rebinding) is
        # told by the Host header. Behind a token it gains nothing, and names are not known.
        self._names = {*_LOOPBACK_NAMES, bare.lower()} if is_loopback else None
        # Cookies do not know ports: two pages on one machine must not take each other's.
        self._cookie = f"losszero_rt_{port}"

    @property
    def demands_token(self) -> bool:
        """Whether a viewer must know a token."""
        return self._token is not None

    @property
    def cookie_name(self) -> str:
        """Name of the cookie of those who have signed in."""
        return self._cookie

    @property
    def cookie_value(self) -> str:
        """What the cookie of those who have signed in holds; the token cannot be told from it."""
        assert self._token is not None, "only a page with a token has a cookie"
        return hmac.new(self._token.encode(), b"losszero-rt page", hashlib.sha256).hexdigest()

    def is_known_host(self, host: str) -> bool:
        """Say whether a Host header names this page."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        default = 443 if self._scheme == "https" else 80
        right_port = int(match[2] or default) == self._port
        return self._names is None or (right_port and match[1].lower() in self._names)

    def is_own_origin(self, origin: str, *, host: str) -> bool:
        """Say whether an Origin header is that of the page itself; an absent one is not."""
        return origin.lower() == f"{self._scheme}://{host}".lower()

    def is_from_elsewhere(self, headers: Mapping[str, str]) -> bool:
        """Say whether another site asks for something other than to be led to the page."""
        site = headers.get("sec-fetch-site", "none")
        return site not in ("none", "same-origin") and headers.get("sec-fetch-mode") != "navigate"

    def is_token(self, token: str) -> bool:
        """Say whether this is the token, in a time that does not tell how much of it is right."""
        return self._token is None or _are_equal(token, self._token)

    def has_signed_in(self, cookie: str) -> bool:
        """Say whether a cookie of our name, or nothing, is that of somebody who has signed in."""
        return self._token is None or (bool(cookie) and _are_equal(cookie, self.cookie_value))

    def policy(self, host: str) -> str:
        """Return the Content-Security-Policy of the page, asked for under a known host."""
        # Older browsers do not count WebSockets as 'self'.
        socket = f"{self._scheme.replace('http', 'ws')}://{host}"
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
            f"connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )


def _are_equal(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def token_of(authorization: str) -> str:
    """Return the token of an Authorization header, or nothing."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
