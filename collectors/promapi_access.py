"""How a DataSource lets us in: headers and TLS. Files are read anew when they may have changed."""

import base64
import ssl
from pathlib import Path
from typing import TypeAlias

from collectors.errors import SourceDenied
from slo.spec import DataSource

_Stamp: TypeAlias = tuple[tuple[int, int], ...]

TENANT_HEADER = "X-Scope-OrgID"


class Access:
    """The credentials of one source. SourceDenied names the file that can't be used."""

    def __init__(self, source: DataSource) -> None:
        self._source = source
        self._tls: ssl.SSLContext | None = None
        self._stamp: _Stamp = ()

    def headers(self) -> dict[str, str]:
        """The headers of a request; a password or token is that of its file now."""
        source = self._source
        headers = dict(source.headers)
        if source.tenant:
            headers[TENANT_HEADER] = source.tenant
        if source.bearer_token_file:
            headers["Authorization"] = f"Bearer {_secret(source.bearer_token_file)}"
        elif source.username or source.password_file:
            password = _secret(source.password_file) if source.password_file else ""
            pair = f"{source.username}:{password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers

    def tls(self) -> ssl.SSLContext | bool:
        """What the server must prove and what we prove; True where the system's own CAs do.

        The same object while the files stay the same, so that connections are kept.
        """
        source = self._source
        paths = [p for p in (source.ca_file, source.cert_file, source.key_file) if p]
        if not paths:
            return True
        try:
            stamp = tuple(_stamp(path) for path in paths)
            if self._tls is None or stamp != self._stamp:
                context = ssl.create_default_context(cafile=source.ca_file or None)
                if source.cert_file:
                    context.load_cert_chain(source.cert_file, source.key_file or None)
                self._tls, self._stamp = context, stamp
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise SourceDenied(f"tls files can't be used: {_said(error)}") from error
        return self._tls


def _secret(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceDenied(f"can't read {path}: {_said(error)}") from error
    if not text or not text.isprintable():
        raise SourceDenied(f"{path} holds no secret in one line")
    return text


def _stamp(path: str) -> tuple[int, int]:
    found = Path(path).stat()
    return found.st_mtime_ns, found.st_size


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).partition("\n")[0][:120]
