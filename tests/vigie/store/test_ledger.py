"""Ledger rows: exact to the unit, whatever the columns are today."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from slo.ledger import Row
from slo.series import Ints
from slo.spans import Spans
from vigie.store.db import Database
from vigie.store.errors import Corrupt, Newer
from vigie.store.ledger import (
    Entries,
    decode,
    encode,
    first_start,
    read_slices,
    read_spans,
    sli_ids,
    write_slices,
    write_spans,
)
from vigie.store.tables import ledger


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


def row(start: int, good: Ints, revision: int = 1, width_s: int = 10) -> Row:
    """A slice in which one event of every SLI was bad, half measured."""
    return Row(width_s, start, revision, good, good + 1, np.full(len(good), width_s * 500_000))


def test_an_sli_keeps_its_number_for_ever(db: Database) -> None:
    first = db.write(lambda c: sli_ids(c, ["a", "b"]))
    again = db.write(lambda c: sli_ids(c, ["c", "b", "a"]))
    assert again[1:].tolist() == first[::-1].tolist()
    assert len({*again.tolist()}) == 3


def test_what_was_written_is_read_to_the_unit(db: Database) -> None:
    def work(c: Connection) -> tuple[Ints, ...]:
        ids = sli_ids(c, ["a", "b", "c"])
        rows = [row(0, ints(5, 0, 2**62)), row(10, ints(0, 7, 1)), row(20, ints(1, 1, 1))]
        write_slices(c, rows, ids)
        write_slices(c, [row(0, ints(99, 99, 99), width_s=60)], ids)
        return read_slices(c, 10, 0, 20, ids)

    starts, good, total, measured = db.write(work)
    assert starts.tolist() == [0, 10]
    assert good.tolist() == [[5, 0, 2**62], [0, 7, 1]]
    assert total.tolist() == [[6, 1, 2**62 + 1], [1, 8, 2]]
    assert measured.tolist() == [[5_000_000] * 3] * 2


def test_columns_are_found_by_sli_not_by_place(db: Database) -> None:
    def work(c: Connection) -> Ints:
        write_slices(c, [row(0, ints(1, 2))], sli_ids(c, ["a", "b"]))
        return read_slices(c, 10, 0, 10, sli_ids(c, ["new", "b", "a"]))[1]

    assert db.write(work).tolist() == [[0, 2, 1]]


@pytest.mark.parametrize(("revision", "kept"), [(1, 5), (2, 5), (3, 6)])
def test_only_a_higher_revision_replaces_a_slice(db: Database, revision: int, kept: int) -> None:
    def work(c: Connection) -> Ints:
        ids = sli_ids(c, ["a"])
        write_slices(c, [row(0, ints(5), revision=2)], ids)
        write_slices(c, [row(0, ints(6), revision=revision)], ids)
        return read_slices(c, 10, 0, 10, ids)[1]

    assert db.write(work).tolist() == [[kept]]


def test_an_sli_that_left_the_configuration_keeps_its_part_of_a_rewritten_slice(
    db: Database,
) -> None:
    def work(c: Connection) -> Ints:
        both = sli_ids(c, ["a", "b"])
        write_slices(c, [row(0, ints(5, 7))], both)
        write_slices(c, [row(0, ints(9), revision=2)], both[:1])
        return read_slices(c, 10, 0, 10, both)[1]

    assert db.write(work).tolist() == [[9, 7]]


@pytest.mark.parametrize(("start", "kept"), [(90, 7), (100, 0)])
def test_only_slices_from_before_the_columns_changed_are_looked_at_for_others(
    db: Database, start: int, kept: int
) -> None:
    def work(c: Connection) -> Ints:
        both = sli_ids(c, ["a", "b"])
        write_slices(c, [row(start, ints(5, 7))], both)
        write_slices(c, [row(start, ints(9), revision=2)], both[:1], shared_before=100)
        return read_slices(c, 10, 0, 1000, both)[1]

    assert db.write(work).tolist() == [[9, kept]]


def test_the_earliest_slice_of_a_width_is_known(db: Database) -> None:
    def work(c: Connection) -> tuple[int | None, int | None]:
        before = first_start(c, 10)
        write_slices(c, [row(30, ints(1)), row(20, ints(1))], sli_ids(c, ["a"]))
        return before, first_start(c, 10)

    assert db.write(work) == (None, 20)


def test_spans_come_back_in_the_order_of_their_ends(db: Database) -> None:
    def work(c: Connection) -> Spans:
        ids = sli_ids(c, ["a", "b"])
        spans = Spans(
            cols=ints(1, 0, 0),
            began=np.array([100.0, 5.5, 0.0]),
            ended=np.array([200.0, 90.25, 10.0]),
            good=ints(1, 2, 3),
            total=ints(4, 5, 6),
        )
        write_spans(c, spans, ids)
        return read_spans(c, 10.0, sli_ids(c, ["b", "other", "a"]))

    spans = db.write(work)
    assert spans.cols.tolist() == [2, 0]
    assert (spans.began.tolist(), spans.ended.tolist()) == ([5.5, 100.0], [90.25, 200.0])
    assert (spans.good.tolist(), spans.total.tolist()) == ([2, 1], [5, 4])


counts = st.integers(-(2**63), 2**63 - 1)


@given(st.dictionaries(st.integers(1, 2**40), st.tuples(counts, counts, counts), max_size=40))
def test_any_entries_survive_their_blob(held: dict[int, tuple[int, int, int]]) -> None:
    ids = np.array(sorted(held), dtype=np.int64)
    sums = np.array([held[i] for i in ids.tolist()], dtype=np.int64).reshape(-1, 3).T
    back = decode(encode(Entries(ids, sums)))
    assert back.ids.tolist() == ids.tolist()
    assert back.sums.tolist() == sums.tolist()


def test_a_slice_of_a_thousand_slis_is_small() -> None:
    rng = np.random.default_rng(1)
    total = rng.poisson(500, 1000)
    bad = rng.poisson(0.2, 1000)
    sums = np.stack([total - bad, total, np.full(1000, 10_000_000)])
    assert len(encode(Entries(np.arange(1, 1001), sums))) < 2500


@pytest.mark.parametrize(
    ("blob", "error"), [(b"", Corrupt), (b"\x01\x00\x08\x08\x08\x08\x05\x00\x00\x00", Corrupt)]
)
def test_a_damaged_blob_is_named_as_such(blob: bytes, error: type[Exception]) -> None:
    with pytest.raises(error, match="restore a backup"):
        decode(blob)


def test_a_blob_of_a_later_version_is_refused(db: Database) -> None:
    def work(c: Connection) -> None:
        ids = sli_ids(c, ["a"])
        write_slices(c, [row(0, ints(1))], ids)
        blob = c.execute(select(ledger.c.bytes)).scalar_one()
        c.execute(update(ledger).values(bytes=b"\x09" + blob[1:]))
        read_slices(c, 10, 0, 10, ids)

    with pytest.raises(Newer, match="format 9"):
        db.write(work)
