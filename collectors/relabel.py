"""Relabelling: rules that choose targets and series and rewrite their labels."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

import re2

from slo.load.codes import Code


class Action(StrEnum):
    """What a rule does."""

    REPLACE = "replace"
    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"
    KEEP = "keep"
    DROP = "drop"
    KEEPEQUAL = "keepequal"
    DROPEQUAL = "dropequal"
    HASHMOD = "hashmod"
    LABELMAP = "labelmap"
    LABELDROP = "labeldrop"
    LABELKEEP = "labelkeep"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `relabel_configs`; `regex` is RE2 and fits as a whole."""

    action: Action = Action.REPLACE
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = "(.*)"
    target_label: str = ""
    replacement: str = "$1"
    modulus: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rule can't be applied: the key that is to blame, and what is wrong with it."""

    key: str
    reason: str
    code: Code


DEFAULT: Final = Rule()
Labels: TypeAlias = dict[str, str]
_Step: TypeAlias = Callable[[Labels], bool]  # changes the labels; False: they are dropped
_Match: TypeAlias = Any  # re2 comes without types
_WRITES: Final = frozenset(
    {
        *(Action.REPLACE, Action.LOWERCASE, Action.UPPERCASE),
        *(Action.HASHMOD, Action.KEEPEQUAL, Action.DROPEQUAL),
    }
)
# As Go's regexp expands templates: the longest name counts, so `$1x` is the group named `1x`.
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def relabel(rules: Sequence[Rule], labels: Mapping[str, str]) -> Labels | None:
    """The labels after all rules in their order; None: a rule drops them.

    An empty value is an absent label. re2.error when a pattern is none that RE2 knows, which
    `fault_of` says beforehand. Source: Prometheus' documentation of `relabel_config`, and
    model/relabel/relabel.go for what it leaves open (an unknown group is empty, `labelmap` sees
    the labels as they were before it).
    """
    after = {name: value for name, value in labels.items() if value}
    for step in compiled(tuple(rules)):
        if not step(after):
            return None
    return after


@lru_cache(maxsize=1024)
def compiled(rules: tuple[Rule, ...]) -> tuple[_Step, ...]:
    """What each rule does to labels, in place."""
    return tuple(_step(rule) for rule in rules)


def problem_of(rule: Rule) -> str | None:
    """What is wrong with a rule, in words; None: it can be applied."""
    fault = fault_of(rule)
    return None if fault is None else f"`{fault.key}` {fault.reason}"


def fault_of(rule: Rule) -> Fault | None:
    """What is wrong with a rule by the rules that Prometheus loads them by; None: nothing."""
    return _missing(rule) or _idle(rule) or _unreadable(rule)


def _missing(rule: Rule) -> Fault | None:
    action = rule.action
    if action in _WRITES and not rule.target_label:
        return Fault("target_label", f"is missing: `{action}` needs it", Code.MISSING_KEY)
    if action is Action.HASHMOD and rule.modulus <= 0:
        return Fault("modulus", "must be above 0 for `hashmod`", Code.OUT_OF_BOUNDS)
    if action is Action.LABELMAP and not rule.replacement:
        return Fault("replacement", "must not be empty for `labelmap`", Code.EMPTY)
    return None


def _idle(rule: Rule) -> Fault | None:
    for key in _idle_keys(rule.action):
        if getattr(rule, key) != getattr(DEFAULT, key):
            return Fault(key, f"says nothing to `{rule.action}`: remove it", Code.NOT_ALLOWED)
    return None


def _unreadable(rule: Rule) -> Fault | None:
    if "" in rule.source_labels:
        return Fault("source_labels", "holds an empty name", Code.BAD_NAME)
    try:
        _pattern(rule.regex)
    except re2.error as error:
        return Fault("regex", f"is no pattern of RE2: {_said(error)}", Code.BAD_PATTERN)
    return None


def _idle_keys(action: Action) -> tuple[str, ...]:
    """The keys that must not stand beside an action."""
    if action in (Action.KEEPEQUAL, Action.DROPEQUAL):
        return ("regex", "modulus", "separator", "replacement")
    if action in (Action.LABELDROP, Action.LABELKEEP):
        return ("source_labels", "target_label", "modulus", "separator", "replacement")
    if action in (Action.LOWERCASE, Action.UPPERCASE):
        return ("replacement",)
    return ()


