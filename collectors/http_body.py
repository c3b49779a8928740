"""The body of an answer: how much of it is taken, what room that needs, and how it is unpacked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

from zlib_ng import zlib_ng

from collectors.errors import FetchError
from collectors.lines import shortened

OVER_LIMIT = "body over limit"
FREE_BYTES: Final = 1_000_000  # of a body that nobody counts
ROOM_BYTES: Final = 128_000_000  # of all bodies beyond that
_GZIP = 16 + zlib_ng.MAX_WBITS
_BAD_GZIP = cast(type[Exception], zlib_ng.error)  # its stub calls it an instance
_MOST_RATIO = 1032  # of deflate, by its format


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200, as it came over the wire."""

    content_type: str
    compressed: bool
    raw: bytes


class Room:
    """The memory that large bodies may take together, until they are read.

    Small ones are free: a target that sends much must not keep others from being scraped.
    """

    def __init__(self, size: int = ROOM_BYTES) -> None:
        self._left = size

    @contextmanager
    def lease(self) -> Iterator["Lease"]:
        """Room for one body, given back at the end."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            self._left += lease.taken

    def take(self, size: int) -> bool:
        """Whether there was so much left; then it is taken."""
        if size > self._left:
            return False
        self._left -= size
        return True


class Lease:
    """What one body takes."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def grow(self, size: int) -> None:
        """The body has `size` bytes now. FetchError: there is no room for it."""
        more = size - FREE_BYTES - self.taken
        if more <= 0:
            return
        if not self._room.take(more):
            raise FetchError("too many large pages at once")
        self.taken += more


def most_on_the_wire(limit: int, *, compressed: bool) -> int:
    """How many bytes a page of at most `limit` may be sent in: what cannot be compressed grows a
    little when gzip tries.
    """
    return limit + limit // 1000 + 1024 if compressed else limit


def is_gzip(encoding: str) -> bool:
    """Whether a Content-Encoding says gzip. FetchError: it says what nobody asked for."""
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return False
    if named in ("gzip", "x-gzip"):
        return True
    raise FetchError(f"unasked content-encoding {shortened(named, 40)}")


def unpacked(answer: Answer, most: int) -> bytes | None:
    """The page; None when it has over `most` bytes, of which no more than `most` are unpacked."""
    if not answer.compressed:
        return answer.raw if len(answer.raw) <= most else None
    if most < _said_size(answer.raw) <= len(answer.raw) * _MOST_RATIO:
        return None  # a bomb that admits it needn't be unpacked up to its limit at every scrape
    # What zlib does, in half its time for pages of 60 kB.
    stream = zlib_ng.decompressobj(_GZIP)
    try:
        page = stream.decompress(answer.raw, most + 1)
    except _BAD_GZIP as error:
        raise FetchError("bad gzip") from error
    if len(page) > most:
        return None
    if not stream.eof:
        raise FetchError("truncated gzip")
    if stream.unused_data:
        raise FetchError("bad gzip: bytes after its end")
    return page


def _said_size(raw: bytes) -> int:
    """The size that gzip's last four bytes give (RFC 1952, 2.3.1); noise where they are cut off."""
    return int.from_bytes(raw[-4:], "little")
