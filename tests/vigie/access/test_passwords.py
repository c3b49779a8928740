"""What makes a password, and what its hash is."""

import threading
from typing import Any

import pytest

from vigie.access import passwords

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (GOOD, None),
        ("пароль из многих слов", None),
        ("😀🐎🔋📎🎉🎈🎂🎁🎀🎃🎄🎅", None),
        ("a\x00b c\x00d e\x00f g", None),
        ("x1" * 5, "12 to 256"),
        ("", "12 to 256"),
        ("ab3" * 100, "12 to 256"),
        ("aaaaaaaaaaaa", "same few"),
        ("ababababcaba", "same few"),
        ("my name is Ada!", "holds the name"),
    ],
)
def test_a_password_is_long_and_no_name(password: str, reason: str | None) -> None:
    problem = passwords.problem_of(password, "ada")
    assert (problem is None) if reason is None else (reason in str(problem))


def test_a_hash_is_argon2id_and_salted() -> None:
    one, other = passwords.hashed(GOOD), passwords.hashed(GOOD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify(one, GOOD)
    assert not passwords.is_outdated(one)


@pytest.mark.parametrize(
    "wrong", ["", GOOD.upper(), GOOD + " ", GOOD + "\x00", "x" * 10**6, "\ud800", "é"]
)
def test_anything_else_does_not_fit(wrong: str) -> None:
    assert not passwords.verify(passwords.hashed(GOOD), wrong)


def test_a_letter_is_the_same_however_a_keyboard_sends_it() -> None:
    assert passwords.verify(passwords.hashed("un été à Paris"), "un e\u0301te\u0301 a\u0300 Paris")


@pytest.mark.parametrize("stored", [None, "", "no hash", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$"])
def test_nothing_fits_where_there_is_no_password(stored: str | None) -> None:
    assert not passwords.verify(stored, GOOD)


def test_who_is_no_user_is_checked_as_long_as_who_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not passwords.is_outdated(passwords.NOBODYS)
    checked: list[str] = []

    class Spy:
        def verify(self, stored: str, password: bytes) -> bool:
            checked.append(stored)
            return True

    monkeypatch.setattr(passwords, "_HASHER", Spy())
    assert not passwords.verify(None, GOOD)
    assert not passwords.verify(None, "x" * 10**6)
    assert checked == [passwords.NOBODYS] * 2


def test_older_parameters_are_noticed() -> None:
    old = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43
    assert passwords.is_outdated(old)


def test_one_time_passwords_are_passwords_and_differ() -> None:
    made = {passwords.one_time() for _ in range(100)}
    assert len(made) == 100
    assert all(len(p) == 19 and p.count("-") == 3 for p in made)


def test_no_more_hash_at_once_than_memory_is_for_and_the_rest_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, go, at_once, most = threading.Lock(), threading.Event(), 0, 0
    busy: list[Exception] = []

    class Slow:
        def hash(self, password: bytes) -> str:
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            go.wait(30)
            with lock:
                at_once -= 1
            return "hash"

    def one() -> None:
        try:
            passwords.hashed(GOOD)
        except passwords.Busy as error:
            busy.append(error)
            go.set()

    monkeypatch.setattr(passwords, "_HASHER", Slow())
    threads = [
        threading.Thread(target=one) for _ in range(passwords.AT_ONCE + passwords.WAITING + 1)
    ]
    _run(threads)
    assert most == passwords.AT_ONCE
    assert len(busy) == 1


def _run(threads: list[Any]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
