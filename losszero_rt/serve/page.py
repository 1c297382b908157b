"""The live web page of a run: its door is taken early, and it runs on a thread of its own."""

import asyncio
import secrets
import socket
import ssl

from losszero_rt.errors import OutputError
from losszero_rt.frame import Planes
from losszero_rt.livestate import LiveStatus, PictureChoice
from losszero_rt.serve.hub import Hub
from losszero_rt.serve.listening import listen, shown_host, tls_context
from losszero_rt.serve.options import PageOptions

_TOKEN_BYTES = 16


class Page:
    """The page that ``--serve`` opens.

    ``show``, ``publish``, ``prefer``, ``stop`` and the attributes may be used from any thread.

    Args:
        options: Where and to whom it is served.

    Attributes:
        options: As given.
        token: What a viewer must know; None when nothing is demanded.
        warnings: Lines a person should see.
    """

    def __init__(self, options: PageOptions) -> None:
        self.options = options
        self.token = options.token
        if self.token is None and not options.is_loopback:
            self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.warnings: tuple[str, ...] = ()
        if not options.is_loopback and options.cert is None:
            self.warnings = (
                "token and pictures travel unencrypted: give --cert and --key where others listen",
            )
        self._hub = Hub(quality=options.quality, max_side=options.max_side)
        self._door: socket.socket | None = None
        self._context: ssl.SSLContext | None = None
        self._port = options.port
        self._stopped = self._running = False

    def bind(self) -> None:
        """Take the port, so that nothing else does while a model loads.

        Raises:
            OutputError: If the port is taken or not permitted.
            UsageError: If certificate and key cannot be used.
        """
        if self._door is not None:
            return
        if self.options.cert is not None and self.options.key is not None:
            self._context = tls_context(self.options.cert, self.options.key)
        self._door = listen(self.options)
        self._port = int(self._door.getsockname()[1])

    @property
    def port(self) -> int:
        """The port that was taken; as asked for before :meth:`bind`."""
        return self._port

    @property
    def url(self) -> str:
        """What to open in a browser; the token is in it, behind ``#``, where one is demanded."""
        scheme = "https" if self.options.cert is not None else "http"
        secret = f"#token={self.token}" if self.token is not None else ""
        return f"{scheme}://{shown_host(self.options.host)}:{self._port}/{secret}"

    def run(self) -> None:
        """Serve until :meth:`stop`, on the thread that calls; takes the port if need be.

        Raises:
            OutputError: As :meth:`bind`, or if a picture cannot be encoded.
        """
        from losszero_rt.serve.app import build_app
        from losszero_rt.serve.security import Gate
        from losszero_rt.serve.server import build_server, places_for, serve

        self._running = True
        if self._stopped:
            return
        self.bind()
        door, options = self._door, self.options
        assert door is not None, "bound a line above"
        tls = self._context is not None
        gate = Gate(
            self.token,
            host=options.host,
            port=self._port,
            is_loopback=options.is_loopback,
            tls=tls,
        )
        app = build_app(self._hub, gate=gate, max_viewers=options.max_viewers, tls=tls)
        places = places_for(max_viewers=options.max_viewers)
        server = build_server(app, places=places, context=self._context)
        try:
            asyncio.run(serve(server, hub=self._hub, places=places, door=door))
        except SystemExit as error:  # how the server says that it cannot start
            raise OutputError("the web server did not start") from error
        finally:
            door.close()

    def stop(self) -> None:
        """Tell the viewers that it is over and let :meth:`run` return."""
        self._stopped = True
        self._hub.close()
        if self._door is not None and not self._running:
            self._door.close()

    @property
    def num_viewers(self) -> int:
        """Viewers now."""
        return len(self._hub.viewers)

    @property
    def wants_frame(self) -> bool:
        """Whether a viewer could take a picture now; a picture shown otherwise is left."""
        return self._hub.wants_frame

    @property
    def choice(self) -> PictureChoice:
        """The picture that the viewers asked for: one for all, the newest wish counts."""
        return self._hub.choice

    @property
    def paused(self) -> bool:
        """Whether there are viewers, and every one of them paused."""
        return self._hub.choice.paused

    def prefer(self, choice: PictureChoice) -> None:
        """Choose the picture to begin with, before viewers ask for another."""
        self._hub.prefer(choice)

    def show(self, planes: Planes, *, index: int, captured_at_s: float) -> None:
        """Hand on a painted picture; it is copied if a viewer could take it, and never waited for.

        Args:
            planes: The picture; may change again after this returns.
            index: Number of the frame in its source.
            captured_at_s: Monotonic clock when the frame was captured.
        """
        self._hub.offer(planes, index=index, captured_at_s=captured_at_s)

    def publish(self, status: LiveStatus) -> None:
        """Hand on the figures, some times a second."""
        self._hub.publish(status)
