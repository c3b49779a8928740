"""What is known already: search in incidents and problems, and incidents like one."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from incidents.model import IncidentState
from incidents.problems import ProblemState
from incidents.search import MAX_QUERY
from vigie.access import Permission, needs, viewing
from vigie.api import schemas
from vigie.api.reads import Name, Number, no_incident, ready_json, shown
from vigie.store.db import Database
from vigie.store.search import RANKED, Filters
from vigie.views import search as views
from vigie.views import similar
from vigie.views.search import Of

Typed = Annotated[str, Query(max_length=MAX_QUERY, description='Words, "phrases", -not, begin*')]
Offset = Annotated[int, Query(ge=0, le=RANKED, description="`next` of the page before")]
Most = Annotated[int, Query(ge=1, le=100)]
Start = Annotated[AwareDatetime | None, Query(alias="from", description="opened from then on")]
End = Annotated[AwareDatetime | None, Query(description="opened before then")]
Severity = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
State = Literal["open"] | IncidentState | ProblemState


class Snippet(schemas.Shape):
    """A piece of text as it was written, and where the words that were sought stand in it: pairs of
    start and end, in characters.
    """

    text: str
    marks: list[list[int]]


class Hit(schemas.Shape):
    """An incident or a problem; `answer` is its resolution, its fix or its workaround."""

    kind: Literal["incident", "problem"]
    number: int
    title: str
    state: str
    severity: Severity | None
    service: str
    cause: str | None
    answer: str | None
    at: schemas.Time
    url: str
    score: float
    snippet: Snippet


class Alike(schemas.Shape):
    """An earlier incident; `words` say why it is like this one, when it was and what ended it."""

    number: int
    url: str
    title: str
    state: str
    severity: Severity
    service: str
    opened_at: schemas.Time
    resolved_at: schemas.Time | None
    cause: str | None
    resolution: str | None
    runbook: str | None
    score: float
    reasons: list[str]
    words: str


class KnownError(schemas.Shape):
    number: int
    url: str
    title: str
    workaround: str
    words: str


class Similar(schemas.Listing[Alike]):
    """`known_errors` of its service or cause come before earlier incidents."""

    known_errors: list[KnownError]


def add(router: APIRouter, *, db: Database) -> None:
    tags: Any = ["knowledge"]

    @router.get("/search", tags=tags, responses=shown(schemas.Listing[Hit]))
    @needs(Permission.READ)
    def search(  # noqa: PLR0917 - the filters
        q: Typed,
        of: Of = Of.ALL,
        service: Name = None,
        category: Name = None,
        cause: Name = None,
        severity: Severity | None = None,
        state: State | None = None,
        start: Start = None,
        to: End = None,
        cursor: Offset = 0,
        limit: Most = 20,
    ) -> Response:
        """What fits best in incidents, their final reviews, and problems."""
        filters = Filters(
            service=service,
            category=category,
            cause=cause,
            severity=None if severity is None else int(severity.removeprefix("SEV")),
            state=state,
            start=None if start is None else start.timestamp(),
            end=None if to is None else to.timestamp(),
        )
        asked: dict[str, Any] = {"of": of, "offset": cursor, "limit": limit}
        return ready_json(views.found(db, q, filters, **asked, viewer=viewing()))

    @router.get("/incidents/{number}/similar", tags=tags, responses=shown(Similar))
    @needs(Permission.READ)
    def alike(number: Number) -> Response:
        """Known errors, and the five earlier incidents that are most like it, with the reasons."""
        found = similar.of_incident(db, number, viewer=viewing())
        if found is None:
            raise no_incident(number)
        return ready_json(found)
