"""Whether the server lives, whether it is of use, and how to make it read its files again."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final, TypeAlias

import orjson
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from slo.load.yaml import LoadError
from vigie.access import Permission, needs, problem
from vigie.clock import Clock
from vigie.live import Board, Live

Reload: TypeAlias = Callable[[], Awaitable[object]]


# A slice ends at least once a minute, and a tick with it.
STALLED_S: Final = 150.0


def add(app: FastAPI, board: Board, clock: Clock, reload: Reload) -> None:
    @app.head("/-/healthy", include_in_schema=False)
    @app.get("/-/healthy", tags=["server"], summary="The process answers")
    @needs(None)
    async def healthy() -> Response:
        return PlainTextResponse("ok\n")

    @app.head("/-/ready", include_in_schema=False)
    @app.get("/-/ready", tags=["server"], summary="Figures are being recorded")
    @needs(None)
    async def ready() -> Response:
        reasons = unready(board.now, clock.now())
        if not reasons:
            return PlainTextResponse("ready\n")
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "; ".join(reasons), reasons=reasons)

    @app.post("/-/reload", tags=["server"], summary="Read the users' files again")
    @needs(Permission.ADMINISTER)
    async def read_again() -> Response:
        with suppress(LoadError):  # the board says why it was refused
            await reload()
        return _reloaded(board.now)


def unready(live: Live, now: float) -> list[str]:
    """Why the server is of no use now; empty when it is."""
    reasons = []
    if live.status is None:
        reasons.append("nothing was committed yet")
    elif now - live.status.at > STALLED_S:
        reasons.append(f"the last tick was committed {now - live.status.at:.0f} s ago")
    if live.ticks_failed:
        reason = live.tick_error or "no reason was given"
        reasons.append(f"the last {live.ticks_failed} ticks could not be recorded: {reason}")
    return reasons


def _reloaded(live: Live) -> Response:
    """The files in force now. A refused reload names every problem and changes nothing."""
    if live.reload_error is not None:
        errors = live.reload_error.splitlines()
        detail = "The files cannot be used; the configuration before them stays in force."
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)
    facts = {
        "generation": live.config.generation,
        "slos": len(live.config.watches),
        "targets": len(live.config.targets),
        "warnings": [str(warning) for warning in live.config.warnings],
    }
    return Response(orjson.dumps(facts), media_type="application/json")
