"""The routes of heartbeats, changes and hooks on an app of their own, behind the fleet's door."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI

from fleet import Door, Fleet
from vigie.api import problems


@dataclass
class Keyed:
    """What an app of these routes is made of, and what it told."""

    fleet: Fleet
    heartbeats: Mapping[str, Any] = field(default_factory=dict)
    integrations: Mapping[str, Any] = field(default_factory=dict)
    woken: list[str] = field(default_factory=list)


def serve(door: Door, router: APIRouter) -> None:
    """Serve these routes instead of the whole app, until the door serves another fleet."""
    app = FastAPI()
    app.add_middleware(problems.BodyLimit, max_body_size=problems.MAX_BODY_BYTES)
    problems.add_handlers(app)
    app.include_router(router)
    door.app = app
