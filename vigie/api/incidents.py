"""Every route about incidents, in the order in which paths are tried."""

from collections.abc import Callable

from fastapi import APIRouter

from vigie.api import (
    attachments,
    fields,
    guests,
    knowledge,
    life,
    links,
    people,
    problem_records,
    reporting,
    reviews,
    stats,
    tasks,
    updates,
    writes,
)
from vigie.clock import Clock
from vigie.live import Board, Collected, Feed
from vigie.store.db import Database


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    collected: Collected,
    wake: Callable[[], None],
    hourly: float | None,
) -> None:
    stats.add(router, board=board, db=db, clock=clock, hourly=hourly)  # before one incident's
    # Before the hooks, of whose types e-mail is none.
    for area in (reporting, writes, fields, life, people, links):
        area.add(router, board=board, db=db, clock=clock, feed=feed, collected=collected, wake=wake)
    for area in (guests, tasks, updates, reviews):
        area.add(router, board=board, db=db, clock=clock, feed=feed, wake=wake)
    problem_records.add(router, board=board, db=db, clock=clock, feed=feed, wake=wake)
    knowledge.add(router, db=db)
    attachments.add(router, db=db, clock=clock, feed=feed)
