"""What people attach: kept as what it is, or refused with nothing written."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, func, select

from files import GIF, LOG, PNG, ZIP
from fleet import T0, burn_signal
from hars import entry, har
from incidents import attachments as kinds
from vigie.commands import attachments
from vigie.commands.errors import CommandError, Invalid, NotFound, TooLarge, Unsupported
from vigie.store import incidents, timeline
from vigie.store.db import Database
from vigie.store.tables_attachments import attachment, blob, blob_chunk

HAR = orjson.dumps(har(entry(status=503)))


@pytest.fixture
def incident(db: Database) -> int:
    number = db.write(lambda c: incidents.open_incident(c, burn_signal(), T0))
    assert number is not None
    return number


def attach(db: Database, number: int, content: bytes, name: str = "x", **more: Any) -> Any:
    return attachments.attach(
        db, number, name=name, content=content, actor="ada", now=T0 + 60, **more
    )


def rows(db: Database) -> tuple[int, ...]:
    def read(c: Connection) -> tuple[int, ...]:
        counts = (select(func.count()).select_from(t) for t in (attachment, blob, blob_chunk))
        return tuple(int(c.execute(count).scalar_one()) for count in counts)

    return db.read(read)


def told(db: Database, number: int) -> list[Any]:
    return list(db.read(lambda c: timeline.read(c, number)))


@pytest.mark.parametrize(
    ("content", "media_type", "name"),
    [
        (PNG, "image/png", "x.png"),
        (GIF, "image/gif", "x.gif"),
        (LOG, "text/plain", "x.txt"),
        (b"a,b\n1,2\n", "text/csv", "x.csv"),
        (b' {"lines": []}', "application/json", "x.json"),
        (b'{"a": 1}\n{"a": 2}\n', "text/plain", "x.txt"),
        (b"<html><script>alert(1)</script>", "text/plain", "x.txt"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "text/plain", "x.txt"),
    ],
)
def test_a_file_is_kept_as_what_its_bytes_are(
    db: Database, incident: int, content: bytes, media_type: str, name: str
) -> None:
    row = attach(db, incident, content)
    assert (row["media_type"], row["name"], row["size"]) == (media_type, name, len(content))
    last = told(db, incident)[-1]
    assert (last["kind"], last["actor"]) == ("attached", "ada")
    assert last["data"]["sha256"] == row["sha256"]


@pytest.mark.parametrize("name", ["trace.har", "notes.txt", "shot.png"])
def test_a_har_is_redacted_whatever_it_is_called(db: Database, incident: int, name: str) -> None:
    row = attach(db, incident, b"\xef\xbb\xbf " + HAR, name)
    assert row["media_type"] == kinds.HAR
    assert row["sent_size"] == len(HAR) + 4
    assert row["redacted"]["cookies"] == 1
    assert row["summary"]["failing"][0]["statuses"] == {"503": 1}
    everything = db.read(
        lambda c: [tuple(found) for t in (attachment, blob_chunk) for found in c.execute(select(t))]
    )
    assert not any(word in repr(everything) for word in ("biscuit", "sesame", "Lovelace"))


REFUSED: dict[str, tuple[bytes, type[CommandError], str]] = {
    "nothing": (b"", Invalid, "empty"),
    "an archive": (ZIP, Unsupported, "it is no text"),
    "an image and an archive": (PNG + ZIP, Unsupported, "after its end"),
    "an image and a script": (b"GIF89a=1;alert(1)//", Unsupported, "begins like a GIF"),
    "a HAR cut short": (HAR[:-9], Unsupported, "parts of a HAR"),
    "a HAR after a line": (b"// saved\n" + HAR, Unsupported, "parts of a HAR"),
    "a HAR in an object": (b'{"har": ' + HAR + b"}", Unsupported, "parts of a HAR"),
    "a HAR in a list": (b"[" + HAR + b"]", Unsupported, "parts of a HAR"),
    "a HAR of nothing": (b'{"log": {"entries": []}}', Unsupported, "no request"),
    "a HAR of numbers": (b'{"log": {"entries": [{"request": 7}, 8]}}', Unsupported, "[1]"),
    "a HAR without end": (
        b'{"log": {"startedDateTime": "request", "request": ' + b"[" * 200_000,
        Unsupported,
        "parts of a HAR",
    ),
    "too much": (b"x" * (kinds.MAX_BYTES + 1), TooLarge, "at most 10000000"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_leaves_nothing(db: Database, incident: int, what: str) -> None:
    content, error, why = REFUSED[what]
    with pytest.raises(error) as refused:
        attach(db, incident, content)
    assert why in str(refused.value)
    assert rows(db) == (0, 0, 0)
    assert len(told(db, incident)) == 1


def test_a_document_of_too_many_values_is_not_read(
    db: Database, incident: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MAX_JSON_VALUES", 50)
    with pytest.raises(Unsupported, match="parts of a HAR"):
        attach(db, incident, HAR)
    commas = {"text": "," * 100, "quotes": '\\",['}
    assert attach(db, incident, orjson.dumps(commas))["media_type"] == kinds.JSON


def test_an_incident_has_room_for_so_much(
    db: Database, incident: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "MAX_TOTAL_BYTES", 100)
    monkeypatch.setattr(kinds, "MAX_FILES", 3)
    first = attach(db, incident, b"x" * 60)
    with pytest.raises(TooLarge, match="more than 100"):
        attach(db, incident, b"y" * 41)
    attachments.remove(db, incident, first["id"], actor="ada", reason="room", now=T0 + 61)
    for _ in range(3):
        attach(db, incident, b"y" * 30)
    with pytest.raises(TooLarge, match="takes no more"):
        attach(db, incident, b"z")


def test_of_many_that_come_at_once_no_more_are_kept_than_there_is_room(
    db: Database, incident: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "MAX_FILES", 3)
    start = threading.Barrier(8)

    def one(_: int) -> bool:
        start.wait()
        try:
            attach(db, incident, LOG)
        except TooLarge:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(one, range(8))) == 3
    assert rows(db) == (3, 1, 1)


def test_the_same_key_attaches_once(db: Database, incident: int) -> None:
    first = attach(db, incident, LOG, key="k")
    assert attach(db, incident, PNG, key="k") == first
    assert len(told(db, incident)) == 2


def test_a_removed_file_says_by_whom_and_why_and_its_bytes_are_gone(
    db: Database, incident: int
) -> None:
    row = attach(db, incident, LOG, "app.log")
    gone = attachments.remove(db, incident, row["id"], actor="bob", reason="a name", now=T0 + 90)
    assert (gone["removed_by"], gone["removed_for"]) == ("bob", "a name")
    again = attachments.remove(db, incident, row["id"], actor="eve", reason="no", now=T0 + 99)
    assert again == gone
    assert rows(db) == (1, 0, 0)
    assert [e["text"] for e in told(db, incident)][1:] == [
        f"Attached app.log ({len(LOG)} bytes)",
        "Removed app.log: a name",
    ]
    with pytest.raises(NotFound, match="removed by bob"):
        attachments.find(db, incident, row["id"])


def test_there_is_nothing_of_an_incident_that_is_not_there(db: Database, incident: int) -> None:
    row = attach(db, incident, LOG)
    with pytest.raises(NotFound):
        attach(db, incident + 1, LOG)
    with pytest.raises(NotFound):
        attachments.find(db, incident + 1, row["id"])
    with pytest.raises(NotFound):
        attachments.remove(db, incident, row["id"] + 1, actor="a", reason="b", now=T0)
