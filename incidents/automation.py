"""What an `Automation` says: which event of which incidents it is for, and what is done then. Pure.

Severities are 1..4, priorities 1..5 and tiers 1..3, 1 the worst, the first and the desk; times are
Unix seconds. Named tuples rather than dataclasses, for which `vigie slo check` would have to wait.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import re2

from incidents import template
from slo import windows
from slo.load.marks import Mark

Record = Mapping[str, Any]

ACTOR: Final = "automation"  # who acts is `automation/NAME`
MOST_DEEP: Final = 3  # automations that follow from one another
MOST_IN_HOUR: Final = 20  # runs of one incident, of all automations together
HOUR_S: Final = 3600.0
# Every kind of entry that stands on a timeline, but for what automations say of themselves. A
# tuple: a test holds it to the enum, which a loader would have to wait for.
EVENTS: Final = (
    "opened", "upgraded", "relapsed", "recovered", "acknowledged", "resolved", "commented",
    "attached", "attachment_removed", "status_set", "field_set", "reopened", "closed", "cancelled",
    "confirmed", "escalated", "merged", "split", "linked", "unlinked", "role_taken", "role_left",
    "team_called", "restricted", "task_added", "task_changed", "task_due", "update_sent",
    "update_due", "measured", "reviewed", "corrected", "paged", "page_failed", "page_skipped",
    "run_started", "step_finished", "run_finished", "severity_set", "response_due",
    "response_breached", "resolution_due", "resolution_breached",
)  # fmt: skip
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PERSON, MACHINE = "person", "machine"
_MACHINES: Final = frozenset({"vigie", "automation", "system", "token"})


class Matcher(NamedTuple):
    """A condition on a label, as in PromQL; one that is not there is an empty text."""

    label: str
    op: str  # = != =~ !~
    value: str

    def __str__(self) -> str:
        return f'{self.label}{self.op}"{self.value}"'


class Window(NamedTuple):
    """Hours of days of the week, on the clocks of a zone. `start_s` and `end_s` are seconds since
    midnight; one that ends before it starts goes on past midnight, on the day that it began.
    """

    weekdays: tuple[int, ...] = ()  # 0 is Monday; empty: every day
    start_s: int = 0
    end_s: int = 86_400
    zone: str = "UTC"


class Conditions(NamedTuple):
    """What must hold of an incident and of who made the entry; what is empty or None holds of all.
    `severity` and `priority` are the least: SEV2 also means SEV1.
    """

    services: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    severity: int | None = None
    priority: int | None = None
    urgency: str | None = None
    labels: tuple[Matcher, ...] = ()
    categories: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()
    restricted: bool | None = None
    detected_by: str | None = None
    states: tuple[str, ...] = ()
    window: Window | None = None
    actor: str | None = None  # person or machine


ALWAYS: Final = Conditions()


class Action(NamedTuple):
    """One thing to do: which, and with what. Texts in `given` may hold placeholders."""

    do: str
    given: Mapping[str, Any]
    mark: Mark | None = None


class Automation(NamedTuple):
    """One document. With `for_s` the conditions must hold at the entry and still so long after."""

    name: str
    events: tuple[str, ...]
    actions: tuple[Action, ...]
    conditions: Conditions = ALWAYS
    for_s: float = 0.0
    description: str = ""
    mark: Mark | None = None

    @property
    def actor(self) -> str:
        return f"{ACTOR}/{self.name}"


class Planned(NamedTuple):
    """An action as it is done for one incident: its placeholders are filled in."""

    do: str
    given: Mapping[str, Any]


def reasons(
    automation: Automation, incident: Record, entry: Record, labels: Mapping[str, str], at: float
) -> list[str] | None:
    """Why an automation is for this entry of an incident, as clauses; None: it is not.

    `incident` and `entry` are as the store gives them, `labels` those of the incident and of its
    service, `at` the time that a window is asked about.
    """
    if entry["kind"] not in automation.events:
        return None
    why = [str(entry["kind"])]
    for holds, clause in _asked(automation.conditions, incident, entry, labels, at):
        if not holds:
            return None
        why.append(clause)
    if automation.for_s:
        why.append(f"for {windows.show(automation.for_s)}")
    return why


def labels_of(incident: Record, of_service: Mapping[str, str]) -> dict[str, str]:
    """The labels that automations ask about: of the incident, over those of its service."""
    return {**of_service, **incident["labels"]}


def planned(automation: Automation, incident: Record, entry: Record) -> list[Planned]:
    """What is done for this incident, in order."""
    words = template.words(incident, entry, automation.name)
    return [Planned(one.do, _filled(one.given, words)) for one in automation.actions]


def refusal(name: str, chain: Sequence[str], runs: int) -> str | None:
    """Why an automation must not run now; None: it may.

    `chain` names the automations from whose doing the entry follows, the first one first; `runs`
    is how many ran on this incident within the last hour.
    """
    if name in chain:
        return f"it follows from what it did itself ({' -> '.join([*chain, name])})"
    if len(chain) >= MOST_DEEP:
        way = " -> ".join([*chain, name])
        return f"at most {MOST_DEEP} automations follow from one another ({way})"
    if runs >= MOST_IN_HOUR:
        return f"{runs} automations ran on this incident within an hour, and no more may"
    return None


def acted_by(actor: str) -> str | None:
    """The automation that an entry was made by; None: none."""
    kind, slash, name = actor.partition("/")
    return name if kind == ACTOR and slash and name else None


def who_is(actor: str) -> str:
    """Whether an entry was made by a person or by a machine."""
    return MACHINE if actor.partition("/")[0].casefold() in _MACHINES else PERSON


def said(planned: Planned) -> str:
    """An action in words."""
    return f"{planned.do.replace('_', ' ')} {_WORDS[planned.do](planned.given)}"


def described(conditions: Conditions) -> list[str]:
    """The conditions in words, as they stand in a list of automations."""
    return [clause for _, clause in _clauses(conditions)]


def matches(matcher: Matcher, value: str) -> bool:
    """Whether a label's value fulfils a matcher; re2.error: its pattern is none."""
    if matcher.op in {"=", "!="}:
        return (value == matcher.value) == (matcher.op == "=")
    return (_pattern(matcher.value)(value) is not None) == (matcher.op == "=~")


