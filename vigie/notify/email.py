"""Delivery by e-mail: one plain-text message, handed to an SMTP server."""

import asyncio
import hashlib
import re
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

from vigie.config import Channel
from vigie.notify.errors import DeliveryFailed
from vigie.notify.message import Message

_SUBJECT_CHARS = 200


async def send(channel: Channel, message: Message, *, now: float) -> str:
    """Hand the message to the channel's server and return what it said; else DeliveryFailed.

    Accepted means by at least one recipient's server; the refused ones are named in the answer.
    """
    return await asyncio.to_thread(_send, channel, compose(channel, message, now))


def compose(channel: Channel, message: Message, now: float) -> EmailMessage:
    """The mail. Its Message-ID follows from the dedup key: a duplicate shows as one message."""
    mail = EmailMessage(policy=SMTP)
    domain = _domain(channel.sender)
    mail["From"] = _line(channel.sender)
    mail["To"] = ", ".join(_line(to) for to in channel.recipients)
    mail["Subject"] = _line(message.subject)[:_SUBJECT_CHARS]
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = _message_id(message.dedup, domain)
    mail["References"] = _message_id(f"thread:{message.thread}", domain)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail["X-Vigie-Dedup-Key"] = _line(message.dedup)
    mail.set_content(message.text.replace("\x00", ""))
    return mail


async def hand_over(channel: Channel, mail: EmailMessage) -> str:
    """Hand a mail that is made already to the channel's server, for the channel's recipients."""
    return await asyncio.to_thread(_send, channel, mail)


def _send(channel: Channel, mail: EmailMessage) -> str:
    try:
        with _connect(channel) as server:
            if channel.username is not None:
                server.login(channel.username, _password(channel))
            refused = server.send_message(mail, channel.sender, list(channel.recipients))
    except smtplib.SMTPResponseException as error:
        answer = f"status {error.smtp_code}: {_answer(error.smtp_error)}"
        # 4yz is "try again later", 5yz a refusal (RFC 5321, 4.2.1).
        raise DeliveryFailed(answer, retry=error.smtp_code < 500) from error
    except smtplib.SMTPRecipientsRefused as error:
        raise _all_refused(error.recipients) from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryFailed(str(error), retry=False) from error
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryFailed(str(error) or type(error).__name__, retry=True) from error
    accepted = f"accepted for {len(channel.recipients) - len(refused)}"
    return f"{accepted}, refused for {', '.join(refused)}" if refused else accepted


def _connect(channel: Channel) -> smtplib.SMTP:
    host, port, timeout = channel.smtp_host, channel.smtp_port, channel.timeout_s
    context = ssl.create_default_context()
    if channel.smtp_tls == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
    server = smtplib.SMTP(host, port, timeout=timeout)
    if channel.smtp_tls == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:  # whatever it was goes on: only the socket is ours to close
            server.close()
            raise
    return server


def _password(channel: Channel) -> str:
    if channel.password_file is None:
        raise DeliveryFailed("the channel has a username and no password_file", retry=False)
    try:
        return Path(channel.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DeliveryFailed(
            f"password_file {channel.password_file} cannot be read: {error}", retry=False
        ) from error


def _all_refused(recipients: dict[str, tuple[int, bytes]]) -> DeliveryFailed:
    answers = [f"{to}: {code} {_answer(said)}" for to, (code, said) in recipients.items()]
    passing = any(code < 500 for code, _ in recipients.values())
    return DeliveryFailed(f"every recipient refused: {'; '.join(answers)}", retry=passing)


def _answer(said: bytes | str) -> str:
    return _line(said.decode("utf-8", "replace") if isinstance(said, bytes) else said)


def _line(text: str) -> str:
    """One line without control characters, so that no text from outside adds a header."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]", " ", text).split())


def _domain(sender: str) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return domain if re.fullmatch(r"[A-Za-z0-9.-]+", domain) else "vigie.invalid"


def _message_id(key: str, domain: str) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
