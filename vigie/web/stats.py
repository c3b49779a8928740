"""The pages of analytics: how many incidents, how fast, how well kept; those behind a figure; a
month's summary.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from vigie.access import Permission, needs, viewing
from vigie.clock import Clock
from vigie.commands.errors import Invalid
from vigie.live import Board
from vigie.store.db import Database
from vigie.views import stats as views
from vigie.views.shape import Object, when
from vigie.views.stats import By, Every, Which
from vigie.web.render import Templates

HERE: Final = "/incidents/stats"
DAY_S: Final = 86_400.0
DAYS: Final = (7, 30, 90, 365)
SHOWN: Final = 50
_MOST: Final = 100_000
_BARS: Final = (600.0, 120.0)  # width and height of the series
Name = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
From = Annotated[AwareDatetime | None, Query(alias="from")]
Days = Annotated[int, Query(ge=1, le=1830)]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    hourly: float | None = None,
) -> None:
    """Before the page of one incident."""

    _add_figures(router, templates, board, db, clock, hourly)
    _add_behind(router, templates, board, db, clock)
    _add_summary(router, templates, board, db, clock, hourly)


def _add_figures(  # noqa: PLR0917 - what `add` is given
    router: APIRouter,
    templates: Templates,
    board: Board,
    db: Database,
    clock: Clock,
    hourly: float | None,
) -> None:
    @router.get(HERE)
    @needs(Permission.READ)
    def stats(  # noqa: PLR0917 - the filters
        days: Days = 90,
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
    ) -> Response:
        now = clock.now()
        given = (service, team, category, subcategory, priority, severity, cause, type)
        asked = _asked(now, None, None, given, days=days, by=by, every=every)
        people: dict[str, Any] = {"viewer": viewing(), "services": board.now.config.services}
        found = views.stats(db, asked, now, **people, hourly=hourly)
        return templates.page("incident_stats.html", now, _facts(found, asked, days, now))


def _add_behind(
    router: APIRouter, templates: Templates, board: Board, db: Database, clock: Clock
) -> None:
    @router.get(f"{HERE}/list")
    @needs(Permission.READ)
    def behind(  # noqa: PLR0917 - the filters
        start: From = None,
        to: AwareDatetime | None = None,
        which: Which = Which.ALL,
        service: Name = None,
        team: Name = None,
        category: Name = None,
        subcategory: Name = None,
        priority: Name = None,
        severity: Name = None,
        cause: Name = None,
        type: Name = None,
        cursor: Annotated[int, Query(ge=0, le=_MOST)] = 0,
    ) -> Response:
        now = clock.now()
        given = (service, team, category, subcategory, priority, severity, cause, type)
        asked = _asked(now, start, to, given)
        people: dict[str, Any] = {"viewer": viewing(), "services": board.now.config.services}
        found = views.behind(db, asked, now, which, **people, limit=SHOWN, cursor=cursor)
        link = views.link(asked, which)
        facts = {
            "behind": found,
            "only": _only(asked),
            "period": (when(asked.start), when(asked.end)),
            "more": f"{link}&cursor={found['next']}" if found["next"] else None,
            "here": f"{link}&cursor={cursor}",
        }
        return templates.page("incident_stats_list.html", now, facts)


def _add_summary(  # noqa: PLR0917 - what `add` is given
    router: APIRouter,
    templates: Templates,
    board: Board,
    db: Database,
    clock: Clock,
    hourly: float | None,
) -> None:
    @router.get(f"{HERE}/summary")
    @needs(Permission.READ)
    def summary(
        month: Annotated[str | None, Query(pattern=r"^[0-9]{4}-[0-9]{2}$")] = None,
    ) -> Response:
        now = clock.now()
        asked = month or _month(now)
        more: dict[str, Any] = {
            "viewer": viewing(),
            "services": board.now.config.services,
            "hourly": hourly,
        }
        try:
            found = views.summary(db, asked, now, **more)
        except views.Unanswerable as error:
            raise Invalid(str(error)) from error
        facts = {"summary": found, "here": f"{HERE}/summary?month={asked}"}
        return templates.page("incident_stats_summary.html", now, facts)


def _asked(
    now: float,
    start: datetime | None,
    to: datetime | None,
    given: tuple[str | None, ...],
    *,
    days: int = 90,
    by: By = By.SERVICE,
    every: Every | None = None,
) -> views.Asked:
    """What a page is asked; Invalid."""
    end = now if to is None else to.timestamp()
    since = end - days * DAY_S if start is None else start.timestamp()
    only = dict(zip((one.value for one in views.FILTERS), given, strict=True))
    try:
        return views.asked(now, since, end, by=by, every=every, only=only)
    except views.Unanswerable as error:
        raise Invalid(str(error)) from error


def _facts(found: Object, asked: views.Asked, days: int, now: float) -> Object:
    only = found["only"]
    kept = {"days": days, "by": found["by"], **only}
    shown = {
        "stats": found,
        "days": days,
        "spans": [(n, f"{HERE}?{urlencode({**kept, 'days': n})}") for n in DAYS],
        "dimensions": [(by.value, f"{HERE}?{urlencode({**kept, 'by': by.value})}") for by in By],
        "only": _only(asked),
        "everything": f"{HERE}?{urlencode({'days': days, 'by': found['by']})}",
        "bars": _bars(found["series"]),
        "links": {which.value: views.link(asked, which) for which in Which},
        "month": _month(now),
        "here": f"{HERE}?{urlencode(kept)}",
    }
    if asked.by in views.FILTERS:
        for group in found["groups"]:
            group["link"] = views.link(asked, Which.ALL, **{found["by"]: group["key"]})
    return shown


def _only(asked: views.Asked) -> list[str]:
    return [f"{by.value} {value or 'not set'}" for by, value in asked.only.items()]


def _bars(series: list[Object]) -> list[Object]:
    """One bar a step: where it stands and how high, in a drawing of _BARS."""
    width, height = _BARS
    most = max((step["count"] for step in series), default=0)
    if not most:
        return []
    each = width / len(series)
    tall = [height * step["count"] / most for step in series]
    return [
        {**step, "x": round(n * each, 2), "width": round(each * 0.8, 2), "y": round(height - h, 2),
         "height": round(h, 2)}
        for n, (step, h) in enumerate(zip(series, tall, strict=True))
    ]  # fmt: skip


def _month(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m")
