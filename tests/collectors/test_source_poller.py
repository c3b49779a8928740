"""Polling: what is new is told once, whatever fails and however late it appears."""

import asyncio
import itertools
import math
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.errors import QueryRefused, SourceFailed
from collectors.promapi import PromApi, Samples, open_session
from collectors.scrape import Scrape
from collectors.source_poller import OVERLAP_S, Poller
from collectors.source_reader import SourceReader
from collectors.source_slices import Estimate
from plugins.source import Fake, answer, answers, hangs, replies, serving
from slo.spec import DataSource, Matcher, MatchOp, RatioKind, Selector, ServerSli
from vigie.clock import SetClock

T = 1_200_000.0  # a multiple of 60
JOB = Matcher("job", MatchOp.EQUAL, "api")
REQUESTS, ERRORS = Selector("requests_total", (JOB,)), Selector("errors_total", (JOB,))
SHARE = ServerSli(RatioKind.BAD, "sum(a)", "sum(b)", "main")


class Store:
    """A server whose scrapes appear as a whole, some time after they began; time goes on a little
    with every question, and questions may fail.
    """

    def __init__(self, scrapes: list[tuple[float, float]], *, with_up: bool) -> None:
        self.source = DataSource("main", "Prometheus", "http://none")
        self.clock = SetClock(T)
        self.scrapes, self.with_up = scrapes, with_up
        self.failing: Exception | None = None
        self.retry_at: float | None = None
        self.asked: list[tuple[str, float, float]] = []

    async def samples(self, selector: str, start: float, end: float) -> list[Samples]:
        self.asked.append((selector, start, end))
        if self.failing is not None:
            raise self.failing
        self.clock.set(self.clock.now() + 0.5)
        name = selector.partition("{")[0]
        there = [at for at, end_ in self.scrapes if end_ <= self.clock.now() and start < at <= end]
        if not there or (name == "up" and not self.with_up):
            return []
        labels = {"__name__": name, "job": "api", "instance": "a:1"}
        values = np.ones(len(there)) if name == "up" else np.array(there) - T
        return [Samples(labels, np.array(there), values)]


class Rig:
    def __init__(self, api: object, since: float | None = T) -> None:
        self.scrapes: list[Scrape] = []
        self.estimates: list[Estimate] = []
        reader = SourceReader("main", frozenset({REQUESTS, ERRORS}))
        self.poller = Poller(api, reader, self.scrapes.append, self.estimates.append, since=since)


@example(  # it appears while a poll asks, and began before the poll before that ended
    gaps=[1.0], delays=[9.5] + [0.0] * 11, pauses=[1.0, 1.0, 4.5], failing=set(), with_up=True
)
@given(
    gaps=st.lists(st.floats(1, 20), min_size=1, max_size=12),
    delays=st.lists(st.floats(0, 10), min_size=12, max_size=12),
    pauses=st.lists(st.floats(0.1, 40), min_size=1, max_size=8),
    failing=st.sets(st.integers(0, 7)),
    with_up=st.booleans(),
)
def test_every_scrape_is_told_once_and_whole(
    gaps: list[float],
    delays: list[float],
    pauses: list[float],
    failing: set[int],
    with_up: bool,
) -> None:
    scrapes, at, stored = [], T, T
    for gap, delay in zip(gaps, delays, strict=False):
        at = math.floor((max(at + gap, stored)) * 1000) / 1000 + 0.001  # one after the other
        # What has no `up` has no scrape either: it appears at once, as a relay writes it.
        stored = at + (delay if with_up else 0.0)
        scrapes.append((at, stored))
    store = Store(scrapes, with_up=with_up)
    rig = Rig(store)

    async def poll_all() -> None:
        for turn, pause in enumerate([*pauses, 300.0, 40.0]):
            store.clock.set(store.clock.now() + pause)
            store.failing = SourceFailed("status 500") if turn in failing else None
            store.failing = None if turn >= len(pauses) else store.failing
            await rig.poller.poll()

    asyncio.run(poll_all())
    assert [scrape.at for scrape in rig.scrapes] == [at for at, _ in scrapes]
    for scrape in rig.scrapes:
        assert scrape.page is not None
        assert set(scrape.page.layout.keys) == {b"errors_total", b"requests_total"}


