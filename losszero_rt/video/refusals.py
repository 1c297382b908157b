"""Why a live source cannot be opened, in one line that holds no secret.

Texts of libav and of the HTTP library quote whole addresses. So nothing of them is kept: an
error of theirs is only asked what kind it is.
"""

import errno
import socket
import ssl
from collections.abc import Iterable
from urllib.error import HTTPError, URLError

import av.error

from losszero_rt.errors import DeniedError, InputError
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.video.addresses import Address
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.live_opening import no_camera
from losszero_rt.video.sockets import Silence

_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
_UNAUTHORISED = 401
_DENIED = (_UNAUTHORISED, 403)
_LOST = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.EIO)


def refusal_of(error: Exception, *, address: Address) -> InputError:
    """Return what to tell a person; raise it outside of the ``except`` that caught ``error``.

    Args:
        error: What opening or reading raised.
        address: What was to be opened.
    """
    if isinstance(error, InputError):
        return error
    if address.kind == "camera":
        return _camera_refusal(error, address)
    if address.kind == "lavfi":
        return InputError(f"{address.name}: {_lavfi_reason(error)}")
    if address.kind == "screen":
        return InputError("the screen cannot be read", remedy="is DISPLAY right, and allowed?")
    reason, remedy = _reason(error, address)
    kind = DeniedError if _status(error) in _DENIED else InputError
    return kind(f"{address.name}: {reason}", remedy=remedy)


def is_login_refused(error: Exception) -> bool:
    """Return whether user name and password were refused: more attempts may lock the account."""
    return _status(error) == _UNAUTHORISED


def no_picture(address: Address, *, lost: Iterable[Frame | LostFrame]) -> InputError:
    """Return what to tell of a stream that gave no picture in time, but perhaps losses."""
    if not any(isinstance(item, LostFrame) and item.reason == "prekey" for item in lost):
        return refusal_of(Silence("no picture"), address=address)
    return InputError(
        f"{address.name}: it sends, but no key frame came in time",
        accepted="streams with a key frame every few seconds",
        remedy="--read-timeout waits longer for the first one",
    )


def _camera_refusal(error: Exception, address: Address) -> InputError:
    number = getattr(error, "errno", None)
    if isinstance(error, PermissionError):
        return no_camera(
            f"{address.name}: permission denied",
            remedy="sudo usermod -aG video $USER, and log in again",
        )
    if number == errno.EBUSY:
        return no_camera(f"{address.name} is in use by another program")
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return no_camera(f"there is no {address.name}")
    if number in (errno.ENOTTY, errno.EINVAL) and not isinstance(error, av.error.ArgumentError):
        return no_camera(f"{address.name} is no camera")
    if isinstance(error, av.error.ArgumentError):
        return no_camera(f"{address.name} does not offer that size or rate")
    return no_camera(f"{address.name} gives no picture")


def _lavfi_reason(error: Exception) -> str:
    if isinstance(error, av.error.FilterNotFoundError):
        return "no such filter"
    return "not a filter graph that makes pictures"


def _reason(error: Exception, address: Address) -> tuple[str, str]:
    """Return what happened on the network, and what to do."""
    status = _status(error)
    if status is not None:
        return _refused_status(status, address, error=error)
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason, address)
    place = address.place
    host = place.host if place else ""
    if isinstance(error, socket.gaierror):
        return f"the name {host} cannot be resolved (DNS)", "is it spelled right?"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused", f"is the server running on port {place.port if place else 0}?"
    if isinstance(error, Silence | av.error.ExitError):
        return "connected, but silent: no picture came in time", "does it send? --read-timeout"
    if isinstance(error, TimeoutError):
        return "no answer: the connection timed out", "is the address right, the network up?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})", ""
    if isinstance(error, Unplayable):
        return str(error), ""
    return _rarer_reason(error)


def _rarer_reason(error: Exception) -> tuple[str, str]:
    number = getattr(error, "errno", None)
    if number in _UNREACHABLE:
        return "the host cannot be reached", "is the network up?"
    if number == errno.EADDRINUSE:
        return "the port is in use", "which other program listens there?"
    if number == errno.EADDRNOTAVAIL:
        return "the address is not of this machine", "udp://:PORT listens on all"
    if isinstance(error, EOFError) or number in _LOST:
        return "the connection was closed", "is the path right?"
    if isinstance(error, ssl.SSLError):
        return "it speaks no TLS that is understood", ""
    return "what it sends is no video that can be read", "does another player show it?"


def _status(error: Exception) -> int | None:
    """Return the status of HTTP or RTSP that an error stands for; None when it stands for none."""
    if isinstance(error, HTTPError):
        return error.code
    statuses: tuple[tuple[type[Exception], int], ...] = (
        (av.error.HTTPUnauthorizedError, 401),
        (av.error.HTTPForbiddenError, 403),
        (av.error.HTTPNotFoundError, 404),
        (av.error.HTTPServerError, 500),
        (av.error.HTTPClientError, 400),
    )
    return next((status for kind, status in statuses if isinstance(error, kind)), None)


def _refused_status(status: int, address: Address, *, error: Exception) -> tuple[str, str]:
    given = address.place is not None and address.place.user is not None
    if status == 401 and given:
        return "user name or password are wrong (401)", "percent-encode signs like @ in them"
    if status == 401:
        return "wants a user name and password (401)", "put USER:PASSWORD@ before the host"
    if status == 403:
        return "access is forbidden (403)", ""
    if status == 404:
        return "there is no such stream (404)", "is the path right?"
    if 300 <= status < 400 and "infinite loop" in str(error):
        return f"it leads from address to address without end ({status})", ""
    if 300 <= status < 400:
        return f"it leads to an address that is not http:// or https:// ({status})", ""
    if status >= 500:
        return f"the server has a fault ({status})", "try again later"
    return f"the server refuses ({status})", ""


def loss_of(error: Exception) -> str:
    """Return in a few words why a connection that had worked was lost."""
    if isinstance(error, Silence | av.error.ExitError):
        return "silence"
    if isinstance(error, EOFError):
        return "the other side ended the stream"
    if isinstance(error, OSError) and error.errno == errno.ENODEV:
        return "unplugged"
    if is_login_refused(error):
        return "the login was refused (401)"
    if _status(error) in _DENIED:
        return "access is forbidden (403)"
    return "the connection broke"
