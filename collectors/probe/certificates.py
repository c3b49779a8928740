"""When the certificates that a server showed end.

Python tells it only of certificates that it verified (`getpeercert`); this reads the date out of
any, which is all that is read of them here. Structure: RFC 5280, section 4.1.
"""

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

_SEQUENCE, _VERSION, _INTEGER = 0x30, 0xA0, 0x02
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_DER: Final = 2  # ENCODING_DER of the module _ssl


def shown(tls: ssl.SSLObject) -> list[bytes]:
    """The certificates that the server sent, its own first, as DER."""
    return _ders(tls, "get_unverified_chain")


def verified(tls: ssl.SSLObject) -> list[bytes]:
    """The chain from the server's certificate to one that we trust; empty where none is asked."""
    if tls.context.verify_mode is ssl.CERT_NONE:
        return []
    return _ders(tls, "get_verified_chain")


def earliest_end(certificates: Iterable[bytes]) -> float | None:
    """When the first of them ends, Unix seconds; None where none says it legibly."""
    ends = []
    for der in certificates:
        try:
            ends.append(not_after(der))
        except ValueError:
            continue
    return min(ends, default=None)


def not_after(der: bytes) -> float:
    """The end of a certificate, Unix seconds; ValueError where the bytes are none."""
    start, _ = _inside(der, 0, _SEQUENCE)
    at, _ = _inside(der, start, _SEQUENCE)
    if der[at : at + 1] == bytes([_VERSION]):
        at = _inside(der, at, _VERSION)[1]
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, algorithm, issuer
        at = _inside(der, at, tag)[1]
    at, _ = _inside(der, at, _SEQUENCE)
    _, at = _inside(der, at, _tag(der, at))  # notBefore
    tag = _tag(der, at)
    start, end = _inside(der, at, tag)
    return _moment(tag, der[start:end])


def _ders(tls: ssl.SSLObject, method: str) -> list[bytes]:
    # Public since Python 3.13, and before that a method of the object inside.
    public = getattr(tls, method, None)
    if public is not None:
        return list(public())
    inner: Any = tls._sslobj  # type: ignore[attr-defined]  # see above
    return [one.public_bytes(_DER) for one in getattr(inner, method)() or ()]


def _tag(der: bytes, at: int) -> int:
    if at >= len(der):
        raise ValueError("cut short")
    return der[at]


def _inside(der: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    if _tag(der, at) != tag or at + 1 >= len(der):
        raise ValueError("not a certificate")
    start, size = at + 2, der[at + 1]
    if size >= 0x80:
        digits = size - 0x80
        size = int.from_bytes(der[start : start + digits], "big")
        start += digits
    if start + size > len(der):
        raise ValueError("cut short")
    return start, start + size


def _moment(tag: int, text: bytes) -> float:
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("no date")
    written = text.decode("ascii")
    if tag == _UTC_TIME:  # two digits of a year stand for 1950 to 2049
        written = ("20" if written[:2] < "50" else "19") + written
    return datetime.strptime(written, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