async def test_a_poll_asks_up_first_and_only_for_what_is_new() -> None:
    store = Store([], with_up=True)
    rig = Rig(store)
    for end in (15.0, 30.0):
        store.clock.set(T + end)
        await rig.poller.poll()
    assert [(s.partition("{")[0], start - T, end - T) for s, start, end in store.asked] == [
        ("up", -OVERLAP_S, 15),
        ("errors_total", -OVERLAP_S, 15),
        ("requests_total", -OVERLAP_S, 15),
        ("up", 15 - OVERLAP_S, 30),
        ("errors_total", 15 - OVERLAP_S, 30),
        ("requests_total", 15 - OVERLAP_S, 30),
    ]


async def test_the_lag_of_a_source_is_left_alone() -> None:
    store = Store([], with_up=True)
    store.source = replace(store.source, lag_s=10.0)
    store.clock.set(T + 30)
    rig = Rig(store)
    await rig.poller.poll()
    assert {end for _, _, end in store.asked} == {T + 20}
    assert rig.poller.status.lag_s == pytest.approx(10, abs=2)


async def test_a_long_silence_is_caught_up_with_in_pieces_that_fit() -> None:
    scrapes = [(T + n * 10.0 + 1, T + n * 10.0 + 1) for n in range(1000)]
    store = Store(scrapes, with_up=True)
    store.source = replace(store.source, max_samples=300)
    store.clock.set(T + 10_100)
    rig = Rig(store)
    await rig.poller.poll()
    assert [scrape.at for scrape in rig.scrapes] == [at for at, _ in scrapes]
    spans = [end - start for selector, start, end in store.asked if selector.startswith("up")]
    assert max(spans[1:]) <= 300 / 0.3  # three series, each 0.1 samples/s
    assert len(spans) > 10


async def test_what_the_server_refuses_as_too_much_is_asked_for_in_pieces() -> None:
    class Small(Store):
        async def samples(self, selector: str, start: float, end: float) -> list[Samples]:
            if end - start > 120:
                raise QueryRefused("too many samples")
            return await super().samples(selector, start, end)

    scrapes = [(T + n * 10.0 + 1, T + n * 10.0 + 1) for n in range(60)]
    store = Small(scrapes, with_up=True)
    store.clock.set(T + 620)
    rig = Rig(store)
    await rig.poller.poll()
    assert [scrape.at for scrape in rig.scrapes] == [at for at, _ in scrapes]
    assert rig.poller.status.health == "up"


async def test_a_failing_poll_tells_nothing_and_says_why() -> None:
    store = Store([(T + 1, T + 2)], with_up=True)
    store.failing, store.retry_at = SourceFailed("status 500"), T + 16
    rig = Rig(store)
    store.clock.set(T + 15)
    await rig.poller.poll()
    status = rig.poller.status
    assert (status.health, status.error, status.retry_at) == ("down", "status 500", T + 16)
    assert (status.last_ok_at, status.lag_s, rig.scrapes) == (None, 15.0, [])


async def test_a_refused_selector_is_named() -> None:
    store = Store([], with_up=True)
    store.failing = QueryRefused("status 422: no")
    store.clock.set(T + 15)
    rig = Rig(store)
    await rig.poller.poll()
    assert rig.poller.status.error == 'up{job="api"}: status 422: no'


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
async def api(fake: Fake) -> AsyncIterator[PromApi]:
    async with serving(fake) as url, open_session() as session:
        yield PromApi(session, DataSource("main", "Prometheus", url), SetClock(T + 70))


RANGE = re.compile(r"(\w+)\{.*\}\[(\d+)ms\]")
FAILURES = [
    replies(500),
    replies(429, headers={"Retry-After": "20"}),
    replies(text="<html>a proxy</html>"),
    # These hold nothing, and say that something is missing: an answer that must not be believed.
    answers([], "matrix", warnings=["a store is away"]),
    answers([], "matrix", isPartial=True),
    hangs,
]


