"""A stage for stories: a Vigie with all its parts, the people who use it, and time.

The HTTP side is served on loopback; the pipeline, the worker with every handler and the database
are those of a server, and the story moves their one clock. People come with a browser (`asks`) or
on the command line (`types`), each with their own rights.
"""

import asyncio
import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from sqlalchemy import Connection

import accounts
from fleet import Answer, Door, Fleet
from vigie import config, handlers
from vigie.access import Accounts, Role
from vigie.cli import main
from vigie.clock import SetClock
from vigie.jobs.worker import Worker
from vigie.store import impact, jobs
from vigie.store.keep import Retention
from vigie.telemetry import Telemetry
from world import INTERVAL_S, TEXT, Event, Process, Vigie

START = datetime(2026, 10, 5, 8, 0, tzinfo=UTC).timestamp()  # a Monday
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0
TOKENS_LAST_S = 120 * DAY_S
FIGURES = "requests that fail: 412 of payments\n"


class Outside:
    """What answers beyond Vigie: a webhook that keeps what it was told, and figures to diagnose."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._app = web.Application()
        self._app.router.add_post("/hook", self._hear)
        self._app.router.add_get("/figures", self._show)
        self._runner = web.AppRunner(self._app, shutdown_timeout=0.1)

    async def start(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        self.told.append(await request.json())
        return web.Response(status=204)

    async def _show(self, _: web.Request) -> web.Response:
        return web.Response(text=FIGURES)


class Stage:
    """A server made of these files, in which OUTSIDE stands for what answers beyond it."""

    def __init__(self, folder: Path, door: Door, files: str) -> None:
        self.clock = SetClock(START)
        self.loop = asyncio.Runner()
        self.outside = Outside()
        place = self._place = self.loop.run(self.outside.start())
        self._settings = folder / "vigie.yaml"
        self._settings.write_text(f"data: {folder}\nfiles: [story.yaml]\n", encoding="utf-8")
        written = folder / "story.yaml"
        written.write_text(files.replace("OUTSIDE", place), encoding="utf-8")
        self.config = config.load([written], need_slo=False)
        self.vigie = Vigie(self.config, folder, self.clock)
        self.db = self.vigie.db
        self.db.write(self._begin)
        self.session = self.loop.run(_session())
        self.fleet = Fleet(self.db, self.vigie.board, self.clock)
        self.worker = self._worker()
        self._keys = count(1)
        self.people: dict[str, Person] = {}
        self.processes = {name: Process(START - 50.0) for name in self.config.targets}
        self._door = door
        door.serve(self.fleet, accounts=Accounts(self.db, self.clock))

    def person(self, name: str, role: Role) -> "Person":
        """Somebody with a password and a token of their own."""
        user = accounts.user(self.fleet, name, role)
        secret = accounts.token(self.fleet, role, of=user, name="cli", lasts_s=TOKENS_LAST_S)
        person = self.people[name] = Person(self._door.url, name, secret, self._keys)
        return person

    def passes(self, seconds: float) -> None:
        """Time goes by: jobs run when they are due."""
        end = self.clock.now() + seconds
        while (due := self._due(end)) is not None:
            self.clock.set(max(due, self.clock.now()))
            self.loop.run(self.worker.run_due())
        self.clock.set(end)
        self.look()

    def later(self, seconds: float) -> None:
        """A long time goes by in which no server runs; one that starts then does what is due."""
        self.clock.set(self.clock.now() + seconds)
        for person in self.people.values():
            person.forgets()  # sessions are over by then
        self.look()

    def serves(self, seconds: float, good: int, bad: int = 0, every_s: float = INTERVAL_S) -> None:
        """As `passes`, while every target serves so many events an interval and is scraped."""
        for _ in range(round(seconds / every_s)):
            self.passes(every_s)
            at = self.clock.now() - 1.0
            for name, process in self.processes.items():
                process.events += [Event(at, "200")] * good + [Event(at, "500")] * bad
                target = self.config.targets[name]
                self.vigie.pipeline.deliver(self.vigie.scrape(target, process.page(TEXT), TEXT))
            self.look()

    def look(self) -> None:
        """What waits for nobody: a tick, and the jobs that are due now."""
        self.vigie.pipeline.changed_by_people()
        assert self.loop.run(self.vigie.pipeline.tick())
        self.loop.run(self.worker.run_due())

    def told(self, incident: int | None, *, kind: str = "") -> list[dict[str, Any]]:
        """What the webhook heard of an incident; None: what names none."""
        about = [(one, (one["incident"] or {}).get("number")) for one in self.outside.told]
        heard = [one for one, number in about if number == incident]
        return [one for one in heard if not kind or one["kind"] == kind]

    def events(self, incident: int) -> list[str]:
        """What it heard, in order."""
        return [str(one["event"]) for one in self.told(incident)]

    def exported(self, number: int, by: "Person", output: str) -> str:
        """The record as somebody exports it; the port of what is outside is by chance."""
        text = by.types("incident", "export", number, "--format", output)
        return text.replace(self._place, "http://outside.example")

    def proves_its_timelines(self) -> None:
        """`vigie db verify` over the file says that no timeline was touched."""
        ran = Person(self._door.url, "root", "of the server, not used", self._keys).types(
            "db", "verify", "-c", self._settings
        )
        assert " is good: " in ran, ran

    def close(self) -> None:
        self.loop.run(self.session.close())
        self.loop.run(self.outside.stop())
        self.loop.close()
        self.db.close()

    def _begin(self, c: Connection) -> None:
        """As a server that starts."""
        now = self.clock.now()
        handlers.begin_measuring(c, now)
        handlers.begin_closing(c, now)
        handlers.wait_for_events(c, self.config)

    def _due(self, end: float) -> float | None:
        # Who measures late measures the same: it need not run every minute of a long wait.
        kinds = self.handlers.keys() - {impact.KIND}
        at = self.db.read(lambda c: jobs.next_run_at(c, kinds))
        return at if at is not None and at <= end else None

    def _worker(self) -> Worker:
        self.handlers = handlers.build(
            db=self.db,
            board=self.vigie.board,
            clock=self.clock,
            session=self.session,
            telemetry=Telemetry(),
            base_url="https://vigie.example/",
            retention=Retention(),
            collected=self.fleet.collected,
            slice_s=10,
            history=None,
        )
        dead = handlers.on_dead(self.vigie.board, self.clock)
        more: dict[str, Any] = {"worker": "story", "on_dead": dead, "batch": 1}  # one after another
        return Worker(self.db, self.clock, self.handlers, **more)


class Person:
    """Somebody at a browser and at a terminal."""

    def __init__(self, url: str, name: str, token: str, keys: Iterator[int]) -> None:
        self.url, self.name, self.token, self._keys = url, name, token, keys
        self._cookies: dict[str, str] = {}

    def asks(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The API, signed in by cookie; what it answers. The status is as the story says."""
        answer = self._send(method, f"/api/v1{path}", body, self._signed_in())
        assert answer.status == status, f"{self.name} {method} {path}: {answer.text}"
        return answer.json if answer.body else None

    def reads(self, path: str, *, status: int = 200) -> str:
        """A page."""
        answer = self._send("GET", path, None, self._signed_in() | {"Accept": "text/html"})
        assert answer.status == status, f"{self.name} {path}: {answer.text}"
        return answer.text

    def fills_in(self, path: str, form: Mapping[str, str]) -> str:
        """A form of a page, sent; where it leads."""
        shown = self._signed_in()
        sent = urlencode({**form, "csrf": shown["X-CSRF-Token"]})
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
        answer = self._send("POST", path, sent, shown | kind)
        assert answer.status == 303, answer.text
        return answer.headers["Location"]

    def types(self, *words: object, ends: int = 0) -> str:
        """`vigie` with these words; what it printed, or said where it ended otherwise."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        place = {"VIGIE_URL": self.url, "VIGIE_TOKEN": self.token}
        argv = ["vigie", *map(str, words)]
        # Idempotency keys are recorded, so that the hash of a timeline holds them.
        keys = patch("uuid.uuid4", lambda: UUID(int=next(self._keys)))
        told = patch.dict("os.environ", place), patch.object(sys, "argv", argv)
        with keys, told[0], told[1], redirect_stdout(out), redirect_stderr(err):
            code = _ended()
        out.flush()
        out.seek(0)
        printed = out.read()
        assert code == ends, f"{self.name}: {' '.join(argv)}: {code}: {err.getvalue()}{printed}"
        return err.getvalue() if ends else printed

    def shown(self, *words: object) -> Any:
        """As `types`, as JSON."""
        return json.loads(self.types(*words, "--format", "json"))

    def forgets(self) -> None:
        """Sign in anew at the next look."""
        self._cookies = {}

    def _signed_in(self) -> dict[str, str]:
        if not self._cookies:
            body = {"name": self.name, "password": accounts.PASSWORD}
            answer = self._send("POST", "/api/v1/session", body, {})
            assert answer.status == 200, answer.text
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
            self._cookies = {"Cookie": cookie, "X-CSRF-Token": answer.json["csrf"]}
        return dict(self._cookies)

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Answer:
        place = urlsplit(self.url)
        connection = HTTPConnection(str(place.hostname), place.port, timeout=30)
        kind = {"Content-Type": "application/json"} | dict(headers)
        sent = body if isinstance(body, str) else None if body is None else json.dumps(body)
        try:
            connection.request(method, path, sent, kind)
            answer = connection.getresponse()
            return Answer(answer.status, CIMultiDict(answer.getheaders()), answer.read())
        finally:
            connection.close()


def kinds_of(incident: Mapping[str, Any]) -> list[str]:
    """The kinds of the entries of its timeline, in order."""
    return [entry["kind"] for entry in incident["timeline"]]


def at(incident: Mapping[str, Any], time: str) -> float | None:
    """A time of an incident, in seconds since the story began."""
    said = incident[time]
    return None if said is None else datetime.fromisoformat(said).timestamp() - START


def _ended() -> int:
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
