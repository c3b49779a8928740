"""Files of incidents: sent, listed, fetched, removed."""

import asyncio
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from incidents.attachments import IMAGES, ascii_name
from vigie.access import Permission, Role, acting, needs
from vigie.access.identity import NOT_SAID
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, Number, no_incident, ready_json, shown
from vigie.api.writes import Actor, Body, IdempotencyKey, Reason
from vigie.clock import Clock
from vigie.commands import attachments as commands
from vigie.live import Change, Feed
from vigie.store import attachments as store
from vigie.store.db import Database
from vigie.uploads import UploadRoute, Uploads
from vigie.views import attachments as views
from vigie.views.shape import Object

Id = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The attachment's id")]
_PIECE: Final = 16  # chunks: 1 MiB
_TAGS: Final[dict[str, Any]] = {"tags": ["attachments"]}
_ANY: Final = {"schema": {"type": "string", "format": "binary"}}
_SENT: Final = {  # how OpenAPI describes the body, which is read without being parsed
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": _ANY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _ANY["schema"], "actor": {"type": "string"}},
                    "required": ["file"],
                }
            },
        },
    }
}


class Attachment(schemas.Shape):
    """A file. `size` and `sha256` are of what is kept; `sent_size` is what came, `redacted` what
    was taken out of it, by kind. Once it is removed `url` is null.
    """

    id: int
    name: str
    media_type: str
    size: int
    sha256: str
    is_image: bool
    sent_size: int
    redacted: dict[str, int]
    summary: Object | None = Field(description="Of a HAR: its failing and slow requests")
    uploaded_at: schemas.Time
    uploaded_by: str
    removed_at: schemas.Time | None
    removed_by: str | None
    removed_for: str | None
    url: str | None


class Removal(Body):
    """Who takes it away, and why."""

    reason: Reason


def add(router: APIRouter, *, db: Database, clock: Clock, feed: Feed) -> None:
    """The routes; keep `problems.BodyLimit` off what `uploads.is_upload` names."""
    _add_upload(router, db, clock, feed)

    @router.get(
        "/incidents/{number}/attachments", responses=shown(schemas.Listing[Attachment]), **_TAGS
    )
    @needs(Permission.READ, on_incident=True, guests=Role.VIEWER)
    def listed(number: Number) -> Response:
        """Every file of an incident, oldest first; those that were removed say so."""
        found = views.of_incident(db, number)
        if found is None:
            raise no_incident(number)
        return ready_json(found)

    @router.get(
        "/incidents/{number}/attachments/{id}",
        response_class=Response,
        responses={200: {"content": {"*/*": _ANY}, "description": "The file"}},
        **_TAGS,
    )
    @needs(Permission.READ, on_incident=True, guests=Role.VIEWER)
    def content(number: Number, id: Id, request: Request) -> Response:
        """The file. A browser shows images; everything else it saves, and runs nothing."""
        return served(db, commands.find(db, number, id), request)

    @router.delete("/incidents/{number}/attachments/{id}", responses=shown(Attachment), **_TAGS)
    @needs(Permission.RESPOND, on_incident=True)
    def remove(number: Number, id: Id, body: Removal) -> Response:
        """Take a file away. That it was there stays, its bytes don't; again changes nothing."""
        said = {"actor": body.actor, "reason": body.reason}
        row = commands.remove(db, number, id, **said, now=clock.now())
        feed.publish(Change("incident", number))
        return ready_json(views.shown(row))


def _add_upload(router: APIRouter, db: Database, clock: Clock, feed: Feed) -> None:
    uploads, own = Uploads(), APIRouter(route_class=UploadRoute)

    @own.post(
        "/incidents/{number}/attachments",
        status_code=HTTPStatus.CREATED,
        responses=shown(Attachment, HTTPStatus.CREATED),
        openapi_extra=_SENT,
        **_TAGS,
    )
    @needs(Permission.RESPOND, on_incident=True)
    async def attach(
        request: Request,
        number: Number,
        name: Annotated[str, Query(max_length=1_000)] = "",  # noqa: ARG001 - read with the body
        actor: Annotated[Actor, Query()] = NOT_SAID,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Add a file: as the body, with its `name`, or as `file` of a form. Of a HAR only what is
        safe is kept.
        """
        if await asyncio.to_thread(views.of_incident, db, number) is None:
            raise no_incident(number)  # before megabytes are read
        async with uploads.reading(request) as sent:
            row = await asyncio.to_thread(
                commands.attach,
                db,
                number,
                name=sent.name,
                content=sent.content,
                actor=acting(sent.fields.get("actor") or actor),
                now=clock.now(),
                key=idempotency_key,
            )
        feed.publish(Change("incident", number))
        return ready_json(views.shown(row), HTTPStatus.CREATED)

    router.include_router(own)


def served(db: Database, row: store.Row, request: Request) -> Response:
    """A file as a browser may have it: an image that still begins as one is shown, all else saved;
    whatever it is, it is taken for nothing else, and a page made of it runs nothing.
    """
    etag = f'"{row["sha256"]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    pieces = _pieces(db, row)
    first = next(pieces, b"")
    media_type, how = _shown_as(row["media_type"], first)
    headers["Content-Length"] = str(row["size"])
    headers["Content-Disposition"] = _disposition(how, row["name"])
    return StreamingResponse(_all(first, pieces), HTTPStatus.OK, headers, media_type)


def _pieces(db: Database, row: store.Row) -> Iterator[bytes]:
    """The bytes, a megabyte at a time, each read by itself: what stands under a hash is always the
    same. RuntimeError: they were removed meanwhile, and the answer is cut off.
    """
    left, at = row["size"], 0
    while left:
        piece = db.read(partial(store.piece, digest=row["sha256"], first=at, count=_PIECE))
        if not piece:
            raise RuntimeError(f"attachment {row['id']} was removed while it was sent")
        left, at = left - len(piece), at + _PIECE
        yield piece


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _shown_as(media_type: str, first: bytes) -> tuple[str, Literal["inline", "attachment"]]:
    if media_type in IMAGES:
        if first.startswith(IMAGES[media_type]):
            return media_type, "inline"
        return "application/octet-stream", "attachment"
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    return media_type + charset, "attachment"


def _disposition(how: str, name: str) -> str:
    """RFC 6266: the name twice, for old readers and for all; the store holds none with quotes or
    line ends.
    """
    return f"{how}; filename=\"{ascii_name(name)}\"; filename*=UTF-8''{quote(name, safe='')}"
