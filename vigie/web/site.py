"""Puts the pages and their files on the app that the API built."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from vigie.access import Gate, Guarded
from vigie.clock import Clock
from vigie.live import Board, Collected, Feed
from vigie.store.db import Database
from vigie.web import (
    actions,
    attachments,
    collectors,
    errors,
    fields,
    guests,
    knowledge,
    life,
    links,
    login,
    pages,
    people,
    reporting,
    reviews,
    services,
    stats,
    status,
    tasks,
    updates,
)
from vigie.web.render import STATIC, Templates


def add_pages(
    app: FastAPI,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    gate: Gate,
    wake: Callable[[], None],
    hourly: float | None = None,
) -> None:
    """Add every page; errors are shown as pages where a page was asked for."""
    templates = Templates(version=app.version)
    errors.show_as_pages(app, templates, clock)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    router = APIRouter(include_in_schema=False, route_class=Guarded)
    login.add(router, templates, gate, db, clock)
    status.add(router, templates, board, db, clock, gate, wake)
    stats.add(router, templates, board=board, db=db, clock=clock, hourly=hourly)
    reporting.add(
        router,
        templates,
        board=board,
        db=db,
        clock=clock,
        feed=feed,
        collected=collected,
        wake=wake,
    )
    pages.add(router, templates, board=board, db=db, clock=clock, collected=collected)
    services.add(router, templates, board=board, db=db, clock=clock)
    collectors.add(router, templates, board=board, db=db, clock=clock, collected=collected)
    attachments.add(router, db=db, clock=clock, feed=feed, wake=wake)
    tasks.add(router, templates, board=board, db=db, clock=clock, feed=feed, wake=wake)
    reviews.add(router, templates, board=board, db=db, clock=clock, feed=feed, wake=wake)
    people.add(router, templates, board=board, db=db, clock=clock, feed=feed, wake=wake)
    updates.add(router, board=board, db=db, clock=clock, feed=feed, wake=wake)
    guests.add(router, gate)
    knowledge.add(router, templates, board=board, db=db, clock=clock)
    links.add(router, board=board, db=db, clock=clock, feed=feed, wake=wake)
    life.add(router, board=board, db=db, clock=clock, feed=feed, wake=wake)
    actions.add(router, board=board, db=db, clock=clock, feed=feed, wake=wake)
    fields.add(
        router,
        templates,
        board=board,
        db=db,
        clock=clock,
        feed=feed,
        collected=collected,
        wake=wake,
    )
    app.include_router(router)
