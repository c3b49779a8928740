"""What is shown to prove who one is, session cookies and API tokens: random, kept as digests only.

A fast digest is enough for 256 random bits; what people choose is in vigie.access.passwords.
"""

import hashlib
import hmac
import secrets
from typing import Final

TOKEN_PREFIX: Final = "vgt_"  # noqa: S105 - marks tokens, for people and for scanners of leaks
DEFAULT_TOKEN_S: Final = 90 * 86_400.0
LONGEST_TOKEN_S: Final = 366 * 86_400.0
TOKENS: Final = 1_000  # that are usable at once

IDLE_S: Final = 7 * 86_400.0  # a session that is not used for so long ends
SESSION_S: Final = 30 * 86_400.0  # and every one after so long
SEEN_EVERY_S: Final = 300.0  # how often it is written that a session or a token was used


def new_session() -> str:
    return secrets.token_urlsafe(32)


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_of(session: str) -> str:
    """What the forms of a session hold: other pages cannot read it, and it opens no session."""
    return hmac.new(session.encode(), b"vigie csrf", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )
