"""External parties over HTTP: invited, listed, shown out."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from pydantic import AfterValidator, StringConstraints
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from slo import windows
from vigie.access import GUEST, NOT_SAID, Permission, acting, needs
from vigie.api import schemas
from vigie.api.people import Name
from vigie.api.people_schemas import Guest, Invited
from vigie.api.reads import MAX_NUMBER, Number, no_incident, ready_json, shown
from vigie.api.writes import Body
from vigie.clock import Clock
from vigie.commands import guests as commands
from vigie.live import Board, Change, Feed
from vigie.store import guests as store
from vigie.store import incidents
from vigie.store.db import Database
from vigie.views import people as views
from vigie.views.shape import listing

_TAGS: Final[dict[str, Any]] = {"tags": ["incidents"]}
GuestId = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The guest's id")]


def _duration(text: str) -> str:
    windows.parse(text)
    return text


class NewGuest(Body):
    """Whom to let in, as what and for how long (at most 30d)."""

    name: Name
    role: Literal["viewer", "responder"] = "viewer"
    expires_in: Annotated[str, StringConstraints(max_length=40), AfterValidator(_duration)] = (
        windows.show(commands.DEFAULT_S)
    )


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    def happened(number: int) -> None:
        feed.publish(Change("incident", number))
        wake()

    _add_end(router, board, db, clock, happened)

    @router.get("/incidents/{number}/guests", **_TAGS, responses=shown(schemas.Listing[Guest]))
    @needs(Permission.READ)
    def listed(number: Number) -> Response:
        """Every guest, oldest first, also those whose links are over."""

        def read(c: Connection) -> list[store.Guest] | None:
            there = incidents.get(c, number) is not None
            return store.of_incident(c, number) if there else None

        found = db.read(read)
        if found is None:
            raise no_incident(number)
        return ready_json(listing([views.guest(one) for one in found]))

    @router.post(
        "/incidents/{number}/guests",
        **_TAGS,
        status_code=HTTPStatus.CREATED,
        responses=shown(Invited, HTTPStatus.CREATED),
    )
    @needs(Permission.RESPOND, on_incident=True)
    def invite(request: Request, number: Number, body: NewGuest) -> Response:
        """Let an external party in to this one incident. What the link holds is in this answer and
        nowhere else; `token` opens the same as `Authorization: Bearer`.
        """
        made, secret = commands.invite(
            db,
            board.now.config,
            number,
            body.name,
            body.role,
            windows.parse(body.expires_in),
            actor=body.actor,
            now=clock.now(),
        )
        happened(number)
        # The address by which this client reaches the server is one that opens.
        url = f"{str(request.base_url).rstrip('/')}{GUEST}{secret}"
        facts = views.guest(made) | {"url": url, "token": secret}
        return ready_json(facts, HTTPStatus.CREATED)


def _add_end(
    router: APIRouter,
    board: Board,
    db: Database,
    clock: Clock,
    happened: Callable[[int], None],
) -> None:
    @router.delete("/incidents/{number}/guests/{guest}", **_TAGS, responses=shown(Guest))
    @needs(Permission.RESPOND, on_incident=True)
    def revoke(number: Number, guest: GuestId) -> Response:
        """End a link at once; it stays in the list as revoked."""
        config, who = board.now.config, acting(NOT_SAID)
        ended = commands.revoke(db, config, number, guest, actor=who, now=clock.now())
        happened(number)
        return ready_json(views.guest(ended))
