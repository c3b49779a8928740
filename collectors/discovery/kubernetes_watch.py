"""Following one kind of object of one API server: listed page by page, then watched.

The rules are those of "Efficient detection of changes" in Kubernetes' API concepts: a watch goes
on from the last `resourceVersion` seen, bookmarks move it, 410 Gone means to list anew.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

import aiohttp
import orjson

from collectors import fetch
from collectors.discovery.errors import DiscoveryError, Gone
from collectors.discovery.feed import MAX_BODY_BYTES, MAX_TARGETS
from collectors.discovery.kubernetes_json import (
    Json,
    Resource,
    items_of,
    mapping,
    meta_of,
    status_of,
    version_of,
)
from collectors.discovery.kubernetes_server import Server
from collectors.errors import CollectError
from collectors.lines import shortened
from collectors.scrape import Clock

PAGE = 500  # objects of a list at once, as kubectl asks
AT_ONCE = 50  # objects that are read before others have their turn
LIST_TIMEOUT_S = 60.0
WATCH_S = 300  # of one watch, with up to as much again: not all of a cluster's end together
SILENCE_S = 30.0  # past its end that a watch may be silent before its connection counts as dead
MAX_EVENT_BYTES = 16_000_000
MAX_ERROR_BYTES = 65_536
MAX_OBJECTS = MAX_TARGETS
BACKOFF_S = 1.0
MAX_BACKOFF_S = 60.0
TRIES = 3  # to go on with a watch that fails, before listing anew
SHORT_S = 5.0  # a watch that ends sooner, without a word, is no good one


T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Health(Protocol):
    """Who is told how following goes, part by part."""

    def well(self, part: str) -> None: ...

    def failed(self, part: str, reason: str) -> None: ...


class Store(Protocol[T_contra]):
    """Where the objects go."""

    def put(self, kind: str, key: str, found: T_contra | None) -> None:
        """This is the object now; None: it is gone."""
        ...

    async def listed(self) -> None:
        """A whole list has been put."""
        ...

    def told(self) -> None:
        """Some events have been put."""
        ...


class Watcher(Generic[T]):
    """One kind of object in one namespace, or in all. `read` makes of an object what is kept of it.

    `watch_s` is how long one watch lasts, with up to as much again. A server that falls silent is
    found out at its end.
    """

    def __init__(
        self,
        kind: str,
        resource: Resource,
        read: Callable[[Json], T],
        namespace: str,
        selector: Mapping[str, str],
        *,
        client: fetch.Client,
        server: Callable[[], Server],
        store: Store[T],
        clock: Clock,
        feed: Health,
        watch_s: int = WATCH_S,
    ) -> None:
        self.synced = False
        self.part = f"{resource.plural}{f' of {namespace}' if namespace else ''}"
        self._kind = kind
        self._path = _path(resource, namespace)
        self._read = read
        self._watch_s = watch_s
        self._selector = selector
        self._client = client
        self._server = server
        self._store = store
        self._clock = clock
        self._feed = feed
        self._keys: set[str] = set()
        self._version = ""
        self._failures = 0

    async def run(self) -> None:
        """List and watch until cancelled. Whatever fails is tried again, ever more slowly."""
        listed = False
        whole = False  # a list that ran out of time between its pages is asked for in one
        while True:
            try:
                if not listed:
                    await self._list(whole=whole)
                    listed, whole = True, False
                await self._watch()
            except Gone as error:
                whole = not listed
                listed = False
                if self._failures or whole:
                    self._feed.failed(self.part, error.reason)
                    await self._wait()
                self._failures += 1
            except CollectError as error:
                self._feed.failed(self.part, error.reason)
                # What a watch can't get past, a list may.
                listed = listed and self._failures < TRIES
                await self._wait()

    async def _list(self, *, whole: bool) -> None:
        """Put every object that there is, and take out those that are gone."""
        found: dict[str, T] = {}
        query = dict(self._selector) | ({} if whole else {"limit": str(PAGE)})
        going_on = "start"
        while going_on:
            page = await self._page(query)
            items, going_on = items_of(page)
            self._version = version_of(page)
            for index, item in enumerate(items):
                if key := meta_of(item).key:
                    found[key] = self._read(item)
                if index % AT_ONCE == 0:
                    await asyncio.sleep(0)  # others have their turn
            if len(found) > MAX_OBJECTS:
                raise DiscoveryError(f"over {MAX_OBJECTS}: narrow it by namespaces or selectors")
            query["continue"] = going_on
        for key in self._keys - found.keys():
            self._store.put(self._kind, key, None)
        for key, one in found.items():
            self._store.put(self._kind, key, one)
        self._keys = set(found)
        self.synced = True
        self._answered()
        await self._store.listed()

    async def _page(self, query: Mapping[str, str]) -> Json:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        timeout = aiohttp.ClientTimeout(total=LIST_TIMEOUT_S)
        async with self._opened(query, headers, timeout) as response:
            compressed = fetch.is_gzip(response.headers.get("Content-Encoding", ""))
            raw = await fetch.whole(response, MAX_BODY_BYTES)
        answer = fetch.Answer("", compressed, raw)
        body = await asyncio.to_thread(fetch.unpacked, answer, MAX_BODY_BYTES)
        if body is None:
            raise DiscoveryError(fetch.OVER_LIMIT)
        return _object(body)

    async def _watch(self) -> None:
        """One watch, from the last version seen, until the server ends it."""
        began = self._clock.now()
        last_s = self._watch_s + random.randrange(self._watch_s)  # noqa: S311 - it only spreads load
        query = {
            **self._selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(last_s),
        }
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        timeout = aiohttp.ClientTimeout(
            total=None, connect=LIST_TIMEOUT_S, sock_read=last_s + SILENCE_S
        )
        heard = False
        async with self._opened(query, headers, timeout) as response:
            self._feed.well(self.part)
            async for lines in _lines(response):
                try:
                    self._take(lines)
                finally:
                    self._store.told()
                heard = True
                self._answered()
        if not heard and self._clock.now() - began < SHORT_S:
            await self._wait()

    def _take(self, lines: list[bytes]) -> None:
        for line in lines:
            event = _object(line)
            found = mapping(event.get("object"))
            match event.get("type"):
                case "ADDED" | "MODIFIED":
                    self._put(found)
                case "DELETED":
                    key = meta_of(found).key
                    self._keys.discard(key)
                    self._store.put(self._kind, key, None)
                case "BOOKMARK":
                    pass
                case "ERROR":
                    code, message = status_of(found)
                    raise _refusal(code, message)
                case _:
                    raise DiscoveryError("an event that is none of Kubernetes")
            self._version = version_of(found) or self._version

    def _put(self, found: Json) -> None:
        key = meta_of(found).key
        if not key:
            return
        self._keys.add(key)
        if len(self._keys) > MAX_OBJECTS:
            raise Gone(f"over {MAX_OBJECTS}: narrow it by namespaces or selectors")
        self._store.put(self._kind, key, self._read(found))

    def _answered(self) -> None:
        self._failures = 0
        self._feed.well(self.part)

    async def _wait(self) -> None:
        longest = min(MAX_BACKOFF_S, BACKOFF_S * 2 ** min(self._failures, 10))
        self._failures += 1
        wait_s = longest * random.uniform(0.5, 1.0)  # noqa: S311 - it only spreads load
        await self._clock.sleep_until(self._clock.now() + wait_s)

    @asynccontextmanager
    async def _opened(
        self,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp keeps it
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer with status 200 while it comes in. DiscoveryError names why there is none."""
        server = await asyncio.to_thread(self._server)
        entry = server.entry
        url = server.url.joinpath(*self._path).with_query({k: v for k, v in query.items() if v})
        try:
            async with self._client.session.get(
                url,
                headers={**await entry.headers(), **headers},
                ssl=entry.tls(),
                server_hostname=entry.server_name,
                proxy=entry.proxy(url),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    if response.status == 401:
                        entry.refused()
                    raise await _refused(response)
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise DiscoveryError(fetch.reason_for(error)) from error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[list[bytes]]:
    """The whole lines of each chunk. What is left when the connection ends is no event."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise DiscoveryError(f"an event of over {MAX_EVENT_BYTES} bytes")
        if lines := [line for line in lines if line.strip()]:
            yield lines


async def _refused(response: aiohttp.ClientResponse) -> DiscoveryError:
    try:
        body = await fetch.whole(response, MAX_ERROR_BYTES)
        _, message = status_of(_object(body))
    except CollectError:
        message = ""
    return _refusal(response.status, message)


def _refusal(code: int, message: str) -> DiscoveryError:
    said = f": {shortened(message, 120)}" if message else ""
    return (Gone if code == 410 else DiscoveryError)(f"status {code}{said}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DiscoveryError("not JSON") from error
    if not isinstance(found, dict):
        raise DiscoveryError("not an object of Kubernetes")
    return found


def _path(resource: Resource, namespace: str) -> list[str]:
    scope = ["namespaces", namespace] if namespace and resource.namespaced else []
    return [*resource.prefix.strip("/").split("/"), *scope, resource.plural]
