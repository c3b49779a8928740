"""Secrets that others show us: the key in the address of a heartbeat or hook, and what signs."""

import hashlib
import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from slo.load.codes import Code
from slo.load.yaml import Fields

MIN_LENGTH: Final = 16  # characters; the key alone opens its address
MAX_LENGTH: Final = 512
_IN_ADDRESS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret as a file of ours says it, or the path of a file that holds it and nothing else."""

    text: str | None = field(default=None, repr=False)
    path: str | None = None

    def value(self) -> str | None:
        """The secret now; a file is read anew when it changed. None when it can't be read."""
        if self.path is None:
            return self.text
        try:
            seen = Path(self.path).stat()
            return _content(self.path, seen.st_mtime_ns, seen.st_size)
        except (OSError, UnicodeDecodeError) as error:
            log.warning("can't read the secret in %s: %s", self.path, type(error).__name__)
            return None


def read(spec: Fields, name: str) -> Secret | None:
    """The secret under `name` or `{name}_file`; None when neither stands there, or it is wrong."""
    by_file = f"{name}_file"
    text, file = spec.maybe_text(name), spec.maybe_text(by_file)
    if text is not None and file is not None:
        message = f"`{name}` and `{by_file}` are both set: keep one"
        spec.problems.error(spec.mark(by_file), message, Code.CONFLICT)
        return None
    if file is not None:
        return _in_file(spec, by_file, file)
    return None if text is None else Secret(text)


def read_key(spec: Fields) -> Secret:
    """The required secret of an address, from `key` or `key_file`: long, and of characters that
    stand in an address as they are.
    """
    if not spec.has("key") and not spec.has("key_file"):
        message = "missing key `spec.key`: write the secret of the address, or `key_file`"
        spec.problems.error(spec.node.mark, message, Code.MISSING_KEY)
        return Secret()
    found = read(spec, "key")
    if found is None:
        return Secret()
    wrong = _wrong(found.value() or "")
    if wrong:
        name = "key" if found.path is None else "key_file"
        message = f"the key in `{spec.where}.{name}` {wrong}: make one with `openssl rand -hex 16`"
        spec.problems.error(spec.mark(name), message, Code.OUT_OF_BOUNDS)
    return found


def find(given: str, keyed: Iterable[tuple[T, Secret]]) -> T | None:
    """Whose key this is; None when it is nobody's.

    Every key is compared, in constant time, whether one was found or not: how long it takes says
    nothing about any of them.
    """
    digest, found = _digest(given), None
    for owner, secret in keyed:
        value = secret.value()
        if value is not None and hmac.compare_digest(_digest(value), digest):
            found = owner
    return found


def same(given: str, secret: Secret) -> bool:
    """Whether this is the secret, in constant time; False when it can't be read."""
    value = secret.value()
    return value is not None and hmac.compare_digest(_digest(given), _digest(value))


def signed(body: bytes, signature: str, secret: Secret) -> bool:
    """Whether `signature` is the HMAC-SHA256 of the body under the secret, in hex."""
    value = secret.value()
    if not value:
        return False
    made = hmac.new(value.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), signature.encode("utf-8", "replace"))


def _in_file(spec: Fields, key: str, text: str) -> Secret | None:
    path = Path(spec.node.path).parent / text
    if not path.is_file():
        message = f"there is no file `{path}`: write the secret there"
        spec.problems.error(spec.mark(key), message, Code.UNREADABLE)
        return None
    return Secret(path=str(path))


def _wrong(key: str) -> str:
    """What is wrong with a key, without telling it."""
    if not MIN_LENGTH <= len(key) <= MAX_LENGTH:
        return f"has {len(key)} characters; it must have {MIN_LENGTH} to {MAX_LENGTH}"
    if not set(key) <= _IN_ADDRESS:
        return "holds characters that change in an address; use letters, digits, `-`, `_`, `.`, `~`"
    return ""


def _digest(text: str) -> bytes:
    """Of one length whatever the text, so that comparing tells no length either."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


@lru_cache(maxsize=4096)
def _content(path: str, changed_ns: int, size: int) -> str:  # noqa: ARG001 - what tells a new one
    return Path(path).read_text(encoding="utf-8").strip()
