"""One e-mail as what it says: who sent it, what about, its words and its files. Pure, bounded.

Syntax is RFC 5322 and MIME, read by the standard library, which takes apart whatever it is given
and may need minutes for what was made to hurt; so a message is measured before it is parsed.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr
from hashlib import sha256
from typing import Any, Final

from incidents.mail_text import readable, shown_line

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_LINES: Final = 60_000  # 2 MiB of base64 has 28,000
MAX_PARTS: Final = 32
MAX_HEADER: Final = 4_000  # characters of one that is looked at
MAX_HEADERS: Final = 300
MAX_FILES: Final = 10
MAX_ADDRESS: Final = 254  # RFC 5321, 4.5.3.1.3
MAX_IDS: Final = 20  # of the thread it stands in
_MIME: Final = re.compile(
    rb"(?:^|[\r\n])content-(?:type|disposition|transfer-encoding|id)[ \t]*:"
    rb"[^\r\n]*+(?:\r?\n?[ \t][^\r\n]*+)*+",
    re.IGNORECASE,
)
_ID: Final = re.compile(r"<[^<>\s]{3,250}>")
_DOMAIN: Final = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"[^@\s<>\"(),:;\\]{{1,64}}@{_DOMAIN}")
# Ours say `[SEV2] #12 title`; a person writes `[#12]`.
_NUMBER: Final = re.compile(r"\[#([1-9][0-9]{0,14})\]|\[SEV[1-4]\] #([1-9][0-9]{0,14})\b")
_REPLY: Final = re.compile(r"\s*(?:re|aw|sv|antw|rif|odp)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)
_BULK: Final = ("bulk", "junk", "list", "auto_reply")
_AUTOREPLY: Final = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-loop")
_NOBODY: Final = ("mailer-daemon", "postmaster", "noreply", "no-reply")
# What the parser is known to raise of broken input besides its own errors.
_BROKEN: Final = (
    MessageError, ValueError, LookupError, AttributeError, TypeError, AssertionError,
    RecursionError,
)  # fmt: skip
# Codecs that need a time that grows with the square of the text, or that are none of a charset.
_NO_CHARSET: Final = frozenset(
    {"punycode", "idna", "unicode-escape", "unicode_escape", "raw-unicode-escape", "undefined"}
)


class Unreadable(ValueError):  # noqa: N818 - it says what the message is
    """A message that is not taken; the text is a clause that says why."""


@dataclass(frozen=True, slots=True)
class File:
    """One attachment; `name` may be empty."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """What a message says. `sender` is the address in lower case. `id` tells the message from all
    others: its Message-ID, or a digest of what it says. `thread` has the ids of those it follows,
    `number` the incident that its subject names. `automatic` is the reason why nobody should answer
    it, empty for a person's. `left_out` are files beyond those that are looked at, by name.
    """

    sender: str
    subject: str
    text: str
    id: str
    thread: tuple[str, ...]
    number: int | None
    is_reply: bool
    automatic: str
    files: tuple[File, ...]
    left_out: tuple[str, ...]


def read(content: bytes) -> Mail:
    """A message. Unreadable: too large, too deep, without a sender, or no message at all."""
    _measure(content)
    try:
        message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content)
        return _mail(message)
    except Unreadable:
        raise
    except _BROKEN as error:
        raise Unreadable(f"cannot be taken apart ({type(error).__name__})") from error


def _measure(content: bytes) -> None:
    """Every part costs each line a comparison, and the fields of a part are read in a time that
    grows with the square of their length.
    """
    if len(content) > MAX_BYTES:
        raise Unreadable(f"has {len(content)} bytes; at most {MAX_BYTES} are taken")
    lines = content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")
    if lines > MAX_LINES:
        raise Unreadable(f"has {lines} lines; at most {MAX_LINES} are taken")
    parts = 0
    for field in _MIME.finditer(content):
        if len(field[0]) > MAX_HEADER:
            raise Unreadable("has a field of MIME that is too long")
        parts += field[0].lstrip().lower().startswith(b"content-type")
        if parts > MAX_PARTS:
            raise Unreadable(f"has more than {MAX_PARTS} parts")


def _mail(message: EmailMessage) -> Mail:
    headers = _headers(message)
    subject = shown_line(_parsed("subject", headers))
    parts = tuple(_leaves(message))
    reply = bool(headers.get("in-reply-to")) or _REPLY.match(subject) is not None
    body = _body(parts)
    text = "" if body is None else readable(_text(body), body.get_content_subtype(), reply=reply)
    files, left_out = _files(parts, body)
    sender = _sender(headers)
    number = _NUMBER.search(subject)
    return Mail(
        sender=sender,
        subject=subject,
        text=text,
        id=_id(headers, sender, subject, text),
        thread=_thread(headers),
        number=None if number is None else int(number[1] or number[2]),
        is_reply=reply,
        automatic=_automatic(message, headers, sender),
        files=files,
        left_out=left_out,
    )


def _headers(message: EmailMessage) -> dict[str, str]:
    """The first of each name, in lower case, unparsed and cut: of two only one can be meant."""
    found: dict[str, str] = {}
    pairs = list(message.raw_items())
    if len(pairs) > MAX_HEADERS:
        raise Unreadable(f"has {len(pairs)} header fields; at most {MAX_HEADERS} are taken")
    for name, value in pairs:
        found.setdefault(name.lower(), str(value)[:MAX_HEADER])
    if not found:
        raise Unreadable("has no header: it is no e-mail")
    return found


def _parsed(name: str, headers: dict[str, str]) -> str:
    """A field with its encoded words read; as it stands where they are broken."""
    raw = headers.get(name, "")
    unfolded = re.sub(r"[\r\n]+", "", raw)
    try:
        return str(policy.default.header_factory(name, unfolded))
    except _BROKEN:
        return unfolded


def _sender(headers: dict[str, str]) -> str:
    raw = headers.get("from", "")
    # An encoded word that hides an address is no address: only the field as it stands is read.
    address = parseaddr(re.sub(r"[\r\n]+", " ", raw))[1].strip().lower()
    usable = len(address) <= MAX_ADDRESS and _ADDRESS.fullmatch(address) is not None
    # What was pieced together from several words is not what a reader sees.
    if not usable or not address.isprintable() or address not in raw.lower():
        raise Unreadable("has no usable address in `From`")
    return address


def _id(headers: dict[str, str], sender: str, subject: str, text: str) -> str:
    found = _ID.search(headers.get("message-id", ""))
    if found is not None:
        return found[0]
    said = "\0".join((sender, headers.get("date", ""), subject, text))
    return f"<{sha256(said.encode('utf-8', 'replace')).hexdigest()[:32]}@no-id>"


def _thread(headers: dict[str, str]) -> tuple[str, ...]:
    said = f"{headers.get('in-reply-to', '')} {headers.get('references', '')}"
    return tuple(dict.fromkeys(_ID.findall(said)))[:MAX_IDS]


def _automatic(message: EmailMessage, headers: dict[str, str], sender: str) -> str:
    """Why it was sent by a program (RFC 3834 and what came before it); empty: by a person."""
    if "x-vigie-dedup-key" in headers:
        return "it is a notice of Vigie"
    submitted = headers.get("auto-submitted", "no").partition(";")[0].strip().lower()
    precedence = headers.get("precedence", "").strip().lower()
    local = sender.partition("@")[0]
    reasons = {
        "it was sent automatically (Auto-Submitted)": submitted not in ("no", ""),
        "it was sent in bulk (Precedence)": precedence in _BULK,
        "it is an automatic answer": any(name in headers for name in _AUTOREPLY),
        "it is a report about another e-mail": _is_report(message, headers),
        f"{local} takes no answers": local in _NOBODY,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _is_report(message: EmailMessage, headers: dict[str, str]) -> bool:
    bounced = headers.get("return-path", "").strip() == "<>"
    return bounced or message.get_content_type() == "multipart/report"


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Every part that holds no others; an e-mail within this one is a part, as it stands."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            within: Any = part.get_payload()
            waiting += [p for p in reversed(within) if isinstance(p, EmailMessage)]
        else:
            yield part


def _body(parts: tuple[EmailMessage, ...]) -> EmailMessage | None:
    """The first plain text that is no attachment, else the first HTML."""
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind and not _is_file(part):
                return part
    return None


def _is_file(part: EmailMessage) -> bool:
    disposition = str(part.get_content_disposition() or "")
    return disposition == "attachment" or bool(_name(part))


def _name(part: EmailMessage) -> str:
    return shown_line(str(part.get_filename("") or ""))[:200]


def _files(
    parts: tuple[EmailMessage, ...], body: EmailMessage | None
) -> tuple[tuple[File, ...], tuple[str, ...]]:
    files: list[File] = []
    left_out: list[str] = []
    for part in parts:
        if part is body or (part.get_content_maintype() == "text" and not _is_file(part)):
            continue
        if part.get_content_maintype() == "message":
            left_out.append(f"{_name(part) or 'an e-mail'} (an e-mail within this one)")
        elif len(files) == MAX_FILES:
            left_out.append(f"{_name(part) or 'a file'} (more than {MAX_FILES} files)")
        elif content := _bytes(part):
            files.append(File(_name(part), content))
    return tuple(files), tuple(left_out)


def _bytes(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: EmailMessage) -> str:
    return _bytes(part).decode(_charset(part), "replace")


def _charset(part: EmailMessage) -> str:
    named = str(part.get_content_charset() or "utf-8")
    try:
        found = codecs.lookup(named)
    except (LookupError, ValueError):
        return "utf-8"
    is_text = getattr(found, "_is_text_encoding", True)
    return found.name if is_text and found.name not in _NO_CHARSET else "utf-8"
