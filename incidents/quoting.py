"""Words of people and of answers within Markdown, where nothing of theirs is markup, link or
mention.
"""

import re
from typing import Final

_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")


def fenced(text: str, language: str = "text") -> str:
    """Words in a block that none of their own lines can end."""
    lines = _LINE_ENDS.split(text)
    fence = "`" * max(3, 1 + _longest_run(text))
    return "\n".join((f"{fence}{language}", *lines, fence))


def code(text: str) -> str:
    """Words on one line, in a span that nothing of theirs can end."""
    flat = " ".join(text.split()) or " "
    fence = "`" * (1 + _longest_run(flat))
    room = " " if "`" in flat else ""  # a fence that touches a backtick would be longer
    return f"{fence}{room}{flat}{room}{fence}"


def struck(text: str) -> str:
    """Words that were corrected, line by line."""
    lines = [line for line in _LINE_ENDS.split(text) if line.strip()]
    return "  \n".join(f"~~{code(line)}~~" for line in lines) or "~~` `~~"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
