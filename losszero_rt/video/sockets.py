"""Sockets that never wait longer than they may, and look up when somebody wants to stop."""

import select
import socket
import ssl
from contextlib import suppress
from typing import Any

from losszero_rt.timings import now_s
from losszero_rt.video.stop_flag import SLICE_S, StopFlag


class Silence(TimeoutError):  # noqa: N818
    """A peer took a connection and then said nothing for as long as we listen."""


class Patience:
    """How long a socket's owner waits, and the flag it looks at meanwhile.

    Attributes:
        stop: The wish to stop.
        silence_s: Longest silence, seconds; may change over the life of a connection.
    """

    def __init__(self, stop: StopFlag, *, silence_s: float) -> None:
        self.stop = stop
        self.silence_s = silence_s

    def until_s(self) -> float:
        """Return when a silence that begins now is too long, monotonic clock."""
        return now_s() + self.silence_s


class _PatientReads:
    """Reads of a socket in slices; mixed into plain and TLS sockets alike."""

    patience: Patience

    def recv_into(self, buffer: Any, nbytes: int | None = 0, flags: int = 0) -> int:
        until_s = self.patience.until_s()
        while True:
            self.patience.stop.check()
            try:
                received: int = super().recv_into(  # type: ignore[misc]
                    buffer, nbytes or len(memoryview(buffer)), flags
                )
                return received
            except TimeoutError:
                if now_s() > until_s:
                    raise Silence(f"silent for {self.patience.silence_s:g} s") from None


class PatientSocket(_PatientReads, socket.socket):
    """A TCP socket that reads in slices."""


class PatientTlsSocket(_PatientReads, ssl.SSLSocket):
    """The same under TLS."""

    def shake_hands(self) -> None:
        """Do what connecting left undone, in slices.

        Raises:
            Silence: The peer does not answer.
            ssl.SSLError: It cannot be trusted.
        """
        until_s = self.patience.until_s()
        while True:
            self.patience.stop.check()
            try:
                self.do_handshake()
                return
            except TimeoutError:
                if now_s() > until_s:
                    raise Silence("silent while TLS was agreed on") from None


def dial(host: str, port: int, *, patience: Patience) -> PatientSocket:
    """Connect to the first address of a host that answers.

    Raises:
        socket.gaierror: The name cannot be resolved.
        OSError: Nothing answers; the error of the last address tried.
        Stopped: Somebody asked to stop.
    """
    patience.stop.check()
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        made = PatientSocket(family, kind, protocol)
        made.patience = patience
        try:
            _connect(made, where)
            return made
        except OSError as error:
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
    raise failure


def _connect(made: PatientSocket, where: Any) -> None:
    until_s = made.patience.until_s()
    made.setblocking(False)
    with suppress(BlockingIOError):
        made.connect(where)
    while not select.select([], [made], [], SLICE_S)[1]:
        made.patience.stop.check()
        if now_s() > until_s:
            raise TimeoutError(f"no answer within {made.patience.silence_s:g} s")
    refusal = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if refusal:
        raise OSError(refusal, "")
    made.settimeout(SLICE_S)


def under_tls(plain: PatientSocket, *, host: str, trusted: bool = True) -> PatientTlsSocket:
    """Agree on TLS.

    Args:
        plain: Connected socket; taken over.
        host: Whom the certificate must be for.
        trusted: Whether the system must trust the certificate.

    Raises:
        ssl.SSLError: The certificate is not trusted, or the peer speaks no TLS.
        Silence: The peer does not answer.
    """
    context = ssl.create_default_context()
    context.sslsocket_class = PatientTlsSocket
    if not trusted:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    patience = plain.patience
    wrapped = context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
    assert isinstance(wrapped, PatientTlsSocket), "the context makes our sockets"
    wrapped.patience = patience
    wrapped.shake_hands()
    return wrapped
