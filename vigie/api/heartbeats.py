"""Heartbeats over HTTP: a job beats at an address that only it knows; people see who does."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from collectors import keys
from collectors.heartbeat import Beats, Heartbeat, Said
from vigie.access import Permission, needs, problem
from vigie.api import schemas
from vigie.api.reads import Name, ready_json, shown
from vigie.clock import Clock
from vigie.store import heartbeats as store
from vigie.store.db import Database
from vigie.views import heartbeats as views
from vigie.views.shape import when

MAX_BEATS: Final = 30  # of one heartbeat within
WITHIN_S: Final = 60.0
_TAGS: Final[dict[str, Any]] = {"tags": ["heartbeats"]}
Configured: TypeAlias = Callable[[], Mapping[str, Heartbeat]]
State = Literal["ok", "late", "missed", "failed", "unknown"]
Key = Annotated[str, Path(max_length=keys.MAX_LENGTH, description="The heartbeat's secret")]
Signal = Annotated[Said, Query(alias="state", description="What it says: start, ok, fail")]


class Heard(schemas.Shape):
    """What is known once the signal is recorded."""

    name: str
    state: Literal["start", "ok", "fail"]
    at: schemas.Time
    beats: int


class HeartbeatShown(schemas.Shape):
    """One heartbeat now. `expected_at` is when the next beat is due, `deadline` when it is missed;
    null where nothing more is expected. `started_at` is of the run under way.
    """

    name: str
    service: str
    urgency: Literal["high", "low"]
    labels: dict[str, str]
    every: str | None
    schedule: str | None
    time_zone: str | None
    grace: str
    runs_for: str | None
    state: State
    reason: str
    since: schemas.Time
    expected_at: schemas.Time | None
    deadline: schemas.Time | None
    last_at: schemas.Time | None
    last_state: Literal["ok", "fail"] | None
    started_at: schemas.Time | None
    duration_seconds: float | None
    beats: int


class Pace:
    """Bounds how often each heartbeat is written; who is no heartbeat of ours is never written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[str, deque[float]] = {}
        self._turn = threading.Lock()  # routes run in threads

    def wait_s(self, name: str) -> int:
        """How many seconds until this one may beat again; 0: it may, and that is counted."""
        now = self._clock.now()
        with self._turn:
            taken = self._taken.setdefault(name, deque(maxlen=MAX_BEATS))
            while taken and abs(now - taken[0]) >= WITHIN_S:
                taken.popleft()
            if len(taken) == MAX_BEATS:
                return max(1, round(taken[0] + WITHIN_S - now))
            taken.append(now)
        return 0


def add(
    router: APIRouter,
    *,
    heartbeats: Configured,
    db: Database,
    clock: Clock,
    wake: Callable[[str], None],
) -> None:
    """`heartbeats` are those in force; `wake` is told the name of one that said something."""
    _add_beat(router, heartbeats, db, clock, wake)

    @router.get("/heartbeats", **_TAGS, responses=shown(schemas.Listing[HeartbeatShown]))
    @needs(Permission.READ)
    def listed(service: Name = None) -> Response:
        """Every heartbeat and where it stands; no keys."""
        return ready_json(views.heartbeats(heartbeats(), db, clock.now(), service))


def _add_beat(
    router: APIRouter,
    heartbeats: Configured,
    db: Database,
    clock: Clock,
    wake: Callable[[str], None],
) -> None:
    pace = Pace(clock)

    @needs(None)  # the key opens it
    def take(key: Key, state: Signal = Said.OK) -> Response:
        """Beat. It is on the disk before this answers."""
        one = keys.find(key, ((h, h.key) for h in heartbeats().values()))
        if one is None:
            # The key is not repeated: answers end up in logs.
            return problem(HTTPStatus.NOT_FOUND, "No heartbeat has this key.")
        if wait := pace.wait_s(one.name):
            detail = f"{MAX_BEATS} signals a minute are taken; try again in {wait} s."
            return problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(wait)})
        now = clock.now()
        beats = db.write(lambda c: store.beat(c, one, state, now))
        wake(one.name)
        return _heard(one, state, now, beats)

    responses = shown(Heard)
    router.post("/heartbeats/{key}", **_TAGS, responses=responses)(take)
    # Some schedulers can only fetch an address.
    router.get("/heartbeats/{key}", **_TAGS, responses=responses, operation_id="beat_by_get")(take)


def _heard(one: Heartbeat, said: Said, now: float, beats: Beats) -> Response:
    return ready_json(
        {"name": one.name, "state": said.value, "at": when(now), "beats": beats.beats}
    )
