"""Asking a server that answers PromQL over HTTP: Prometheus, Mimir, Thanos, VictoriaMetrics.

Every way to fail has its name (`collectors.errors`), and no answer is taken for more than it is:
one that says it is partial counts as failed.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol, TypeVar

import aiohttp
import numpy as np
import orjson
from yarl import URL

from collectors import fetch
from collectors.access import HttpAccess, Tls
from collectors.entry import Entry
from collectors.errors import (
    AccessError,
    AnswerTooLarge,
    FetchError,
    PartialAnswer,
    QueryRefused,
    SourceBusy,
    SourceDenied,
    SourceError,
    SourceFailed,
    SourceTimeout,
    SourceUnreachable,
)
from collectors.lines import shortened
from collectors.promapi_breaker import Breaker
from slo.series import Floats
from slo.spec import DataSource

_T = TypeVar("_T")

# A sample is `[1700000000.123,"123456"]`, about 30 bytes; the rest is for labels.
BYTES_PER_SAMPLE: Final = 64
BYTES_BESIDES: Final = 16_000_000
INLINE_BYTES: Final = 256_000  # larger answers are read by a thread
TENANT_HEADER: Final = "X-Scope-OrgID"
LONGEST_IN_URL: Final = 1_500  # characters of a query; proxies cut off at 2 to 8 kB
_ERROR_BYTES: Final = 65_536
# Prometheus takes no notice of what it doesn't know. VictoriaMetrics, unless told `nocache`, moves
# the time asked for back by its latencyOffset; the others refuse to answer in part.
ALWAYS: Final = {"nocache": "1", "partial_response": "false", "deny_partial_response": "1"}


@dataclass(frozen=True, eq=False, slots=True)
class Samples:
    """One series of an answer: its labels, the name as `__name__`, and its samples in time order.

    Times are Unix seconds in whole milliseconds. Samples that are NaN or stale are left out.
    """

    labels: Mapping[str, str]
    at: Floats
    values: Floats


class Clock(Protocol):
    """Time as Unix seconds, and waiting for it."""

    def now(self) -> float: ...

    async def sleep_until(self, at: float) -> None: ...


def open_session() -> aiohttp.ClientSession:
    """A session for sources alone; the caller closes it. Needs a running event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    )


