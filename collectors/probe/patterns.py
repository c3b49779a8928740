"""Patterns of other people: RE2, searched for as blackbox_exporter does, in linear time."""

import re
from functools import lru_cache
from typing import Any, Final

import re2

_GROUP: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


def search(pattern: str, text: str) -> Any:
    """The first match (with `group`), or None. re2.error where the pattern is none."""
    return _compiled(pattern).search(text)


def expanded(template: str, match: Any) -> str:
    """The template with `$1`, `${1}` and `${name}` replaced by groups, `$$` by a `$`; a group that
    isn't there is empty. Semantics: Go's regexp.Expand.
    """

    def group(reference: "re.Match[str]") -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError, re2.error):
            return ""

    return _GROUP.sub(group, template)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
