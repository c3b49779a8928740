"""The kind `Channel`: where pages and notices go."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from incidents.templates import AUDIENCES
from slo.load.codes import Code
from slo.load.document import Document, opened
from slo.load.yaml import Fields, Mark, Node, Problems

RECEIVES: Final = ("page", "notice", "fallback")
INTERNAL: Final = AUDIENCES[0]
FALLBACK: Final = "fallback"  # a channel of this name gets what the database can't record
SmtpTls = Literal["none", "starttls", "tls"]
_TLS: Final[tuple[SmtpTls, ...]] = ("none", "starttls", "tls")
_OF_WEBHOOK: Final = ("url", "secret", "secret_file")
_OF_EMAIL: Final = ("smtp", "from", "to")


@dataclass(frozen=True, slots=True)
class Channel:
    """Where pages and notices go. Secrets are kept in files and read at each delivery.

    `receives` holds `page`, `notice` and `fallback`; nothing only where the channel is for others
    than ourselves. `audiences` are those whose stakeholder updates it gets (incidents.updates).
    """

    name: str
    type: Literal["webhook", "email"]
    receives: frozenset[str]
    url: str = ""
    secret_file: str | None = None
    secret: str | None = field(default=None, repr=False)
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_tls: SmtpTls = "starttls"
    username: str | None = None
    password_file: str | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    timeout_s: float = 10.0
    audiences: frozenset[str] = frozenset({INTERNAL})
    mark: Mark | None = None


def read(node: Node, problems: Problems) -> Channel | None:
    """A `Channel` document. The secrets that it names are looked for beside its file."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        kind = document.spec.choice("type", ("webhook", "email"))
        channel = _webhook(document) if kind == "webhook" else _email(document)
    return channel if len(problems.errors) == before else None


def _webhook(document: Document) -> Channel:
    spec, audiences = document.spec, _audiences(document)
    _belong_to(spec, _OF_EMAIL, "email")
    url = spec.text("url")
    if url and not _is_web_address(url):
        message = f"`{url}` is no http:// or https:// address"
        spec.problems.error(spec.mark("url"), message, Code.BAD_ADDRESS)
    if spec.has("secret") and spec.has("secret_file"):
        message = "`secret` and `secret_file` are both set: keep one"
        spec.problems.error(spec.mark("secret_file"), message, Code.CONFLICT)
    return Channel(
        name=document.name,
        type="webhook",
        receives=_receives(document, audiences),
        audiences=audiences,
        url=url,
        secret=spec.maybe_text("secret"),
        secret_file=_file(spec, "secret_file"),
        timeout_s=spec.duration("timeout", 10.0),
        mark=document.mark,
    )


def _email(document: Document) -> Channel:
    spec, audiences = document.spec, _audiences(document)
    _belong_to(spec, _OF_WEBHOOK, "webhook")
    with spec.map("smtp") as smtp:
        host = smtp.text("host")
        port = smtp.integer("port", 25, at_least=1, at_most=65535)
        tls = smtp.choice("tls", _TLS, "starttls")
        username, password_file = smtp.maybe_text("username"), _file(smtp, "password_file")
        if (username is None) != (password_file is None):
            message = "`username` and `password_file` belong together: write both or none"
            smtp.problems.error(smtp.mark("username"), message, Code.MISSING_KEY)
    return Channel(
        name=document.name,
        type="email",
        receives=_receives(document, audiences),
        audiences=audiences,
        smtp_host=host,
        smtp_port=port,
        smtp_tls=next(name for name in _TLS if name == tls),
        username=username,
        password_file=password_file,
        sender=_mail_address(spec, "from", spec.text("from")),
        recipients=tuple(_mail_address(spec, "to", to) for to in spec.texts("to", required=True)),
        timeout_s=spec.duration("timeout", 10.0),
        mark=document.mark,
    )


def _receives(document: Document, audiences: frozenset[str]) -> frozenset[str]:
    spec = document.spec
    asked = _words(spec, "receives", RECEIVES, "nothing that a channel receives")
    if not asked and audiences - {INTERNAL}:
        return frozenset()  # for people who get what was written for them, and nothing else
    default = (FALLBACK,) if document.name == FALLBACK else ("page", "notice")
    return frozenset(asked or default)


def _audiences(document: Document) -> frozenset[str]:
    return frozenset(_words(document.spec, "audiences", AUDIENCES, "no audience") or (INTERNAL,))


def _words(spec: Fields, key: str, known: tuple[str, ...], what: str) -> list[str]:
    asked = spec.texts(key)
    for word in asked:
        if word and word not in known:
            message = f"`{word}` is {what}: {', '.join(known)} are"
            spec.problems.error(spec.mark(key), message, Code.NOT_ALLOWED)
    return asked


def _belong_to(spec: Fields, keys: tuple[str, ...], kind: str) -> None:
    for key in keys:
        spec.refuse(key, f"belongs to a channel of type {kind}", Code.CONFLICT)


def _file(fields: Fields, key: str) -> str | None:
    """The path of a secret, relative to the file that names it; it must be there."""
    text = fields.maybe_text(key)
    if not text:
        return None
    path = Path(fields.node.path).parent / text
    if not path.is_file():
        message = f"there is no file `{path}`: write the secret there"
        fields.problems.error(fields.mark(key), message, Code.UNREADABLE)
    return str(path)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address in brackets that is none
        return False


def _mail_address(fields: Fields, key: str, text: str) -> str:
    name, at, host = text.rpartition("@")
    bad = not (name and at and host) or any(c.isspace() or not c.isprintable() for c in text)
    if text and bad:
        message = f"`{text}` is no e-mail address"
        fields.problems.error(fields.mark(key), message, Code.BAD_ADDRESS)
    return text
