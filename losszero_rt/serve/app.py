"""The page as an ASGI application: its files, its data, health and metrics."""

import asyncio
import json
from functools import cache
from http import HTTPStatus
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from losszero_rt.serve.guard import Guard, has_signed_in
from losszero_rt.serve.guesses import Guesses
from losszero_rt.serve.hub import Hub
from losszero_rt.serve.metrics import metrics_text
from losszero_rt.serve.mjpeg import MJPEG_KIND, MjpegStream
from losszero_rt.serve.places import place_of
from losszero_rt.serve.security import Gate
from losszero_rt.serve.watching import CLOSED_FULL, watch
from losszero_rt.timings import now_s

FILES = {
    "/": ("index.html", "text/html"),
    "/live.css": ("live.css", "text/css"),
    "/live.js": ("live.js", "text/javascript"),
    "/figures.js": ("figures.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
STALE_S = 10.0
_MAX_BODY_BYTES = 1024
_BODY_S = 5.0


class Endpoints:
    """What answers the requests.

    Args:
        hub: Where pictures and figures come from.
        gate: Who may see them.
        guesses: Tries tokens.
        max_viewers: Viewers at one time.
        tls: Whether cookies must stay on TLS.
    """

    def __init__(
        self, hub: Hub, *, gate: Gate, guesses: Guesses, max_viewers: int, tls: bool
    ) -> None:
        self._hub = hub
        self._gate = gate
        self._guesses = guesses
        self._max_viewers = max_viewers
        self._tls = tls

    async def file(self, request: Request) -> Response:
        """Return the page, its style, script or icon."""
        name, kind = FILES[request.url.path]
        # Without its token the page can only ask for it.
        unknown = request.url.path == "/" and not has_signed_in(request.scope, gate=self._gate)
        status = HTTPStatus.UNAUTHORIZED if unknown else HTTPStatus.OK
        headers = {"www-authenticate": 'Bearer realm="losszero-rt"'} if unknown else {}
        return Response(_file(name), status_code=status, media_type=kind, headers=headers)

    async def session(self, request: Request) -> Response:
        """Say whether the viewer has signed in."""
        known = has_signed_in(request.scope, gate=self._gate)
        return Response(status_code=HTTPStatus.NO_CONTENT if known else HTTPStatus.UNAUTHORIZED)

    async def sign_in(self, request: Request) -> Response:
        """Hand a cookie to whoever knows the token."""
        token = await _token_in(request)
        if token is None:
            return PlainTextResponse("no token\n", status_code=HTTPStatus.BAD_REQUEST)
        place = place_of(request.scope)
        guess = await self._guesses.attempt(token, client=place.client)
        if guess == "busy":
            return PlainTextResponse("too many\n", status_code=HTTPStatus.TOO_MANY_REQUESTS)
        if guess == "wrong":
            return PlainTextResponse("wrong token\n", status_code=HTTPStatus.UNAUTHORIZED)
        place.admit()
        answer = Response(status_code=HTTPStatus.NO_CONTENT)
        if self._gate.demands_token:
            name, value = self._gate.cookie_name, self._gate.cookie_value
            answer.set_cookie(name, value, httponly=True, samesite="strict", secure=self._tls)
        return answer

    async def watch(self, socket: WebSocket) -> None:
        """Serve a viewer."""
        await socket.accept()
        if len(self._hub.viewers) >= self._max_viewers:
            await socket.close(CLOSED_FULL, f"{self._max_viewers} viewers watch already")
            return
        await watch(socket, self._hub)

    async def mjpeg(self, request: Request) -> Response:
        """Return the pictures as a stream for players."""
        if request.method == "HEAD":  # else it would be answered with pictures that nobody gets
            return Response(media_type=MJPEG_KIND)
        if len(self._hub.viewers) >= self._max_viewers:
            text = f"{self._max_viewers} viewers watch already\n"
            return PlainTextResponse(text, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return MjpegStream(self._hub)

    async def health(self, _: Request) -> Response:
        """Say whether the run still gives figures; nothing about them."""
        if self._hub.status is None:
            return JSONResponse({"status": "starting"})
        if now_s() - self._hub.status_at_s > STALE_S:
            return JSONResponse({"status": "stalled"}, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """Return the figures for Prometheus."""
        text, kind = metrics_text(self._hub, accept=request.headers.get("accept", ""))
        return Response(text, headers={"content-type": kind})


def build_app(hub: Hub, *, gate: Gate, max_viewers: int, tls: bool) -> ASGIApp:
    """Return the application; arguments as for :class:`Endpoints`."""
    guesses = Guesses(gate)
    endpoints = Endpoints(hub, gate=gate, guesses=guesses, max_viewers=max_viewers, tls=tls)
    routes = [
        *(Route(path, endpoints.file) for path in FILES),
        Route("/session", endpoints.session, methods=["GET"]),
        Route("/session", endpoints.sign_in, methods=["POST"]),
        Route("/stream.mjpg", endpoints.mjpeg),
        Route("/healthz", endpoints.health),
        Route("/metrics", endpoints.metrics),
        WebSocketRoute("/watch", endpoints.watch),
    ]
    return Guard(Starlette(routes=routes), gate=gate, guesses=guesses)


@cache
def _file(name: str) -> bytes:
    return resources.files("losszero_rt.serve").joinpath("page", name).read_bytes()


async def _token_in(request: Request) -> str | None:
    """Read a small JSON object with a token, within some seconds."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > _MAX_BODY_BYTES:
                    return None
        token = json.loads(body)["token"]
    except (ClientDisconnect, TimeoutError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return token if isinstance(token, str) else None
