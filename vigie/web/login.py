"""Signing in: the token is shown once, and a cookie proves it from then on."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from vigie.access import COOKIE, LOGIN, Gate, client_of
from vigie.clock import Clock
from vigie.web.render import Templates

COOKIE_AGE_S = 30 * 86400


def add(router: APIRouter, templates: Templates, gate: Gate, clock: Clock) -> None:
    def form(onward: str, wrong: str | None = None, status: int = HTTPStatus.OK) -> Response:
        facts = {"onward": _local(onward), "wrong": wrong}
        return templates.page("login.html", clock.now(), facts, status)

    @router.get(LOGIN)
    def show(next: str = "/") -> Response:
        return form(next) if gate.has_token else _to("/")

    @router.post(LOGIN)
    def sign_in(
        request: Request,
        token: Annotated[str, Form(max_length=10_000)] = "",
        next: Annotated[str, Form()] = "/",
    ) -> Response:
        client = client_of(request.scope)
        if seconds := gate.throttle.wait_s(client):
            wrong = f"Too many wrong tokens. Try again in {seconds} s."
            return form(next, wrong, HTTPStatus.TOO_MANY_REQUESTS)
        if not gate.accepts(token.strip()):
            gate.throttle.failed(client)
            return form(next, "That is not this server's token.", HTTPStatus.UNAUTHORIZED)
        answer = _to(_local(next))
        answer.set_cookie(
            COOKIE,
            gate.session(),
            max_age=COOKIE_AGE_S,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    @router.post("/logout")
    def sign_out() -> Response:
        answer = _to(LOGIN)
        answer.delete_cookie(COOKIE)
        return answer


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def _local(path: str) -> str:
    """A path of this server; the overview for anything that may lead elsewhere."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else "/"
