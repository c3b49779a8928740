"""Bodies: what is unpacked, up to which size, and what is refused."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import FetchError
from collectors.http_body import Answer, unpacked
from plugins.scraping import PAGE


def test_a_gzip_bomb_is_unpacked_no_further_than_its_limit() -> None:
    honest = gzip.compress(bytes(50_000_000))
    liar = honest[:-4] + (100).to_bytes(4, "little")
    tracemalloc.start()
    try:
        for packed in (honest, liar):
            assert unpacked(Answer("text/plain", True, packed), 100_000) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_page_of_exactly_the_limit_is_read() -> None:
    for compressed, raw in ((False, PAGE), (True, gzip.compress(PAGE, mtime=0))):
        sent = Answer("text/plain", compressed, raw)
        assert unpacked(sent, len(PAGE)) == PAGE
        assert unpacked(sent, len(PAGE) - 1) is None


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (gzip.compress(PAGE, mtime=0)[:-9], "truncated gzip"),
        (gzip.compress(PAGE, mtime=0) + b"x", "bad gzip: bytes after its end"),
        (gzip.compress(PAGE, mtime=0) * 2, "bad gzip: bytes after its end"),
        (zlib.compress(PAGE), "bad gzip"),
        (gzip.compress(PAGE, mtime=0)[:-8] + bytes(4) + gzip.compress(PAGE)[-4:], "bad gzip"),
    ],
)
def test_what_is_no_whole_gzip_is_refused(packed: bytes, reason: str) -> None:
    with pytest.raises(FetchError) as refused:
        unpacked(Answer("text/plain", True, packed), 10_000)
    assert refused.value.reason == reason


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 9))
def test_a_page_is_unpacked_whole_or_not_at_all(page: bytes, most: int, level: int) -> None:
    packed = Answer("text/plain", True, gzip.compress(page, level))
    assert unpacked(packed, most) == (page if len(page) <= most else None)
