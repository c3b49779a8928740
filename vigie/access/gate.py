"""Who may speak to the server: Host, Origin and proof of who one is, on every request.

Without a token and without users Vigie listens on loopback only (`vigie.settings` sees to it) and
every local user may do everything; the checks of Host and Origin keep web pages of others from
doing so through their browser. Else every request proves who it is from: by `Authorization: Bearer`
with the token of the server or one of ours, or by the cookie of `/login`.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import quote, urlsplit

import orjson
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from vigie.access.accounts import Accounts
from vigie.access.identity import ANYONE, NOBODY, SHARED, Identity
from vigie.access.public import opens
from vigie.access.throttle import MAX_SUBSCRIBED, SUBSCRIBED_WINDOW_S, Known, Throttle
from vigie.clock import Clock
from vigie.store.errors import StoreError

COOKIE: Final = "vigie_session"
GUEST_COOKIE: Final = "vigie_guest"  # beside the other, so that a link signs nobody out
GUEST: Final = "/guest/"  # what follows is the proof
LOGIN: Final = "/login"
PASSWORD: Final = "/password"  # noqa: S105 - a path
SESSION: Final = "/api/v1/session"
STATIC: Final = "/static/"
PROBES: Final = frozenset({"/-/healthy", "/-/ready"})
# What a key of its own in the address opens; who holds it needs no token of the server.
KEYED: Final = ("/api/v1/heartbeats/", "/api/v1/hooks/")
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What somebody may reach who has to choose a password first.
CHANGING: Final = frozenset({PASSWORD, "/logout", SESSION})
RETRY_AFTER_S: Final = 5


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


class Gate:
    """Knows the token, the users and the names of the server, and judges what a request shows."""

    def __init__(
        self,
        clock: Clock,
        token: str | None = None,
        allowed_hosts: Iterable[str] = (),
        accounts: Accounts | None = None,
    ) -> None:
        self._token = token
        self._hosts = frozenset(_bare(host) for host in allowed_hosts)
        self.accounts = accounts
        self.throttle = Throttle(clock)
        self.by_user = Throttle(clock)
        self.known = Known()
        self.subscribing = Throttle(clock, MAX_SUBSCRIBED, SUBSCRIBED_WINDOW_S)

    @property
    def has_token(self) -> bool:
        return self._token is not None

    @property
    def has_users(self) -> bool:
        """Whether there are users, as of the last request."""
        return self.accounts is not None and self.accounts.in_force

    @property
    def asks(self) -> bool:
        """Whether a request has to prove who it is from."""
        return self.has_token or self.has_users

    def knows_host(self, host: str) -> bool:
        """Whether the server goes by this Host header.

        A web page whose name was re-bound to our address sends its own name. Where proof is asked
        for any address is fine: no name can be re-bound into one, and scrapers and probes use them.
        """
        name = _bare(host)
        if name == "localhost" or name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self.asks

    def accepts(self, token: str) -> bool:
        """Whether this is the token of the server; False where none is set."""
        known = self._token
        return known is not None and hmac.compare_digest(
            token.encode("utf-8", "surrogatepass"), known.encode()
        )

    def session(self) -> str:
        """What the cookie of a browser holds that showed the token: proof of it, not the token."""
        assert self._token is not None, "without a token nobody signs in with it"
        return hmac.new(self._token.encode(), b"vigie session", hashlib.sha256).hexdigest()

    async def by_cookie(self, cookie_header: str) -> Identity | None:
        """Who is signed in at this browser."""
        secret = session_in(cookie_header)
        if secret is None:
            return None
        if self.has_token and hmac.compare_digest(secret.encode(), self.session().encode()):
            return SHARED
        if self.accounts is None or not self.has_users:
            return None
        return await self.accounts.by_session(secret)

    async def by_link(self, cookie_header: str) -> Identity | None:
        """Which guest is at this browser."""
        secret = session_in(cookie_header, GUEST_COOKIE)
        if secret is None or self.accounts is None:
            return None
        found = await self.accounts.by_guest(secret)
        return found if isinstance(found, Identity) else None

    async def by_token(self, token: str) -> Identity | str | None:
        """Whose token this is, why it opens nothing any more, or None: it is none of ours."""
        if self.accepts(token):
            return SHARED
        if self.accounts is None:
            return None
        found = await self.accounts.by_guest(token)
        if isinstance(found, Identity):  # a program's form of a link has no forms of pages
            return replace(found, csrf=None)
        return found if found is not None else await self.accounts.by_token(token)


def session_in(cookie_header: str, name: str = COOKIE) -> str | None:
    """What the cookie of a session holds."""
    try:
        morsel = SimpleCookie(cookie_header).get(name)
    except CookieError:
        return None
    return morsel.value if morsel is not None and morsel.value else None


async def judged(gate: Gate, scope: Scope, public: Collection[str] = ()) -> Identity | Response:
    """Who a request is from; or why it goes no further, as a response. `public` are the status
    pages that everybody may read: whoever reads one is nobody in particular.
    """
    headers, path = Headers(scope=scope), scope["path"]
    if path in PROBES:  # a kubelet asks by address, and learns nothing but yes or no
        return NOBODY
    try:
        if gate.accounts is not None:
            await gate.accounts.look()
        if (refused := _refused_page(gate, headers, scope["method"])) is not None:
            return refused
        is_open = path.startswith((STATIC, GUEST, *KEYED)) or _is_sign_in(path, scope["method"])
        if is_open or opens(path, scope["method"], public):
            return NOBODY
        if not gate.asks:
            return ANYONE
        return await _proven(gate, headers, scope)
    except StoreError as error:
        retry = {"Retry-After": str(RETRY_AFTER_S)}
        detail = f"Who asks cannot be looked up now: {error}"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry)


def client_of(scope: Scope) -> str:
    """The address that failures are counted for; of IPv6 the network: one client has it whole."""
    client = scope.get("client")
    if not client:
        return ""
    try:
        address = ipaddress.ip_address(str(client[0]))
    except ValueError:
        return str(client[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def wait(seconds: int) -> Response:
    """The answer to a client that guessed too often."""
    detail = f"Too many wrong tokens; try again in {seconds} s."
    return problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(seconds)})


def _is_sign_in(path: str, method: str) -> bool:
    return path == LOGIN or (path == SESSION and method == "POST")


def _refused_page(gate: Gate, headers: Headers, method: str) -> Response | None:
    """The refusal of a page that is not ours and asks through somebody's browser."""
    host = headers.get("host", "")
    if not gate.knows_host(host):
        detail = (
            f"This server does not go by the name `{host}`; "
            "add it to `allowed_hosts` in vigie.yaml if it should."
        )
        return problem(HTTPStatus.MISDIRECTED_REQUEST, detail)
    if method not in SAFE_METHODS and not _same_origin(headers):
        return problem(HTTPStatus.FORBIDDEN, "The request comes from another site's page.")
    return None


