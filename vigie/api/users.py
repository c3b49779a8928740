"""Users over HTTP: made, changed, disabled, given a right on one incident. None is deleted."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import Connection
from starlette.responses import Response

from vigie.access import NOT_SAID, Gate, Permission, Role, acting, needs
from vigie.access import users as access
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, ready_json, shown
from vigie.clock import Clock
from vigie.store import users as store
from vigie.store.db import Database
from vigie.store.users import User
from vigie.views.shape import Object, when

_TAGS: Final[dict[str, Any]] = {"tags": ["access"]}
Name = Annotated[str, Path(max_length=100, description="The user")]
Incident = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The incident's number")]
NewName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


class GrantShown(schemas.Shape):
    """A role on one incident, beside the one that a user has everywhere."""

    incident: int
    role: Role


class UserShown(schemas.Shape):
    """One user. `one_time_until` is set while the password is a one-time one, and ends then."""

    name: str
    role: Role
    grants: list[GrantShown]
    created_at: schemas.Time
    created_by: str
    disabled_at: schemas.Time | None
    one_time_until: schemas.Time | None


class WithPassword(UserShown):
    """A user with the one-time password, which is shown this once."""

    one_time_password: str


class NewUser(BaseModel):
    """Whom to make, and as what."""

    model_config = ConfigDict(extra="forbid")
    name: NewName
    role: Role = Role.RESPONDER


class ChangedUser(BaseModel):
    """What to change: another role, disabled or not."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    disabled: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> "ChangedUser":
        if self.role is None and self.disabled is None:
            raise ValueError("say what to change: `role` or `disabled`")
        return self


class NewGrant(BaseModel):
    """A role on one incident."""

    model_config = ConfigDict(extra="forbid")
    incident: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    role: Role


def add(router: APIRouter, *, gate: Gate, db: Database, clock: Clock) -> None:
    _add_grants(router, db, clock)

    @router.get("/users", **_TAGS, responses=shown(schemas.Listing[UserShown]))
    @needs(Permission.ADMINISTER)
    def listed() -> Response:
        """Every user by name."""
        return ready_json({"items": db.read(_every), "next": None})

    @router.post(
        "/users",
        **_TAGS,
        status_code=HTTPStatus.CREATED,
        responses=shown(WithPassword, HTTPStatus.CREATED),
    )
    @needs(Permission.ADMINISTER)
    def make(body: NewUser) -> Response:
        """Make a user, who signs in with the one-time password of this answer. The first one is an
        admin, and from then on everybody signs in.
        """
        who = acting(NOT_SAID)
        password = access.add(db, body.name, body.role, by=who, now=clock.now())
        if gate.accounts is not None:
            gate.accounts.in_force = True
        return _with_password(db, body.name, password, HTTPStatus.CREATED)

    @router.post("/users/{name}", **_TAGS, responses=shown(UserShown))
    @needs(Permission.ADMINISTER)
    def change(name: Name, body: ChangedUser) -> Response:
        """Change the role, disable or enable. Disabled users are signed out, and their tokens open
        nothing. Not for the last admin.
        """
        who, now = acting(NOT_SAID), clock.now()
        access.change(db, name, role=body.role, disabled=body.disabled, by=who, now=now)
        return ready_json(_one(db, name))

    @router.post("/users/{name}/password", **_TAGS, responses=shown(WithPassword))
    @needs(Permission.ADMINISTER)
    def reset(name: Name) -> Response:
        """A one-time password instead of their own, for who lost it; ends their sessions."""
        password = access.reset(db, name, by=acting(NOT_SAID), now=clock.now())
        return _with_password(db, name, password, HTTPStatus.OK)


def _add_grants(router: APIRouter, db: Database, clock: Clock) -> None:
    @router.post("/users/{name}/grants", **_TAGS, responses=shown(UserShown))
    @needs(Permission.ADMINISTER)
    def grant(name: Name, body: NewGrant) -> Response:
        """Give a role on one incident, instead of one that was given there before."""
        who, now = acting(NOT_SAID), clock.now()
        access.grant(db, name, body.incident, body.role, by=who, now=now)
        return ready_json(_one(db, name))

    @router.delete("/users/{name}/grants/{incident}", **_TAGS, responses=shown(UserShown))
    @needs(Permission.ADMINISTER)
    def take_back(name: Name, incident: Incident) -> Response:
        """Take a role on one incident back."""
        access.take_back(db, name, incident, by=acting(NOT_SAID))
        return ready_json(_one(db, name))


def _with_password(db: Database, name: str, password: str, status: int) -> Response:
    return ready_json(_one(db, name) | {"one_time_password": password}, status)


def _every(c: Connection) -> list[Object]:
    given = store.every_grant(c)
    return [_shown(user, given.get(user.id, ())) for user in store.every(c)]


def _one(db: Database, name: str) -> Object:
    def work(c: Connection) -> Object:
        user = access.get(c, name)
        return _shown(user, store.grants(c, user.id))

    return db.read(work)


def _shown(user: User, granted: tuple[store.Grant, ...]) -> Object:
    return {
        "name": user.name,
        "role": user.role,
        "grants": [{"incident": int(g.subject), "role": g.role} for g in granted],
        "created_at": when(user.created_at),
        "created_by": user.created_by,
        "disabled_at": when(user.disabled_at),
        "one_time_until": when(user.password_until),
    }
