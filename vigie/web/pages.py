"""The pages: overview, SLO, incidents. They work without JavaScript, and live with it."""

from typing import Annotated, Final, Literal
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, Cookie, Path, Query
from starlette.responses import RedirectResponse, Response

from incidents.search import MAX_QUERY
from vigie import views
from vigie.access import Permission, Role, current, needs, viewing
from vigie.access.identity import Kind
from vigie.access.requester import roles_on
from vigie.clock import Clock
from vigie.commands.errors import NotFound
from vigie.live import Board, Collected
from vigie.store.db import Database
from vigie.views import attachments, links, reviews, similar, tasks, updates
from vigie.views import history as past
from vigie.views.life import life
from vigie.views.shape import Object
from vigie.web import chart, guests
from vigie.web.answers import NAME_COOKIE
from vigie.web.fields import form_of
from vigie.web.render import Templates

MAX_NUMBER: Final = 2**53 - 1  # JSON numbers are exact to here, and every database's keys reach it
SLOS_SHOWN: Final = 100
INCIDENTS_SHOWN: Final = 50
EVENTS: Final = "/api/v1/events"

Number = Annotated[int, Path(ge=1, le=MAX_NUMBER)]
Cursor = Annotated[int | None, Query(ge=1, le=MAX_NUMBER)]
Range = Literal["1h", "6h", "1d", "3d", "30d"]
Name = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    collected: Collected,
) -> None:
    _add_figures(router, templates, board, db, clock)
    _add_incidents(router, templates, db, clock)
    _add_incident(router, templates, board=board, db=db, clock=clock, collected=collected)


def _add_figures(
    router: APIRouter, templates: Templates, board: Board, db: Database, clock: Clock
) -> None:
    @router.get("/")
    @needs(Permission.READ)
    def overview(all: bool = False) -> Response:
        facts = views.overview(board.now, db, viewer=viewing())
        facts |= {
            "headline": headline(facts),
            "alone": _without_incident(facts["broken"]),
            "shown_slos": facts["slos"] if all else facts["slos"][:SLOS_SHOWN],
            "here": "/?all=1" if all else "/",
            "events": EVENTS,
        }
        return templates.page("overview.html", clock.now(), facts)

    @router.get("/slos/{service}/{slo}")
    @needs(Permission.READ)
    def slo(service: str, slo: str, range: Range | None = None) -> Response:
        now = board.now
        found = views.slo(now, f"{service}/{slo}")
        if found is None:
            raise NotFound(f"There is no SLO `{service}/{slo}`; the overview lists them.")
        viewer = viewing()
        open_here = views.incidents(
            db, state="open", service=service, limit=INCIDENTS_SHOWN, viewer=viewer
        )
        shown = range or past.range_for(found)
        story = past.story(now, db, found["id"], shown, viewer=viewer)
        facts = {
            "slo": found,
            "incidents": [i for i in open_here["items"] if i["slo"] in ("", found["slo"])],
            "chart": None if story is None else chart.draw(story),
            "ranges": past.RANGES,
            "range": shown,
            "here": found["url"] + (f"?range={range}" if range else ""),
            "events": EVENTS,
        }
        return templates.page("slo.html", clock.now(), facts)


def headline(facts: Object) -> str:
    """The first thing that a reader of the overview wants to know."""
    broken = facts["broken"]
    if broken["incidents_total"]:
        return counted(broken["incidents_total"], "open incident")
    if broken["services"]:
        return counted(len(broken["services"]), "service") + " down"
    if broken["slos"]:
        return counted(len(broken["slos"]), "objective") + " in trouble"
    return "Nothing is broken" if facts["verdict"] == "ok" else "Vigie cannot tell"


def counted(count: int, what: str) -> str:
    """`1 service`, `2 services`."""
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _without_incident(broken: Object) -> list[Object]:
    """The SLOs in trouble that no open incident stands for."""
    covered = {(i["service"], i["slo"]) for i in broken["incidents"] or ()}
    return [
        slo
        for slo in broken["slos"]
        if not {(slo["service"], slo["slo"]), (slo["service"], "")} & covered
    ]


def _add_incidents(router: APIRouter, templates: Templates, db: Database, clock: Clock) -> None:
    @router.get("/incidents")
    @needs(Permission.READ)
    def page(
        state: Literal["open", "resolved", "all"] = "open",
        service: Name = None,
        cursor: Cursor = None,
        q: Annotated[str, Query(max_length=MAX_QUERY)] = "",
    ) -> Response:
        of_state = None if state == "all" else state
        if q.strip():
            only = {"q": q, "state": "" if of_state is None else of_state, "service": service or ""}
            return RedirectResponse(f"/knowledge?{urlencode({**only, 'of': 'incident'})}", 303)
        asked = {"state": state, "service": service, "cursor": cursor}
        listed = views.incidents(db, of_state, service, cursor, INCIDENTS_SHOWN, viewer=viewing())
        facts = {
            "incidents": listed["items"],
            "following": listed["next"],
            "state": state,
            "service": service,
            "here": f"/incidents?{urlencode({k: v for k, v in asked.items() if v})}",
            "events": EVENTS,
        }
        return templates.page("incidents.html", clock.now(), facts)


def _add_incident(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    collected: Collected,
) -> None:
    @router.get("/incidents/{number}")
    @needs(Permission.READ, guests=Role.VIEWER)
    def one(number: Number, name: Annotated[str, Cookie(alias=NAME_COOKIE)] = "") -> Response:
        now = board.now
        found = views.incident(db, now, number, collected)
        if found is None:
            raise NotFound(f"There is no incident {number}.")
        if current().kind is Kind.GUEST:
            files = attachments.of_incident(db, number) or {"items": []}
            work = tasks.of_incident(db, number, clock.now()) or {"items": []}
            return guests.page(templates, clock, found, files["items"], work["items"])
        story = past.story_of(now, db, found, viewer=viewing())
        facts = {
            "incident": found,
            "edit": form_of(now.config, found),
            "life": life(db, now.config, number, roles_on(number), clock.now()),
            "chart": None if story is None else chart.draw(story),
            "tasks": (tasks.of_incident(db, number, clock.now()) or {"items": []})["items"],
            "attachments": (attachments.of_incident(db, number) or {"items": []})["items"],
            "updates": updates.page(db, now.config, number, clock.now()),
            "links": links.of_incident(
                db, number, viewer=viewing(), traces_url=collected.traces_url
            ),
            "review": reviews.brief(db, number),
            "similar": similar.of_incident(db, number, viewer=viewing()),
            "name": unquote(name)[:100],
            "here": found["url"],
            "events": f"{EVENTS}?incident={number}",
        }
        return templates.page("incident.html", clock.now(), facts)
