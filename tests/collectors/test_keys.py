"""Secrets: found by comparing all, read anew from files, never told."""

import hashlib
import hmac
import os
from pathlib import Path

import pytest

from collectors.keys import Secret, find, same, signed

BODY = b'{"zen": "Keep it logically awesome."}'


def test_a_secret_is_never_written_out() -> None:
    assert "hidden" not in repr(Secret("hidden"))


def test_a_key_is_found_among_all_and_only_whole() -> None:
    keyed = [(n, Secret(text)) for n, text in enumerate(["a" * 20, "b" * 20, "ä" * 20])]
    assert [find(given, keyed) for given in ("b" * 20, "ä" * 20, "b" * 19, "", "\ud800")] == [
        1, 2, None, None, None,
    ]  # fmt: skip


def test_a_file_is_read_anew_when_it_changes_and_is_no_secret_while_it_is_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "secret"
    secret = Secret(path=str(path))
    assert secret.value() is None
    assert not same("", secret)
    path.write_text("first\n")
    assert same("first", secret)
    path.write_text("other\n")
    os.utime(path, ns=(1, 1))  # of the same length, and perhaps within one tick of the clock
    assert same("other", secret)
    path.write_bytes(b"\xff\xfe")
    assert secret.value() is None


def test_a_signature_is_the_hmac_of_the_body_and_of_no_other() -> None:
    made = hmac.new(b"secret", BODY, hashlib.sha256).hexdigest()
    assert signed(BODY, made, Secret("secret"))
    assert not signed(BODY + b" ", made, Secret("secret"))
    assert not signed(BODY, made, Secret("other"))
    assert not signed(BODY, "", Secret("secret"))


@pytest.mark.parametrize("secret", [Secret(), Secret("")])
def test_without_a_secret_nothing_is_signed(secret: Secret) -> None:
    assert not signed(BODY, hmac.new(b"", BODY, hashlib.sha256).hexdigest(), secret)
