"""Analytics of incidents over HTTP: figures, the incidents behind them, the month's summary."""

from datetime import datetime
from enum import Enum, StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from vigie.access import Permission, needs, viewing
from vigie.api import stats_schemas as schemas
from vigie.api.reads import Limit, Name, ready_json, shown
from vigie.clock import Clock
from vigie.commands.errors import Invalid
from vigie.live import Board
from vigie.store.db import Database
from vigie.views import stats as views
from vigie.views.stats import By, Every, Which

_TAGS: Final[list[str | Enum]] = ["incidents"]
_MOST: Final = 100_000  # incidents before a page of those behind a figure
From = Annotated[AwareDatetime | None, Query(alias="from", description="default: 90 days before")]
To = Annotated[AwareDatetime | None, Query(description="default: now")]
Month = Annotated[str, Query(pattern=r"^[0-9]{4}-[0-9]{2}$", description="in UTC, e.g. 2026-11")]


class StatsFormat(StrEnum):
    """How figures are written."""

    JSON = "json"
    CSV = "csv"


class SummaryFormat(StrEnum):
    """How the summary of a month is written."""

    JSON = "json"
    MARKDOWN = "markdown"


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    hourly: float | None = None,
) -> None:
    """Before the routes of one incident. `hourly` is what an hour of a person costs."""
    _add_figures(router, board, db, clock, hourly)
    _add_behind(router, board, db, clock)
    _add_summary(router, board, db, clock, hourly)


def _add_figures(
    router: APIRouter, board: Board, db: Database, clock: Clock, hourly: float | None
) -> None:
    @router.get("/incidents/stats", tags=_TAGS, responses=_documents(schemas.Stats, "text/csv"))
    @needs(Permission.READ)
    def stats(  # noqa: PLR0917 - the filters
        start: From = None,
        to: To = None,
        by: By = By.SERVICE,
        every: Every | None = None,
        service: Name = None,
        team: Name = None,
        category: Name = None,
        subcategory: Name = None,
        priority: Name = None,
        severity: Name = None,
        cause: Name = None,
        type: Name = None,
        format: StatsFormat = StatsFormat.JSON,
    ) -> Response:
        """Figures of the incidents opened in a period: all, by one dimension, over time."""
        given = (service, team, category, subcategory, priority, severity, cause, type)
        asked = question(clock.now(), start, to, given, by=by, every=every)
        services = board.now.config.services
        found = views.stats(
            db, asked, clock.now(), viewer=viewing(), services=services, hourly=hourly
        )
        if format is StatsFormat.JSON:
            return ready_json(found)
        return document(views.as_csv(found), "incident-stats.csv", "text/csv; charset=utf-8")


def _add_behind(router: APIRouter, board: Board, db: Database, clock: Clock) -> None:
    @router.get("/incidents/stats/list", tags=_TAGS, responses=shown(schemas.Behind))
    @needs(Permission.READ)
    def behind(  # noqa: PLR0917 - the filters
        start: From = None,
        to: To = None,
        which: Which = Which.ALL,
        service: Name = None,
        team: Name = None,
        category: Name = None,
        subcategory: Name = None,
        priority: Name = None,
        severity: Name = None,
        cause: Name = None,
        type: Name = None,
        limit: Limit = 50,
        cursor: Annotated[int, Query(ge=0, le=_MOST)] = 0,
    ) -> Response:
        """The incidents behind a figure, the worst first."""
        given = (service, team, category, subcategory, priority, severity, cause, type)
        asked = question(clock.now(), start, to, given)
        more: dict[str, Any] = {"viewer": viewing(), "services": board.now.config.services}
        more |= {"limit": limit, "cursor": cursor}
        return ready_json(views.behind(db, asked, clock.now(), which, **more))


def _add_summary(
    router: APIRouter, board: Board, db: Database, clock: Clock, hourly: float | None
) -> None:
    @router.get(
        "/incidents/stats/summary",
        tags=_TAGS,
        responses=_documents(schemas.Summary, "text/markdown"),
    )
    @needs(Permission.READ)
    def summary(month: Month, format: SummaryFormat = SummaryFormat.JSON) -> Response:
        """A month beside the one before: what got worse, and what to improve."""
        people = {"viewer": viewing(), "services": board.now.config.services}
        found = of_month(db, month, clock.now(), **people, hourly=hourly)
        if format is SummaryFormat.JSON:
            return ready_json(found)
        name, media = f"incidents-{month}.md", "text/markdown; charset=utf-8"
        return document(views.as_markdown(found), name, media)


def question(
    now: float,
    start: datetime | None,
    to: datetime | None,
    given: tuple[str | None, ...],
    *,
    by: By = By.SERVICE,
    every: Every | None = None,
) -> views.Asked:
    """What a request asks; `given` are its filters in the order of FILTERS. Invalid."""
    times = (None if at is None else at.timestamp() for at in (start, to))
    only = dict(zip((one.value for one in views.FILTERS), given, strict=True))
    try:
        return views.asked(now, *times, by=by, every=every, only=only)
    except views.Unanswerable as error:
        raise Invalid(str(error)) from error


def of_month(db: Database, month: str, now: float, **more: Any) -> dict[str, Any]:
    """The summary of a month. Invalid: there is none."""
    try:
        return views.summary(db, month, now, **more)
    except views.Unanswerable as error:
        raise Invalid(str(error)) from error


def document(text: str, name: str, media: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, headers=headers, media_type=media)


def _documents(shape: type[Any], other: str) -> dict[int | str, dict[str, Any]]:
    found = shown(shape)
    found[200]["content"] = {other: {}}
    return found
