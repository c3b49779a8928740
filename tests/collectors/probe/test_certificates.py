"""The end of a certificate, read from its bytes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.probe.certificates import earliest_end, not_after

NAMES = ("good", "short", "expired", "elsewhere", "itself", "ca")


@pytest.mark.parametrize("name", NAMES)
def test_the_end_is_what_openssl_says(certificates: Any, name: str) -> None:
    assert not_after(certificates.der(name)) == certificates.ends(name)


def test_the_earliest_end_is_the_one_that_counts(certificates: Any) -> None:
    chain = [certificates.der(name) for name in ("good", "short", "ca")]
    assert earliest_end([*chain, b"no certificate"]) == certificates.ends("short")
    assert earliest_end([b"", b"no certificate"]) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_that_is_cut_anywhere_is_refused(certificates: Any, name: str) -> None:
    der = certificates.der(name)
    for size in range(len(der)):
        with pytest.raises(ValueError):  # noqa: PT011 - which part is missing is no matter
            not_after(der[:size])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        not_after(b"\x30" + data)


@pytest.mark.parametrize(
    ("tag", "written", "year"),
    [
        (0x17, "491231235959Z", 2049),
        (0x17, "500101000000Z", 1950),
        (0x18, "20500101000000Z", 2050),
        (0x18, "99991231235959Z", 9999),
    ],
)
def test_two_digits_of_a_year_are_of_this_century_up_to_2049(
    tag: int, written: str, year: int
) -> None:
    assert datetime.fromtimestamp(not_after(_made(tag, written)), UTC).year == year


@pytest.mark.parametrize(("tag", "written"), [(0x16, "491231235959Z"), (0x17, "491231235959+1")])
def test_what_is_no_date_is_refused(tag: int, written: str) -> None:
    with pytest.raises(ValueError, match=r"no date|unconverted|match"):
        not_after(_made(tag, written))


def _made(tag: int, written: str) -> bytes:
    """A certificate as far as its dates, of version 1."""
    start = _element(0x17, b"200101000000Z")
    validity = _element(0x30, start + _element(tag, written.encode()))
    empty = _element(0x30, b"")
    return _element(0x30, _element(0x30, _element(2, b"\1") + empty + empty + validity))


def _element(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content
