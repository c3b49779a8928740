"""What incidents are connected with; merging them, and taking them apart again."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from incidents.links import MAX_TITLE, MAX_URL, LinkKind
from incidents.model import Severity
from vigie.access import Permission, needs, viewing
from vigie.api import schemas
from vigie.api.incident_schemas import WholeIncident
from vigie.api.reads import MAX_NUMBER, Number, no_incident, ready_json, shown, whole_incident
from vigie.api.writes import Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import links as commands
from vigie.commands import merge as merging
from vigie.commands import splitting
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database
from vigie.views import links as views

Id = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The link's id")]
Other = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
_Name = Annotated[str, Field(max_length=MAX_TITLE, pattern=r"^[^\x00]*$")]


class Link(schemas.Shape):
    """A link as seen from this incident: `words` says what the other is to it. `incident` is null
    where it leads to none, `url` where there is no address.
    """

    id: int
    kind: LinkKind
    words: str
    incident: int | None
    ref: str
    title: str
    url: str | None
    state: str | None
    added_at: schemas.Time
    added_by: str


class Links(schemas.Listing[Link]):
    """`merged` are the numbers of the incidents that were merged into this one."""

    merged: list[int]


class NewLink(Body):
    """`to` is the number of an incident, a change or a run, a trace id, or the URL of a ticket."""

    kind: LinkKind
    to: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | Annotated[str, Field(max_length=MAX_URL)]
    title: _Name = ""


class Merge(Body):
    """`duplicate` also links it as a duplicate of the other."""

    into: Other
    reason: Reason
    duplicate: bool = False


class Split(Body):
    """With a `title` a new incident is opened out of this one; without, this one is merged, and
    goes on by itself again.
    """

    reason: Reason
    title: _Name | None = None
    service: _Name | None = None
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"] | None = None
    entries: Annotated[tuple[Other, ...], Field(max_length=splitting.MOST_ENTRIES)] = ()


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    wake: Callable[[], None],
) -> None:
    of: dict[str, Any] = {"tags": ["links"], "responses": shown(WholeIncident)}

    def done(number: int, *others: int | None) -> Response:
        for one in (number, *others):
            if one is not None:
                feed.publish(Change("incident", one))
        wake()
        return ready_json(whole_incident(board, db, number, collected))

    _add_links(router, board=board, db=db, clock=clock, done=done, collected=collected)

    @router.post("/incidents/{number}/merge", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def merge(number: Number, body: Merge, idempotency_key: IdempotencyKey = None) -> Response:
        """End it, because another one is about the same and goes on for both."""
        said: dict[str, Any] = {
            "reason": body.reason,
            "actor": body.actor,
            "duplicate": body.duplicate,
        }
        about: dict[str, Any] = {"viewer": viewing(), "now": clock.now(), "key": idempotency_key}
        merging.merge(db, board.now.config, number, body.into, **said, **about)
        return done(number, body.into)

    @router.post("/incidents/{number}/split", **of)
    @needs(Permission.RESPOND, on_incident=True)
    def split(number: Number, body: Split, idempotency_key: IdempotencyKey = None) -> Response:
        """Make a new incident out of it, or undo its merge; the answer is the one that goes on."""
        said: dict[str, Any] = {"reason": body.reason, "actor": body.actor}
        about: dict[str, Any] = {"now": clock.now(), "key": idempotency_key}
        config = board.now.config
        if body.title is None:
            into = whole_incident(board, db, number, collected)["merged_into"]
            merging.unmerge(db, config, number, **said, **about)
            return done(number, into)
        severity = None if body.severity is None else Severity[body.severity]
        part = splitting.Part(body.title, body.service, severity, body.entries)
        new = splitting.split(db, config, number, part, **said, **about, viewer=viewing())
        return done(new["number"], number)


def _add_links(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    done: Callable[..., Response],
    collected: Collected,
) -> None:
    listing: dict[str, Any] = {"tags": ["links"], "responses": shown(Links)}

    def listed(number: int) -> Response:
        found = views.of_incident(db, number, viewer=viewing(), traces_url=collected.traces_url)
        if found is None:
            raise no_incident(number)
        return ready_json(found)

    @router.get("/incidents/{number}/links", **listing)
    @needs(Permission.READ, on_incident=True)
    def links(number: Number) -> Response:
        """What it is connected with; other incidents as far as one may see them."""
        return listed(number)

    @router.post("/incidents/{number}/links", **listing)
    @needs(Permission.RESPOND, on_incident=True)
    def link(number: Number, body: NewLink, idempotency_key: IdempotencyKey = None) -> Response:
        """Connect it with another incident, a change, a run, a trace or a ticket; all its links."""
        said: dict[str, Any] = {"to": str(body.to), "title": body.title, "actor": body.actor}
        about: dict[str, Any] = {"viewer": viewing(), "now": clock.now(), "key": idempotency_key}
        commands.link(db, board.now.config, number, body.kind, **said, **about)
        done(number)
        return listed(number)

    @router.delete("/incidents/{number}/links/{id}", **listing)
    @needs(Permission.RESPOND, on_incident=True)
    def unlink(
        number: Number, id: Id, body: Body | None = None, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Take a link away; the links that are left. Again changes nothing."""
        said: dict[str, Any] = {
            "actor": (body or Body()).actor,
            "now": clock.now(),
            "key": idempotency_key,
        }
        commands.unlink(db, board.now.config, number, id, **said)
        done(number)
        return listed(number)
