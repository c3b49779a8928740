"""The pages of what is collected: targets, probes, heartbeats, discovery, and one target."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vigie import views
from vigie.access import Permission, needs
from vigie.clock import Clock
from vigie.commands.errors import NotFound
from vigie.live import Board, Collected
from vigie.store.db import Database
from vigie.views.heartbeats import heartbeats
from vigie.views.shape import Object
from vigie.web.pages import EVENTS, Name, counted
from vigie.web.render import Templates

_WORST: Final = ("down", "failed", "missed", "late", "unknown", "up", "ok")


def add(
    router: APIRouter,
    templates: Templates,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    collected: Collected,
) -> None:
    """Pages ask the collectors on their event loop, and are made in a thread."""

    @router.get("/targets")
    @needs(Permission.READ)
    async def targets(service: Name = None) -> Response:
        live, now = board.now, clock.now()
        probed = views.probes(live, collected.verdicts(), service=service)["items"]
        found = views.discoveries(live, collected.discoveries)["items"]

        def page() -> Response:
            beats = heartbeats(live.config.heartbeats, db, now, service)["items"]
            facts = {
                "targets": _worst_first(views.targets(live, service=service)["items"], "health"),
                "probes": _worst_first(probed, "state"),
                "heartbeats": _worst_first(beats, "state"),
                "discoveries": [] if service else _worst_first(found, "health"),
                "sources": [] if service else views.sources(live)["items"],
                "service": service,
                "here": f"/targets?service={quote(service)}" if service else "/targets",
                "events": EVENTS,
            }
            return templates.page("targets.html", now, facts | {"headline": headline(facts)})

        return await run_in_threadpool(page)

    @router.get("/targets/{target_id:path}")
    @needs(Permission.READ)
    async def target(target_id: str) -> Response:
        families = await collected.families(target_id)
        found = views.target(board.now, target_id, families)
        if found is None:
            raise NotFound("There is no target with this id; /targets lists them.")
        facts = {"target": found, "here": f"/targets/{quote(target_id)}", "events": EVENTS}
        return await run_in_threadpool(templates.page, "target.html", clock.now(), facts)


def headline(facts: Object) -> str:
    """All that is wrong; else what is not known; else that all is well."""
    listed = facts["targets"]
    of_all = f"of {len(listed):,} targets"
    wrong = []
    if down := _count(listed, "health", "down"):
        wrong.append(f"{down:,} {of_all} {'does' if down == 1 else 'do'} not answer")
    for kind, what, state in (
        ("probes", "probe", "down"),
        ("heartbeats", "heartbeat", "missed"),
        ("heartbeats", "heartbeat", "failed"),
    ):
        if count := _count(facts[kind], "state", state):
            wrong.append(f"{counted(count, what)} {state}")
    if count := _count(facts["discoveries"], "health", "down"):
        wrong.append(f"discovery fails for {counted(count, 'place')}")
    if wrong:
        return ", ".join(wrong)
    if not listed:
        return "No targets"
    if unasked := _count(listed, "health", "unknown"):
        return f"{unasked:,} {of_all} {'was' if unasked == 1 else 'were'} not scraped yet"
    return "Every target answers"


def _count(items: Sequence[Object], name: str, value: str) -> int:
    return sum(one[name] == value for one in items)


def _worst_first(items: Sequence[Any], name: str) -> list[Object]:
    return sorted(items, key=lambda one: _WORST.index(one[name]))
