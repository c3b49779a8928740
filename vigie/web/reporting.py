"""The form that reports an incident: few questions first, the rest where it is wanted. Who writes
what cannot be kept gets the form back as they left it.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Cookie, Path, Query
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from incidents.fields import MAX_TEXT, MAX_TITLE, MAX_WORD
from incidents.model import Severity, Urgency
from vigie import views
from vigie.access import Permission, acting, needs, viewing
from vigie.clock import Clock
from vigie.commands.errors import Invalid, NotFound
from vigie.commands.reporting import TYPE, Report, report
from vigie.live import Board, Change, Collected, Feed
from vigie.store.db import Database
from vigie.views.reporting import open_beside
from vigie.web.answers import NAME_COOKIE, shown
from vigie.web.render import Templates

MAX_INPUTS: Final = 200
FIELD: Final = "field."
Number = Annotated[int, Path(ge=1, le=2**53 - 1)]
Word = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    wake: Callable[[], None],
) -> None:
    """The routes; they come before those of one incident, which would take `new` for a number."""

    def form(given: Mapping[str, str], name: str, told: str = "") -> Response:
        facts = _facts(board, db, given) | {"told": told, "name": name}
        status = HTTPStatus.UNPROCESSABLE_ENTITY if told else HTTPStatus.OK
        return templates.page("report.html", clock.now(), facts, status)

    @router.get("/incidents/new")
    @needs(Permission.REPORT)
    def blank(
        service: Word = "",
        type: Word = TYPE,
        name: Annotated[str, Cookie(alias=NAME_COOKIE)] = "",
    ) -> Response:
        return form({"service": service, "type": type, "key": uuid.uuid4().hex}, unquote(name))

    @router.post("/incidents/new")
    @needs(Permission.REPORT)
    async def send(request: Request) -> Response:
        sent = await request.form(max_files=0, max_fields=MAX_INPUTS)
        return await asyncio.to_thread(opened, _texts(sent))

    def opened(given: Mapping[str, str]) -> Response:
        actor = acting(given.get("actor", ""))
        try:
            key = (given.get("key") or "")[:200] or None
            found = report(db, board.now.config, said(given), actor=actor, now=clock.now(), key=key)
        except Invalid as refused:
            return form(given, actor[:100], str(refused))
        number, service = int(found["number"]), str(found["service"])
        feed.publish(Change("incident", number))
        wake()
        others = open_beside(db, service, viewer=viewing(), besides=number)
        place = f"/incidents/{number}/reported" if others else f"/incidents/{number}"
        return shown(place, actor)

    @router.get("/incidents/{number}/reported")
    @needs(Permission.READ, on_incident=True)
    def beside(number: Number) -> Response:
        found = views.incident(db, board.now, number, collected)
        if found is None:
            raise NotFound(f"There is no incident {number}.")
        others = open_beside(db, found["service"], viewer=viewing(), besides=number)
        facts = {"incident": found, "others": others}
        return templates.page("reported.html", clock.now(), facts)


def said(given: Mapping[str, str]) -> Report:
    """What a form says. Invalid: a word that it does not offer."""
    users = given.get("users_affected", "").strip()
    fields = {n.removeprefix(FIELD): v for n, v in given.items() if n.startswith(FIELD) and v}
    services = (name.strip() for name in given.get("affected", "").split(","))
    return Report(
        title=given.get("title", ""),
        description=given.get("description", ""),
        service=given.get("service", ""),
        affected=tuple(name for name in services if name),
        type=given.get("type", "") or TYPE,
        category=given.get("category") or None,
        subcategory=given.get("subcategory") or None,
        severity=_severity(given.get("severity", "")),
        urgency=_urgency(given.get("urgency", "")),
        users_affected=users or None,
        started_at=given.get("started_at") or None,
        requester=given.get("requester", ""),
        fields=fields,
        restricted=given.get("restricted") == "1",
    )


def _facts(board: Board, db: Database, given: Mapping[str, str]) -> dict[str, Any]:
    config = board.now.config
    type_ = given.get("type", "") or TYPE
    service = given.get("service", "")
    types = [rules for name, rules in sorted(config.types.rules.items()) if name != "default"]
    return {
        "given": given,
        "type": type_,
        "rules": config.types.of(type_),
        "types": types,
        "services": sorted(config.services),
        "categories": config.types.taxonomy.categories,
        "others": open_beside(db, service, viewer=viewing()),
        "limits": {"title": MAX_TITLE, "text": MAX_TEXT, "word": MAX_WORD},
    }


def _texts(sent: FormData) -> dict[str, str]:
    return {name: value for name, value in sent.items() if isinstance(value, str)}


def _severity(word: str) -> Severity | None:
    if not word:
        return None
    if word not in Severity.__members__:
        raise Invalid("severity is none of SEV1, SEV2, SEV3, SEV4")
    return Severity[word]


def _urgency(word: str) -> Urgency | None:
    if not word:
        return None
    if word not in list(Urgency):
        raise Invalid("urgency is none of high, low")
    return Urgency(word)
