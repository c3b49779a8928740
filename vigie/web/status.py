"""Status pages: one page without scripts, its feeds, and the forms of who wants mails."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Path
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from incidents.status_page import StatusPage
from vigie.access import Gate, client_of, needs
from vigie.access.gate import wait
from vigie.access.public import cached, readable
from vigie.clock import Clock
from vigie.commands.errors import Invalid, NotFound
from vigie.live import Board
from vigie.notify.status import confirmation_job
from vigie.store import jobs, subscribers
from vigie.store.db import Database
from vigie.store.subscribers import Purpose, Subscriber
from vigie.views import status as views
from vigie.views.shape import Object
from vigie.views.status_feeds import MEDIA, feed
from vigie.web.render import Templates

SHOWN: Final = 50  # incidents on the page; feeds and API have all
MAX_ADDRESS: Final = 254  # RFC 5321
# What one mail server hands to the next without extensions, and no list of several.
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII
)
ASKED: Final = (
    "If this address can be mailed, a mail is on its way: open the link in it to confirm. "
    "Nothing comes? It may be subscribed already, or was asked for too often: try again later."
)
# What is measured of less than this share of a day says little of that day.
ENOUGH: Final = 0.9
Name = Annotated[str, Path(max_length=253)]
Code = Annotated[str, Path(max_length=100)]
Kind = Annotated[str, Path(max_length=20)]


def add(  # noqa: PLR0917 - what the pages are made of
    router: APIRouter,
    templates: Templates,
    board: Board,
    db: Database,
    clock: Clock,
    gate: Gate,
    wake: Callable[[], None],
) -> None:
    """Every route that begins with /status/."""

    @router.get("/status/{page}")
    @needs(None)
    def shown(request: Request, page: Name) -> Response:
        found, now = readable(board.now.config, page), clock.now()
        facts = _facts(views.status(board.now, db, found, now), found)
        drawn = templates.page("status.html", now, facts)
        return cached(request, found, bytes(drawn.body), "text/html; charset=utf-8")

    @router.get("/status/{page}/feed.{kind}")
    @needs(None)
    def feeds(request: Request, page: Name, kind: Kind) -> Response:
        found = readable(board.now.config, page)
        if kind not in MEDIA:
            raise NotFound(f"There is no such feed: there are {', '.join(MEDIA)}.")
        facts = views.status(board.now, db, found, clock.now())
        base = str(request.base_url).rstrip("/")
        return cached(request, found, feed(facts, kind, base), MEDIA[kind])

    _add_asking(router, templates, board, db, clock, gate, wake)
    _add_links(router, templates, board, db, clock)


def _add_asking(  # noqa: PLR0917 - as above
    router: APIRouter,
    templates: Templates,
    board: Board,
    db: Database,
    clock: Clock,
    gate: Gate,
    wake: Callable[[], None],
) -> None:
    @router.post("/status/{page}/subscribe")
    @needs(None)
    def subscribe(
        request: Request, page: Name, address: Annotated[str, Form(max_length=1_000)] = ""
    ) -> Response:
        """Says the same whether the address is known or not, and mailed or not."""
        found, now = _mailing(board, page), clock.now()
        given = address.strip()
        if len(given) > MAX_ADDRESS or not _ADDRESS.fullmatch(given):
            raise Invalid("That is no e-mail address: write one such as ann@example.com.")
        if seconds := gate.subscribing.enter(client_of(request.scope)):
            return wait(seconds)
        local, _, domain = given.rpartition("@")
        db.write(lambda c: _ask(c, found.name, f"{local}@{domain.lower()}", now))
        wake()
        return _told(templates, found, now, ASKED)


def _add_links(
    router: APIRouter, templates: Templates, board: Board, db: Database, clock: Clock
) -> None:
    """What links in mails lead to. Looking changes nothing: scanners of mail look at every link."""

    def opened(page: str, code: str, purpose: str) -> tuple[StatusPage, Subscriber]:
        found = _mailing(board, page)
        one = None
        if purpose in {known.value for known in Purpose}:
            one = db.read(lambda c: subscribers.opened(c, found.name, code, Purpose(purpose)))
        if one is None:
            raise NotFound("This link leads nowhere any more: subscribe again, or do nothing.")
        return found, one

    @router.get("/status/{page}/{purpose}/{code}")
    @needs(None)
    def asked(page: Name, purpose: Kind, code: Code) -> Response:
        found, _ = opened(page, code, purpose)
        facts = {"page": _short(found), "purpose": purpose, "code": code, "text": ""}
        return _private(templates.page("status_mail.html", clock.now(), facts))

    @router.post("/status/{page}/{purpose}/{code}")
    @needs(None)
    def done(page: Name, purpose: Kind, code: Code) -> Response:
        found, one = opened(page, code, purpose)
        now = clock.now()
        if purpose == Purpose.CONFIRM:
            db.write(lambda c: subscribers.confirm(c, one.id, now))
            return _told(templates, found, now, "You are subscribed: mails come with the news.")
        db.write(lambda c: subscribers.leave(c, one.id))
        return _told(templates, found, now, "Your address is forgotten: no more mails come.")


def _ask(c: Connection, page: str, address: str, now: float) -> None:
    number = subscribers.ask(c, page, address, now)
    if number is not None:
        jobs.enqueue(c, confirmation_job(number, now), now)


def _mailing(board: Board, name: str) -> StatusPage:
    page = readable(board.now.config, name)
    if not page.subscribers:
        raise NotFound("There is no such status page.")
    return page


def _told(templates: Templates, page: StatusPage, now: float, text: str) -> Response:
    facts = {"page": _short(page), "purpose": "", "code": "", "text": text}
    return _private(templates.page("status_mail.html", now, facts))


def _private(response: Response) -> Response:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _short(page: StatusPage) -> Object:
    return {"name": page.name, "title": page.title, "url": f"/status/{page.name}"}


def _facts(found: Object, page: StatusPage) -> Object:
    """The page with its times as people read them, in its time zone."""
    zone = ZoneInfo(page.zone)

    def at(text: str | None) -> str:
        if text is None:
            return ""
        return datetime.fromisoformat(text).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")

    shown = found["incidents"][:SHOWN]
    by_day: dict[str, list[Object]] = {}
    for one in shown:
        if one["status"] == "resolved":
            by_day.setdefault(at(one["started_at"])[:10], []).append(one)
    return {
        "page": found,
        "open": [one for one in shown if one["status"] != "resolved"],
        "past": sorted(by_day.items(), reverse=True),
        "at": at,
        "bars": _bars,
    }


def _bars(component: Object) -> list[Object]:
    return [{**day, "tone": _bar(day)} for day in component["days"]]


def _bar(day: Object) -> str:
    """The colour of a day, which repeats what its text says."""
    if day["availability"] is None:
        return "none"
    if day["downtime_seconds"] > 0.0:
        return "bad" if day["availability"] < 0.99 else "warn"
    return "good" if day["coverage"] >= ENOUGH else "part"