async def test_failures_of_every_kind_delay_samples_and_lose_none(fake: Fake, api: PromApi) -> None:
    scrapes = [T + 10.0 * n + 1 for n in range(200)]
    failures = itertools.cycle([*FAILURES, None, None, None])

    async def handle(request: web.Request) -> web.StreamResponse:
        if len(fake.asked) % 4 == 0 and (failure := next(failures)) is not None:
            return await failure(request)
        found = RANGE.fullmatch(request.query["query"])
        assert found is not None
        end = float(request.query["time"])
        there = [at for at in scrapes if end - int(found[2]) / 1000 <= at <= end]
        series = {
            "metric": {"__name__": found[1], "job": "api", "instance": "a:1"},
            "values": [[at, "1" if found[1] == "up" else str(at - T)] for at in there],
        }
        return answer([series], "matrix")

    fake.handle = handle
    api = PromApi(api._session, replace(api.source, timeout_s=0.05), SetClock(T))
    assert isinstance(api.clock, SetClock)
    rig = Rig(api)
    errors = set()
    for turn in range(1, 160):
        api.clock.set(T + turn * 15.0)
        await rig.poller.poll()
        errors.add(rig.poller.status.error)
    assert [scrape.at for scrape in rig.scrapes] == scrapes
    for scrape in rig.scrapes:
        assert scrape.page is not None
        assert scrape.page.values.tolist() == [scrape.at - T] * 2
    assert len(errors - {None, "resting after failures"}) == len(FAILURES)


def sliced(ok: bool) -> object:
    async def handle(request: web.Request) -> web.Response:
        query = request.query["query"]
        if "vigie_part" not in query:
            return answer([], "matrix")
        if not ok:
            return web.Response(status=500)
        if "start" not in request.query:
            times = [float(request.query["time"])]
        else:
            first, last = float(request.query["start"]), float(request.query["end"])
            times = np.arange(first, last + 1, 60).tolist()
        values = {"part": "1", "total": "4"}
        series = [
            {"metric": {"vigie_part": name}, "values": [[at, value] for at in times]}
            for name, value in values.items()
        ]
        if len(times) == 1:
            series = [{"metric": s["metric"], "value": s["values"][0]} for s in series]
        return answer(series, "matrix" if len(times) > 1 else "vector")

    return handle


async def test_a_slice_is_asked_for_once_after_its_end_and_again_until_it_is_answered(
    fake: Fake, api: PromApi
) -> None:
    clock = api.clock
    assert isinstance(clock, SetClock)
    rig = Rig(api, T + 60)
    rig.poller.watch(frozenset(), frozenset(), [SHARE])
    fake.handle = sliced(ok=True)
    for now in (70, 85):
        clock.set(T + now)
        await rig.poller.poll()
    assert [(e.slice_start - T, e.part, e.total) for e in rig.estimates] == [(0, 1.0, 4.0)]
    fake.handle = sliced(ok=False)
    clock.set(T + 130)
    await rig.poller.poll()
    assert rig.poller.status.error == "status 500"
    fake.handle = sliced(ok=True)
    clock.set(T + 250)
    await rig.poller.poll()
    assert [e.slice_start - T for e in rig.estimates] == [0, 60, 120, 180]
    assert rig.poller.status.health == "up"


async def test_a_failing_expression_leaves_the_samples_alone(fake: Fake, api: PromApi) -> None:
    rig = Rig(api, T + 60)
    rig.poller.watch(frozenset({REQUESTS}), frozenset(), [SHARE])
    fake.handle = sliced(ok=False)
    await rig.poller.poll()
    status = rig.poller.status
    assert (status.health, status.error, status.last_ok_at) == ("up", "status 500", T + 70)
    assert rig.estimates == []


async def test_a_refused_expression_is_unknown_and_leaves_the_source_up(
    fake: Fake, api: PromApi
) -> None:
    rig = Rig(api, T + 60)
    rig.poller.watch(frozenset(), frozenset(), [SHARE])
    fake.handle = replies(422, text="unknown function")
    await rig.poller.poll()
    (estimate,) = rig.estimates
    assert (estimate.part, estimate.reason) == (None, "status 422: unknown function")
    assert rig.poller.status.health == "up"


async def test_the_loop_polls_at_its_interval_and_at_once_when_a_source_may_be_asked_again() -> (
    None
):
    store = Store([], with_up=True)
    rig = Rig(store)
    polled: list[float] = []
    came = asyncio.Event()

    async def poll() -> None:
        polled.append(store.clock.now())
        store.retry_at = store.clock.now() + 1 if len(polled) == 2 else None
        rig.poller._behind = store.retry_at is not None
        came.set()

    rig.poller.poll = poll  # type: ignore[method-assign]  # the loop is what is tested
    rig.poller.start()
    now = T
    while len(polled) < 4:
        await asyncio.sleep(0)
        now += 0.25
        store.clock.set(now)
        for _ in range(3):
            await asyncio.sleep(0)
    await rig.poller.stop()
    assert [b - a for a, b in itertools.pairwise(polled)] == [15.0, 1.0, 14.0]
