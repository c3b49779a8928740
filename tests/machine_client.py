"""The whole HTTP side in this process: requests go to the application itself, without a socket.

with Client() as client:
    client.serve(fleet)
    answer = client.ask("GET", "/api/v1/incidents", {"Authorization": "Bearer ..."})
"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import orjson
from fastapi import FastAPI

from fleet import Answer, Fleet, Served, app_of
from vigie.access import Accounts, Gate
from vigie.live import Change

T = TypeVar("T")
LONGEST_S = 30.0  # that anything here is waited for: it is a hang then
FENCE = Change("reload")  # told to everybody: when it is there, all before it is


class Client:
    """Serves one fleet after another with one application, which takes a second to build."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._served = Served()
        self._app: FastAPI | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = asyncio.all_tasks(self._loop)  # sse_starlette leaves one that waits for signals
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def serve(self, fleet: Fleet) -> None:
        """Serve a fleet, with its users, instead of the one before."""
        self._served.fleet = fleet
        self._served.gate = Gate(fleet.clock, accounts=Accounts(fleet.db, fleet.clock))
        if self._app is None:
            self._app = app_of(self._served)

    @property
    def app(self) -> FastAPI:
        assert self._app is not None, "nothing is served"
        return self._app

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], content: Any = None
    ) -> Answer:
        """Send one request; `content` is bytes as they are, and all else JSON."""
        asked = _Asked(method, path, headers, content)
        self.run(self.app(asked.scope, asked.receive, asked.send))
        return asked.answer()

    def listen(self, headers: Mapping[str, str]) -> "Stream":
        """Open `/api/v1/events`; what it tells until `close`."""
        return Stream(self, self.app, headers)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(LONGEST_S):
                return await work

        return self._loop.run_until_complete(bounded())

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._loop.create_task(work)


class Stream:
    """Server-Sent Events as one listener gets them."""

    def __init__(self, client: Client, app: FastAPI, headers: Mapping[str, str]) -> None:
        self._client, self._came = client, asyncio.Event()
        self._asked = _Asked("GET", "/api/v1/events", headers, None, self._note)
        self._events: list[tuple[str, Any]] = []
        self._task = client.start(app(self._asked.scope, self._asked.receive, self._asked.send))
        client.run(self._until("tick"))

    def numbers(self) -> list[int]:
        """The incidents that it told of since it was asked last. Publish FENCE before."""
        self._client.run(self._until(FENCE.kind))
        told, self._events = self._events, []
        return [data["number"] for kind, data in told if kind == "incident"]

    def close(self) -> None:
        """Publish the change `stop` before."""
        self._client.run(self._ended())

    async def _ended(self) -> None:
        await self._task

    async def _until(self, kind: str) -> None:
        while all(one != kind for one, _ in self._events):
            assert not self._task.done(), self._asked.answer()
            self._came.clear()
            await self._came.wait()

    def _note(self, piece: bytes) -> None:
        said = dict(line.split(": ", 1) for line in piece.decode().splitlines() if ": " in line)
        if "event" in said:
            self._events.append((said["event"], orjson.loads(said["data"])))
        self._came.set()


class _Asked:
    """One request and its answer, as ASGI has them."""

    def __init__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: Any,
        note: Any = None,
    ) -> None:
        given = {"Host": "127.0.0.1", **headers}
        body = content if isinstance(content, bytes) else b""
        if content is not None and not isinstance(content, bytes):
            body = orjson.dumps(content)
            given["Content-Type"] = "application/json"
        if body:
            given["Content-Length"] = str(len(body))
        where = urlsplit(path)
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": where.path,
            "raw_path": where.path.encode(),
            "query_string": where.query.encode(),
            "root_path": "",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 40_000),
            "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
        }
        self._body: bytes | None = body
        self._note = note
        self._start: dict[str, Any] = {}
        self._pieces: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        if self._body is None:
            await asyncio.Event().wait()  # the client stays, and sends no more
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            piece = message.get("body", b"")
            self._pieces.append(piece)
            if self._note is not None:
                self._note(piece)

    def answer(self) -> Answer:
        headers = {k.decode(): v.decode() for k, v in self._start.get("headers", ())}
        return Answer(self._start["status"], headers, b"".join(self._pieces))
