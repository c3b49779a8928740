"""How many messages a body of OTLP may hold, told before it is read.

A message of two bytes becomes an object of up to 200: a limit of bytes alone would let a small body
take any memory. A body that is too short to hold too many messages, or that has too few bytes that
could begin one, is let through by that; only others are walked, field by field.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from google.protobuf.descriptor import (  # type: ignore[import-untyped]  # theirs
    Descriptor,
    FieldDescriptor,
)

# Spans and points, and what holds them: resources, scopes and metrics. A span that says anything
# takes 50 bytes, so a body of 20 MiB that is full of them has about as many.
MAX_ITEMS: Final = 400_000
# These and all others: attributes, their values, events, links, exemplars. Spans with attributes
# have one in 20 bytes.
MAX_MESSAGES: Final = 2_000_000
MAX_JSON_OBJECTS: Final = 1_000_000  # and arrays; an object of Python is larger than a message
MAX_JSON_VALUES: Final = 3_000_000
MAX_DEPTH: Final = 100  # protobuf's own limit
_SHORTEST: Final = 2  # bytes of a message within another: its tag and its length
_NUMBER_BYTES: Final = 8  # that a packed number takes when it is read, of one on the wire
_LONGEST_VARINT: Final = 10
_ITEMS: Final = frozenset(
    {
        "ResourceSpans", "ScopeSpans", "Span", "ResourceMetrics", "ScopeMetrics", "Metric",
        "NumberDataPoint", "HistogramDataPoint", "ExponentialHistogramDataPoint",
        "SummaryDataPoint",
    }
)  # fmt: skip
_VARINTS: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM,
    }
)  # fmt: skip
_STRINGS: Final = frozenset({FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES})
_VARINT, _FIXED64, _BYTES, _START_GROUP, _END_GROUP, _FIXED32 = range(6)


class TooMany(Exception):  # noqa: N818 - turned into a refusal
    """More than a limit; the message says of what."""


class Malformed(Exception):  # noqa: N818 - turned into a refusal
    """The bytes are no protobuf."""


def check_protobuf(body: bytes, descriptor: Descriptor) -> None:
    """Raise TooMany over MAX_ITEMS or MAX_MESSAGES, Malformed where that can't be told.

    What protobuf would count once, a single field that is there twice, counts twice.
    """
    kinds = _kinds(descriptor.full_name, descriptor)
    if len(body) > _SHORTEST * MAX_ITEMS:
        _walk(body, kinds.items, MAX_ITEMS, "spans or points")
    if len(body) > _SHORTEST * MAX_MESSAGES and kinds.most(body) > MAX_MESSAGES:
        _walk(body, kinds.all, MAX_MESSAGES, "messages")


def check_json(body: bytes) -> None:
    """Raise TooMany over MAX_JSON_OBJECTS or MAX_JSON_VALUES. Brackets, colons and commas within
    strings count too, which makes the limits no wider.
    """
    if body.count(b"{") + body.count(b"[") > MAX_JSON_OBJECTS:
        raise TooMany(f"{MAX_JSON_OBJECTS} objects and arrays")
    if body.count(b":") + body.count(b",") > MAX_JSON_VALUES:
        raise TooMany(f"{MAX_JSON_VALUES} values")


@dataclass(slots=True)
class _Kind:
    """What to look for in a message: by field number the messages in it, texts that may be many,
    and packed numbers.
    """

    weight: int = 1
    within: dict[int, "_Kind"] = field(default_factory=dict)
    packed: bool = False  # it is no message: as many numbers as it has bytes


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Of a request: what leads to items, all there is, and what the tags of messages begin with."""

    items: _Kind
    all: _Kind
    tags: bytes
    has_numbers: bool

    def most(self, body: bytes) -> int:
        """A bound of what `all` would count, that is quick to tell: no message is without a tag."""
        tags = len(body) - len(body.translate(None, self.tags))
        return tags + (len(body) // _NUMBER_BYTES if self.has_numbers else 0)


@lru_cache(maxsize=16)
def _kinds(_name: str, descriptor: Descriptor) -> _Kinds:
    every: dict[str, _Kind] = {}
    root = _kind(descriptor, every)
    packed = any(one.packed for kind in every.values() for one in kind.within.values())
    numbers = {
        number for kind in every.values() for number, one in kind.within.items() if not one.packed
    }
    # A tag may be written longer than it need be: then its first byte has the highest bit.
    firsts = {(number << 3 | _BYTES) & 0x7F for number in numbers}
    tags = bytes(sorted(firsts | {first | 0x80 for first in firsts}))
    return _Kinds(_to_items(descriptor) or _Kind(), root, tags, packed)


def _kind(descriptor: Descriptor, known: dict[str, _Kind]) -> _Kind:
    if descriptor.full_name not in known:
        known[descriptor.full_name] = kind = _Kind()
        for one in descriptor.fields:
            if one.type == FieldDescriptor.TYPE_MESSAGE:
                kind.within[one.number] = _kind(one.message_type, known)
            elif one.is_repeated and one.type in _VARINTS:
                kind.within[one.number] = _Kind(packed=True)
            elif one.is_repeated and one.type in _STRINGS:
                kind.within[one.number] = _Kind()
    return known[descriptor.full_name]


def _to_items(descriptor: Descriptor, above: frozenset[str] = frozenset()) -> _Kind | None:
    """The part of the tree that leads to items; None: none does."""
    if descriptor.full_name in above:
        return None
    kind = _Kind(weight=int(descriptor.name in _ITEMS))
    for one in descriptor.fields:
        if one.type == FieldDescriptor.TYPE_MESSAGE:
            inner = _to_items(one.message_type, above | {descriptor.full_name})
            if inner is not None:
                kind.within[one.number] = inner
    return kind if kind.weight or kind.within else None


def _walk(  # noqa: PLR0912 - every call in it would cost as much as the rest of it
    body: bytes, kind: _Kind, limit: int, what: str
) -> None:
    """Go through the fields of a message and of those within it, until too many were counted."""
    at, end, within, count = 0, len(body), kind.within, 0
    above: list[tuple[int, dict[int, _Kind]]] = []
    try:
        while at < end or above:
            if at >= end:
                if at > end:
                    raise Malformed("a field is longer than its message")
                end, within = above.pop()
                continue
            tag = body[at]
            at += 1
            if tag > 0x7F:
                tag, at = _varint(body, at - 1)
            wire = tag & 7
            if wire == _BYTES:
                size = body[at]
                at += 1
                if size > 0x7F:  # most spans take two bytes to say how long they are
                    more = body[at]
                    if more > 0x7F:
                        size, at = _varint(body, at - 1)
                    else:
                        size, at = size & 0x7F | more << 7, at + 1
                if at + size > end:
                    raise Malformed("a field is longer than its message")
                found = within.get(tag >> 3)
                if found is None:
                    at += size
                    continue
                count += size // _NUMBER_BYTES if found.packed else found.weight
                if count > limit:
                    raise TooMany(f"{limit} {what}")
                if found.within and size:
                    above.append((end, within))
                    if len(above) > MAX_DEPTH:
                        raise Malformed(f"it is nested more than {MAX_DEPTH} deep")
                    end, within = at + size, found.within
                else:
                    at += size
            else:
                at = _after(body, at, wire)
    except IndexError:
        raise Malformed("it is cut short") from None
    if at > end:
        raise Malformed("a field is longer than its message")


def _after(body: bytes, at: int, wire: int) -> int:
    """Where a value that is no message ends. The fields of a group, of which OTLP has none, are
    looked at as if they were of the message around it.
    """
    if wire == _VARINT:
        return _varint(body, at)[1] if body[at] > 0x7F else at + 1
    if wire == _FIXED64:
        return at + 8
    if wire == _FIXED32:
        return at + 4
    if wire in {_START_GROUP, _END_GROUP}:
        return at
    raise Malformed(f"there is no wire type {wire}")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number of base 128, and where it ends."""
    number = shift = 0
    for place in range(at, at + _LONGEST_VARINT):
        byte = body[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place + 1
        shift += 7
    raise Malformed("a number has no end")