async def _proven(gate: Gate, headers: Headers, scope: Scope) -> Identity | Response:
    if "cookie" in headers and (who := await gate.by_cookie(headers["cookie"])) is not None:
        if who.must_change and scope["path"] not in CHANGING:
            return _has_to_change(headers, scope)
        return who
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return await _of_bearer(gate, token.strip(), scope)
    # Last: whoever shows anything else comes as themselves.
    if "cookie" in headers and (who := await gate.by_link(headers["cookie"])) is not None:
        return who
    if _wants_page(headers, scope):
        query = scope["query_string"].decode("latin-1")
        target = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"{LOGIN}?next={quote(target, safe='/')}", HTTPStatus.SEE_OTHER)
    return _unproven("Send the token of the server: `Authorization: Bearer <token>`.")


async def _of_bearer(gate: Gate, token: str, scope: Scope) -> Identity | Response:
    client = client_of(scope)
    if seconds := gate.throttle.wait_s(client):
        return wait(seconds)
    found = await gate.by_token(token)
    if isinstance(found, Identity):
        return found
    if found is not None:  # whoever shows what once was a token guesses nothing
        return _unproven(f"{found}; `vigie token add` makes another.")
    gate.throttle.failed(client)
    return _unproven("Send the token of the server: `Authorization: Bearer <token>`.")


def _unproven(detail: str) -> Response:
    return problem(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": "Bearer"})


def _has_to_change(headers: Headers, scope: Scope) -> Response:
    if _wants_page(headers, scope):
        return RedirectResponse(PASSWORD, HTTPStatus.SEE_OTHER)
    detail = f"This is a one-time password: choose one of your own at {PASSWORD} first."
    return problem(HTTPStatus.FORBIDDEN, detail)


def _wants_page(headers: Headers, scope: Scope) -> bool:
    return scope["method"] == "GET" and "text/html" in headers.get("accept", "")


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
