"""Signing in and out: a name and password, or the server's token, is shown once; a cookie proves it
from then on. Choosing another password.
"""

from http import HTTPStatus
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from vigie.access import COOKIE, LOGIN, PASSWORD, Gate, client_of, current, needs
from vigie.access.gate import session_in
from vigie.access.identity import Kind
from vigie.access.passwords import LONGEST, ONE_TIME_S, SHORTEST, Busy
from vigie.access.signing_in import SignedIn, SignIn, Unproven, sign_out
from vigie.clock import Clock
from vigie.commands.errors import Invalid
from vigie.store.db import Database
from vigie.web.render import Templates

COOKIE_AGE_S = 30 * 86400
SameSite: TypeAlias = Literal["lax", "strict"]
Secret = Annotated[str, Form(max_length=10_000)]


def add(router: APIRouter, templates: Templates, gate: Gate, db: Database, clock: Clock) -> None:
    _add_sign_in(router, templates, gate, db, clock)
    _add_password(router, templates, gate, db, clock)

    @router.post("/logout")
    @needs(None)
    def leave() -> Response:
        sign_out(db, current())
        answer = _to(LOGIN)
        answer.delete_cookie(COOKIE)
        return answer


def _add_sign_in(
    router: APIRouter, templates: Templates, gate: Gate, db: Database, clock: Clock
) -> None:
    people = SignIn(gate, db)

    def form(
        onward: str, wrong: str | None = None, status: int = HTTPStatus.OK, name: str = ""
    ) -> Response:
        facts = {
            "onward": _local(onward),
            "wrong": wrong,
            "name": name,
            "has_users": gate.has_users,
            "has_token": gate.has_token,
        }
        return templates.page("login.html", clock.now(), facts, status)

    @router.get(LOGIN)
    @needs(None)
    def show(next: str = "/") -> Response:
        return form(next) if gate.asks else _to("/")

    def by_password(request: Request, name: str, password: str, onward: str) -> Response:
        before = session_in(request.headers.get("cookie", ""))
        client = client_of(request.scope)
        try:
            began = people.enter(client, name, password, clock.now(), before)
        except Unproven as error:
            return form(onward, str(error), _status(error), name[:100])
        except Busy as error:
            return form(onward, str(error), HTTPStatus.SERVICE_UNAVAILABLE, name[:100])
        return _signed_in(request, began, PASSWORD if began.who.must_change else _local(onward))

    def by_token(request: Request, token: str, onward: str) -> Response:
        client = client_of(request.scope)
        if seconds := gate.throttle.wait_s(client):
            wrong = f"Too many wrong tokens. Try again in {seconds} s."
            return form(onward, wrong, HTTPStatus.TOO_MANY_REQUESTS)
        if not gate.accepts(token.strip()):
            gate.throttle.failed(client)
            return form(onward, "That is not this server's token.", HTTPStatus.UNAUTHORIZED)
        # Its value is proof of the token for ever, so other sites' links do not bring it along.
        return _with_cookie(request, _to(_local(onward)), gate.session(), "strict")

    @router.post(LOGIN)
    @needs(None)
    def sign_in(
        request: Request,
        token: Secret = "",
        username: Secret = "",
        password: Secret = "",
        next: Annotated[str, Form()] = "/",
    ) -> Response:
        if gate.has_users and not token:
            return by_password(request, username, password, next)
        return by_token(request, token, next)


def _add_password(
    router: APIRouter, templates: Templates, gate: Gate, db: Database, clock: Clock
) -> None:
    people = SignIn(gate, db)

    def form(wrong: str | None = None, status: int = HTTPStatus.OK) -> Response:
        facts = {
            "wrong": wrong,
            "shortest": SHORTEST,
            "longest": LONGEST,
            "lasts_days": round(ONE_TIME_S / 86_400),
        }
        return templates.page("password.html", clock.now(), facts, status)

    @router.get(PASSWORD)
    @needs(None)
    def show() -> Response:
        return form() if current().kind is Kind.PERSON else _to("/")

    @router.post(PASSWORD)
    @needs(None)
    def change(
        request: Request, password: Secret = "", new: Secret = "", again: Secret = ""
    ) -> Response:
        who = current()
        if who.kind is not Kind.PERSON:
            return _to("/")
        if new != again:
            return form("The two new passwords differ.", HTTPStatus.UNPROCESSABLE_ENTITY)
        client = client_of(request.scope)
        try:
            began = people.change_password(who, client, password, new, clock.now())
        except Unproven as error:
            wrong = str(error) if error.wait_s else "That is not your password now."
            return form(wrong, _status(error))
        except Invalid as error:
            said = str(error)
            wrong = f"{said[0].upper()}{said[1:]}."
            return form(wrong, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _signed_in(request, began, "/")


def _signed_in(request: Request, began: SignedIn, onward: str) -> Response:
    # Lax: a link in a message about an incident leads to its page, not to this one.
    return _with_cookie(request, _to(onward), began.secret, "lax")


def _with_cookie(request: Request, answer: Response, secret: str, same_site: SameSite) -> Response:
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=COOKIE_AGE_S,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite=same_site,
    )
    return answer


def _status(error: Unproven) -> int:
    return HTTPStatus.TOO_MANY_REQUESTS if error.wait_s else HTTPStatus.UNAUTHORIZED


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def _local(path: str) -> str:
    """A path of this server; the overview for anything that may lead elsewhere."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else "/"
