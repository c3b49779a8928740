"""The keys of an HTTP client, as prometheus.yml has them, in whatever mapping they stand."""

import re
from dataclasses import replace
from typing import Final

from collectors.access import ANONYMOUS, NO_TLS_KEYS, HttpAccess, Oauth2, Tls
from slo.load.codes import Code
from slo.load.yaml import Fields

KEYS: Final = (
    "basic_auth",
    "authorization",
    "oauth2",
    "tls_config",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "follow_redirects",
    "enable_http2",
    "http_headers",
)
_VERSIONS: Final = ("TLS10", "TLS11", "TLS12", "TLS13")
_LOGINS: Final = ("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file")
_HTTP_URL: Final = re.compile(r"https?://[^\s/?#]+\S*", re.ASCII)
_PROXY_URL: Final = re.compile(r"https?://[^\s/?#]+/?", re.ASCII)
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
# What the request itself says, and what has a key of its own.
_OWN_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "transfer-encoding",
        "user-agent",
        "www-authenticate",
        "x-prometheus-scrape-timeout-seconds",
    }
)
_INLINE: Final = "is not read: put it into a file, and name that in `{}`"


def access(fields: Fields, *, foreign: bool = True) -> HttpAccess:
    """What the keys of an HTTP client among `fields` say; files stand beside the document's own.

    Secrets may stand in the file, as in Prometheus. No message repeats one. `foreign` files may
    say what only Prometheus needs.
    """
    _one_login(fields)
    if foreign:
        fields.flag("enable_http2", True)  # Vigie speaks HTTP/1.1, which every server does
    fields.refuse("proxy_connect_header", "is not sent: remove it")
    values, files = _headers(fields)
    found = replace(
        _login(fields, foreign=foreign),
        oauth2=_oauth2(fields),
        tls=_tls(fields),
        proxy_url=_proxy(fields),
        no_proxy=fields.text("no_proxy", ""),
        proxy_from_environment=fields.flag("proxy_from_environment", False),
        follow_redirects=fields.flag("follow_redirects", True),
        headers=values,
        header_files=files,
    )
    _check_proxy(fields, found)
    return ANONYMOUS if found == ANONYMOUS else found


def beside(fields: Fields, name: str) -> str:
    """A file that a document names, relative to the folder of the document's own."""
    folder, slash, _ = fields.node.mark.path.rpartition("/")
    return name if not name or name.startswith("/") else f"{folder}{slash}{name}"


def http_url(fields: Fields, key: str) -> str:
    """A required http:// or https:// address. What is written is not repeated: it may be secret."""
    return _url(fields, key, fields.text(key), _HTTP_URL, "http://tokens:8080/path")


def _one_login(fields: Fields) -> None:
    written = [key for key in _LOGINS if fields.has(key)]
    for key in written[1:]:
        fields.refuse(key, f"stands beside `{written[0]}`: keep one way to log in", Code.CONFLICT)


def _login(fields: Fields, *, foreign: bool) -> HttpAccess:
    """The login alone."""
    found = ANONYMOUS
    if foreign:  # the older spelling of `authorization`, which Prometheus still reads
        found = HttpAccess(
            credentials=_secret(fields, "bearer_token"),
            credentials_file=_file(fields, "bearer_token_file"),
        )
    with fields.maybe_map("basic_auth") as basic:
        if basic is not None:
            _either(basic, "username", "username_file")
            _either(basic, "password", "password_file")
            found = HttpAccess(
                username=_secret(basic, "username"),
                username_file=_file(basic, "username_file"),
                password=_secret(basic, "password"),
                password_file=_file(basic, "password_file"),
            )
    with fields.maybe_map("authorization") as other:
        if other is not None:
            _either(other, "credentials", "credentials_file", required=True)
            found = HttpAccess(
                auth_type=_auth_type(other),
                credentials=_secret(other, "credentials"),
                credentials_file=_file(other, "credentials_file"),
            )
    return found


def _auth_type(fields: Fields) -> str:
    kind = fields.text("type", "Bearer").strip()
    if kind.lower() == "basic":
        fields.refuse("type", "is Basic: write `basic_auth` instead", Code.NOT_ALLOWED)
    elif not _HEADER.fullmatch(kind):
        fields.refuse("type", "is no word such as Bearer", Code.WRONG_TYPE)
    return kind


