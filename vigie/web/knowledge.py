"""The pages of what is known: search over everything that was written down, and problems."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, Cookie, Form, Path, Query
from starlette.responses import Response

from incidents.problems import ProblemState
from incidents.search import MAX_QUERY
from vigie.access import Permission, needs, viewing
from vigie.clock import Clock
from vigie.commands import problems as commands
from vigie.commands.errors import Invalid, NotFound
from vigie.live import Board
from vigie.store.db import Database
from vigie.store.search import RANKED, Filters
from vigie.views import problems as views
from vigie.views import search
from vigie.views.search import Of
from vigie.views.shape import Object
from vigie.web.actions import Actor, Text
from vigie.web.answers import NAME_COOKIE, shown
from vigie.web.pages import Cursor
from vigie.web.render import Templates

SHOWN: Final = 20
_DAY_S: Final = 86_400.0
_SEVERITIES: Final = {"": None, "SEV1": 1, "SEV2": 2, "SEV3": 3, "SEV4": 4}
Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Word = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
Named = Annotated[str, Cookie(alias=NAME_COOKIE)]


def add(
    router: APIRouter, templates: Templates, *, board: Board, db: Database, clock: Clock
) -> None:
    _add_search(router, templates, db, clock)
    _add_problems(router, templates, db, clock)
    _add_forms(router, board, db, clock)


def _add_search(router: APIRouter, templates: Templates, db: Database, clock: Clock) -> None:
    @router.get("/knowledge")
    @needs(Permission.READ)
    def page(  # noqa: PLR0917 - the filters
        q: Annotated[str, Query(max_length=MAX_QUERY)] = "",
        of: Of = Of.ALL,
        service: Word = "",
        category: Word = "",
        cause: Word = "",
        severity: Word = "",
        state: Word = "",
        start: Annotated[Word, Query(alias="from")] = "",
        to: Word = "",
        cursor: Annotated[int, Query(ge=0, le=RANKED)] = 0,
    ) -> Response:
        only = {"service": service, "category": category, "cause": cause, "severity": severity}
        only |= {"state": state, "from": start, "to": to}
        about: Any = {"of": of, "offset": cursor, "limit": SHOWN, "viewer": viewing()}
        found = search.found(db, q, _filters(only), **about)
        asked = {"q": q, "of": of.value, **{k: v for k, v in only.items() if v}}
        following = None
        if found["next"]:
            following = f"/knowledge?{urlencode({**asked, 'cursor': found['next']})}"
        for item in found["items"]:
            item["pieces"] = pieces(item["snippet"])
        facts = {"q": q, "of": of.value, "only": only, "found": found, "following": following}
        return templates.page("knowledge.html", clock.now(), facts)


def pieces(snippet: Object) -> list[Object]:
    """A snippet cut where its marks begin and end."""
    text, at, cut = snippet["text"], 0, []
    for start, end in snippet["marks"]:
        cut.append({"text": text[at:start], "marked": False})
        cut.append({"text": text[start:end], "marked": True})
        at = end
    return [*cut, {"text": text[at:], "marked": False}]


def _add_problems(router: APIRouter, templates: Templates, db: Database, clock: Clock) -> None:
    @router.get("/problems")
    @needs(Permission.READ)
    def listed(
        state: Literal["unsolved"] | ProblemState = "unsolved",
        cursor: Cursor = None,
        name: Named = "",
    ) -> Response:
        found = views.problems(db, state, cursor=cursor, viewer=viewing())
        facts = {"problems": found["items"], "following": found["next"], "state": str(state)}
        return templates.page("problems.html", clock.now(), facts | {"name": unquote(name)[:100]})

    @router.get("/problems/{number}")
    @needs(Permission.READ)
    def one(number: Number, name: Named = "") -> Response:
        found = views.problem(db, number, viewer=viewing())
        if found is None:
            raise NotFound(f"There is no problem {number}.")
        facts = {"one": found, "name": unquote(name)[:100]}
        return templates.page("problem.html", clock.now(), facts)


def _add_forms(router: APIRouter, board: Board, db: Database, clock: Clock) -> None:
    @router.post("/problems")
    @needs(Permission.RESPOND)
    def new(  # noqa: PLR0917 - the fields of the form
        actor: Actor,
        title: Text,
        description: Text = "",
        service: Text = "",
        cause: Text = "",
        owner: Text = "",
    ) -> Response:
        said = {"title": title, "description": description, "service": service}
        said |= {"cause": cause, "owner": owner}
        config, now = board.now.config, clock.now()
        return _done(commands.open_problem(db, config, said, actor=actor, now=now)["number"], actor)

    @router.post("/problems/{number}/edit")
    @needs(Permission.RESPOND)
    def edit(number: Number, actor: Actor, root_cause: Text) -> Response:
        said = {"root_cause": root_cause}
        commands.edit(db, board.now.config, number, said, actor=actor, now=clock.now())
        return _done(number, actor)

    @router.post("/problems/{number}/known-error")
    @needs(Permission.RESPOND)
    def known_error(number: Number, actor: Actor, workaround: Text) -> Response:
        commands.known_error(db, number, workaround, actor=actor, now=clock.now())
        return _done(number, actor)

    @router.post("/problems/{number}/fix")
    @needs(Permission.RESPOND)
    def fix(number: Number, actor: Actor, fix: Text, url: Text = "") -> Response:
        commands.fix(db, number, commands.Fix(fix, url), actor=actor, now=clock.now())
        return _done(number, actor)

    @router.post("/problems/{number}/close")
    @needs(Permission.RESPOND)
    def close(number: Number, actor: Actor, reason: Text) -> Response:
        commands.close(db, number, reason, actor=actor, now=clock.now())
        return _done(number, actor)

    @router.post("/problems/{number}/incidents")
    @needs(Permission.RESPOND)
    def link(
        number: Number, actor: Actor, incident: Annotated[int, Form(ge=1, le=2**53 - 1)]
    ) -> Response:
        about: Any = {"viewer": viewing(), "actor": actor, "now": clock.now()}
        commands.link_incident(db, board.now.config, number, incident, **about)
        return _done(number, actor)


def _done(number: int, actor: str) -> Response:
    return shown(f"/problems/{number}", actor)


def _filters(only: Mapping[str, str]) -> Filters:
    if only["severity"].upper() not in _SEVERITIES:
        raise Invalid("the severity is SEV1, SEV2, SEV3 or SEV4")
    end = _day(only["to"])
    return Filters(
        service=only["service"] or None,
        category=only["category"] or None,
        cause=only["cause"] or None,
        severity=_SEVERITIES[only["severity"].upper()],
        state=only["state"] or None,
        start=_day(only["from"]),
        end=None if end is None else end + _DAY_S,
    )


def _day(given: str) -> float | None:
    if not given:
        return None
    try:
        day = date.fromisoformat(given)
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise Invalid(f"`{given[:20]}` is no day; write e.g. 2026-11-02") from None
