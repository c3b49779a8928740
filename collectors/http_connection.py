"""One connection of plain HTTP/1.1, and the exchange that runs on it: a request, then its answer.

llhttp reads what comes, as lenient as it is in aiohttp; this says when an answer is whole, where
its limits are, and what it is called when there is none.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from collectors.errors import FetchError
from collectors.http_body import (
    FREE_BYTES,
    OVER_LIMIT,
    Answer,
    Lease,
    is_gzip,
    most_on_the_wire,
)

Origin: TypeAlias = tuple[str, int]  # host and port

NOT_HTTP: Final = "not an HTTP answer"
NO_ANSWER: Final = "connection closed without an answer"
CUT_SHORT: Final = "body cut short"
# What aiohttp takes of one answer; of all its headers, trailers and what was said before it
# together, this much.
MAX_FIELD_BYTES: Final = 8190
MAX_FIELDS: Final = 128
MAX_HEAD_BYTES: Final = 65_536
_SWITCHING: Final = 101  # Protocols: the last answer of a connection, unlike others below 200
_FIELD_COST: Final = MAX_HEAD_BYTES // MAX_FIELDS  # so that many are refused as few long ones are


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer with another status than 200, whose body nobody reads."""

    status: int
    location: str


Heard: TypeAlias = Answer | Refusal


class GoneError(Exception):
    """The connection was closed before a byte of the answer came, or broke: by its cause."""


class Connection(asyncio.Protocol):
    """A connection to `origin`. `lost` is called when it is closed, by whomever."""

    def __init__(self, origin: Origin, lost: Callable[["Connection"], None]) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._exchange: _Exchange | None = None

    def ask(self, request: bytes, limit: int, lease: Lease | None) -> asyncio.Future[Heard]:
        """Send a request. The future ends with the answer, FetchError, GoneError or OSError."""
        heard = self.begin(limit, lease)
        if self._transport is None or self._transport.is_closing():
            heard.set_exception(GoneError(NO_ANSWER))
        else:
            self._transport.write(request)
        return heard

    def begin(self, limit: int, lease: Lease | None) -> asyncio.Future[Heard]:
        """Take what comes from now on for an answer."""
        self._exchange = _Exchange(limit, lease)
        return self._exchange.heard

    @property
    def may_be_kept(self) -> bool:
        """Whether another request may be sent, once an answer came."""
        open_ = self._transport is not None and not self._transport.is_closing()
        return open_ and self._exchange is not None and self._exchange.leaves_open

    def rest(self, since: float) -> None:
        """Wait for another request, from now."""
        self._exchange, self.idle_since = None, since

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()  # there is nothing left to send

    # -- called by the event loop ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's only looks like one

    def data_received(self, data: bytes) -> None:
        if self._exchange is None or self._exchange.heard.done():
            self.close()  # nobody asked
        else:
            self._exchange.feed(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._exchange is not None:
            self._exchange.end(error)
        self._lost(self)


class _Exchange:
    """What came of one answer so far. Its methods named `on_` are called by the parser."""

    def __init__(self, limit: int, lease: Lease | None) -> None:
        self.heard: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self.leaves_open = False
        self._limit, self._lease = limit, lease
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._began = self._interim = self._sized = self._whole = False
        self._status: int | None = None  # until the head is whole
        self._fields: dict[bytes, bytes] = {}
        self._compressed = False
        self._body = bytearray()
        self._failure: FetchError | None = None
        self._head_bytes = 0
        self._still_bytes = 0  # of a field, or of the head of a chunk, that does not end

    def feed(self, data: bytes) -> None:
        """Take what came."""
        assert self._parser is not None
        self._began = True
        before = self._head_bytes + len(self._body)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.leaves_open = False
        except HttpParserError:
            self.leaves_open = False
            if not self._whole:  # what comes after a whole answer does not undo it
                self._fail(FetchError(NOT_HTTP))
        self._check(len(data) if before == self._head_bytes + len(self._body) else 0)
        if self._failure is not None or self._whole or self._status not in (None, 200):
            self._settle(self._failure)

    def end(self, error: Exception | None) -> None:
        """The connection was closed, or broke by `error`."""
        if self.heard.done():
            return
        broken = error if isinstance(error, OSError) else None
        if not self._began:
            gone = GoneError(NO_ANSWER)
            gone.__cause__ = broken
            self._settle(gone)
        elif self._status is None:
            self._settle(broken or FetchError(NO_ANSWER))
        else:
            self._settle(FetchError(CUT_SHORT) if self._sized or error else None)

    def on_message_begin(self) -> None:
        if self._whole:  # another answer, which nobody asked for
            self.leaves_open = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._whole:
            return
        self._head_bytes += max(len(name) + len(value), _FIELD_COST)
        if len(name) + len(value) > MAX_FIELD_BYTES or b"\0" in value:
            self._fail(FetchError(NOT_HTTP))
        if self._status is None:  # else it is a trailer
            name = name.lower()
            self._fields.setdefault(name, value)
            if name == b"transfer-encoding":  # else the end of the connection ends the body
                self._sized = value.lower().rpartition(b",")[2].strip() == b"chunked"
            elif name == b"content-length":
                self._sized = True

    def on_headers_complete(self) -> None:
        if self._whole or self._parser is None:
            return
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200 and status != _SWITCHING
        if self._interim:
            self._head_bytes += _FIELD_COST
            self._fields, self._sized = {}, False
            return
        self._status = status
        if status == 200:
            try:
                self._judge_size(self._field(b"content-encoding"))
            except FetchError as error:
                self._fail(error)

    def on_body(self, data: bytes) -> None:
        if self._status == 200 and self._failure is None and not self._whole:
            self._body += data

    def on_message_complete(self) -> None:
        if self._whole or self._interim or self._parser is None:
            return
        self._whole = True
        self.leaves_open = self._parser.should_keep_alive()

    # -- helpers --------------------------------------------------------------------------------

    def _judge_size(self, encoding: str) -> None:
        """FetchError: the head says what can't be taken."""
        self._compressed = is_gzip(encoding)
        self._limit = most_on_the_wire(self._limit, compressed=self._compressed)
        said = self._field(b"content-length")
        if said.isdecimal() and int(said) > self._limit:
            raise FetchError(OVER_LIMIT)

    def _check(self, still: int) -> None:
        """Fail beyond a bound; `still` bytes of what came were neither field nor body."""
        self._still_bytes = self._still_bytes + still if still else 0
        if self._head_bytes > MAX_HEAD_BYTES or self._still_bytes > MAX_HEAD_BYTES:
            self._fail(FetchError(NOT_HTTP))
        size = len(self._body)
        if size > self._limit:
            self._fail(FetchError(OVER_LIMIT))
        elif self._lease is not None and size > FREE_BYTES and self._failure is None:
            try:
                self._lease.grow(size)
            except FetchError as error:
                self._fail(error)

    def _fail(self, error: FetchError) -> None:
        self._failure = self._failure or error
        self.leaves_open = False

    def _settle(self, error: Exception | None) -> None:
        self._parser = None  # which holds on to this
        if error is not None:
            self.heard.set_exception(error)
        elif self._status == 200:
            content_type = self._field(b"content-type")
            self.heard.set_result(Answer(content_type, self._compressed, bytes(self._body)))
        else:
            self.heard.set_result(Refusal(self._status or 0, self._field(b"location")))
        self._body = bytearray()

    def _field(self, name: bytes) -> str:
        value = self._fields.get(name, b"")
        return value.rstrip(b" \t").decode(errors="surrogateescape")
