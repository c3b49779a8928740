"""Who may speak to the server: Host, Origin and token are checked on every request, before routing.

Without a token Vigie listens on loopback only (`vigie.settings` sees to it) and every local user
may do everything; the checks of Host and Origin keep web pages of others from doing so through
their browser. With a token every request proves it, by `Authorization: Bearer` or by the cookie
of `/login`.
"""

import hashlib
import hmac
import ipaddress
import math
from collections import deque
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigie.clock import Clock

COOKIE: Final = "vigie_session"
LOGIN: Final = "/login"
STATIC: Final = "/static/"
PROBES: Final = frozenset({"/-/healthy", "/-/ready"})
# What a key of its own in the address opens; who holds it needs no token of the server.
KEYED: Final = ("/api/v1/heartbeats/", "/api/v1/hooks/")
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

MAX_FAILURES: Final = 10  # wrong tokens of one client within
FAILURES_WINDOW_S: Final = 60.0
MAX_CLIENTS: Final = 1024  # whose failures are remembered

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def problem(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """An error as `application/problem+json` (RFC 9457); `detail` says what to do next."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


class Throttle:
    """Counts the wrong tokens of each client; too many within a minute, and it has to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def wait_s(self, client: str) -> int:
        """How long this client has to wait before its next try; 0: it may try."""
        failures = self._failures.get(client)
        if failures is None or len(failures) < MAX_FAILURES:
            return 0
        return max(0, math.ceil(failures[0] + FAILURES_WINDOW_S - self._clock.now()))

    def failed(self, client: str) -> None:
        failures = self._failures.pop(client, None) or deque(maxlen=MAX_FAILURES)
        failures.append(self._clock.now())
        self._failures[client] = failures  # the newest last
        if len(self._failures) > MAX_CLIENTS:
            del self._failures[next(iter(self._failures))]


class Gate:
    """Knows the token and the names of the server, and judges what a request shows of them."""

    def __init__(
        self, clock: Clock, token: str | None = None, allowed_hosts: Iterable[str] = ()
    ) -> None:
        self._token = token
        self._hosts = frozenset(_bare(host) for host in allowed_hosts)
        self.throttle = Throttle(clock)

    @property
    def has_token(self) -> bool:
        return self._token is not None

    def knows_host(self, host: str) -> bool:
        """Whether the server goes by this Host header.

        A web page whose name was re-bound to our address sends its own name. With a token any
        address is fine: no name can be re-bound into one, and scrapers and probes use them.
        """
        name = _bare(host)
        if name == "localhost" or name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self.has_token

    def accepts(self, token: str) -> bool:
        """Whether this is the token; False where none is set."""
        known = self._token
        return known is not None and hmac.compare_digest(token.encode(), known.encode())

    def session(self) -> str:
        """What the cookie of a signed-in browser holds: proof of the token, not the token."""
        assert self._token is not None, "without a token nobody signs in"
        return hmac.new(self._token.encode(), b"vigie session", hashlib.sha256).hexdigest()

    def knows_session(self, cookie_header: str) -> bool:
        try:
            morsel = SimpleCookie(cookie_header).get(COOKIE)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(
            morsel.value.encode(), self.session().encode()
        )


class Access:
    """ASGI middleware: refuses what the gate refuses, and adds the security headers to all."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # lifespan; there are no WebSocket routes
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(message, scope["path"])
            await send(message)

        answer = refusal(self._gate, scope) or self._app
        await answer(scope, receive, send_with_headers)


def refusal(gate: Gate, scope: Scope) -> Response | None:
    """Why this request goes no further, as a response; None lets it in."""
    headers, path = Headers(scope=scope), scope["path"]
    if path in PROBES:  # a kubelet asks by address, and learns nothing but yes or no
        return None
    if not gate.knows_host(headers.get("host", "")):
        detail = (
            f"This server does not go by the name `{headers.get('host', '')}`; "
            "add it to `allowed_hosts` in vigie.yaml if it should."
        )
        return problem(HTTPStatus.MISDIRECTED_REQUEST, detail)
    if scope["method"] not in SAFE_METHODS and not _same_origin(headers):
        return problem(HTTPStatus.FORBIDDEN, "The request comes from another site's page.")
    if not gate.has_token or path.startswith((STATIC, *KEYED)) or path == LOGIN:
        return None
    if "cookie" in headers and gate.knows_session(headers["cookie"]):
        return None
    return _refused_token(gate, headers, scope)


def client_of(scope: Scope) -> str:
    """The address that failures are counted for."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def wait(seconds: int) -> Response:
    """The answer to a client that guessed too often."""
    detail = f"Too many wrong tokens; try again in {seconds} s."
    return problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(seconds)})


def _refused_token(gate: Gate, headers: Headers, scope: Scope) -> Response | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        if seconds := gate.throttle.wait_s(client_of(scope)):
            return wait(seconds)
        if gate.accepts(token.strip()):
            return None
        gate.throttle.failed(client_of(scope))
    elif scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        query = scope["query_string"].decode("latin-1")
        target = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(target, safe='/')}", HTTPStatus.SEE_OTHER)
    detail = "Send the token of the server: `Authorization: Bearer <token>`."
    return problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def _same_origin(headers: Headers) -> bool:
    """Whether a page of our own, or no page at all, sends this.

    `same-site` is refused too: another port of this machine is the same site.
    """
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _bare(host: str) -> str:
    """A host without port, brackets and the dot of the root: `[::1]:8080` -> `::1`."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.rstrip(".")


def _add_headers(message: Message, path: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    # Figures are old the moment they are sent; our own files carry an ETag.
    headers.setdefault("Cache-Control", "no-cache" if path.startswith(STATIC) else "no-store")
