"""The door of the page: a socket that is taken early, certificates, and the address to open."""

import errno
import socket
import ssl
from pathlib import Path

from losszero_rt.errors import LossZeroError, OutputError, UsageError
from losszero_rt.serve.options import DEFAULT_PORT, PageOptions

_BACKLOG = 64
# What the system buffers for a viewer before the server notices that they are slow. Its own
# choice grows to megabytes: seconds of old pictures for a player that does not answer.
_SEND_BUFFER_BYTES = 256 * 1024
# An address that no packet is ever sent to (RFC 5737): asked only which way one would leave.
_ELSEWHERE = ("192.0.2.1", 9)


def listen(options: PageOptions) -> socket.socket:
    """Return a socket that listens; its port is the real one.

    Raises:
        OutputError: If the address cannot be taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise OutputError(
            f"cannot serve on {options.host!r}: no such host here",
            accepted="an address of this machine",
            remedy=f"--serve {DEFAULT_PORT}, or --serve 0.0.0.0:{DEFAULT_PORT}",
        ) from error
    door = socket.socket(family, kind, protocol)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        door.bind(address)
        # Two sockets may be bound to one port as long as neither listens.
        door.listen(_BACKLOG)
    except OSError as error:
        door.close()
        raise _refusal(error, options) from error
    door.setblocking(False)
    return door


def _refusal(error: OSError, options: PageOptions) -> LossZeroError:
    place = f"{options.host}:{options.port}"
    if error.errno == errno.EADDRINUSE:
        return OutputError(
            f"cannot serve on {place}: another program has this port",
            remedy=f"--serve {options.port + 1}, or --serve 0 for any free port",
        )
    if error.errno == errno.EACCES:
        return OutputError(
            f"cannot serve on {place}: not permitted",
            accepted="ports from 1024 on",
            remedy=f"--serve {DEFAULT_PORT}",
        )
    return OutputError(f"cannot serve on {place}: {error.strerror}")


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Return what TLS needs.

    Raises:
        UsageError: If the files cannot be read or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot use {cert} with {key}: {error}",
            accepted="a certificate chain and its private key without a password, as PEM files",
        ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key is protected by a password")


def shown_host(host: str) -> str:
    """Return what to write into a URL for an address to listen on."""
    if host in ("0.0.0.0", "::"):
        host = _own_address() or socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(probe.getsockname()[0])
