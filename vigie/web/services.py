"""The page of one service: is it up and why, how redundant, how available it was, its outages."""

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from vigie import views
from vigie.access import Permission, needs, viewing
from vigie.clock import Clock
from vigie.commands.errors import NotFound
from vigie.live import Board
from vigie.store.db import Database
from vigie.views.changes import changes
from vigie.views.shape import Object
from vigie.views.uptime import outages, states
from vigie.web.pages import EVENTS, INCIDENTS_SHOWN
from vigie.web.render import Templates

BAND_S: Final = 86_400.0  # the band of states shows the last day
OUTAGES_SHOWN: Final = 20
CHANGES_SHOWN: Final = 10
_LEAST: Final = 0.4  # percent of the width: what was short is seen all the same


def add(
    router: APIRouter, templates: Templates, *, board: Board, db: Database, clock: Clock
) -> None:
    """The page of a service."""

    @router.get("/services/{service}")
    @needs(Permission.READ)
    def one(service: str) -> Response:
        live, now, viewer = board.now, clock.now(), viewing()
        if service not in live.config.services:
            raise NotFound(f"There is no service `{service}`; the overview lists them.")
        found = views.service(live, db, service, viewer=viewer)
        day = states(db, service, now - BAND_S, now)["items"]
        facts = {
            "service": found,
            "objectives": views.slos(live, service=service)["items"],
            "incidents": views.incidents(
                db, state="open", service=service, limit=INCIDENTS_SHOWN, viewer=viewer
            )["items"],
            "outages": outages(live, db, service, (None, None), OUTAGES_SHOWN, viewer=viewer)[
                "items"
            ],
            "changes": changes(db, service=service, limit=CHANGES_SHOWN)["items"],
            "band": [_placed(state, now) for state in day],
            "here": found["url"],
            "events": EVENTS,
        }
        return templates.page("service.html", now, facts)


def _placed(state: Object, now: float) -> Object:
    """A state with where it lies in the band, in percent of its width."""
    start, end = (_seconds(state[name]) - (now - BAND_S) for name in ("from", "to"))
    left, width = start / BAND_S * 100, max((end - start) / BAND_S * 100, _LEAST)
    return state | {"left": round(min(left, 100 - width), 3), "width": round(width, 3)}


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
