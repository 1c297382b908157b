"""HTTP as live sources need it: waits that can be ended, and no way to anything but HTTP."""

import urllib.request
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from losszero_rt.video.addresses import Place
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.sockets import Patience, dial, under_tls


class HttpClient:
    """Gets addresses, with the user and password of one place for that place only.

    The opener knows HTTP and nothing else: no files, no FTP, no proxies of the environment. A
    redirection elsewhere fails, and one to another host does not take the password along.

    Args:
        place: Where the stream is.
        patience: How long to wait.
    """

    def __init__(self, place: Place, *, patience: Patience) -> None:
        self._patience = patience
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            _PatientHandler(patience),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            _HttpOnlyRedirects(),
            *_logins(place),
        ):
            self._opener.add_handler(handler)

    def get(self, url: str) -> HTTPResponse:
        """Ask for an address and return once the head of the answer is there.

        Raises:
            HTTPError: The server refuses.
            OSError: It cannot be reached, or stays silent.
            Unplayable: The address, or one it redirects to, is not HTTP.
        ValueError: The server wants a way to log in that is not known.
            Stopped: Somebody asked to stop.
        """
        check_http(url)
        request = urllib.request.Request(url, headers={"User-Agent": "losszero-rt"})
        answer = self._opener.open(request)
        assert isinstance(answer, HTTPResponse), "the opener knows HTTP only"
        return answer


def check_http(url: str) -> None:
    """Refuse whatever is not HTTP.

    Raises:
        Unplayable: It is not.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise Unplayable("it leads to an address that is not http:// or https://")


def _logins(place: Place) -> list[urllib.request.BaseHandler]:
    if place.user is None:
        return []
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, f"{place.origin}/", place.user, place.password)
    return [
        urllib.request.HTTPDigestAuthHandler(passwords),
        urllib.request.HTTPBasicAuthHandler(passwords),
    ]


class _HttpOnlyRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        check_http(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _PatientHandler(urllib.request.AbstractHTTPHandler):
    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._maker(tls=False), req)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._maker(tls=True), req)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _maker(self, *, tls: bool) -> Any:
        def make(host: str, **_: Any) -> HTTPConnection:
            return _PatientConnection(host, tls=tls, patience=self._patience)

        return make


class _PatientConnection(HTTPConnection):
    def __init__(self, host: str, *, tls: bool, patience: Patience) -> None:
        self.default_port = 443 if tls else 80
        super().__init__(host)
        self._tls = tls
        self._patience = patience

    def connect(self) -> None:
        plain = dial(self.host, self.port, patience=self._patience)
        self.sock = plain
        if self._tls:
            self.sock = under_tls(plain, host=self.host)
