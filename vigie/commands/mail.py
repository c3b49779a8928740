"""What an e-mail does: opens an incident, or adds a comment to one; never more than that.

`From` can be forged, so a sender opens and adds, and changes nothing that is there. Whether an
incident exists that they have no part in, no answer tells.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from collectors.changes import Integration
from incidents import mail as reading
from incidents.attachments import MAX_NAME
from incidents.fields import MAX_TEXT, MAX_TITLE
from incidents.mail import Mail, Unreadable
from vigie.commands import attachments
from vigie.commands.comments import comment
from vigie.commands.errors import CommandError, Invalid, NotAllowed, TooMany
from vigie.commands.reporting import HOUR_S, TYPE, Report, key_of, report
from vigie.commands.words import MAX_ACTOR
from vigie.config import Config
from vigie.store import reported
from vigie.store.db import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an e-mail: `opened`, `commented` or `ignored`; the incident, and why not."""

    what: str
    number: int | None = None
    reason: str | None = None


def take(
    db: Database, config: Config, integration: Integration, content: bytes, now: float
) -> Taken:
    """Take one message (RFC 5322). The same message again changes nothing.

    Invalid: it is no message that can be taken; NotAllowed: its sender is none of those that are;
    TooMany: the sender has had as many of the last hour as one may. What is of programs is ignored.
    """
    try:
        mail = reading.read(content)
    except Unreadable as error:
        raise Invalid(f"the e-mail {error}") from error
    if mail.automatic:
        return Taken("ignored", reason=mail.automatic)
    if not integration.takes_from(mail.sender):
        raise NotAllowed(f"Integration `{integration.name}` takes no e-mail of {mail.sender}")
    actor = f"{mail.sender} (by {integration.name})"
    if len(actor) > MAX_ACTOR:
        raise Invalid(f"the address of the sender has {len(mail.sender)} characters: too many")
    number = db.read(lambda c: _followed(c, mail))
    if number is not None:
        return _add(db, config, integration, mail, number, actor=actor, now=now)
    return _open(db, config, integration, mail, actor, now)


def _followed(c: Connection, mail: Mail) -> int | None:
    """The incident that a message is about, if its sender has a part in it: one that the subject
    names, or that an e-mail of theirs opened which this one follows.
    """
    opened = reported.by_key(c, mail.sender, key_of(mail.sender, mail.id))
    if opened is not None:
        return None  # this very message did: again it does the same
    if mail.number is not None and reported.takes_part(c, mail.number, mail.sender):
        return mail.number
    for id_ in mail.thread:
        number = reported.by_key(c, mail.sender, key_of(mail.sender, id_))
        if number is not None and reported.takes_part(c, number, mail.sender):
            return number
    return None


def _open(  # noqa: PLR0917 - the message, where it came in, and who sent it when
    db: Database, config: Config, integration: Integration, mail: Mail, actor: str, now: float
) -> Taken:
    title = mail.subject or mail.text.partition("\n")[0].strip() or "E-mail without words"
    said = Report(
        title=_cut(title, MAX_TITLE),
        description=_cut(mail.text, MAX_TEXT),
        # What the files stopped knowing keeps nobody from reporting.
        service=integration.service if integration.service in config.services else "",
        type=integration.incident_type if integration.incident_type in config.types.rules else TYPE,
        requester=mail.sender,
    )
    bound = integration.per_hour
    opened = report(db, config, said, actor=actor, now=now, key=mail.id, most_per_hour=bound)
    number = int(opened["number"])
    left = _attach(db, number, mail, actor, now)
    if left:
        comment(db, config, number, left, actor=actor, now=now, key=f"{mail.id}:left")
    return Taken("opened", number)


def _add(
    db: Database,
    config: Config,
    integration: Integration,
    mail: Mail,
    number: int,
    *,
    actor: str,
    now: float,
) -> Taken:
    if db.read(lambda c: _wrote(c, number, actor, now)) >= integration.per_hour:
        raise TooMany(f"{mail.sender} wrote {integration.per_hour} comments in the last hour")
    left = _attach(db, number, mail, actor, now)
    said = _cut(mail.text or f"({mail.subject or 'no words'})", MAX_TEXT - len(left) - 2)
    text = f"{said}\n\n{left}" if left else said
    comment(db, config, number, text, actor=actor, now=now, key=mail.id)
    return Taken("commented", number)


def _wrote(c: Connection, number: int, actor: str, now: float) -> int:
    return reported.comments_since(c, number, actor, now - HOUR_S)


def _attach(db: Database, number: int, mail: Mail, actor: str, now: float) -> str:
    """Add the files of a message; in words those that are not taken, empty if all are."""
    left = list(mail.left_out)
    for place, file in enumerate(mail.files, 1):
        name = file.name or f"file {place}"
        try:
            attachments.attach(
                db,
                number,
                name=name,
                content=file.content,
                actor=actor,
                now=now,
                key=f"{mail.id}:{place}",
            )
        except CommandError as error:
            log.info("an attachment of an e-mail to incident %d is not taken: %s", number, error)
            left.append(f"{_cut(name, MAX_NAME)} ({_cut(str(error), 200)})")
    return _not_taken(left)


def _not_taken(left: Sequence[str]) -> str:
    return "Not taken: " + "; ".join(left[: reading.MAX_PARTS]) if left else ""


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most - 40].rstrip()}... ({len(text)} characters)"
