"""A Kubernetes API server on loopback, as much as watching needs, and a clock for its watchers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import orjson
from aiohttp import web
from yarl import URL

from components import free_port

Raw = dict[str, Any]


class Clock:
    """Time that stands still while loops wait for it, or runs to whatever they wait for."""

    def __init__(self, *, hurry: bool = False) -> None:
        self._now, self._hurry = 1000.0, hurry
        self._asleep: list[asyncio.Future[None]] = []
        self._came = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, at: float) -> None:
        if self._hurry:
            self._now = max(self._now, at)
        else:
            self._asleep.append(asyncio.get_running_loop().create_future())
            self._came.set()
        await (asyncio.sleep(0) if self._hurry else self._asleep[-1])

    async def wake(self) -> None:
        """Once somebody waits: an hour later."""
        await self.asleep()
        self._now += 3600
        self._came.clear()
        while self._asleep:
            self._asleep.pop().set_result(None)

    async def asleep(self) -> None:
        async with asyncio.timeout(10):
            await self._came.wait()


class Cluster:
    """An API server: lists in pages, watches with a history that can be cut off, and faults."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Raw]] = {}
        self.history: list[tuple[int, str, str, Raw]] = []  # version, plural, type, object
        self.version, self.floor = 100, 0
        self.refusals: list[int] = []  # statuses of the next requests
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.gone_in_stream = True
        self.forbidden: set[str] = set()  # plurals
        self.expire_pages = 0
        self.page: int | None = None
        self._pages: dict[str, list[Raw]] = {}
        self._streams: dict[web.StreamResponse, int] = {}  # and the version that was sent
        self._moved = asyncio.Event()

    def put(self, plural: str, raw: Raw) -> None:
        meta = raw["metadata"]
        key = "/".join(filter(None, (meta.get("namespace"), meta["name"])))
        known = self.objects.setdefault(plural, {})
        self._event(plural, "MODIFIED" if key in known else "ADDED", raw)
        known[key] = self.history[-1][3]

    def delete(self, plural: str, key: str) -> None:
        if (raw := self.objects.get(plural, {}).pop(key, None)) is not None:
            self._event(plural, "DELETED", raw)

    def bookmark(self) -> None:
        for plural in self.objects:
            self._event(plural, "BOOKMARK", {"metadata": {}})

    def compact(self) -> None:
        self.history, self.floor = [], self.version

    def drop(self) -> None:
        """Every watch loses its connection, in the middle of an event."""
        for stream in self._streams:
            if (request := stream._req) is not None and request.transport is not None:
                request.transport.write(b'20\r\n{"type":"ADDED","obj')
                request.transport.close()
        self._streams.clear()

    def end(self) -> None:
        self._streams.clear()
        self._move()

    async def watched(self, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self._streams) < count:
                await self._moved.wait()

    async def sent(self) -> None:
        async with asyncio.timeout(10):
            while any(at < self.version for at in self._streams.values()):  # noqa: ASYNC110 - short
                await asyncio.sleep(0)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        plural, query = request.path.rpartition("/")[2], dict(request.query)
        self.requests.append((request.path, query))
        if plural in self.forbidden:
            said = {"code": 403, "message": f"{plural} is forbidden"}
            return web.json_response(said, status=403)
        if self.refusals:
            code = self.refusals.pop(0)
            return web.json_response({"code": code, "message": f"no {plural}"}, status=code)
        wanted = _Wanted.of(request.path, query)
        if "watch" in query:
            return await self._watch(request, plural, int(query["resourceVersion"]), wanted)
        return self._list(plural, query, wanted)

    def _list(self, plural: str, query: dict[str, str], wanted: "_Wanted") -> web.Response:
        token = query.get("continue", "")
        there = [raw for raw in self.objects.get(plural, {}).values() if wanted.fits(raw)]
        items = self._pages.pop(token, None) if token else there
        if token and (items is None or self.expire_pages):
            self.expire_pages -= 1
            return web.json_response({"code": 410, "message": "expired"}, status=410)
        size = self.page if "limit" in query and self.page else 10**6
        assert items is not None
        now, rest = items[:size], items[size:]
        version, going_on = token.partition(":")[0] or str(self.version), ""
        if rest:
            going_on = f"{version}:{len(self.requests)}"
            self._pages[going_on] = rest
        body = {"metadata": {"resourceVersion": version, "continue": going_on}, "items": now}
        answer = web.json_response(body)
        answer.enable_compression()
        return answer

    async def _watch(
        self, request: web.Request, plural: str, version: int, wanted: "_Wanted"
    ) -> web.StreamResponse:
        gone = {"code": 410, "message": "too old resource version"}
        if version < self.floor and not self.gone_in_stream:
            return web.json_response(gone, status=410)
        stream = web.StreamResponse()
        await stream.prepare(request)
        self._streams[stream] = version
        self._move()
        with suppress(ConnectionError):
            while stream in self._streams and version >= self.floor:
                moved, last = self._moved, self.version
                for at, of, type_, raw in list(self.history):
                    if at > version and of == plural and (type_ == "BOOKMARK" or wanted.fits(raw)):
                        line = orjson.dumps({"type": type_, "object": raw}) + b"\n"
                        await stream.write(line[:20])  # events come in pieces
                        await stream.write(line[20:])
                version = max(version, last)
                if stream in self._streams:
                    self._streams[stream] = version
                await moved.wait()
            if self._streams.pop(stream, None) is not None:
                await stream.write(orjson.dumps({"type": "ERROR", "object": gone}) + b"\n")
        return stream

    def _event(self, plural: str, type_: str, raw: Raw) -> None:
        self.version += 1
        stamped = {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}
        self.history.append((self.version, plural, type_, stamped))
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


class _Wanted(NamedTuple):
    """What a request narrows its kind to: a namespace, a name, labels that are equal."""

    namespace: str
    name: str
    labels: dict[str, str]

    @classmethod
    def of(cls, path: str, query: dict[str, str]) -> "_Wanted":
        parts = path.split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else ""
        name = query.get("fieldSelector", "").partition("metadata.name=")[2]
        parts = [part for part in query.get("labelSelector", "").split(",") if part]
        return cls(namespace, name, dict(part.split("=", 1) for part in parts))

    def fits(self, raw: Raw) -> bool:
        meta = raw["metadata"]
        return (
            self.namespace in ("", meta.get("namespace"))
            and self.name in ("", meta["name"])
            and self.labels.items() <= meta.get("labels", {}).items()
        )


@asynccontextmanager
async def listening(
    port: int = 0, cluster: Cluster | None = None
) -> AsyncIterator[tuple[Cluster, URL]]:
    """A cluster and the address of its server."""
    cluster, app, port = cluster or Cluster(), web.Application(), port or free_port()
    app.router.add_get("/{path:.*}", cluster.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield cluster, URL(f"http://127.0.0.1:{port}/base")
    finally:
        cluster.end()
        await runner.cleanup()
