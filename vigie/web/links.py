"""The forms of an incident's links. Each answers 303 with the page that shows what came of it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form
from starlette.responses import Response

from incidents.links import LinkKind
from vigie.access import Permission, needs, viewing
from vigie.clock import Clock
from vigie.commands import links as commands
from vigie.commands import merge as merging
from vigie.commands import splitting
from vigie.commands.errors import Invalid
from vigie.live import Board, Change, Feed
from vigie.store.db import Database
from vigie.web.actions import Actor, Number, Text
from vigie.web.answers import shown

Other = Annotated[int, Form(ge=1, le=2**53 - 1)]
Kind = Annotated[LinkKind, Form()]


def add(
    router: APIRouter,
    *,
    board: Board,
    db: Database,
    clock: Clock,
    feed: Feed,
    wake: Callable[[], None],
) -> None:
    def done(number: int, actor: str, *others: int) -> Response:
        for one in (number, *others):
            feed.publish(Change("incident", one))
        wake()
        return shown(f"/incidents/{number}#links", actor)

    @router.post("/incidents/{number}/links")
    @needs(Permission.RESPOND, on_incident=True)
    def link(number: Number, actor: Actor, kind: Kind, to: Text, title: Text = "") -> Response:
        said: dict[str, Any] = {"to": to, "title": title, "viewer": viewing(), "actor": actor}
        commands.link(db, board.now.config, number, kind, **said, now=clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/links/{id}/remove")
    @needs(Permission.RESPOND, on_incident=True)
    def unlink(number: Number, id: Number, actor: Actor) -> Response:
        commands.unlink(db, board.now.config, number, id, actor=actor, now=clock.now())
        return done(number, actor)

    @router.post("/incidents/{number}/merge")
    @needs(Permission.RESPOND, on_incident=True)
    def merge(
        number: Number, actor: Actor, into: Other, reason: Text, duplicate: Text = ""
    ) -> Response:
        said: dict[str, Any] = {
            "viewer": viewing(),
            "reason": reason,
            "actor": actor,
            "now": clock.now(),
        }
        config = board.now.config
        merging.merge(db, config, number, into, **said, duplicate=bool(duplicate))
        return done(number, actor, into)

    @router.post("/incidents/{number}/split")
    @needs(Permission.RESPOND, on_incident=True)
    def split(
        number: Number, actor: Actor, reason: Text, title: Text = "", entries: Text = ""
    ) -> Response:
        said: dict[str, Any] = {"reason": reason, "actor": actor, "now": clock.now()}
        part = splitting.Part(title, entries=positions(entries))
        new = splitting.split(db, board.now.config, number, part, **said)
        return done(new["number"], actor, number)

    @router.post("/incidents/{number}/unmerge")
    @needs(Permission.RESPOND, on_incident=True)
    def unmerge(number: Number, actor: Actor, reason: Text) -> Response:
        said: dict[str, Any] = {"reason": reason, "actor": actor, "now": clock.now()}
        merging.unmerge(db, board.now.config, number, **said)
        return done(number, actor)


def positions(given: str) -> tuple[int, ...]:
    """`3, 5` as the positions of entries."""
    words = given.replace(",", " ").split()
    if not all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words):
        raise Invalid("the entries are numbers, e.g. `3, 5`")
    return tuple(map(int, words))
