"""Memories of targets: what is read is what was written, to the bit."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from slo.series import Layout, Memory, missed, unseen
from vigie.store import memories
from vigie.store.db import Database, open_database
from vigie.store.errors import Corrupt
from vigie.store.tables import target_memory


def memory(layout: Layout, gone: tuple[bytes, ...] = (), **values: object) -> Memory:
    keys = layout.keys + gone
    numbers = np.arange(len(keys), dtype=np.float64)
    return replace(
        Memory(layout, keys, numbers, numbers + 0.5, np.full(len(keys), np.nan)),
        **values,
    )


def same(one: Memory, other: Memory) -> bool:
    numbers = ("values", "seen_at", "created")
    return (
        (one.layout.keys, one.layout.named_by, one.keys)
        == (other.layout.keys, other.layout.named_by, other.keys)
        and all(getattr(one, n).tobytes() == getattr(other, n).tobytes() for n in numbers)
        and (one.page_at, one.process_start, one.last_ok, one.read_for, one.added_at)
        == (other.page_at, other.process_start, other.last_ok, other.read_for, other.added_at)
    )


LAYOUT = Layout((b'a{x="1"}', b"\xff\x00{}"), (("a{}", "b{}"), ("a{}",)))

times = st.none() | st.floats(0, 2e9)
texts = st.text(max_size=8)


@st.composite
def any_memory(draw: st.DrawFn) -> Memory:
    keys = draw(st.lists(st.binary(max_size=12), unique=True, max_size=12))
    on_page = draw(st.integers(0, len(keys)))
    named = draw(
        st.lists(st.lists(texts, max_size=3).map(tuple), min_size=on_page, max_size=on_page)
    )
    floats = st.lists(st.floats(width=64), min_size=len(keys), max_size=len(keys))
    return Memory(
        layout=Layout(tuple(keys[:on_page]), tuple(named)),
        keys=tuple(keys),
        values=np.array(draw(floats), dtype=np.float64),
        seen_at=np.array(draw(floats), dtype=np.float64),
        created=np.array(draw(floats), dtype=np.float64),
        page_at=draw(times),
        process_start=draw(times),
        last_ok=draw(st.booleans()),
        read_for=frozenset(draw(st.sets(texts, max_size=3))),
        added_at=draw(times),
    )


@pytest.fixture(scope="module")
def sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path = tmp_path_factory.mktemp("memories") / "vigie.db"
    path.write_bytes(sqlite_template.read_bytes())
    with closing(open_database(f"sqlite:///{path}")) as db:
        yield db


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=any_memory(), after=any_memory())
def test_any_memory_survives_the_database(sqlite: Database, before: Memory, after: Memory) -> None:
    sqlite.write(lambda c: memories.write(c, {"t": before}, {}))
    assert same(sqlite.read(memories.read)["t"], before)
    sqlite.write(lambda c: memories.write(c, {"t": after}, {"t": before}))
    assert same(sqlite.read(memories.read)["t"], after)


def test_memories_survive_on_every_database(db: Database) -> None:
    big = Layout(tuple(f'm{{i="{i}"}}'.encode() for i in range(300)), (("m{}",),) * 300)
    held = {
        "a": memory(LAYOUT, gone=(b"old",), page_at=1.5, last_ok=True, read_for=frozenset("xy")),
        "b": memory(big, process_start=0.25, added_at=7.0),
        "c": unseen(None),
    }
    db.write(lambda c: memories.write(c, held, {}))
    found = db.read(memories.read)
    assert found.keys() == held.keys()
    assert all(same(found[target], held[target]) for target in held)


def test_an_unmoved_layout_is_not_written_again(db: Database) -> None:
    first = memory(LAYOUT, gone=(b"old",))
    second = replace(first, values=first.values + 1, keys=(*LAYOUT.keys, b"old"))
    db.write(lambda c: memories.write(c, {"t": first}, {}))
    spoilt = b"not touched"
    db.write(lambda c: c.execute(target_memory.update().values(layout=spoilt)))
    db.write(lambda c: memories.write(c, {"t": second}, {"t": first}))
    assert db.read(lambda c: c.execute(select(target_memory.c.layout)).scalar_one()) == spoilt


@pytest.mark.parametrize("gone", [(), (b"other",)])
def test_a_change_of_the_vanished_series_is_written(db: Database, gone: tuple[bytes, ...]) -> None:
    first, second = memory(LAYOUT, gone=(b"old",)), memory(LAYOUT, gone=gone)
    db.write(lambda c: memories.write(c, {"t": first}, {}))
    db.write(lambda c: memories.write(c, {"t": second}, {"t": first}))
    assert same(db.read(memories.read)["t"], second)


def test_a_known_memory_that_was_never_stored_is_stored_whole(db: Database) -> None:
    first = unseen(3.0)
    stored = memory(LAYOUT)
    db.write(lambda c: memories.write(c, {"b": stored}, {}))
    after = {"a": missed(first), "b": missed(stored)}
    db.write(lambda c: memories.write(c, after, {"a": first, "b": stored}))
    found = db.read(memories.read)
    assert same(found["a"], first)
    assert same(found["b"], stored)


def test_a_transaction_that_fails_leaves_nothing_to_go_wrong_later(db: Database) -> None:
    """What counts as known is what was committed, so the caller's old state is still right."""
    first, second = memory(LAYOUT), memory(Layout((b"z",), (("z{}",),)))
    db.write(lambda c: memories.write(c, {"t": first}, {}))

    def fail(c: object) -> None:
        memories.write(c, {"t": second}, {"t": first})
        raise KeyError("no")

    with pytest.raises(KeyError):
        db.write(fail)
    db.write(lambda c: memories.write(c, {"t": second}, {"t": first}))
    assert same(db.read(memories.read)["t"], second)


def test_forgotten_targets_are_gone(db: Database) -> None:
    db.write(lambda c: memories.write(c, dict.fromkeys("abc", memory(LAYOUT)), {}))
    db.write(lambda c: memories.forget(c, ["a", "c", "never"]))
    assert list(db.read(memories.read)) == ["b"]


def test_numbers_that_do_not_fit_their_layout_are_corrupt(db: Database) -> None:
    db.write(lambda c: memories.write(c, {"t": memory(LAYOUT)}, {}))
    db.write(lambda c: c.execute(target_memory.update().values(numbers=b"\x01\x00" + bytes(24))))
    with pytest.raises(Corrupt, match="target t"):
        db.read(memories.read)
