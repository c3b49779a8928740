"""Good files made bad.

from mutating import mutations

@given(text=mutations(LINES, WORDS))
"""

from collections.abc import Sequence

from hypothesis import strategies as st


@st.composite
def mutations(draw: st.DrawFn, lines: Sequence[str], words: Sequence[str]) -> str:
    """The lines, with some of them changed by one of the words, moved, repeated or lost."""
    found = list(lines)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found) - 1))
        cut = draw(st.integers(0, len(found[at])))
        word = draw(st.sampled_from(words))
        rest = draw(st.sampled_from([found[at][cut:], found[at][cut + 1 :], ""]))
        found[at] = f"{found[at][:cut]}{word}{rest}"
        if draw(st.booleans()):
            found.insert(draw(st.integers(0, len(found))), found[at])
    return "\n".join(found)
