"""Who asks; signing in and out without a page."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, SecretStr, StringConstraints
from starlette.responses import Response

from vigie.access import COOKIE, Gate, Identity, Permission, Role, client_of, current, needs
from vigie.access.gate import session_in
from vigie.access.signing_in import SignIn, sign_out
from vigie.api import schemas
from vigie.api.reads import ready_json, shown
from vigie.clock import Clock
from vigie.commands.errors import Conflict
from vigie.store.db import Database
from vigie.views.shape import Object

_TAGS: Final[dict[str, Any]] = {"tags": ["access"]}


class Me(schemas.Shape):
    """Who asks. `name` is what is recorded as actor, empty where a write names its actor itself;
    `csrf` goes along in `X-CSRF-Token` with the writes of a browser that is signed in.
    """

    kind: Literal["anyone", "shared token", "person", "guest", "token", "nobody"]
    name: str
    role: Role | None
    permissions: list[Permission]
    must_change_password: bool
    csrf: str | None


class Credentials(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    name: Annotated[str, StringConstraints(max_length=100)]
    password: SecretStr


def add(router: APIRouter, *, gate: Gate, db: Database, clock: Clock) -> None:
    people = SignIn(gate, db)

    @router.get("/me", **_TAGS, responses=shown(Me))
    @needs(None)
    def me() -> Response:
        """Who you are to this server, and what you may do."""
        return ready_json(_shown(current()))

    @router.post("/session", **_TAGS, responses=shown(Me))
    @needs(None)
    def enter(request: Request, body: Credentials) -> Response:
        """Sign in: a cookie proves it from then on, and writes need `csrf` too."""
        if not gate.has_users:
            raise Conflict("nobody signs in here: there are no users; `vigie user add` makes one")
        before = session_in(request.headers.get("cookie", ""))
        client, password = client_of(request.scope), body.password.get_secret_value()
        began = people.enter(client, body.name, password, clock.now(), before)
        answer = ready_json(_shown(began.who))
        answer.set_cookie(
            COOKIE,
            began.secret,
            max_age=round(began.lasts_s),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    @router.delete("/session", **_TAGS, status_code=HTTPStatus.NO_CONTENT, response_class=Response)
    @needs(None)
    def leave() -> Response:
        """Sign out."""
        sign_out(db, current())
        answer = Response(status_code=HTTPStatus.NO_CONTENT)
        answer.delete_cookie(COOKIE)
        return answer


def _shown(who: Identity) -> Object:
    return {
        "kind": who.kind,
        "name": who.name,
        "role": who.role,
        "permissions": sorted(who.permissions & who.within),
        "must_change_password": who.must_change,
        "csrf": who.csrf,
    }
