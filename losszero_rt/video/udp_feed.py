"""Live bytes over UDP: datagrams of an MPEG transport stream."""

import socket
import struct

from losszero_rt.timings import now_s
from losszero_rt.video.addresses import Place
from losszero_rt.video.feeds import Feed
from losszero_rt.video.sockets import Patience, Silence
from losszero_rt.video.stop_flag import SLICE_S

# Room for a quarter second of 100 Mbit/s; the system may grant less.
_BUFFER_BYTES = 4 << 20
_LARGEST_DATAGRAM = 65536


def open_udp(place: Place, *, patience: Patience) -> Feed:
    """Listen at a port, as a member of the group where the address is one of multicast.

    Raises:
        OSError: The address is not of this machine, or is in use.
    """
    found = socket.getaddrinfo(
        place.host or None, place.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, where = found[0]
    receiver = socket.socket(family, kind, protocol)
    try:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        _bind(receiver, str(where[0]), place.port, family=family)
        receiver.settimeout(SLICE_S)
    except BaseException:
        receiver.close()
        raise
    return Feed(place.origin, pull=_Datagrams(receiver, patience).pull, close=receiver.close)


def _bind(receiver: socket.socket, host: str, port: int, *, family: int) -> None:
    raw = socket.inet_pton(family, host.partition("%")[0])
    multicast = raw[0] == 0xFF if family == socket.AF_INET6 else 224 <= raw[0] < 240
    if not multicast:
        receiver.bind((host, port))
        return
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.bind((host, port))
    if family == socket.AF_INET6:
        request = raw + struct.pack("@I", 0)
        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
    else:
        request = raw + struct.pack("!I", socket.INADDR_ANY)
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)


class _Datagrams:
    def __init__(self, receiver: socket.socket, patience: Patience) -> None:
        self._receiver = receiver
        self._patience = patience
        self._left = b""

    def pull(self, num_bytes: int) -> bytes:
        if not self._left:
            self._left = self._receive()
        read, self._left = self._left[:num_bytes], self._left[num_bytes:]
        return read

    def _receive(self) -> bytes:
        until_s = self._patience.until_s()
        while True:
            self._patience.stop.check()
            try:
                datagram = self._receiver.recv(_LARGEST_DATAGRAM)
            except TimeoutError:
                if now_s() > until_s:
                    raise Silence("no datagram") from None
                continue
            if datagram:
                return datagram
