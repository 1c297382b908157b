"""What a person may name as a live source, parsed by ourselves: libav opens far too much."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, unquote

from losszero_rt.errors import UsageError, clean_text
from losszero_rt.video.live_options import LiveOptions

AddressKind = Literal["camera", "screen", "rtsp", "http", "udp", "lavfi"]

_KINDS: dict[str, AddressKind] = {
    **{"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http", "udp": "udp"},
}
_ACCEPTED = (
    "a camera (0, /dev/video0, webcam:NAME), rtsp://, rtsps://, http:// or https:// (HLS, MJPEG), "
    "udp://, lavfi:GRAPH or screen"
)
_DEVICE = re.compile(r"\d{1,3}|/dev/video\d{1,3}|/dev/v4l/by-(?:id|path)/[\w.:+-]+")
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
_PLACE = re.compile(
    r"//(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<fragment>#.*)?"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)(?::(?P<port>\d{1,5}))?")
# What no address holds unless it is percent-encoded.
_STRAY = re.compile(r"[^!#-;=?-\[\]_a-z~]")
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_MAX_LENGTH = 4096


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a network a stream is.

    Attributes:
        scheme: ``rtsp``, ``rtsps``, ``http``, ``https`` or ``udp``.
        host: Name or number, without the brackets of IPv6; may be empty for ``udp``.
        port: TCP or UDP port.
        path: Path and query as given, percent-encoded.
        user: User name, decoded; None where the address has none. Secret.
        password: Password, decoded. Secret.
    """

    scheme: str
    host: str
    port: int
    path: str = field(default="", repr=False)
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port; no secret among them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def bare_url(self) -> str:
        """The address without user and password; its query may still hold secrets."""
        return self.origin + self.path

    @property
    def secret_url(self) -> str:
        """The address with user and password, encoded so that every reader reads them alike."""
        if self.user is None:
            return self.bare_url
        userinfo = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return self.bare_url.replace("://", f"://{userinfo}@", 1)


@dataclass(frozen=True, kw_only=True)
class Address:
    """A live source as a person named it.

    Attributes:
        kind: What sort of source.
        name: What to call it wherever a person may read it; secrets scrubbed.
        target: Device, name of a camera, or filter graph; empty for network and screen.
        place: Where the stream is; None for devices, screen and filter graphs.
    """

    kind: AddressKind
    name: str
    target: str = ""
    place: Place | None = field(default=None, repr=False)


def parse_address(text: str, *, options: LiveOptions) -> Address:
    """Parse what a person typed.

    Args:
        text: The source.
        options: How it will be read; some options go with cameras and screens only.

    Raises:
        UsageError: It names no live source, or the options do not fit it.
    """
    address = _parsed(text)
    if address.kind not in ("camera", "screen") and options.asks_device:
        raise UsageError(
            f"--width, --height and --input-fps with {address.name}",
            accepted="a camera or screen; other sources decide themselves",
        )
    return address


def _parsed(text: str) -> Address:
    if text == "screen":
        return Address(kind="screen", name="screen")
    if _DEVICE.fullmatch(text):
        return Address(kind="camera", name=f"camera {text}", target=text)
    found = _SCHEME.fullmatch(text)
    scheme = found["scheme"].lower() if found else ""
    if found and scheme in ("webcam", "lavfi") and found["rest"]:
        kind: AddressKind = "camera" if scheme == "webcam" else "lavfi"
        return Address(kind=kind, name=clean_text(text), target=found["rest"])
    if found and scheme in _KINDS:
        place = _place(scheme, found["rest"])
        return Address(kind=_KINDS[scheme], name=clean_text(text), place=place)
    # What has an @ may be an address whose scheme was forgotten, and before it stands a password.
    came = "that source" if "@" in text or "=" in text else repr(text)
    raise UsageError(f"{came} is no live source", accepted=_ACCEPTED)


def _place(scheme: str, rest: str) -> Place:
    """Take an address apart; a refusal quotes nothing of it, since anything may be the secret."""
    stray = _STRAY.search(rest)
    if stray or len(rest) > _MAX_LENGTH or re.search(r"%(?![0-9A-Fa-f]{2})", rest):
        raise UsageError(
            f"the {scheme}:// address is too long or holds signs that must be percent-encoded",
            accepted="letters, digits and -._~:/?#[]@!$&'()*+,;=%",
            remedy="write %20 for a space, %25 for a percent sign, and so on",
        )
    found = _PLACE.fullmatch(rest)
    # An @ behind the first slash may belong to a password with a bare slash in it.
    authority = found["authority"] if found and "@" not in rest[found.end("authority") :] else ""
    userinfo, at, place = authority.rpartition("@")
    host = _HOST.fullmatch(place)
    port = int(host["port"] or _PORTS.get(scheme, 0)) if host else 0
    if not found or not host or not 0 < port < 65536 or not (host["host"] or scheme == "udp"):
        raise UsageError(
            f"the {scheme}:// address has no host and port that can be read",
            accepted=f"{scheme}://HOST:PORT/PATH or {scheme}://USER:PASSWORD@HOST:PORT/PATH",
            remedy="write / as %2F, ? as %3F, # as %23 in a password, and @ as %40 in a path",
        )
    user, _, password = userinfo.partition(":")
    return Place(
        scheme=scheme,
        host=host["host"].strip("[]"),
        port=port,
        path=(found["path"] or "") + (found["query"] or ""),
        user=unquote(user) if at and userinfo else None,
        password=unquote(password),
    )
