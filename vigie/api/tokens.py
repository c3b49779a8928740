"""Tokens of programs over HTTP: made, listed without what opens, revoked."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from starlette.responses import Response

from slo import windows
from vigie.access import NOT_SAID, Permission, Role, Scope, acting, current, needs
from vigie.access import tokens as access
from vigie.access.identity import Kind
from vigie.access.proofs import DEFAULT_TOKEN_S
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, Cursor, Limit, ready_json, shown
from vigie.clock import Clock
from vigie.store import tokens as store
from vigie.store.db import Database
from vigie.store.tokens import Token
from vigie.views.shape import Object, when

_TAGS: Final[dict[str, Any]] = {"tags": ["access"]}
Number = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The token's id")]


class TokenShown(schemas.Shape):
    """One token, without what opens. `user` is whose it is; null: of nobody."""

    id: int
    name: str
    user: str | None
    role: Role
    scope: Scope
    created_at: schemas.Time
    created_by: str
    expires_at: schemas.Time
    last_used_at: schemas.Time | None
    revoked_at: schemas.Time | None
    revoked_by: str | None


class WithSecret(TokenShown):
    """A token with what opens, which is shown this once."""

    token: str


def _duration(text: str) -> str:
    windows.parse(text)
    return text


class NewToken(BaseModel):
    """What a token is for. `user` is whose it is, by default yours; it never may more than they."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
    role: Role
    scope: Scope = Scope.ALL
    expires_in: Annotated[str, StringConstraints(max_length=40), AfterValidator(_duration)] = (
        windows.show(DEFAULT_TOKEN_S)
    )
    user: Annotated[str, StringConstraints(max_length=100)] | None = None


def add(router: APIRouter, *, db: Database, clock: Clock) -> None:
    @router.get("/tokens", **_TAGS, responses=shown(schemas.Listing[TokenShown]))
    @needs(Permission.ADMINISTER)
    def listed(cursor: Cursor = None, limit: Limit = 100) -> Response:
        """Tokens, newest first, also those that are over."""
        found = db.read(lambda c: store.page(c, before=cursor, limit=limit))
        following = found[-1].id if len(found) == limit else None
        return ready_json({"items": [_shown(token) for token in found], "next": following})

    @router.post(
        "/tokens",
        **_TAGS,
        status_code=HTTPStatus.CREATED,
        responses=shown(WithSecret, HTTPStatus.CREATED),
    )
    @needs(Permission.ADMINISTER)
    def make(body: NewToken) -> Response:
        """Make a token; what opens is in this answer and nowhere else."""
        who = current()
        owner = body.user or (who.name if who.kind is Kind.PERSON else None)
        made, secret = access.add(
            db,
            body.name,
            role=body.role,
            scope=body.scope,
            lasts_s=windows.parse(body.expires_in),
            user=owner,
            by=acting(NOT_SAID),
            now=clock.now(),
        )
        return ready_json(_shown(made) | {"token": secret}, HTTPStatus.CREATED)

    @router.delete("/tokens/{number}", **_TAGS, responses=shown(TokenShown))
    @needs(Permission.ADMINISTER)
    def revoke(number: Number) -> Response:
        """End a token at once; it stays in the list as revoked."""
        return ready_json(_shown(access.revoke(db, number, by=acting(NOT_SAID), now=clock.now())))


def _shown(token: Token) -> Object:
    return {
        "id": token.id,
        "name": token.name,
        "user": token.user,
        "role": token.role,
        "scope": token.scope,
        "created_at": when(token.created_at),
        "created_by": token.created_by,
        "expires_at": when(token.expires_at),
        "last_used_at": when(token.last_used_at),
        "revoked_at": when(token.revoked_at),
        "revoked_by": token.revoked_by,
    }
