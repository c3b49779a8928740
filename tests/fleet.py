"""A small fleet as the HTTP side sees it: figures made by hand, a real database, a real server.

async with serving(fleet) as site:
    answer = await site.get("/api/v1/slos")
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvicorn
from fastapi import FastAPI

from blank import blank_database
from collected import collected
from collectors.otlp.receiver import Otlp
from collectors.targets import Target, TargetStatus
from collectors.written import Inbox
from incidents.model import IncidentType, Severity, Signal, Urgency
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from slo.outages import Outage
from slo.promql import compile_events
from slo.spec import (
    AlertState,
    Arm,
    ArmKind,
    CountingSli,
    Policy,
    RatioKind,
    Service,
    ServiceState,
    Slo,
    SloId,
)
from slo.status import (
    ArmFigures,
    ServiceFigures,
    SloFigures,
    Status,
    WindowFigures,
)
from vigie import api, web
from vigie.access import Gate
from vigie.clock import SetClock
from vigie.config import Channel, Config, Watch
from vigie.live import Board, Collected, Feed, Live
from vigie.store import deliveries, incidents, runs
from vigie.store.db import Database, open_database
from vigie.telemetry import Meters

T0 = 1_790_000_000.0
DAY_S, HOUR_S = 86400.0, 3600.0
PAGE = Arm("page-1h-5m", ArmKind.PAGE, 14.4, HOUR_S, 300.0)
TICKET = Arm("ticket-3d-6h", ArmKind.TICKET, 1.0, 3 * DAY_S, 6 * HOUR_S)
ONCALL = Channel("oncall", "webhook", frozenset({"page", "notice"}), url="http://127.0.0.1:9/hook")
ERRORS = 'sum(http_requests_total{job="%s",code=~"5.."})'
TOTAL = 'sum(http_requests_total{job="%s"})'

RUNBOOK = Runbook(
    name="checkout-errors",
    title="Checkout answers with errors",
    description="Errors of checkout mostly come from payments or from a bad release.",
    match=Match(types=("slo-burn",), services=("checkout",)),
    mode=Mode.DIAGNOSE,
    steps=(
        Step(
            "errors",
            StepKind.HTTP,
            "Which errors, and where from",
            url="http://127.0.0.1:8101/debug/errors",
            read_only=True,
        ),
        Step("roll-back", StepKind.MANUAL, "Roll back", text="Deploy the release before this one."),
    ),
)


def watch(service: str, name: str, **more: Any) -> Watch:
    sli = CountingSli(
        RatioKind.BAD, compile_events(ERRORS % service), compile_events(TOTAL % service)
    )
    return Watch(Slo(service, name, 0.999, 30 * DAY_S, sli, **more), Policy("p"), (PAGE, TICKET))


def window(length_s: float, good: int, total: int, coverage: float = 1.0) -> WindowFigures:
    sli = good / total if total else None
    burn = (1 - sli) / 0.001 if sli is not None else None
    return WindowFigures(length_s, T0 - length_s, T0, good, total, coverage, sli, burn)


def figures(
    watched: Watch,
    bad: int = 0,
    state: AlertState = AlertState.OK,
    coverage: float = 1.0,
    total: int = 1_000_000,
    no_data: bool = False,
) -> SloFigures:
    """Figures of one SLO: `bad` of `total` in its window, all of it within the last hour."""
    recent = total // 100
    failed = min(bad, recent)
    arms = tuple(
        ArmFigures(
            arm,
            state if arm.kind is ArmKind.PAGE else AlertState.OK,
            T0 - 480.0,
            window(arm.long_s, recent - failed, recent, coverage),
            window(arm.short_s, (recent - failed) // 12, recent // 12, coverage),
        )
        for arm in watched.arms
    )
    whole = window(watched.slo.window_s, total - bad, total, coverage)
    return SloFigures(
        slo=watched.slo,
        window=whole,
        budget_remaining=1 - bad / total / watched.slo.budget if total else None,
        arms=arms,
        burns={w.window_s: w for arm in arms for w in (arm.long, arm.short)},
        good_total=total - bad,
        total_total=total,
        recent=window(60.0, 100, 100),
        no_data=no_data,
    )


CHECKOUT = watch("checkout", "availability", display_name="Checkout answers")
FRONTEND = watch("frontend", "availability", display_name="Pages load")
PAYMENTS = watch("payments", "availability", display_name="Payments go through")


def shop_target(service: str, number: int) -> Target:
    instance = f"127.0.0.1:81{number:02}"
    labels = {"job": service, "instance": instance, "service": service}
    url = f"http://{instance}/metrics"
    return Target(service, instance, url, service, labels, interval_s=5.0, timeout_s=5.0)


TARGETS = [
    shop_target(s, i) for i, s in enumerate(("checkout", "checkout", "frontend", "payments"))
]

CONFIG = Config(
    services={name: Service(name) for name in ("checkout", "frontend", "payments")},
    watches={w.slo.id: w for w in (CHECKOUT, FRONTEND, PAYMENTS)},
    targets={target.id: target for target in TARGETS},
    channels={ONCALL.name: ONCALL},
    runbooks=(RUNBOOK,),
)

CALM = Status(
    at=T0,
    tick=7,
    slos={
        CHECKOUT.slo.id: figures(CHECKOUT, bad=120),
        FRONTEND.slo.id: figures(FRONTEND, bad=3),
        PAYMENTS.slo.id: figures(PAYMENTS, total=0, coverage=0.0),
    },
    services={
        "checkout": ServiceFigures("checkout", ServiceState.UP, "every SLO is met", 0.0, None),
        "frontend": ServiceFigures("frontend", ServiceState.UP, "every SLO is met", 312.0, None),
        "payments": ServiceFigures(
            "payments", ServiceState.UNKNOWN, "nothing is measured", 0.0, None
        ),
    },
)

BROKEN = replace(
    CALM,
    slos={
        **CALM.slos,
        CHECKOUT.slo.id: figures(CHECKOUT, bad=1800, state=AlertState.FIRING),
        FRONTEND.slo.id: figures(FRONTEND, 3, AlertState.FROZEN, coverage=0.4, no_data=True),
    },
    services={
        **CALM.services,
        "checkout": ServiceFigures(
            "checkout",
            ServiceState.DOWN,
            "under half of the events of availability are good",
            480.0,
            Outage("checkout", T0 - 480.0, None, "half of the events fail"),
            60.0,
        ),
    },
)


def scraped(target: Target, error: str | None = None) -> TargetStatus:
    if error is not None:
        return TargetStatus(target, "down", T0 - 2, 5.0, error=error, last_good_at=T0 - 95)
    return TargetStatus(target, "up", T0 - 2, 0.0034, 142, 18_204, last_good_at=T0 - 2)


def live(status: Status | None = CALM, **more: Any) -> Live:
    statuses = [*map(scraped, TARGETS[:-1]), scraped(TARGETS[-1], "connection refused")]
    return Live(CONFIG, T0 - HOUR_S, status, {s.target.id: s for s in statuses}, **more)


def burn_signal(service: str = "checkout", severity: Severity = Severity.SEV2) -> Signal:
    return Signal(
        key=f"slo-burn:{service}/availability",
        type=IncidentType.SLO_BURN,
        service=service,
        slo="availability",
        title=f"{service}/availability burns 180x its error budget (1h/5m)",
        urgency=Urgency.HIGH,
        severity=severity,
        started_at=T0 - 490,
        firing=True,
        clear=False,
        recover_after_s=120.0,
        labels={"service": service, "slo": "availability"},
        detail={
            "objective": 0.999,
            "sli": 0.9982,
            "budget_remaining": -0.8,
            "arms": [
                {
                    "name": PAGE.name,
                    "kind": "page",
                    "state": "firing",
                    "burn_threshold": 14.4,
                    "long": _window_detail("1h", HOUR_S, 1800),
                    "short": _window_detail("5m", 300.0, 150),
                }
            ],
        },
    )


def _window_detail(length: str, length_s: float, bad: int) -> dict[str, Any]:
    total = round(length_s * 10_000 / HOUR_S)
    return {
        "window": length,
        "window_seconds": length_s,
        "burn_rate": bad / total / 0.001,
        "good": total - bad,
        "total": total,
        "bad": bad,
        "coverage": 1.0,
        "from": T0 - length_s,
        "to": T0,
    }


def no_data_signal() -> Signal:
    silent = scraped(TARGETS[-1], "connection refused")
    return Signal(
        key="no-data:payments",
        type=IncidentType.NO_DATA,
        service="payments",
        slo="",
        title="payments: no data, 1 of 1 targets does not answer",
        urgency=Urgency.LOW,
        severity=Severity.SEV4,
        started_at=T0 - 95,
        firing=True,
        clear=False,
        recover_after_s=120.0,
        labels={"service": "payments"},
        detail={
            "targets": [
                {
                    "id": silent.target.id,
                    "health": "down",
                    "error": silent.error,
                    "last_good_at": silent.last_good_at,
                }
            ],
            "slos": ["payments/availability"],
            "since": T0 - 95,
        },
    )


@dataclass
class Fleet:
    """Everything that the HTTP side is handed, and what it asked for."""

    db: Database
    board: Board = field(default_factory=lambda: Board(live()))
    clock: SetClock = field(default_factory=lambda: SetClock(T0))
    feed: Feed = field(default_factory=Feed)
    collected: Collected = field(default_factory=collected)
    meters: Meters = field(default_factory=Meters)
    woken: int = 0
    reloads: list[Live] = field(default_factory=list)  # what the next reloads lead to

    def wake(self) -> None:
        self.woken += 1

    async def reload(self) -> None:
        self.board.now = self.reloads.pop(0)

    def open(self, signal: Signal | None = None, at: float = T0 - 480) -> int:
        """Open an incident; its number."""
        number = self.db.write(lambda c: incidents.open_incident(c, signal or burn_signal(), at))
        assert number is not None
        return number

    def tell(self, number: int) -> None:
        """The page of an incident fails once and arrives then; its runbook runs."""

        def work(c: Any) -> None:
            record = ["notify:1:page:oncall", number, "oncall", "page"]
            deliveries.record(c, *record, 1, T0 - 479, "failed", "503 Service Unavailable")
            deliveries.record(c, *record, 2, T0 - 477, "delivered", "204 No Content")
            run = runs.start(c, number, RUNBOOK, T0 - 478)
            assert run is not None
            output = "payments 503: 412\npayments timeout: 38\n<script>alert(1)</script>"
            runs.step_finished(c, run, "errors", "done", T0 - 477, output, None)
            runs.finish(c, run, "done", T0 - 477)

        self.db.write(work)


def fleet_at(folder: Path, **more: Any) -> Fleet:
    return Fleet(open_database(blank_database(folder)), **more)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Site:
    """A server that serves a fleet, and a client of it."""

    url: str
    fleet: Fleet
    client: aiohttp.ClientSession

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> Answer:
        return await self.ask("POST", path, json=json, **more)

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        more.setdefault("allow_redirects", False)
        async with self.client.request(method, self.url + path, **more) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


class Served:
    """The fleet that is served now, and its gate."""

    fleet: Fleet
    gate: Gate


class Part:
    """One part of whichever fleet is served now."""

    def __init__(self, now: Callable[[], Any]) -> None:
        self._now = now

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)

    def __call__(self) -> Any:
        return self._now()()


def app_of(served: Served) -> FastAPI:
    """The whole HTTP side."""

    def part(name: str) -> Any:
        return Part(lambda: getattr(served.fleet, name))

    parts = {name: part(name) for name in ("board", "db", "clock", "feed", "collected")}
    parts |= {"gate": Part(lambda: served.gate), "wake": part("wake")}
    more: dict[str, Any] = {"meters": part("meters"), "reload": part("reload"), "slice_s": 10}
    more |= {"heard": Part(lambda: lambda _: served.fleet.wake()), "otlp": Otlp(0.0)}
    app = api.build(**parts, **more, inbox=Inbox(), version="1.2.3")
    web.add_pages(app, **parts)
    return app


class Door:
    """One real server on a free port of loopback, in a thread, for many fleets one after another:
    starting and stopping a server takes longer than most tests, and so does building an app.
    """

    def __init__(self) -> None:
        self.app: FastAPI | None = None
        self.whole: FastAPI | None = None
        self._now = Served()
        self._ready = threading.Event()
        self._server = _Server(self, self._ready.set)
        self._thread = threading.Thread(target=self._server.run, name="door", daemon=True)
        self._thread.start()
        assert self._ready.wait(30), "the server does not start"
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def serve(self, fleet: Fleet, **access: Any) -> None:
        """Serve a fleet instead of the one before, with what `Gate` takes in `access`."""
        self._now.fleet, self._now.gate = fleet, Gate(fleet.clock, **access)
        if self.whole is None:
            self.whole = app_of(self._now)
        self.app = self.whole

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.app is not None, "nothing is served now"
        await self.app(scope, receive, send)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)


class _Server(uvicorn.Server):
    """Says when it listens, and leaves the signals to the test run."""

    def __init__(self, app: Any, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_config=None)
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def many(count: int) -> tuple[Config, Status]:
    """So many SLOs, calm."""
    watches = [watch(f"service-{i % 50}", f"slo-{i}") for i in range(count)]
    config = replace(CONFIG, watches={w.slo.id: w for w in watches})
    slos: dict[SloId, SloFigures] = {w.slo.id: figures(w, bad=12) for w in watches}
    return config, replace(CALM, slos=slos)
