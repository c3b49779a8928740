"""The last raw values of every target, so that a restart counts on from where it was.

A row is a layout blob, which rarely changes, and a numbers blob, rewritten each time. The layout
holds all remembered keys, those of the last page first, and which selectors name them.
"""

import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from sqlalchemy import Connection, bindparam, delete, select, update

from slo.series import Floats, Layout, Memory
from vigie.store.errors import Corrupt, Newer
from vigie.store.sql import put
from vigie.store.tables import target_memory as t

_VERSION: Final = 1
_WORTH_COMPRESSING: Final = 16_384


def write(c: Connection, memories: Mapping[str, Memory], known: Mapping[str, Memory]) -> None:
    """Store memories, by target id.

    `known` are the memories as they were last committed: where neither the layout nor the vanished
    series differ from those, only the numbers are written.
    """
    whole = {target for target, memory in memories.items() if _moved(memory, known.get(target))}
    light = [_numbers_row(target, memories[target]) for target in memories if target not in whole]
    if light and c.execute(_UPDATE, light).rowcount != len(light):
        whole = set(memories)  # some of them were known but never stored
    rows = [_whole_row(target, memories[target]) for target in memories if target in whole]
    put(c, t, rows, by=("target",))


def read(c: Connection) -> dict[str, Memory]:
    """Every memory, by target id, exactly as it was written."""
    return {row.target: _memory(row) for row in c.execute(select(t).order_by(t.c.target))}


def forget(c: Connection, targets: Collection[str]) -> None:
    """Drop the memories of targets that discovery removed for good."""
    if targets:
        c.execute(delete(t).where(t.c.target == bindparam("gone")), [{"gone": x} for x in targets])


_UPDATE = (
    update(t)
    .where(t.c.target == bindparam("the_target"))
    .values(
        {
            name: bindparam(name)
            for name in ("numbers", "page_at", "process_start", "last_ok", "read_for", "added_at")
        }
    )
)


def _moved(memory: Memory, before: Memory | None) -> bool:
    """Whether the series of a target are others than those that are stored."""
    if before is None or memory.layout is not before.layout:
        return True
    return memory.keys is not before.keys and memory.keys != before.keys


def _numbers_row(target: str, memory: Memory) -> dict[str, Any]:
    numbers = np.stack([memory.values, memory.seen_at, memory.created]).astype("<f8")
    return {
        "the_target": target,
        "numbers": _packed(numbers.tobytes()),
        "page_at": _float(memory.page_at),
        "process_start": _float(memory.process_start),
        "last_ok": int(memory.last_ok),
        "read_for": orjson.dumps(sorted(memory.read_for)).decode(),
        "added_at": _float(memory.added_at),
    }


def _whole_row(target: str, memory: Memory) -> dict[str, Any]:
    row = _numbers_row(target, memory)
    row["target"] = row.pop("the_target")
    row["layout"] = _layout_blob(memory)
    return row


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the layout blob says."""

    layout: Layout
    keys: tuple[bytes, ...]


def _layout_blob(memory: Memory) -> bytes:
    layout = memory.layout
    names = {named: index for index, named in enumerate(dict.fromkeys(layout.named_by))}
    text = {
        # Keys are the page's raw bytes; Latin-1 maps every byte to one character and back.
        "layout": [key.decode("latin-1") for key in layout.keys],
        "gone": [key.decode("latin-1") for key in memory.keys[len(layout.keys) :]],
        "names": list(names),
        "named_by": [names[named] for named in layout.named_by],
    }
    return _packed(orjson.dumps(text))


def _shape(blob: bytes) -> _Shape:
    text = orjson.loads(_unpacked(blob))
    names = [tuple(named) for named in text["names"]]
    keys = tuple(key.encode("latin-1") for key in text["layout"])
    layout = Layout(keys, tuple(names[index] for index in text["named_by"]))
    gone = tuple(key.encode("latin-1") for key in text["gone"])
    return _Shape(layout, keys + gone if gone else keys)


def _memory(row: Any) -> Memory:
    shape = _shape(row.layout)
    values, seen_at, created = _numbers(row.numbers, len(shape.keys), row.target)
    return Memory(
        layout=shape.layout,
        keys=shape.keys,
        values=values,
        seen_at=seen_at,
        created=created,
        page_at=row.page_at,
        process_start=row.process_start,
        last_ok=bool(row.last_ok),
        read_for=frozenset(orjson.loads(row.read_for)),
        added_at=row.added_at,
    )


def _numbers(blob: bytes, size: int, target: str) -> Floats:
    numbers = np.frombuffer(_unpacked(blob), "<f8").astype(np.float64)
    if numbers.size != 3 * size:
        raise Corrupt(
            f"the memory of target {target} has {numbers.size} numbers for {size} series; "
            "restore a backup"
        )
    return numbers.reshape(3, size)


def _packed(body: bytes) -> bytes:
    squeeze = len(body) > _WORTH_COMPRESSING
    return bytes((_VERSION, squeeze)) + (zlib.compress(body, 1) if squeeze else body)


def _unpacked(blob: bytes) -> bytes:
    if blob[:1] > bytes((_VERSION,)):
        raise Newer(f"a target's memory has format {blob[0]}; this program reads up to {_VERSION}")
    try:
        return zlib.decompress(blob[2:]) if blob[1] else blob[2:]
    except (zlib.error, IndexError) as error:
        raise Corrupt(f"a target's memory cannot be read: {error}; restore a backup") from error
