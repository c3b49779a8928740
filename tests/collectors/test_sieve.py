"""Sifting the lines of whole pages: each series is judged once, and then known by its text."""

from collections.abc import Mapping

import pytest

from collectors.errors import ExpositionError
from collectors.lines import Format
from collectors.sieve import Fate, Sieve


class Judge:
    """Keeps what is not called noise, wants what has a label; remembers whom it judged."""

    def __init__(self) -> None:
        self.judged: list[str] = []

    def __call__(self, metric: str, labels: Mapping[str, str]) -> Fate:
        self.judged.append(metric)
        return Fate(kept=metric != "noise", wanted=bool(labels))


PAGES = [
    (["a 1", 'a{b="c"} 2', "noise 3"], ['a{b="c"} 2'], 2),
    (["a 7", 'a{b="c"} 8', "noise 9"], ['a{b="c"} 8'], 2),  # the same again
    (["noise 3", 'a{b="c"}\t2 17', "a 1"], ['a{b="c"}\t2 17'], 2),  # other order, other spelling
    (['a {b="c"} 2', "noise 1", "noise 2"], ['a {b="c"} 2'], 1),  # another series after `a `
    ([], [], 0),
    (["noise 5"], [], 0),
]


def test_lines_are_wanted_and_counted_on_every_kind_of_page() -> None:
    judge = Judge()
    sieve = Sieve(judge)
    assert [sieve.sift(lines, Format.TEXT) for lines, _, _ in PAGES] == [
        (wanted, kept) for _, wanted, kept in PAGES
    ]
    assert judge.judged == ["a", "a", "noise", "a"]  # the last one was spelt with a space


@pytest.mark.parametrize("bad", ["noise", 'a{b="c} 1', "a 1_0", "a one"])
def test_a_line_that_cannot_be_read_refuses_the_page_and_nothing_lingers(bad: str) -> None:
    sieve = Sieve(Judge())
    sieve.sift(['x{b="c"} 2'], Format.TEXT)
    with pytest.raises(ExpositionError, match="unreadable line"):
        sieve.sift([bad], Format.TEXT)
    assert sieve.sift([], Format.TEXT) == ([], 0)
    assert sieve.sift(['x{b="c"} 3'], Format.TEXT) == (['x{b="c"} 3'], 1)
