"""The hash chain of a timeline: what is hashed, and what a walk along a stored chain finds.

An entry's canonical form is one line of JSON, in UTF-8, without spaces: an object of its fields
with sorted keys at every depth, characters outside ASCII as they are, floats as Python's `repr`.
Its hash is SHA-256, in hex, over the hash of the entry before it (64 characters; 64 zeros before
the first) and that line. Changing the form would break every chain that there is: a new form would
need a new table beside it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from json.encoder import encode_basestring
from typing import Any, Final

GENESIS: Final = "0" * 64  # what the first entry follows


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is hashed. Times in Unix seconds; `data` is canonical JSON already."""

    incident: int
    position: int  # 1, 2, ... within its incident
    kind: str
    actor: str
    occurred_at: float
    recorded_at: float
    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry as the database has it. Ids grow along a chain."""

    entry: Entry
    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """What an incident says of its chain: so many entries, and the hash of the last."""

    incident: int
    length: int
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which a chain is not what was recorded, and what differs there."""

    incident: int
    position: int
    reason: str

    def __str__(self) -> str:
        return f"incident {self.incident}, entry {self.position}: {self.reason}"


def canonical_data(value: Any) -> str:
    """JSON as it is stored and hashed. ValueError: NaN or an infinity, which JSON has not."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


def canonical(entry: Entry) -> str:
    """The line that is hashed."""
    # json.dumps of the whole says the same (a test holds it) in three times the time, for `data`
    # would have to be read first; a walk of millions of entries is mostly this line.
    return (
        f'{{"actor":{encode_basestring(entry.actor)},"data":{entry.data}'
        f',"incident":{entry.incident},"kind":{encode_basestring(entry.kind)}'
        f',"occurred_at":{entry.occurred_at!r},"position":{entry.position}'
        f',"recorded_at":{entry.recorded_at!r},"text":{encode_basestring(entry.text)}}}'
    )


def link(previous: str, entry: Entry) -> str:
    """The hash of an entry that follows the one with the hash `previous`."""
    return sha256(f"{previous}{canonical(entry)}".encode("utf-8", "surrogatepass")).hexdigest()


def broken(head: Head, chain: Iterable[Stored]) -> Break | None:
    """Where the entries of one incident, in order of position, are not what `head` and their hashes
    say; None when all is as it was recorded.
    """
    length, previous, last_id = 0, GENESIS, 0
    for stored in chain:
        position = stored.entry.position
        if position != length + 1:
            return Break(head.incident, length + 1, f"is missing; entry {position} comes next")
        if link(previous, stored.entry) != stored.hash:
            return Break(head.incident, position, _unlinked(position))
        if stored.id <= last_id:
            return Break(head.incident, position, f"its id {stored.id} is not after the one before")
        length, previous, last_id = position, stored.hash, stored.id
    return _at_end(head, length, previous)


def breaks(heads: Iterable[Head], entries: Iterable[Stored]) -> Iterator[Break]:
    """The first break of every incident that has one. Both come in order of incident, entries then
    by position; neither is held in memory. Entries of an incident that is not there are a break.
    """
    of_incident = groupby(entries, key=lambda stored: stored.entry.incident)
    number, chain = next(of_incident, _NO_MORE)
    for head in heads:
        while number is not None and number < head.incident:
            yield Break(number, 1, "its incident is not there")
            number, chain = next(of_incident, _NO_MORE)
        if number != head.incident:
            found = broken(head, ())
        else:
            found = broken(head, chain)
            number, chain = next(of_incident, _NO_MORE)
        if found is not None:
            yield found
    while number is not None:
        yield Break(number, 1, "its incident is not there")
        number, chain = next(of_incident, _NO_MORE)


_NO_MORE: Final[tuple[int | None, Iterable[Stored]]] = (None, ())


def _unlinked(position: int) -> str:
    if position == 1:
        return "its fields do not give its hash: it was changed after it was recorded"
    return (
        f"its fields do not give its hash after that of entry {position - 1}: one of the two was "
        "changed after it was recorded"
    )


def _at_end(head: Head, length: int, last: str) -> Break | None:
    if length == 0:
        return Break(head.incident, 1, "is missing: every incident has at least one entry")
    if length < head.length:
        reason = f"is missing; the incident says that it has {head.length} entries"
        return Break(head.incident, length + 1, reason)
    if length > head.length:
        reason = f"was added; the incident says that it has {head.length} entries"
        return Break(head.incident, head.length + 1, reason)
    if last != head.hash:
        return Break(head.incident, length, "is not the last entry that the incident names")
    return None
