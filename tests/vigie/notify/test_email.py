"""E-mail against a real SMTP server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from vigie.config import Channel
from vigie.notify.email import compose, send
from vigie.notify.errors import DeliveryFailed
from vigie.notify.message import Message

NOW = 1_790_000_000.0


class Inbox:
    """Keeps what was accepted; refuses recipients whose name begins with a status code."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.data_answer = "250 OK, kept as 7"

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address[:3].isdigit():
            return f"{address[:3]} not here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return self.data_answer


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    ok = (data.login, data.password) == (b"vigie", b"s3cret")
    return AuthResult(success=ok, handled=ok)


@pytest.fixture
async def port(inbox: Inbox) -> AsyncIterator[int]:
    def connection() -> SMTP:
        return SMTP(inbox, authenticator=authenticate, auth_require_tls=False)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def channel(port: int) -> Channel:
    return Channel(
        "mail",
        "email",
        frozenset({"page"}),
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_tls="none",
        sender="Vigie <vigie@example.org>",
        recipients=("oncall@example.org",),
        timeout_s=5.0,
    )


async def refused(channel: Channel, message: Message) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as failed:
        await send(channel, message, now=NOW)
    return failed.value


async def test_a_mail_arrives_whole(channel: Channel, inbox: Inbox, message: Message) -> None:
    assert await send(channel, message, now=NOW) == "accepted for 1"
    mail = message_from_bytes(inbox.mails[0], policy=default)
    assert mail["Subject"] == message.subject
    assert mail["To"] == "oncall@example.org"
    assert mail["From"] == "Vigie <vigie@example.org>"
    assert mail["Date"] == "Mon, 21 Sep 2026 14:13:20 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == message.text


def test_a_duplicate_has_the_same_message_id_and_another_message_another(
    channel: Channel, message: Message
) -> None:
    first, again = compose(channel, message, NOW), compose(channel, message, NOW + 60)
    other = compose(channel, replace(message, dedup="notify:12:resolved:mail"), NOW)
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Message-ID"].endswith("@example.org>")
    assert first["References"] == other["References"]


async def test_no_text_from_outside_adds_a_header(
    channel: Channel, inbox: Inbox, message: Message
) -> None:
    evil = replace(message, subject="burns\r\nBcc: all@example.org\n\nbody\u2028x\x00")
    await send(channel, evil, now=NOW)
    mail = message_from_bytes(inbox.mails[0], policy=default)
    assert mail["Subject"] == "burns Bcc: all@example.org body x"
    assert mail["Bcc"] is None


async def test_a_title_in_any_script_arrives(
    channel: Channel, inbox: Inbox, message: Message
) -> None:
    await send(channel, replace(message, subject="paiement échoué 支払い", text="é\n"), now=NOW)
    mail = message_from_bytes(inbox.mails[0], policy=default)
    assert mail["Subject"] == "paiement échoué 支払い"
    assert mail.get_content().strip() == "é"


async def test_it_logs_in_with_the_password_of_the_file(
    channel: Channel, message: Message, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    known = replace(channel, username="vigie", password_file=str(password))
    assert await send(known, message, now=NOW) == "accepted for 1"
    password.write_text("wrong")
    failed = await refused(known, message)
    assert failed.reason.startswith("status 535")
    assert not failed.retry
    failed = await refused(replace(known, password_file=str(tmp_path / "none")), message)
    assert "cannot be read" in failed.reason
    failed = await refused(replace(known, password_file=None), message)
    assert failed.reason == "the channel has a username and no password_file"


async def test_one_recipient_reached_is_delivered_and_the_others_are_named(
    channel: Channel, message: Message
) -> None:
    some = replace(channel, recipients=("oncall@example.org", "550gone@example.org"))
    answer = await send(some, message, now=NOW)
    assert answer == "accepted for 1, refused for 550gone@example.org"


@pytest.mark.parametrize(("code", "retry"), [("450", True), ("550", False)])
async def test_nobody_reached_is_no_delivery(
    channel: Channel, message: Message, code: str, retry: bool
) -> None:
    failed = await refused(replace(channel, recipients=(f"{code}x@example.org",)), message)
    assert failed.reason == f"every recipient refused: {code}x@example.org: {code} not here"
    assert failed.retry is retry


@pytest.mark.parametrize(("answer", "retry"), [("451 busy", True), ("554 no", False)])
async def test_a_mail_that_is_not_taken_is_no_delivery(
    channel: Channel, inbox: Inbox, message: Message, answer: str, retry: bool
) -> None:
    inbox.data_answer = answer
    failed = await refused(channel, message)
    assert failed.reason == f"status {answer[:3]}: {answer[4:]}"
    assert failed.retry is retry


async def test_a_server_without_starttls_gets_nothing_in_the_clear(
    channel: Channel, inbox: Inbox, message: Message
) -> None:
    failed = await refused(replace(channel, smtp_tls="starttls"), message)
    assert "STARTTLS" in failed.reason
    assert inbox.mails == []


async def test_nobody_there_is_no_delivery(channel: Channel, message: Message) -> None:
    failed = await refused(replace(channel, smtp_port=1), message)
    assert failed.retry
    assert "refused" in failed.reason


async def test_a_server_that_speaks_no_tls_gets_nothing(
    channel: Channel, inbox: Inbox, message: Message
) -> None:
    failed = await refused(replace(channel, smtp_tls="tls"), message)
    assert "SSL" in failed.reason
    assert inbox.mails == []


async def test_a_server_that_never_greets_is_given_up(channel: Channel, message: Message) -> None:
    def silent() -> asyncio.Protocol:
        return asyncio.Protocol()

    server = await asyncio.get_running_loop().create_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        failed = await refused(replace(channel, smtp_port=port, timeout_s=0.2), message)
    assert "timed out" in failed.reason
    assert failed.retry
