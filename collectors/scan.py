"""Finding the lines of a page that matter, without looking at the others.

A page of a big exporter holds 100,000 lines of which an SLI wants a few. NumPy finds where lines
begin and compares the first bytes of all of them at once with each wanted name, so that Python
touches only the lines that are found. No trust is put in `# TYPE`, in order or in blocks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from collectors.errors import ExpositionError

_Rows: TypeAlias = npt.NDArray[np.int64]
_Octets: TypeAlias = npt.NDArray[np.uint8]
_Words: TypeAlias = npt.NDArray[np.uint64]

_NAME_CHARS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"
_WORD = 8
_FEW_ROWS = 200
_SAMPLE, _COMMENT, _BLANK, _ODD = range(4)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*+")


@dataclass(frozen=True, slots=True)
class Found:
    """The lines that begin with a wanted name, in page order, and how many samples the page has.

    Lines are as they stand, without their line feed. A line that states its name in quotes
    (`{"name", ...}`) is always here, wanted or not.
    """

    lines: list[str]
    samples: int


def sample_lines(body: bytes) -> list[str]:
    """All lines of a page that are neither blank nor comments, as they stand and in page order.
    ExpositionError when one of them is not UTF-8.
    """
    if not body:
        return []
    starts, ends = _line_bounds(np.frombuffer(body, dtype=np.uint8))
    kinds = _KIND_OF[np.frombuffer(body, dtype=np.uint8)[starts]]
    wanted = kinds == _SAMPLE
    for row in (kinds == _ODD).nonzero()[0].tolist():
        text = body[starts[row] : ends[row]].strip()
        wanted[row] = bool(text) and not text.startswith(b"#")
    return _lines(body, starts, ends, wanted.nonzero()[0])


class Needles:
    """The metric names that a page is searched for."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._legacy = [name.encode() for name in sorted(self._names) if _NAME.fullmatch(name)]
        # Lines that begin nearer to the end than this are looked at one by one: the words below
        # would be read beyond the end.
        self._reach = max((len(name) for name in self._legacy), default=0) + _WORD

    def find(self, body: bytes) -> Found:
        """The lines with a wanted name. ExpositionError when one of them is not UTF-8."""
        if not body:
            return Found([], 0)
        octets = np.frombuffer(body, dtype=np.uint8)
        starts, ends = _line_bounds(octets)
        firsts = octets[starts].tobytes()
        no_samples = firsts.translate(None, _NAME_CHARS)
        samples = len(firsts) - len(no_samples)
        near_end = int(starts.searchsorted(len(body) - self._reach))
        # Few pages have such lines, and to look for them takes longer than to look whether.
        odd = _odd_rows(firsts) if no_samples.translate(None, b"#\n") else _NONE
        wanted: list[int] = []
        for row in sorted(odd.union(range(near_end, len(starts)))):
            text = body[starts[row] : ends[row]].decode(errors="replace").strip()
            samples += bool(row in odd and text and not text.startswith("#"))
            if self._wants(text):
                wanted.append(row)
        rows = self._plain_rows(body, starts[:near_end])
        if wanted:
            rows.append(np.array(wanted, np.int64))
        return Found(_lines(body, starts, ends, _merged(rows)), samples)

    def _plain_rows(self, body: bytes, starts: _Rows) -> list[_Rows]:
        """The lines that begin with one of the names at once, by name."""
        if not len(starts):
            return []
        words: _Words = np.ndarray(
            shape=(len(body) - _WORD + 1,), dtype="<u8", buffer=body, strides=(1,)
        )
        heads = words[starts]
        found = (_rows_of(name, body, words, starts, heads) for name in self._legacy)
        return [rows for rows in found if len(rows)]

    def _wants(self, text: str) -> bool:
        found = _NAME.match(text)
        return found[0] in self._names if found else text.startswith("{")


def _line_bounds(octets: _Octets) -> tuple[_Rows, _Rows]:
    """Where each line begins and where its line feed, or the page, ends it."""
    feeds = (octets == ord("\n")).nonzero()[0]
    whole = octets[-1] == ord("\n")
    starts = np.empty(len(feeds) + (not whole), dtype=np.int64)
    starts[0] = 0
    starts[1:] = feeds[:-1] + 1 if whole else feeds + 1
    ends = feeds if whole else np.append(feeds, len(octets))
    return starts, ends


def _rows_of(name: bytes, body: bytes, words: _Words, starts: _Rows, heads: _Words) -> _Rows:
    """The lines that begin with `name` and no longer one."""
    size = len(name)
    head = int.from_bytes(name[:_WORD], "little")
    if size < _WORD:
        mask = np.uint64((1 << 8 * size) - 1)
        rows = ((heads & mask) == np.uint64(head)).nonzero()[0]
    else:
        rows = (heads == np.uint64(head)).nonzero()[0]
    if not len(rows):
        return _NO_ROWS
    if _all_begin_with(name + b"{", body, starts, rows):
        return np.asarray(rows, dtype=np.int64)
    for offset in (*range(_WORD, size - _WORD, _WORD), size - _WORD) if size > _WORD else ():
        if not len(rows):
            break
        word = np.uint64(int.from_bytes(name[offset : offset + _WORD], "little"))
        rows = rows[words[starts[rows] + offset] == word]
    if not len(rows):
        return _NO_ROWS
    after = np.frombuffer(body, dtype=np.uint8)[starts[rows] + size]
    return np.asarray(rows[~_IS_NAME_CHAR[after]], dtype=np.int64)


def _all_begin_with(start: bytes, body: bytes, starts: _Rows, rows: _Rows) -> bool:
    """Whether these lines are a few together that all begin so: then one look tells it."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 != len(rows) or len(rows) > _FEW_ROWS:
        return False
    at, end = int(starts[first]), int(starts[last]) + len(start)
    return body.startswith(start, at) and body.count(b"\n" + start, at, end) == last - first


def _merged(found: list[_Rows]) -> _Rows:
    """Rows in order, of lists of which none has one of another's."""
    return found[0] if len(found) == 1 else np.sort(np.concatenate([_NO_ROWS, *found]))


def _lines(body: bytes, starts: _Rows, ends: _Rows, rows: _Rows) -> list[str]:
    """The text of these lines, cut out of the page in as few pieces as they lie together."""
    if not len(rows):
        return []
    lasts = [len(rows) - 1]
    if rows[-1] - rows[0] != lasts[0]:
        lasts = [*(rows[1:] - rows[:-1] != 1).nonzero()[0].tolist(), *lasts]
    lines: list[str] = []
    first = 0
    try:
        for last in lasts:
            lines += body[starts[rows[first]] : ends[rows[last]]].decode().split("\n")
            first = last + 1
    except UnicodeDecodeError as error:
        raise ExpositionError("a wanted line is not UTF-8") from error
    return lines


def _odd_rows(firsts: bytes) -> frozenset[int]:
    """The lines that begin with none of the usual bytes."""
    kinds = _KIND_OF[np.frombuffer(firsts, dtype=np.uint8)]
    return frozenset((kinds == _ODD).nonzero()[0].tolist())


def _kinds() -> npt.NDArray[np.uint8]:
    """What a line is, by its first byte."""
    kinds = np.full(256, _ODD, dtype=np.uint8)
    kinds[list(_NAME_CHARS)] = _SAMPLE
    kinds[ord("#")] = _COMMENT
    kinds[ord("\n")] = _BLANK
    return kinds


_NONE: frozenset[int] = frozenset()
_NO_ROWS = np.empty(0, np.int64)
_KIND_OF = _kinds()
_IS_NAME_CHAR = np.isin(np.arange(256), list(_NAME_CHARS))
