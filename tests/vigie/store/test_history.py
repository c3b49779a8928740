"""History: every minute of the ledger, exactly, whether from its rows or from the files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from slo.ledger import Row
from slo.report_sums import DAY, Day
from vigie.store import history
from vigie.store.db import Database
from vigie.store.errors import Corrupt, Newer
from vigie.store.ledger import read_slices, sli_ids, write_slices
from vigie.store.tables import ledger

D0 = 20_000
Values = dict[tuple[int, int], tuple[int, int, int]]  # by minute and SLI: good, total, measured


def row(minute: int, good: list[int], revision: int = 1) -> Row:
    values = np.array(good, dtype=np.int64)
    return Row(60, minute * 60, revision, values, values + 1, np.full(len(good), 60_000_000))


def write(db: Database, *rows: Row) -> None:
    names = [f"sli-{number}" for number in range(max(len(one.good) for one in rows))]
    for one in rows:
        db.write(lambda c, one=one: write_slices(c, [one], sli_ids(c, names)[: len(one.good)]))


def held(days: list[Day]) -> Values:
    frames = [day.rows.collect() for day in days]
    return {(m, s): (g, t, us) for frame in frames for s, m, g, t, us in frame.iter_rows()}


def read(db: Database, folder: Path | None, *ranges: tuple[int, int]) -> Values:
    return db.read(lambda c: held(history.days(c, folder, ranges)))


def test_files_and_rows_say_the_same_and_only_closed_days_are_kept(
    db: Database, tmp_path: Path
) -> None:
    first = D0 * DAY
    write(db, row(first, [1, 2]), row(first + DAY - 1, [3, 4]), row(first + DAY, [5, 6]))
    folder = tmp_path / "history"
    whole = (first, first + 2 * DAY)
    plain = read(db, None, whole)
    assert len(plain) == 6
    assert read(db, folder, whole) == plain
    assert [file.name[:10] for file in folder.iterdir()] == ["2024-10-04"]
    assert read(db, folder, whole) == plain


def test_a_day_that_changed_is_written_again_and_its_old_file_goes(
    db: Database, tmp_path: Path
) -> None:
    first = D0 * DAY
    write(db, row(first, [1]), row(first + DAY - 1, [1]))
    read(db, tmp_path / "h", (first, first + 1))
    before = {file.name for file in (tmp_path / "h").iterdir()}
    write(db, row(first, [7], revision=2))
    assert read(db, tmp_path / "h", (first, first + 1))[first, 1] == (7, 8, 60_000_000)
    after = {file.name for file in (tmp_path / "h").iterdir()}
    assert len(before) == len(after) == 1
    assert before != after


def test_a_folder_that_cannot_be_written_costs_time_and_no_truth(
    db: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = D0 * DAY
    write(db, row(first, [1]), row(first + DAY - 1, [1]))
    (tmp_path / "file").touch()
    assert len(read(db, tmp_path / "file", (first, first + DAY))) == 2
    assert "is read from the ledger" in caplog.text


def test_only_the_days_asked_for_are_read(db: Database) -> None:
    for day in range(4):
        write(db, row((D0 + day) * DAY, [day]))
    first = D0 * DAY
    found = read(db, None, (first, first + 1), (first + 3 * DAY, first + 3 * DAY + 1))
    assert sorted(found) == [(first, 1), (first + 3 * DAY, 1)]
    assert read(db, None) == {}


def test_the_newest_closed_minute_is_known(db: Database) -> None:
    assert db.read(history.last_minute) is None
    write(db, row(D0 * DAY + 5, [1]))
    assert db.read(history.last_minute) == D0 * DAY + 6


def test_an_sli_that_was_never_measured_has_no_number(db: Database) -> None:
    write(db, row(D0 * DAY, [1]))
    assert db.read(lambda c: history.numbers(c, ["sli-0", "other"])) == {"sli-0": 1}


NUMBERS = st.one_of(st.integers(-3, 200), st.integers(0, 2**40))
SLICE = st.dictionaries(st.integers(0, 30), st.tuples(NUMBERS, NUMBERS), max_size=4)


@given(st.dictionaries(st.integers(0, 700), SLICE, min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_joined_bodies_are_read_as_one_by_one(
    db: Database, tmp_path: Path, slices: dict[int, dict[int, tuple[int, int]]]
) -> None:
    """Whatever widths and SLIs the minutes have: equal to the ledger's own reader."""
    first = D0 * DAY

    def work(c: Connection) -> tuple[Values, Values]:
        c.execute(ledger.delete())
        ids = sli_ids(c, [f"sli-{number}" for number in range(31)])
        for minute, entries in slices.items():
            values = np.zeros((2, 31), dtype=np.int64)
            for place, pair in entries.items():
                values[:, place] = pair
            one = Row(60, (first + minute) * 60, 1, *values, values[1] * 0 + (values[1] != 0))
            write_slices(c, [one], ids)
        starts, *sums = read_slices(c, 60, first * 60, (first + DAY) * 60, ids)
        expected = {
            (int(start) // 60, int(sli)): tuple(int(block[at, col]) for block in sums)
            for at, start in enumerate(starts)
            for col, sli in enumerate(ids)
        }
        found = held(history.days(c, tmp_path / "h", [(first, first + DAY)]))
        return found, {key: v for key, v in expected.items() if any(v)}

    found, expected = db.write(work)
    assert found == expected


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda blob: bytes([99]) + blob[1:], Newer),
        (lambda blob: blob[:-1], Corrupt),
        (lambda blob: blob[:1] + b"\x01" + blob[2:], Corrupt),
        (lambda _: b"", Corrupt),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_row_that_cannot_be_read_is_an_error_and_no_zero(
    db: Database, spoil: Callable[[bytes], bytes], error: type[Exception]
) -> None:
    write(db, row(D0 * DAY, [1, 2]))

    def work(c: Connection) -> None:
        blob = c.execute(ledger.select()).one().bytes
        c.execute(update(ledger).values(bytes=spoil(blob)))

    db.write(work)
    with pytest.raises(error):
        read(db, None, (D0 * DAY, D0 * DAY + 1))


def test_files_hold_what_fits_in_32_bits_so(db: Database, tmp_path: Path) -> None:
    write(db, row(D0 * DAY, [1]), row((D0 + 1) * DAY, [2**40]), row((D0 + 2) * DAY, [1]))
    read(db, tmp_path / "h", (D0 * DAY, (D0 + 2) * DAY))
    kinds = [pl.read_parquet(file).schema["good"] for file in sorted((tmp_path / "h").iterdir())]
    assert kinds == [pl.UInt32, pl.Int64]


def test_closed_days_are_prepared_one_at_a_time_the_newest_first(
    db: Database, tmp_path: Path
) -> None:
    first = D0 * DAY
    write(db, *(row(first + at * DAY, [at]) for at in range(4)))
    folder, names = tmp_path / "h", lambda: sorted(f.name[:10] for f in (tmp_path / "h").iterdir())
    prepare = lambda: db.read(  # noqa: E731 - a query
        lambda c: history.warm(c, folder, first, first + 4 * DAY, 1)
    )
    prepare()
    assert names() == ["2024-10-06"]  # the fourth day is not closed
    for _ in range(5):
        prepare()
    assert names() == ["2024-10-04", "2024-10-05", "2024-10-06"]
