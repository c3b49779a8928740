"""Who a comment names with `@name`."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

MOST: Final = 50  # people that one comment names
# As the names of users are (vigie.access.users). What comes before it makes `ann@example.org` an
# address and `.../@ann` a path; what comes after, `@ann@example.org` one of somewhere else.
_NAME: Final = re.compile(
    r"(?<![\w@.+/\\-])@([A-Za-z](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9_])?)(?![\w@])"
)
_MARKS: Final = frozenset({"em_open", "em_close", "strong_open", "strong_close"})
# As vigie.views.markdown reads it, so that who is named is who is seen to be.
_PARSER: Final = MarkdownIt("commonmark", {"html": False}).disable(
    ["image", "heading", "lheading", "reference"]
)


def mentions(text: str) -> tuple[str, ...]:
    """The names that stand in a text in Markdown, in their order, in small letters, MOST at most.
    What stands in code, in an address or in a link's URL names nobody.
    """
    found: dict[str, None] = {}
    for words in _words(_PARSER.parse(text)):
        found |= dict.fromkeys(name.lower() for name in _NAME.findall(words))
    return tuple(found)[:MOST]


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    """The running text of each block; code and pictures are gaps in it."""
    for token in tokens:
        if token.type == "inline":
            yield "".join(
                one.content if one.type in ("text", "text_special") else "\n"
                for one in token.children or ()
                if one.type not in _MARKS
            )
