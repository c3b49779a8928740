"""What people type to search, as words that any index takes; and the piece of a text to show.

`rollback "error budget" -staging pay*`: every word, the phrase, not this, any word that begins so.
Whatever else stands in a query separates words, as in the texts: `checkout/availability` is a
phrase of two.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MAX_QUERY: Final = 200  # characters
MAX_CLAUSES: Final = 16  # words and phrases; more are left out
SNIPPET: Final = 200  # characters
_BEFORE: Final = 60  # characters of a snippet before its first mark
_PARTS: Final = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))(\*?)')
_RUNS: Final = re.compile(r"[^\W_]+")
_ENDINGS: Final = ("ations", "ation", "ings", "ing", "edly", "ed", "ies", "es", "s", "ly", "e", "y")


@dataclass(frozen=True, slots=True)
class Clause:
    """Words that stand one after the other, folded; with `prefix` the last only begins so."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """All of `wanted` and none of `unwanted`. Without `wanted` nothing is found."""

    wanted: tuple[Clause, ...] = ()
    unwanted: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a text, and where the words that were sought stand in it: (start, end) each."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


def parse(typed: str) -> Query:
    """Any text as a query. Nothing in it is an error; what is too much is left out."""
    wanted: list[Clause] = []
    unwanted: list[Clause] = []
    for sign, phrase, word, star in _PARTS.findall(typed[:MAX_QUERY]):
        words = tuple(words_of(phrase or word))
        if not words or len(wanted) + len(unwanted) == MAX_CLAUSES:
            continue
        clause = Clause(words, prefix=bool(star) or word.endswith("*"))
        into = unwanted if sign else wanted
        if clause not in into:
            into.append(clause)
    return Query(tuple(wanted), tuple(unwanted))


def words_of(text: str) -> Iterator[str]:
    """The words of a text in order, without case and accents."""
    return (run.group() for run in _RUNS.finditer(fold(text)))


def fold(text: str) -> str:
    """A text without case and accents; what it is compared by."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).casefold()


def stem(word: str) -> str:
    """A folded word without its ending, roughly: only shows where an index found something."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            bare = word.removesuffix(ending)
            return bare[:-1] if bare[-1] == bare[-2] else bare
    return word


def snippet(texts: Sequence[str], query: Query) -> Snippet:
    """The piece of the first text in which words of a query stand, or the start of the first."""
    sought = frozenset(stem(word) for clause in query.wanted for word in clause.words)
    begins = tuple(clause.words[-1] for clause in query.wanted if clause.prefix)
    for text in texts:
        first = next(_marks(text, sought, begins), None)
        if first is not None:
            start = max(0, first[0] - _BEFORE)
            start = text.rfind(" ", 0, start) + 1 if start else 0
            start = max(start, first[0] - 2 * _BEFORE)
            return _cut(text, start, sought, begins)
    return _cut(next(filter(None, texts), ""), 0, frozenset(), ())


def _cut(text: str, start: int, sought: frozenset[str], begins: tuple[str, ...]) -> Snippet:
    ahead = "…" if start else ""
    piece = text[start : start + SNIPPET]
    end = "…" if start + SNIPPET < len(text) else ""
    shown = ahead + piece + end
    return Snippet(shown, tuple(_marks(shown, sought, begins)))


def _marks(text: str, sought: frozenset[str], begins: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    if not sought:
        return
    for run in _RUNS.finditer(text):
        word = fold(run.group())
        if stem(word) in sought or (begins and word.startswith(begins)):
            yield run.span()
