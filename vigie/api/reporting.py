"""What opens an incident: what a person says through the API, and an e-mail that a relay posts."""

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from collectors import keys
from collectors.changes import EMAIL
from incidents.mail import MAX_BYTES
from incidents.model import Severity, Urgency
from vigie.access import Permission, needs, problem, viewing
from vigie.api import schemas
from vigie.api.incident_schemas import WholeIncident
from vigie.api.reads import ready_json, shown, whole_incident
from vigie.api.writes import Body, IdempotencyKey
from vigie.clock import Clock
from vigie.commands import mail
from vigie.commands.errors import TooLarge
from vigie.commands.reporting import TYPE, Report, report
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database
from vigie.views.reporting import open_beside

WITHIN_S: Final = 60.0  # in which a message has to come
_TAGS: Final[dict[str, Any]] = {"tags": ["incidents"]}
_SENT: Final = {
    "requestBody": {
        "required": True,
        "content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Key = Annotated[str, Path(max_length=keys.MAX_LENGTH, description="The integration's key")]
Scalar = str | int | float | bool | None


class Reported(Body):
    """What is known; only `title` must be. Times are RFC 3339, `requester` is for whom it is."""

    title: str
    description: str = ""
    service: str = ""
    affected: list[str] = Field(default_factory=list)
    type: str = TYPE
    category: str | None = None
    subcategory: str | None = None
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"] | None = None
    urgency: Literal["high", "low"] | None = None
    users_affected: Annotated[int | None, Field(strict=True)] = None
    started_at: str | None = None
    reported_at: str | None = None
    requester: str = ""
    fields: dict[str, Scalar] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    restricted: bool = False

    def said(self) -> Report:
        given = self.model_dump(exclude={"actor", "affected", "severity", "urgency"})
        return Report(
            **given,
            affected=tuple(self.affected),
            severity=None if self.severity is None else Severity[self.severity],
            urgency=None if self.urgency is None else Urgency(self.urgency),
        )


class Beside(schemas.Shape):
    """An incident that is open on the same service: is it that one?"""

    number: int
    title: str
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"]
    priority: Literal["P1", "P2", "P3", "P4", "P5"]
    state: str
    opened_at: schemas.Time
    url: str


class Opened(WholeIncident):
    """The incident, and what else is open on its service."""

    open_beside: list[Beside]


class Taken(schemas.Shape):
    """What came of an e-mail: the incident that it opened or was added to, or why neither."""

    what: Literal["opened", "commented", "ignored"]
    incident: int | None
    reason: str | None


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
    """The routes; keep `problems.BodyLimit` off what `is_mail` names."""

    @router.post(
        "/incidents",
        status_code=HTTPStatus.CREATED,
        responses=shown(Opened, HTTPStatus.CREATED),
        **_TAGS,
    )
    @needs(Permission.REPORT)
    def open_one(body: Reported, idempotency_key: IdempotencyKey = None) -> Response:
        """Report an incident. `open_beside` says what is open on its service already."""
        asked: dict[str, Any] = {"actor": body.actor, "now": clock.now(), "key": idempotency_key}
        opened = report(db, board.now.config, body.said(), **asked, viewer=viewing())
        number = int(opened["number"])
        feed.publish(Change("incident", number))
        wake()
        whole = whole_incident(board, db, number, collected)
        viewer = viewing()
        whole["open_beside"] = open_beside(db, whole["service"], viewer=viewer, besides=number)
        return ready_json(whole, HTTPStatus.CREATED)

    @router.post(f"/hooks/{EMAIL}/{{key}}", responses=shown(Taken), openapi_extra=_SENT, **_TAGS)
    @needs(None)  # the key opens it
    async def take(key: Key, request: Request) -> Response:
        """Take one e-mail (RFC 5322): it opens an incident, or is added to the one it answers."""
        found = board.now.config.integrations.values()
        integration = keys.find(key, ((one, one.key) for one in found if one.type == EMAIL))
        if integration is None:
            return problem(HTTPStatus.NOT_FOUND, "No integration of this type has this key.")
        content, config = await _content(request), board.now.config
        taken = await run_in_threadpool(mail.take, db, config, integration, content, clock.now())
        if taken.number is not None:
            feed.publish(Change("incident", taken.number))
            wake()
        said = {"what": taken.what, "incident": taken.number, "reason": taken.reason}
        return ready_json(said)


def is_mail(path: str) -> bool:
    """Whether bodies that are sent here have the limit of this module."""
    return path.startswith(f"/api/v1/hooks/{EMAIL}/")


async def _content(request: Request) -> bytes:
    """The body. TooLarge once more came than is taken; HTTPException where it never ends."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_BYTES:
        raise _too_large()
    content = bytearray()
    try:
        async with asyncio.timeout(WITHIN_S), contextlib.aclosing(request.stream()) as parts:
            async for part in parts:
                content += part
                if len(content) > MAX_BYTES:
                    raise _too_large()
    except TimeoutError:
        detail = f"The e-mail did not come in {WITHIN_S:.0f} s."
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail) from None
    except ClientDisconnect:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The sender hung up.") from None
    return bytes(content)


def _too_large() -> TooLarge:
    return TooLarge(f"The e-mail is too large: at most {MAX_BYTES} bytes are taken.")
