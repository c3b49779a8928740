"""The review of an incident as a document with a form for each section, and the list of all. Who is
overtaken gets their words back, beside those of the others.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, Cookie, Form, Query
from starlette.responses import Response

from incidents.review import FACTORS, WHYS, ReviewState
from vigie.access import Permission, current, needs, viewing
from vigie.clock import Clock
from vigie.commands import reviews as commands
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.views import review as views
from vigie.views import reviews as lists
from vigie.views.shape import Object
from vigie.web.actions import Actor, Number, Text
from vigie.web.answers import NAME_COOKIE, shown
from vigie.web.pages import EVENTS, Cursor
from vigie.web.render import Templates

SHOWN: Final = 100
Named = Annotated[str, Cookie(alias=NAME_COOKIE)]
Done = Callable[..., Response]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    def page(number: int, name: str, typed: Mapping[str, str], told: str, status: int) -> Response:
        """The document; `typed` is what somebody wrote that was refused, and `told` why."""
        config = board.now.config
        found = views.review(db, config, number, clock.now())
        if found is None:
            raise NotFound(f"Incident {number} has no review; its page begins one.")
        facts = {
            "review": found,
            "lines": {FACTORS: "\n".join(found[FACTORS]), WHYS: "\n".join(found[WHYS])},
            "causes": list(config.types.taxonomy.causes),
            "typed": typed,
            "told": told,
            "name": name,
            "incident": {"url": f"/incidents/{number}", "number": number},
        }
        # A page that holds words that are kept nowhere yet is not drawn anew.
        live = {"here": found["url"], "events": f"{EVENTS}?incident={number}"}
        return templates.page("review.html", clock.now(), facts | ({} if told else live), status)

    def done(number: int, actor: str, place: str = "") -> Response:
        feed.publish(Change("incident", number))
        wake()
        return shown(f"/incidents/{number}/review{place and f'#{place}'}", actor)

    _add_list(router, templates, db, clock)

    _add_document(router, board, db, clock, page=page, done=done)
    _add_steps(router, board, db, clock, done)


def _add_document(
    router: APIRouter,
    board: Board,
    db: Database,
    clock: Clock,
    *,
    page: Callable[..., Response],
    done: Done,
) -> None:
    @router.get("/incidents/{number}/review")
    @needs(Permission.READ, on_incident=True)
    def one(number: Number, name: Named = "") -> Response:
        return page(number, unquote(name)[:100], {}, "", HTTPStatus.OK)

    @router.post("/incidents/{number}/review/edit")
    @needs(Permission.RESPOND, on_incident=True)
    def edit(
        number: Number,
        actor: Actor,
        section: Text,
        seen: Annotated[int, Form(ge=1)],
        text: Text = "",
    ) -> Response:
        words = text.replace("\r\n", "\n")
        said: dict[str, Any] = {"actor": actor, "now": clock.now(), "seen": seen}
        try:
            commands.edit(db, board.now.config, number, {section: words}, **said)
        except (Conflict, Invalid) as refused:
            conflict = isinstance(refused, Conflict)
            status = HTTPStatus.CONFLICT if conflict else HTTPStatus.UNPROCESSABLE_ENTITY
            return page(number, actor[:100], {section: words}, str(refused), status)
        return done(number, actor, section)


def _add_list(router: APIRouter, templates: Templates, db: Database, clock: Clock) -> None:
    @router.get("/reviews")
    @needs(Permission.READ)
    def page(
        state: Annotated[ReviewState | None, Query()] = None, cursor: Cursor = None
    ) -> Response:
        found = lists.page(db, viewer=viewing(), state=state, cursor=cursor, limit=SHOWN)
        asked = {"state": state.value if state else None, "cursor": cursor}
        facts: Object = {
            "reviews": found["items"],
            "following": found["next"],
            "state": state.value if state else "",
            "states": [one.value for one in ReviewState],
            "here": f"/reviews?{urlencode({k: v for k, v in asked.items() if v})}",
            "events": EVENTS,
        }
        return templates.page("reviews.html", clock.now(), facts)


def _add_steps(router: APIRouter, board: Board, db: Database, clock: Clock, done: Done) -> None:
    @router.post("/incidents/{number}/review/start")
    @needs(Permission.RESPOND, on_incident=True)
    def start(number: Number, actor: Actor) -> Response:
        commands.start(db, board.now.config, number, actor=actor, now=clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/review/ask")
    @needs(Permission.RESPOND, on_incident=True)
    def ask(number: Number, actor: Actor, reviewers: Text) -> Response:
        names = [name.strip() for name in reviewers.split(",") if name.strip()]
        commands.ask(db, board.now.config, number, names, actor=actor, now=clock.now())
        return done(number, actor, "approval")

    @router.post("/incidents/{number}/review/approve")
    @needs(Permission.RESPOND, on_incident=True)
    def approve(number: Number, actor: Actor) -> Response:
        said: dict[str, Any] = {"actor": actor, "now": clock.now()}
        apart = bool(current().name)
        commands.approve(db, board.now.config, number, **said, told_apart=apart)
        return done(number, actor, "approval")

    @router.post("/incidents/{number}/review/finalize")
    @needs(Permission.RESPOND, on_incident=True)
    def finalize(number: Number, actor: Actor) -> Response:
        drafted = views.drafted_of(db, number)
        said: dict[str, Any] = {"actor": actor, "now": clock.now(), "drafted": drafted}
        commands.finalize(db, board.now.config, number, **said)
        return done(number, actor)

    @router.post("/incidents/{number}/review/reopen")
    @needs(Permission.RESPOND, on_incident=True)
    def reopen(number: Number, actor: Actor, reason: Text) -> Response:
        said = {"actor": actor, "reason": reason}
        commands.reopen(db, board.now.config, number, **said, now=clock.now())
        return done(number, actor)
