"""Finding the lines that matter: the same as whoever looks at every line."""

import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.errors import ExpositionError
from collectors.scan import Found, Needles, sample_lines

NAMES = ("a", "requests", "requests_total", "http_requests_total", "not legacy")
PIECES = [
    *(name.encode() for name in NAMES),
    *(b"\n", b"\r\n", b"\n\n", b" ", b"\t", b"\r", b"\0", b"\xff", "\u00e4".encode()),
    *(b"#", b"\n# TYPE ", b'{x="1"} 3', b'\n{"a"} 1', b" 5", b"_", b":", b"7", b"}"),
]
PAGES = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


def is_sample(line: bytes) -> bool:
    text = line.decode(errors="replace").strip()
    return bool(line) and bool(text) and not text.startswith("#")


def is_wanted(line: bytes, names: frozenset[str]) -> bool:
    text = line.decode(errors="replace").strip()
    name = re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text)
    return name[0] in names if name else text.startswith("{")


def by_looking_at_every_line(body: bytes, names: frozenset[str]) -> Found:
    lines = body.split(b"\n")
    wanted = [line.decode() for line in lines if is_wanted(line, names)]
    return Found(wanted, sum(map(is_sample, lines)))


@given(PAGES, st.frozensets(st.sampled_from(NAMES)))
@example(b" a 1\n" * 20, frozenset({"a"}))
@example(b'x 1\n\n{"a"} 1\n  \n' * 9, frozenset({"a"}))
@example(b"requests_total 1\nrequests 2\n" * 9, frozenset({"requests", "requests_total"}))
def test_what_is_found_is_what_looking_at_every_line_finds(
    body: bytes, names: frozenset[str]
) -> None:
    found = expected = None
    with suppress(UnicodeDecodeError):
        expected = by_looking_at_every_line(body, names)
    with suppress(ExpositionError):
        found = Needles(names).find(body)
    assert found == expected


@given(PAGES)
def test_sample_lines_are_all_lines_but_comments_and_blanks(body: bytes) -> None:
    found = expected = None
    with suppress(UnicodeDecodeError):
        expected = [line.decode() for line in body.split(b"\n") if is_sample(line)]
    with suppress(ExpositionError):
        found = sample_lines(body)
    assert found == expected


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n# EOF\n"])
def test_the_count_of_samples_is_that_of_lines_however_they_end(end: bytes) -> None:
    body = b"# HELP a\n" + b"\n".join(b'a{n="%d"} 1' % n for n in range(50)) + end
    found = Needles(["a"]).find(body)
    assert found.samples == len(found.lines) == 50
