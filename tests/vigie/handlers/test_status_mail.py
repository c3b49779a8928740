"""Mails about a status page, through a real SMTP server: to whom, how often, and never again."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select
from sqlalchemy import update as change

from fleet import CALM, burn_signal
from fleet import CONFIG as FLEET
from incidents.updates import Audience
from pages_of_status import MAIL, PAGE, SECRET
from vigie.commands import updates
from vigie.handlers import status_mail
from vigie.live import Live
from vigie.notify.status import KIND, confirmation_job, update_job
from vigie.store import incidents, jobs, subscribers
from vigie.store.tables import incident, job


class Inbox:
    """Keeps what was accepted, with its one recipient."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.answer = "250 OK"

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address[:3].isdigit():
            return f"{address[:3]} not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=default)
            self.mails.append((envelope.rcpt_tos, mail))
        return self.answer

    def to(self) -> list[str]:
        return sorted(one for recipients, _ in self.mails for one in recipients)


@pytest.fixture
async def inbox(world: Any) -> AsyncIterator[Inbox]:
    """A server of mails, with a page that uses it in force."""
    kept = Inbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(kept), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = replace(MAIL, smtp_port=port, smtp_tls="none")
    config = replace(FLEET, runbooks=(), channels={"mail": channel}, pages={"shop": PAGE})
    world.board.now = Live(config, started_at=0.0, status=replace(CALM, at=world.clock.now()))
    yield kept
    server.close()


def asked(world: Any, address: str) -> int:
    """Somebody asked to be mailed, as the form does it."""
    now = world.clock.now()

    def work(c: Any) -> int:
        number = subscribers.ask(c, "shop", address, now)
        assert number is not None
        jobs.enqueue(c, confirmation_job(number, now), now)
        return number

    return int(world.db.write(work))


def confirmed(world: Any, address: str) -> int:
    number = int(world.db.write(lambda c: subscribers.ask(c, "shop", address, world.clock.now())))
    world.db.write(lambda c: subscribers.confirm(c, number, world.clock.now()))
    return number


def told(world: Any, text: str = "We look into it.", audience: Audience = Audience.CUSTOMER) -> int:
    """An incident of which an audience is told; its number."""
    now = world.clock.now()
    signal = replace(burn_signal(), title=f"{SECRET} title")
    number = world.db.write(lambda c: incidents.open_incident(c, signal, now))
    assert number is not None
    config = world.board.now.config
    updates.post(world.db, config, number, audience, text, actor="ann", now=now)
    return int(number)


def states(world: Any) -> set[str]:
    """What became of the mails."""
    asked_for = select(job.c.state).where(job.c.kind == KIND)
    return set(world.db.read(lambda c: c.execute(asked_for).scalars().all()))


async def run(world: Any) -> None:
    while await world.run_due():
        pass


async def test_who_asked_is_mailed_a_link_that_confirms(world: Any, inbox: Inbox) -> None:
    number = asked(world, "ann@example.com")
    await run(world)
    ((to, mail),) = inbox.mails
    assert to == ["ann@example.com"]
    text = str(mail.get_content())
    (code,) = re.findall(r"http://vigie\.example/status/shop/confirm/(\S+)", text)
    one = world.db.read(lambda c: subscribers.opened(c, "shop", code, subscribers.Purpose.CONFIRM))
    assert one is not None
    assert one.id == number


async def test_an_update_goes_once_to_everybody_who_confirmed(
    world: Any, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_mail, "BATCH", 2)
    for n in range(5):
        confirmed(world, f"a{n}@example.com")
    world.db.write(lambda c: subscribers.ask(c, "shop", "silent@example.com", 1.0))
    told(world, "Payments fail. <b>We</b> look into it.")
    await run(world)
    await run(world)
    assert inbox.to() == [f"a{n}@example.com" for n in range(5)]
    assert {len(recipients) for recipients, _ in inbox.mails} == {1}
    mail = inbox.mails[0][1]
    assert mail["Subject"] == "The shop: Problem with Paying (investigating)"
    assert SECRET not in mail.as_string()
    assert "checkout" not in mail.as_string()
    leave = str(mail["List-Unsubscribe"])
    assert re.fullmatch(r"<http://vigie\.example/status/shop/unsubscribe/[0-9a-f.]+>", leave)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert leave.strip("<>") in str(mail.get_content())


@pytest.mark.parametrize("audience", [Audience.INTERNAL, Audience.EXECUTIVE])
async def test_what_is_not_for_customers_is_mailed_to_nobody(
    world: Any, inbox: Inbox, audience: Audience
) -> None:
    confirmed(world, "ann@example.com")
    told(world, audience=audience)
    await run(world)
    assert inbox.mails == []


async def test_what_became_restricted_is_not_mailed_any_more(world: Any, inbox: Inbox) -> None:
    confirmed(world, "ann@example.com")
    number = told(world)
    hidden = change(incident).where(incident.c.number == number).values(restricted=1)
    world.db.write(lambda c: c.execute(hidden))
    await run(world)
    assert inbox.mails == []


async def test_who_left_in_the_meantime_is_not_mailed(world: Any, inbox: Inbox) -> None:
    one = confirmed(world, "ann@example.com")
    told(world)
    world.enqueue(update_job(one, 1, world.clock.now()))
    world.db.write(lambda c: subscribers.leave(c, one))
    await run(world)
    assert inbox.mails == []
    assert states(world) == {"done"}


async def test_a_server_that_is_busy_is_tried_again_and_a_refusal_ends_it(
    world: Any, inbox: Inbox
) -> None:
    confirmed(world, "ann@example.com")
    told(world)
    inbox.answer = "451 later"
    await run(world)
    assert states(world) == {"done", "ready"}
    inbox.answer = "250 OK"
    await world.run_due(400.0)
    assert inbox.to() == ["ann@example.com"]
    assert states(world) == {"done"}
    inbox.answer = "550 you may not send"
    asked(world, "bob@example.com")
    await run(world)
    assert states(world) == {"dead", "done"}


async def test_a_mailbox_that_is_not_there_troubles_nobody(world: Any, inbox: Inbox) -> None:
    asked(world, "550.gone@example.com")
    await run(world)
    assert inbox.mails == []
    assert states(world) == {"done"}
