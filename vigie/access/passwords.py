"""Passwords: what makes one, argon2id of it, and one-time passwords.

Hashing takes 30 ms and 19 MiB by intent: call it from threads, never in the event loop.
"""

import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

SHORTEST: Final = 12
LONGEST: Final = 256
ONE_TIME_S: Final = 3 * 86_400.0  # how long a one-time password lasts
AT_ONCE: Final = 2  # hashes, which bounds their memory
WAITING: Final = 16  # requests that wait for one; threads that wait serve nobody else

# OWASP, "Password Storage Cheat Sheet": argon2id with 19 MiB, 2 passes, 1 lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# The hash of something that nobody knows: who is no user is checked against it, so that the time
# that an answer takes does not tell who is one. A test sees to it that its parameters are ours.
NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$Ix07lp7NdOGzOrrmL6qGhA"
    "$rzdOtDmj8W/UMwL3nkpVFCPLpgFfGN1JjHzU8O27AFI"
)
_READABLE: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1: people type it

_slots = threading.BoundedSemaphore(AT_ONCE)
_queue = threading.BoundedSemaphore(AT_ONCE + WAITING)


class Busy(Exception):  # noqa: N818 - read as the answer it is
    """Too many sign in at this moment."""


def problem_of(password: str, name: str) -> str | None:
    """Why this cannot be the password of a user; None: it can."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"a password has {SHORTEST} to {LONGEST} characters"
    if len(set(password)) < 4:
        return "the password repeats the same few characters"
    if name and name.casefold() in password.casefold():
        return "the password holds the name"
    return None


def hashed(password: str) -> str:
    """argon2id with its parameters and a salt. Busy."""
    with _slot():
        return _HASHER.hash(_bytes(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether this is the password; as slow where there is none, or it is far too long. Busy."""
    checked, tried = stored or NOBODYS, password if len(password) <= LONGEST else ""
    with _slot():
        try:
            _HASHER.verify(checked, _bytes(tried))
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
    return stored is not None and tried == password


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def one_time() -> str:
    """A password for a first sign-in, 79 random bits that people can type."""
    parts = ("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))
    return "-".join(parts)


@contextmanager
def _slot() -> Iterator[None]:
    if not _queue.acquire(blocking=False):
        raise Busy("too many sign in at this moment: try again")
    try:
        with _slots:
            yield
    finally:
        _queue.release()


def _bytes(password: str) -> bytes:
    """The same bytes from every keyboard, whether it composes letters or not (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
