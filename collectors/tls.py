"""TLS contexts of clients, made anew when the files that they come from change."""

import ssl
import warnings
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias

from collectors.access import Tls
from collectors.credentials import said
from collectors.errors import AccessError

_Stamp: TypeAlias = tuple[tuple[int, int, int], ...]
_VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
VERSIONS: Final = tuple(_VERSIONS)


class TlsFiles:
    """What the server must prove and what we prove."""

    def __init__(self, tls: Tls) -> None:
        self._said = tls
        self._paths = [path for path in (tls.ca_file, tls.cert_file, tls.key_file) if path]
        self._made: ssl.SSLContext | None = None
        self._stamp: _Stamp = ()

    def context(self) -> ssl.SSLContext:
        """The context of the files as they are. AccessError where they can't be used.

        The same object while they stay the same, so that connections are kept; where nothing is
        asked, the one of all who ask nothing.
        """
        tls = self._said
        if not (self._paths or tls.insecure_skip_verify or tls.min_version):
            return default_context()
        try:
            stamp = tuple(_stamp(path) for path in self._paths)
            if self._made is None or stamp != self._stamp:
                self._made, self._stamp = _context(tls), stamp
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise AccessError(f"tls files can't be used: {said(error)}") from error
        return self._made


@cache
def default_context() -> ssl.SSLContext:
    """The context that trusts the system's CAs. Reading them takes 20 ms and a megabyte."""
    return ssl.create_default_context()


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca_file or None)
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.min_version:
        with warnings.catch_warnings():  # of old versions, which whoever wrote this wants
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = _VERSIONS[tls.min_version]
    return context


def _stamp(path: str) -> tuple[int, int, int]:
    found = Path(path).stat()
    return found.st_mtime_ns, found.st_size, found.st_ino
