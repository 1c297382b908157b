"""A first word to an RTSP server, before libav talks to it.

While libav opens a stream nobody can stop it, and it tells a name that cannot be resolved from a
server that is silent only by a number. So we knock ourselves.
"""

from losszero_rt.video.addresses import Place
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.sockets import Patience, PatientSocket, PatientTlsSocket, dial, under_tls

_MAX_ANSWER = 256


def greet(place: Place, *, patience: Patience) -> None:
    """Ask an RTSP server what it can do; any answer is fine.

    Raises:
        OSError: It cannot be reached, or stays silent.
        Unplayable: What answers is no RTSP server.
        Stopped: Somebody asked to stop.
    """
    with _connected(place, patience) as connection:
        # Neither user nor query goes along: whoever listens there has not shown who it is.
        question = f"OPTIONS {place.origin}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: losszero-rt\r\n\r\n"
        connection.sendall(question.encode("ascii"))
        answer, room = b"", bytearray(_MAX_ANSWER)
        while len(answer) < 5:
            num_read = connection.recv_into(room)
            if not num_read:
                raise ConnectionResetError
            answer += room[:num_read]
        if not answer.startswith(b"RTSP/"):
            raise Unplayable("what answers there is no RTSP server")


def _connected(place: Place, patience: Patience) -> PatientSocket | PatientTlsSocket:
    plain = dial(place.host, place.port, patience=patience)
    if place.scheme == "rtsp":
        return plain
    # Nothing secret is said here, and libav does not look at certificates either.
    return under_tls(plain, host=place.host, trusted=False)
