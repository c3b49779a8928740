"""Mails about a status page: the one that asks to confirm, and what customers are told.

A mail goes to one person; it says how to end it, for people and for their mail program (RFC 8058).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from email.message import EmailMessage
from typing import Any, Final

from incidents.status_page import StatusPage
from vigie.channels import Channel
from vigie.config import Config
from vigie.notify import email
from vigie.notify.message import Message
from vigie.store.jobs import NewJob

KIND: Final = "status_mail"
ATTEMPTS: Final = 12  # what customers could have read for hours on the page is no news any more
CUSTOMER: Final = "customer"


def confirmation_job(subscriber: int, now: float) -> NewJob:
    """The job that mails somebody the link to confirm."""
    payload = {"do": "confirm", "subscriber": subscriber}
    dedup = f"{KIND}:confirm:{subscriber}:{round(now * 1000)}"
    return NewJob(KIND, dedup, payload, now, max_attempts=ATTEMPTS)


def tell_jobs(
    config: Config, update: Mapping[str, Any], incident: Mapping[str, Any]
) -> list[NewJob]:
    """The jobs that tell all subscribers of every page that shows this incident of an update, given
    as it is stored; none where it is not for customers.
    """
    if update["audience"] != CUSTOMER or incident["restricted"]:
        return []
    services = (incident["service"], *incident["affected"])
    return [
        tell_job(page.name, update["id"], 0, update["sent_at"])
        for page in config.pages.values()
        if page.subscribers and page.concerned(services)
    ]


def tell_job(page: str, update: int, after: int, now: float) -> NewJob:
    """The job that writes a job for each of the next subscribers after an id."""
    payload = {"do": "tell", "page": page, "update": update, "after": after}
    return NewJob(KIND, f"{KIND}:tell:{page}:{update}:{after}", payload, now)


def update_job(subscriber: int, update: int, now: float) -> NewJob:
    """The job that mails an update to one subscriber."""
    payload = {"do": "update", "subscriber": subscriber, "update": update}
    dedup = f"{KIND}:update:{update}:{subscriber}"
    return NewJob(KIND, dedup, payload, now, max_attempts=ATTEMPTS)


def confirmation(  # noqa: PLR0917 - what a mail is made of
    channel: Channel, page: StatusPage, address: str, dedup: str, link: str, now: float
) -> tuple[Channel, EmailMessage]:
    """The mail that asks to confirm, and the channel with its recipient."""
    text = (
        f"Somebody, hopefully you, asked to be told by e-mail how {page.title} does.\n\n"
        f"To get these mails, open this page and press its button:\n{link}\n\n"
        "Else do nothing: this address is forgotten in two days, and no more mails come.\n"
    )
    told = _message(dedup, f"{page.title}: please confirm", text, f"confirm:{address}")
    to = replace(channel, recipients=(address,))
    return to, email.compose(to, told, now)


def update(  # noqa: PLR0917 - as above
    channel: Channel,
    page: StatusPage,
    address: str,
    dedup: str,
    incident: Mapping[str, Any],
    entry: Mapping[str, Any],
    links: tuple[str, str],
    now: float,
) -> tuple[Channel, EmailMessage]:
    """The mail with one update; `links` lead to the page and out of it."""
    shown, leave = links
    text = (
        f"{incident['title']}: {entry['status']}\n\n{entry['text']}\n\n"
        f"How it stands: {shown}\nNo more of these mails: {leave}\n"
    )
    subject = f"{page.title}: {incident['title']} ({entry['status']})"
    to = replace(channel, recipients=(address,))
    mail = email.compose(to, _message(dedup, subject, text, f"status:{incident['id']}"), now)
    mail["List-Unsubscribe"] = f"<{leave}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return to, mail


def _message(dedup: str, subject: str, text: str, thread: str) -> Message:
    # The key goes out with the mail: it says nothing of how many there are.
    return Message(hashlib.sha256(dedup.encode()).hexdigest()[:32], subject, text, {}, thread)
