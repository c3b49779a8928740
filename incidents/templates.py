"""Templates of stakeholder updates: text with `$name` or `${name}` for what is known, `$$` for `$`.

Nothing of a value is read again, so no word of people is ever taken for a placeholder. Light: a
loader asks this before anything else is imported.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

# Words of others, as tuples: tests hold them to the enums, which a loader would have to wait for.
AUDIENCES: Final = ("internal", "executive", "customer")
PUBLIC: Final = (
    "service", "status", "symptoms", "progress", "started", "duration", "next_update",
)  # fmt: skip
INSIDE: Final = (
    *PUBLIC, "number", "title", "severity", "priority", "state", "budget", "failed", "downtime",
    "users", "doing",
)  # fmt: skip
MAX_TEMPLATE: Final = 5_000

DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "internal": """\
**$status**, #$number: $title

- $service, $severity, $priority, $state, since $started ($duration)
- Failed: $failed
- Budget: $budget
- Down: $downtime
- Users: $users

$doing

Next update: $next_update
""",
        "executive": """\
**$status**: $title ($severity)

Impact on $service since $started, for $duration: $users; $failed; down: $downtime.

What is done: $doing

Next update: $next_update
""",
        "customer": """\
**$status**: $service

$symptoms $progress Since: $started.

Next update: $next_update
""",
    }
)
_PLACE: Final = re.compile(r"\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})?", re.ASCII)


def allowed(audience: str) -> tuple[str, ...]:
    """The names that a template for an audience may use."""
    return PUBLIC if audience == "customer" else INSIDE


def refused(audience: str, template: str) -> Iterator[tuple[int, str]]:
    """What is wrong with a template, each with the place of its character."""
    names = allowed(audience)
    for found in _PLACE.finditer(template):
        name = found[1] or found[2]
        if found[0] == "$":
            yield found.start(), "`$` begins no placeholder: write `$$` for the character"
        elif name and name not in names:
            why = f"`${name}` is not for customers" if name in INSIDE else f"there is no `${name}`"
            yield found.start(), f"{why}: write some of {', '.join(names)}"


def filled(template: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders replaced, once; what has no value stays as it is."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return values.get(found[1] or found[2] or "", found[0])

    return _PLACE.sub(value, template)