def _oauth2(fields: Fields) -> Oauth2 | None:
    with fields.maybe_map("oauth2") as said:
        if said is None:
            return None
        for key in ("no_proxy", "proxy_from_environment", "proxy_connect_header"):
            said.refuse(key, "is not served for tokens: write `proxy_url`")
        _either(said, "client_secret", "client_secret_file", required=True)
        return Oauth2(
            client_id=said.text("client_id"),
            token_url=http_url(said, "token_url"),
            client_secret=_secret(said, "client_secret"),
            client_secret_file=_file(said, "client_secret_file"),
            scopes=tuple(said.texts("scopes")),
            endpoint_params=said.labels("endpoint_params"),
            tls=_tls(said),
            proxy_url=_proxy(said),
        )


def _tls(fields: Fields) -> Tls:
    with fields.maybe_map("tls_config") as said:
        if said is None:
            return NO_TLS_KEYS
        for key in ("ca", "cert", "key"):
            said.refuse(key, _INLINE.format(f"{key}_file"))
        said.refuse("max_version", "is not served: remove it, and the newest version is spoken")
        version = said.choice("min_version", _VERSIONS, _VERSIONS[0])
        found = Tls(
            ca_file=_file(said, "ca_file"),
            cert_file=_file(said, "cert_file"),
            key_file=_file(said, "key_file"),
            server_name=said.text("server_name", ""),
            insecure_skip_verify=said.flag("insecure_skip_verify", False),
            min_version=version if said.has("min_version") else "",
        )
        if bool(found.cert_file) != bool(found.key_file):
            missing = "key_file" if found.cert_file else "cert_file"
            message = f"missing key `{said.where}.{missing}`: a certificate needs its key"
            said.problems.error(said.node.mark, message, Code.MISSING_KEY)
        return found


def _proxy(fields: Fields) -> str:
    text = fields.text("proxy_url", "")
    return _url(fields, "proxy_url", text, _PROXY_URL, "http://proxy:3128") if text else ""


def _check_proxy(fields: Fields, found: HttpAccess) -> None:
    if found.proxy_from_environment and (found.proxy_url or found.no_proxy):
        beside_it = "proxy_url" if found.proxy_url else "no_proxy"
        reason = f"stands beside `{beside_it}`: keep one of them"
        fields.refuse("proxy_from_environment", reason, Code.CONFLICT)
    elif found.no_proxy and not found.proxy_url:
        reason = "says nothing without `proxy_url`"
        fields.refuse("no_proxy", reason, Code.CONFLICT)


def _headers(fields: Fields) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The values that are written, and the files whose contents are values, by header."""
    values: dict[str, str] = {}
    files: dict[str, tuple[str, ...]] = {}
    with fields.maybe_map("http_headers") as headers:
        for name in () if headers is None else headers.names():
            assert headers is not None
            if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
                headers.refuse(name, "is no header that may be set here", Code.NOT_ALLOWED)
                continue
            with headers.map(name) as said:
                own = [*said.texts("values"), *said.texts("secrets")]
                _printable(said, "".join(own))
                if own:
                    values[name] = ", ".join(own)
                if paths := tuple(beside(said, path) for path in said.texts("files")):
                    files[name] = paths
    return values, files


def _secret(fields: Fields, key: str) -> str:
    text = fields.text(key, "")
    _printable(fields, text, key)
    return text


def _printable(fields: Fields, text: str, key: str = "") -> None:
    if not text.isprintable():
        name = ".".join(part for part in (fields.where, key) if part)
        message = f"`{name}` holds what can't stand in a header: write it in one line"
        fields.problems.error(fields.mark(key), message, Code.WRONG_TYPE)


def _file(fields: Fields, key: str) -> str:
    return beside(fields, fields.text(key, ""))


def _either(fields: Fields, key: str, other: str, *, required: bool = False) -> None:
    if fields.has(key) and fields.has(other):
        fields.refuse(other, f"stands beside `{key}`: keep one of them", Code.CONFLICT)
    elif required and not fields.has(key) and not fields.has(other):
        message = f"missing key `{fields.where}.{key}` or `{other}`"
        fields.problems.error(fields.node.mark, message, Code.MISSING_KEY)


def _url(fields: Fields, key: str, text: str, form: re.Pattern[str], example: str) -> str:
    if text and not form.fullmatch(text):
        name = f"{fields.where}.{key}" if fields.where else key
        message = f"`{name}` is no address: write e.g. {example}"
        fields.problems.error(fields.mark(key), message, Code.BAD_ADDRESS)
    return text