def _step(rule: Rule) -> _Step:
    fits = _pattern(rule.regex).fullmatch
    steps: dict[Action, _Step] = {
        Action.LOWERCASE: lambda labels: _write(rule, labels, _lower(_joined(rule, labels))),
        Action.UPPERCASE: lambda labels: _write(rule, labels, _upper(_joined(rule, labels))),
        Action.HASHMOD: lambda labels: _write(rule, labels, _hashed(rule, labels)),
        Action.KEEP: lambda labels: fits(_joined(rule, labels)) is not None,
        Action.DROP: lambda labels: fits(_joined(rule, labels)) is None,
        Action.KEEPEQUAL: lambda labels: _asked(rule, labels) == _joined(rule, labels),
        Action.DROPEQUAL: lambda labels: _asked(rule, labels) != _joined(rule, labels),
        Action.LABELDROP: lambda labels: _without(labels, [n for n in labels if fits(n)]),
        Action.LABELKEEP: lambda labels: _without(labels, [n for n in labels if not fits(n)]),
        Action.REPLACE: _replacing(rule),
        Action.LABELMAP: _mapping(rule),
    }
    return steps[rule.action]


def _replacing(rule: Rule) -> _Step:
    fits = _pattern(rule.regex).fullmatch
    target, value = _template(rule.target_label), _template(rule.replacement)

    def step(labels: Labels) -> bool:
        found = fits(_joined(rule, labels))
        if found is not None and (name := target(found)):
            _set(labels, name, value(found))
        return True

    return step


def _mapping(rule: Rule) -> _Step:
    fits, renamed = _pattern(rule.regex).fullmatch, _template(rule.replacement)

    def step(labels: Labels) -> bool:
        # Prometheus goes through labels by name, and of two that get one name the last stays.
        for name, value in sorted(labels.items()):
            found = fits(name)
            if found is not None and (new := renamed(found)):
                labels[new] = value
        return True

    return step


def _joined(rule: Rule, labels: Labels) -> str:
    return rule.separator.join([labels.get(name, "") for name in rule.source_labels])


def _asked(rule: Rule, labels: Labels) -> str:
    return labels.get(rule.target_label, "")


def _write(rule: Rule, labels: Labels, value: str) -> bool:
    _set(labels, rule.target_label, value)
    return True


def _set(labels: Labels, name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _without(labels: Labels, names: Sequence[str]) -> bool:
    for name in names:
        del labels[name]
    return True


def _hashed(rule: Rule, labels: Labels) -> str:
    digest = hashlib.md5(_joined(rule, labels).encode(), usedforsecurity=False).digest()
    return str(int.from_bytes(digest[8:], "big") % rule.modulus)


def _lower(text: str) -> str:
    # Go maps letter by letter; Python knows letters that become two, of which the first is Go's.
    return text.lower() if text.isascii() else "".join(char.lower()[0] for char in text)


def _upper(text: str) -> str:
    if text.isascii():
        return text.upper()
    return "".join(char if len(char.upper()) > 1 else char.upper() for char in text)


def _template(text: str) -> Callable[[_Match], str]:
    """A text with `$1`, `${1}` and `${name}` filled in by a match; a group that is not there, or
    took no part, is empty; `$$` is one dollar, and a dollar that begins nothing stays.
    """
    if "$" not in text:
        return lambda _: text
    return lambda found: _VARIABLE.sub(lambda variable: _group(variable, found), text)


def _group(variable: re.Match[str], found: _Match) -> str:
    if variable[1]:
        return "$"
    name = variable[2] or variable[3]
    if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0"):
        number = int(name) if len(name) < 9 else -1
        return (found[number] or "") if 0 <= number <= found.re.groups else ""
    return (found[name] or "") if name in found.re.groupindex else ""


@lru_cache(maxsize=4096)
def _pattern(regex: str) -> Any:
    options = re2.Options()
    options.dot_nl = True  # as Prometheus 3 does: (?s:...)
    options.log_errors = False
    return re2.compile(regex, options)


def _said(error: re2.error) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
