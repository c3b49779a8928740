"""What people write with a command: trimmed, bounded, and such that it can be shown."""

from typing import Final

from vigie.commands.errors import Invalid

MAX_ACTOR: Final = 100
MAX_REASON: Final = 1_000


def text_of(what: str, given: str, most: int) -> str:
    """Words of any number of lines; Invalid when there are none or too many."""
    # PostgreSQL keeps no NUL in text.
    text = given.replace("\x00", "").strip()
    if not text:
        raise Invalid(f"the {what} is empty")
    if len(text) > most:
        raise Invalid(f"the {what} has {len(text)} characters; at most {most} are kept")
    return text


def line_of(what: str, given: str, most: int) -> str:
    """One line that can be shown as it is."""
    text = text_of(what, given, most)
    if not text.isprintable():
        raise Invalid(f"the {what} holds characters that cannot be shown")
    return text
