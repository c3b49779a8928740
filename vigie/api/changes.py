"""Changes over HTTP: told by pipelines and people, listed by time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from starlette.responses import Response

from collectors.changes import API, MAX_LABELS, MAX_SERVICES, Change, Kind, Status, has_ended
from collectors.changes_payload import MAX_TITLE, MAX_URL, MAX_WORD, is_link
from vigie.access import Permission, acting, needs
from vigie.api import schemas
from vigie.api.reads import MAX_NUMBER, Limit, Name, ready_json, shown
from vigie.api.writes import IdempotencyKey
from vigie.clock import Clock
from vigie.commands import changes as commands
from vigie.commands.errors import NotFound
from vigie.store.db import Database
from vigie.views import changes as views

_TAGS: Final[dict[str, Any]] = {"tags": ["changes"]}
Number = Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The change's number")]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9]{1,15}(\.[0-9]{1,20})?_[0-9]{1,15}$",
        description="`next` of the page before",
    ),
]


def _shows(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be shown")
    return text


def _leads(url: str) -> str:
    if not is_link(url):
        raise ValueError("it is no http:// or https:// address")
    return url


def _line(longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=1, max_length=longest)


Word = Annotated[str, _line(MAX_WORD), AfterValidator(_shows)]
Title = Annotated[str, _line(MAX_TITLE), AfterValidator(_shows)]
Url = Annotated[str, _line(MAX_URL), AfterValidator(_leads), AfterValidator(_shows)]


ChangeShown = schemas.Change


class NewChange(BaseModel):
    """What changed. `id` is yours: told again, the same change is brought forward. Without times it
    began now; without a status it succeeded.
    """

    model_config = ConfigDict(extra="forbid")

    title: Title
    service: Word | None = None
    services: Annotated[list[Word], Field(max_length=MAX_SERVICES)] = []
    kind: Kind = Kind.DEPLOY
    status: Status = Status.SUCCEEDED
    id: Word | None = None
    version: Word | None = None
    actor: Word | None = None
    url: Url | None = None
    environment: Word | None = None
    labels: Annotated[dict[Word, Word], Field(max_length=MAX_LABELS)] = {}
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "NewChange":
        if (self.service is None) == (not self.services):
            raise ValueError("name the `service`, or several in `services`")
        return self

    def told(self, key: str | None, now: float) -> Change:
        """The change; `key` stands in for an id that is not given."""
        finished = self.finished_at.timestamp() if self.finished_at is not None else None
        started = self.started_at.timestamp() if self.started_at is not None else None
        if finished is None and has_ended(self.status):
            finished = now if started is None else max(now, started)
        services = [self.service] if self.service is not None else self.services
        return Change(
            source=API,
            id=self.id if self.id is not None or key is None else f"key:{key}",
            title=self.title,
            kind=self.kind,
            status=self.status,
            started_at=min(now, finished or now) if started is None else started,
            stated_at=now,
            finished_at=finished,
            services=tuple(dict.fromkeys(services)),
            version=self.version or "",
            actor=self.actor or "",
            url=self.url or "",
            environment=self.environment or "",
            labels=self.labels,
        )


def add(
    router: APIRouter,
    *,
    services: Callable[[], Mapping[str, object]],
    db: Database,
    clock: Clock,
    told: Callable[[], None] = lambda: None,
) -> None:
    """`services` are those that there are, by name; `told` is called once a change is recorded."""
    _add_reads(router, db)

    @router.post(
        "/changes",
        **_TAGS,
        status_code=HTTPStatus.CREATED,
        responses={**shown(ChangeShown), **shown(ChangeShown, HTTPStatus.CREATED)},
    )
    @needs(Permission.SEND)
    def tell(body: NewChange, idempotency_key: IdempotencyKey = None) -> Response:
        """Tell of a change: 201 when it is new, 200 when it was told before."""
        now = clock.now()
        actor = acting(body.actor or "", for_others=True)
        change = replace(body.told(idempotency_key, now), actor=actor)
        stored, is_new = commands.report(db, services(), change, now)
        told()
        return ready_json(views.shown(stored), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


def _add_reads(router: APIRouter, db: Database) -> None:
    @router.get("/changes", **_TAGS, responses=shown(schemas.Listing[ChangeShown]))
    @needs(Permission.READ)
    def listed(
        service: Name = None,
        start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        to: AwareDatetime | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Changes that were under way between `from` and `to`, newest first."""
        return ready_json(
            views.changes(
                db,
                None if start is None else start.timestamp(),
                None if to is None else to.timestamp(),
                service=service,
                cursor=cursor,
                limit=limit,
            )
        )

    @router.get("/changes/{number}", **_TAGS, responses=shown(ChangeShown))
    @needs(Permission.READ)
    def one(number: Number) -> Response:
        """One change."""
        found = views.change(db, number)
        if found is None:
            raise NotFound(f"There is no change {number}; /api/v1/changes lists them.")
        return ready_json(found)