def within(window: Window, at: float) -> bool:
    """Whether a time lies in a window."""
    local = datetime.fromtimestamp(at, ZoneInfo(window.zone))
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    today = local.weekday()
    days = window.weekdays or range(7)
    if window.start_s < window.end_s:
        return today in days and window.start_s <= seconds < window.end_s
    late = today in days and seconds >= window.start_s
    return late or ((today - 1) % 7 in days and seconds < window.end_s)


# -- conditions -----------------------------------------------------------------------------------

_Test = Callable[[Record, Record, Mapping[str, str], float], bool]


def _asked(
    c: Conditions, incident: Record, entry: Record, labels: Mapping[str, str], at: float
) -> Iterator[tuple[bool, str]]:
    for test, clause in _clauses(c):
        yield test(incident, entry, labels, at), clause


def _clauses(c: Conditions) -> Iterator[tuple[_Test, str]]:
    """Each condition that asks something: what judges it, and its words."""
    for name, wanted in (
        ("service", c.services),
        ("type", c.types),
        ("category", c.categories),
        ("cause", c.causes),
        ("state", c.states),
    ):
        if wanted:
            yield _one_of(name, wanted), f"{name} {' or '.join(wanted)}"
    if c.severity is not None:
        yield _at_most("severity", c.severity), f"SEV{c.severity} or worse"
    if c.priority is not None:
        yield _at_most("priority", c.priority), f"P{c.priority} or before"
    if c.urgency is not None:
        yield _one_of("urgency", (c.urgency,)), f"{c.urgency} urgency"
    if c.tiers:
        yield _one_of("tier", c.tiers), " or ".join(f"L{tier}" for tier in c.tiers)
    if c.detected_by is not None:
        yield _one_of("detected_by", (c.detected_by,)), f"detected by {c.detected_by}"
    if c.restricted is not None:
        yield _restricted(c.restricted), "restricted" if c.restricted else "not restricted"
    for matcher in c.labels:
        yield _label(matcher), str(matcher)
    if c.actor is not None:
        yield _by(c.actor), f"by a {c.actor}"
    if c.window is not None:
        yield _in(c.window), _window_words(c.window)


def _one_of(name: str, wanted: Sequence[Any]) -> _Test:
    return lambda incident, _entry, _labels, _at: incident[name] in wanted


def _at_most(name: str, most: int) -> _Test:
    return lambda incident, _entry, _labels, _at: int(incident[name]) <= most


def _restricted(wanted: bool) -> _Test:
    return lambda incident, _entry, _labels, _at: bool(incident["restricted"]) is wanted


def _label(matcher: Matcher) -> _Test:
    return lambda _incident, _entry, labels, _at: matches(matcher, labels.get(matcher.label, ""))


def _by(who: str) -> _Test:
    return lambda _incident, entry, _labels, _at: who_is(entry["actor"]) == who


def _in(window: Window) -> _Test:
    return lambda _incident, _entry, _labels, at: within(window, at)


def _window_words(window: Window) -> str:
    days = ", ".join(WEEKDAYS[day] for day in window.weekdays) or "every day"
    return f"{days} {_hour(window.start_s)}-{_hour(window.end_s)} {window.zone}"


def _hour(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Callable[[str], object | None]:
    options = re2.Options()
    options.dot_nl = True  # as Prometheus 3 does: (?s:...)
    options.log_errors = False
    fullmatch: Callable[[str], object | None] = re2.compile(text, options).fullmatch
    return fullmatch


# -- words ----------------------------------------------------------------------------------------


def _filled(given: Any, words: Mapping[str, str]) -> Any:
    if isinstance(given, str):
        return template.filled(given, words)
    if isinstance(given, Mapping):
        return {name: _filled(value, words) for name, value in given.items()}
    if isinstance(given, Iterable):
        return [_filled(value, words) for value in given]
    return given


def _told(given: Record) -> str:
    whom = ", ".join(given["channels"]) or "everybody who receives it"
    return f"{whom}: {given['text']}" if given["text"] else whom


def _task(given: Record) -> str:
    return f"`{given['title']}`" + (f" for {given['owner']}" if given["owner"] else "")


_WORDS: Final[Mapping[str, Callable[[Record], str]]] = {
    "assign": lambda given: f"{given['to']} as {given['part'].replace('_', ' ')}",
    "notify": _told,
    "page": _told,
    "set": lambda given: ", ".join(f"{name} = {_shown(v)}" for name, v in given.items()),
    "add_task": _task,
    "start_runbook": lambda given: str(given["name"]),
    "comment": lambda given: str(given["text"]),
    "link": lambda given: f"{given['kind'].replace('_', ' ')} {given['to']}",
    "escalate": lambda given: f"to L{given['tier']}: {given['reason']}",
}


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
