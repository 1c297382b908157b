"""Asks the gate about every request before the page sees it, and sets the headers of answers."""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from losszero_rt.serve.guesses import Guesses
from losszero_rt.serve.places import place_of
from losszero_rt.serve.security import HEADERS, Gate, token_of

# What holds neither pictures nor figures: the page without them, which also asks for the token.
OPEN_PATHS = frozenset(
    {"/", "/live.css", "/live.js", "/figures.js", "/icon.svg", "/session", "/healthz"}
)
_MAX_HEADER_BYTES = 16 * 1024


class Guard:
    """ASGI middleware that lets through what the gate admits.

    Args:
        app: The page.
        gate: Decides.
        guesses: Tries the tokens of those without a cookie.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, guesses: Guesses) -> None:
        self._app = app
        self._gate = gate
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        refusal = self._refusal(scope)
        if refusal is None and has_signed_in(scope, gate=self._gate):
            place_of(scope).admit()
        elif refusal is None and scope["path"] not in OPEN_PATHS:
            refusal = await self._stranger(scope)
        if refusal is None:
            await self._app(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status, text = refusal
            answer = PlainTextResponse(f"{text}\n", status_code=status)
            if status == HTTPStatus.UNAUTHORIZED:
                answer.headers["www-authenticate"] = 'Bearer realm="losszero-rt"'
            await answer(scope, receive, self._with_headers(scope, send))

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        if sum(len(name) + len(value) for name, value in headers.raw) > _MAX_HEADER_BYTES:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "less, please"
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._gate.is_known_host(host):
            return HTTPStatus.MISDIRECTED_REQUEST, "this page is not served under that name"
        if self._gate.is_from_elsewhere(headers):
            return HTTPStatus.FORBIDDEN, "another site may not ask for this"
        # Scripts of other sites could open a WebSocket or post a form, but cannot hide their name.
        must_be_own = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if must_be_own and not self._gate.is_own_origin(headers.get("origin", ""), host=host):
            return HTTPStatus.FORBIDDEN, "the Origin header must name this page"
        return None

    async def _stranger(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        """Refuse who has neither cookie nor token."""
        token = token_of(Headers(scope=scope).get("authorization", ""))
        client = place_of(scope).client
        guess = await self._guesses.attempt(token, client=client) if token else "wrong"
        if guess == "busy":
            return HTTPStatus.TOO_MANY_REQUESTS, "too many try tokens"
        if guess == "wrong":
            return HTTPStatus.UNAUTHORIZED, "the token of this page is needed"
        place_of(scope).admit()
        return None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                host = Headers(scope=scope).get("host", "")
                if self._gate.is_known_host(host):
                    headers["content-security-policy"] = self._gate.policy(host)
            await send(message)

        return send_with_headers


def has_signed_in(scope: Scope, *, gate: Gate) -> bool:
    """Say whether a request carries the cookie that the page demands, if it demands one."""
    return gate.has_signed_in(HTTPConnection(scope).cookies.get(gate.cookie_name, ""))