class PromApi:
    """One source. All its methods raise SourceError; at most `source.concurrency` requests run.

    After a failure it is left alone, for longer each time; then one request probes.
    """

    def __init__(self, session: aiohttp.ClientSession, source: DataSource, clock: Clock) -> None:
        self.source = source
        self.clock = clock
        self._session = session
        self._entry = Entry(access_of(source), clock.now)
        self._breaker = Breaker()
        self._turns = asyncio.Semaphore(source.concurrency)
        self._limit = BYTES_BESIDES + BYTES_PER_SAMPLE * source.max_samples
        self._timeout = aiohttp.ClientTimeout(total=source.timeout_s, ceil_threshold=math.inf)

    @property
    def retry_at(self) -> float | None:
        """When the source is asked again, Unix seconds; None: at any time."""
        return self._breaker.retry_at

    async def query(self, expr: str, at: float) -> list[Samples]:
        """The value of every series of `expr` at one time; a scalar is a series without labels."""
        return await self._series("query", {"query": expr, "time": _time(_ms(at))})

    async def query_range(self, expr: str, start: float, end: float, step: float) -> list[Samples]:
        """The values of `expr` at start, start + step, ... up to end."""
        params = {"query": expr, "start": _time(_ms(start)), "end": _time(_ms(end))}
        return await self._series("query_range", {**params, "step": _time(_ms(step))})

    async def samples(self, selector: str, start: float, end: float) -> list[Samples]:
        """The raw samples of a selector in (start, end], to the millisecond.

        Servers differ in whether a range holds its left end (Prometheus' did before 3.0), so that
        is decided here.
        """
        first, last = _ms(start), _ms(end)
        if last <= first:
            return []
        expr = f"{selector}[{last - first}ms]"
        answer = await self._series("query", {"query": expr, "time": _time(last)})
        kept = (_between(series, first / 1000, last / 1000) for series in answer)
        return [series for series in kept if len(series.at)]

    async def get(self, path: str) -> bytes:
        """The body that a path answers, whatever it is, for what is no query."""
        return await self._guarded(path, {}, _as_it_is)

    async def _series(self, path: str, params: Mapping[str, str]) -> list[Samples]:
        timeout = {"timeout": f"{max(1, math.ceil(self.source.timeout_s))}s"}
        return await self._guarded(f"api/v1/{path}", {**params, **ALWAYS, **timeout}, read_answer)

    async def _guarded(
        self, path: str, params: Mapping[str, str], read: Callable[[bytes], _T]
    ) -> _T:
        """One request by leave of the breaker, which learns how it went."""
        async with self._turns:
            ticket = self._breaker.ticket(self.clock.now())
            try:
                answer = await self._read(await self._ask(path, params), read)
            except (QueryRefused, AnswerTooLarge):
                self._breaker.answered(ticket)
                raise
            except SourceError as error:
                wait = error.retry_after_s if isinstance(error, SourceBusy) else None
                self._breaker.failed(ticket, self.clock.now(), wait)
                raise
            except BaseException:  # cancelled too: a ticket that nobody returns blocks the source
                self._breaker.abandoned(ticket)
                raise
            self._breaker.answered(ticket)
            return answer

    async def _ask(self, path: str, params: Mapping[str, str]) -> fetch.Answer:
        url = URL(f"{self.source.url.rstrip('/')}/{path}")
        long = len(params.get("query", "")) > LONGEST_IN_URL
        try:
            async with self._session.request(
                "POST" if long else "GET",
                url,
                params=None if long else params,
                data=params if long else None,
                headers={**await self._entry.headers(), "Accept-Encoding": "gzip"},
                auto_decompress=False,  # that is for us, within the limit
                ssl=self._entry.tls(),
                timeout=self._timeout,
                allow_redirects=False,  # headers hold secrets that are for this server only
            ) as response:
                if response.status != 200:
                    raise await self._refusal(response)
                return await _answer(response, self._limit)
        except AccessError as error:
            raise SourceDenied(error.reason) from error
        except FetchError as error:
            if error.reason == fetch.OVER_LIMIT:
                raise AnswerTooLarge(error.reason) from error
            raise SourceFailed(error.reason) from error
        except TimeoutError as error:
            raise SourceTimeout("timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SourceUnreachable(fetch.reason_for(error)) from error

    async def _read(self, answer: fetch.Answer, read: Callable[[bytes], _T]) -> _T:
        small = len(answer.raw) <= INLINE_BYTES
        if small and not answer.compressed:
            return read(answer.raw)
        return await asyncio.to_thread(_unpacked_and_read, answer, self._limit, read)

    async def _refusal(self, response: aiohttp.ClientResponse) -> SourceError:
        """The error that a status means, in the server's words where it has some."""
        status = response.status
        said = _words(await _head(response))
        reason = f"status {status}" + (f": {said}" if said else "")
        if 300 <= status < 400:
            place = shortened(response.headers.get("Location", ""))
            return SourceFailed(f"status {status}: it redirects to {place}; write that address")
        wait = _retry_after(response.headers.get("Retry-After", ""), self.clock.now())
        if status == 429 or (status == 503 and wait is not None):
            return SourceBusy(reason, wait)
        if status in (401, 403):
            return SourceDenied(reason)
        return QueryRefused(reason) if status in (400, 413, 422) else SourceFailed(reason)


def access_of(source: DataSource) -> HttpAccess:
    """How a DataSource lets us in."""
    tenant = {TENANT_HEADER: source.tenant} if source.tenant else {}
    return HttpAccess(
        username=source.username,
        password_file=source.password_file,
        credentials_file=source.bearer_token_file,
        tls=Tls(source.ca_file, source.cert_file, source.key_file),
        headers={**source.headers, **tenant},
    )


def read_answer(body: bytes) -> list[Samples]:
    """The series of an answer of the query API. SourceError."""
    try:
        answer = orjson.loads(body)
        data = answer["data"] if answer["status"] == "success" else None
        if data is None:
            raise SourceFailed(shortened(f"the server says: {answer.get('error')}"))
        _check_whole(answer)
        if data["resultType"] == "scalar":
            return _series_of([({}, [data["result"]])])
        return _series_of([_labels_and_values(series) for series in data["result"]])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise SourceFailed("the answer is not that of a Prometheus API") from error


def _check_whole(answer: Mapping[str, Any]) -> None:
    """Refuse an answer from which something may be missing.

    `infos` are remarks on the query ("might not be a counter"), not on what was answered.
    """
    data = answer["data"]
    if answer.get("isPartial") or data.get("isPartial"):
        raise PartialAnswer("partial answer: a part of the server's stores is away")
    if warnings := answer.get("warnings"):
        raise PartialAnswer(shortened(f"answer with a warning: {warnings[0]}"))


def _labels_and_values(series: Mapping[str, Any]) -> tuple[Mapping[str, str], list[Any]]:
    if "histogram" in series or "histograms" in series:
        name = series["metric"].get("__name__", "a series")
        raise QueryRefused(f"{name} is a native histogram, which holds no number to count")
    return series["metric"], series["values"] if "values" in series else [series["value"]]


def _series_of(answer: list[tuple[Mapping[str, str], list[Any]]]) -> list[Samples]:
    """The series that have samples. Their numbers are read as one: most series have few."""
    every = [sample for _, samples in answer for sample in samples]
    at = np.round(np.array([sample[0] for sample in every], dtype=np.float64) * 1000) / 1000
    numbers = [math.nan if sample[1] is None else float(sample[1]) for sample in every]
    values = np.array(numbers, dtype=np.float64)
    there = ~np.isnan(values)
    found = []
    end = 0
    for labels, samples in answer:
        begin, end = end, end + len(samples)
        kept = there[begin:end]
        if kept.all():
            series = Samples(labels, at[begin:end], values[begin:end])
        else:
            series = Samples(labels, at[begin:end][kept], values[begin:end][kept])
        if len(series.at):
            found.append(series)
    return found


def _between(series: Samples, after: float, until: float) -> Samples:
    inside = (series.at > after) & (series.at <= until)
    if inside.all():
        return series
    return Samples(series.labels, series.at[inside], series.values[inside])


def _unpacked_and_read(answer: fetch.Answer, limit: int, read: Callable[[bytes], _T]) -> _T:
    try:
        body = fetch.unpacked(answer, limit)
    except FetchError as error:
        raise SourceFailed(error.reason) from error
    if body is None:
        raise AnswerTooLarge(fetch.OVER_LIMIT)
    return read(body)


async def _answer(response: aiohttp.ClientResponse, limit: int) -> fetch.Answer:
    compressed = fetch.is_gzip(response.headers.get("Content-Encoding", ""))
    raw = await fetch.whole(response, limit)
    return fetch.Answer(response.headers.get("Content-Type", ""), compressed, raw)


async def _head(response: aiohttp.ClientResponse) -> bytes:
    """As much of an answer as an error needs; empty where it can't be read."""
    try:
        raw = await response.content.readexactly(_ERROR_BYTES)
    except asyncio.IncompleteReadError as short:
        raw = short.partial
    if not raw or not fetch.is_gzip(response.headers.get("Content-Encoding", "")):
        return raw
    try:
        return fetch.unpacked(fetch.Answer("", True, raw), _ERROR_BYTES) or b""
    except FetchError:
        return b""


def _as_it_is(body: bytes) -> bytes:
    return body


def _words(raw: bytes) -> str:
    """What an answer says went wrong: the API's `error`, or the first line of a text."""
    try:
        said = orjson.loads(raw)["error"]
    except (ValueError, LookupError, TypeError):
        said = raw.decode(errors="replace").strip().partition("\n")[0]
    text = str(said)
    return "" if text.startswith("<") else shortened(text, 200)


def _retry_after(text: str, now: float) -> float | None:
    """Seconds to wait; the header holds seconds or a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.fromtimestamp(now, UTC)).total_seconds())


def _ms(seconds: float) -> int:
    return math.floor(seconds * 1000 + 0.5)


def _time(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
