"""Files that people add to incidents, and take away again; each is one transaction.

A HAR is redacted here, in memory, before anything of it is written.
"""

import logging
import re
import threading
from collections.abc import Mapping
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from incidents import attachments as kinds
from incidents import har
from incidents.model import EventKind
from vigie.commands.errors import Invalid, NotFound, TooLarge, Unsupported
from vigie.commands.words import MAX_ACTOR, MAX_REASON, line_of, text_of
from vigie.store import attachments, timeline
from vigie.store.attachments import NewAttachment, Row
from vigie.store.db import Database

log = logging.getLogger(__name__)

# What a document of so many values takes in memory is some 300 MB at worst; one is read at a time.
MAX_JSON_VALUES: Final = 1_500_000
_reading: Final = threading.Lock()
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def attach(
    db: Database,
    number: int,
    *,
    name: str,
    content: bytes,
    actor: str,
    now: float,
    key: str | None = None,
) -> Row:
    """Add a file to an incident, also to one that is over; the file as it is kept.

    What it is is read from its bytes. Sent again under the same `key` it is written once.
    NotFound, Invalid, Unsupported, TooLarge: and then nothing of it was written anywhere.
    """
    who = line_of("name", actor, MAX_ACTOR)
    new = kept(name, content)

    def work(c: Connection) -> Row:
        _hold(c, number)
        before = attachments.by_key(c, number, key) if key is not None else None
        if before is not None:
            return before
        _require_room(c, number, len(new.content))
        added = attachments.add(c, number, new, who, now, key)
        row = _get(c, number, added)
        said = f"Attached {new.name} ({len(new.content)} bytes)"
        timeline.append(c, number, now, EventKind.ATTACHED, who, said, _data(row))
        return row

    return db.write(work)


def remove(db: Database, number: int, id_: int, *, actor: str, reason: str, now: float) -> Row:
    """Take a file away; that it was there, who removed it and why is kept, its bytes are not.

    Again, nothing changes. NotFound, Invalid.
    """
    who, why = line_of("name", actor, MAX_ACTOR), text_of("reason", reason, MAX_REASON)

    def work(c: Connection) -> Row:
        _hold(c, number)
        row = _get(c, number, id_)
        if row["removed_at"] is None:
            attachments.remove(c, row, who, why, now)
            said = f"Removed {row['name']}: {why}"
            timeline.append(c, number, now, EventKind.ATTACHMENT_REMOVED, who, said, _data(row))
        return _get(c, number, id_)

    row = db.write(work)
    log.warning("attachment %d of incident %d removed by %s", id_, number, who)
    return row


def find(db: Database, number: int, id_: int) -> Row:
    """A file whose bytes are there. NotFound: also where it belongs to another incident."""
    row = db.read(lambda c: attachments.get(c, number, id_))
    if row is None:
        raise _no_file(number, id_)
    if row["removed_at"] is not None:
        raise NotFound(f"Attachment {id_} was removed by {row['removed_by']}.")
    return row


def kept(name: str, content: bytes) -> NewAttachment:
    """What is kept of a file: all of it, or of a HAR what is safe to keep. Unsupported, TooLarge,
    Invalid (it holds nothing).
    """
    if not content:
        raise Invalid("the file is empty")
    try:
        media_type = kinds.image_of(content)
        if media_type is None:
            kinds.require_text(content)
            return _text(name, content)
    except kinds.Unsupported as error:
        raise Unsupported(f"The file is not taken: {error}.") from error
    return _whole(name, content, media_type)


def _text(name: str, content: bytes) -> NewAttachment:
    document = None
    if kinds.begins_an_object(content):
        with _reading:
            document = _json(content)
            if har.is_har(document):
                return _har(name, content, document)
    if b'"startedDateTime"' in content and b'"request"' in content:
        raise kinds.Unsupported(
            "it holds parts of a HAR, which is kept only without its secrets, and it cannot be "
            "read as one; attach the HAR as the browser saved it"
        )
    if document is not None:
        return _whole(name, content, kinds.JSON)
    return _whole(name, content, kinds.CSV if kinds.is_csv(content) else kinds.TEXT)


def _whole(name: str, content: bytes, media_type: str) -> NewAttachment:
    if len(content) > kinds.MAX_BYTES:
        raise TooLarge(
            f"The file has {len(content)} bytes; at most {kinds.MAX_BYTES} are kept, "
            f"{kinds.MAX_HAR_BYTES} of a HAR before it is redacted."
        )
    return NewAttachment(kinds.clean_name(name, media_type), media_type, content, len(content))


def _har(name: str, content: bytes, document: Any) -> NewAttachment:
    try:
        safe, gone = har.redacted(document)
    except har.HarError as error:
        raise Unsupported(f"The HAR is not taken: {error}.") from error
    told = har.summary(safe)
    written = orjson.dumps(safe)
    if len(written) > kinds.MAX_BYTES:
        raise TooLarge(
            f"The HAR has {len(written)} bytes even without its bodies; at most {kinds.MAX_BYTES} "
            "are kept: record fewer requests."
        )
    named = kinds.clean_name(name, kinds.HAR)
    return NewAttachment(named, kinds.HAR, written, len(content), gone, told)


def _json(content: bytes) -> Any:
    """The document; None where it is no JSON, or too much of it to be read."""
    if _values(content) > MAX_JSON_VALUES:
        return None
    try:
        return orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None


def _values(content: bytes) -> int:
    """About how many values a JSON document has."""
    if sum(map(content.count, _SIGNS)) <= MAX_JSON_VALUES:
        return 0
    return sum(map(_STRING.sub(b"", content).count, _SIGNS))  # bodies are full of commas


_SIGNS: Final = (b",", b"[", b"{")


def _require_room(c: Connection, number: int, size: int) -> None:
    count, before = attachments.held(c, number)
    if count >= kinds.MAX_FILES:
        raise TooLarge(f"Incident {number} has {count} attachments, and takes no more.")
    if before + size > kinds.MAX_TOTAL_BYTES:
        raise TooLarge(
            f"Incident {number} has {before} bytes of attachments; with this one it would have "
            f"more than {kinds.MAX_TOTAL_BYTES}. Remove one that is not needed."
        )


def _data(row: Row) -> Mapping[str, Any]:
    told = ("name", "media_type", "size", "sha256", "redacted")
    return {"attachment": row["id"]} | {name: row[name] for name in told}


def _hold(c: Connection, number: int) -> None:
    """Let nobody else add to this incident, or take away, until the transaction ends."""
    try:
        timeline.lock(c, number)
    except LookupError as error:
        raise NotFound(f"There is no incident {number}; /api/v1/incidents lists them.") from error


def _get(c: Connection, number: int, id_: int) -> Row:
    row = attachments.get(c, number, id_)
    if row is None:
        raise _no_file(number, id_)
    return row


def _no_file(number: int, id_: int) -> NotFound:
    listed = f"/api/v1/incidents/{number}/attachments"
    return NotFound(f"Incident {number} has no attachment {id_}; {listed} lists what it has.")
