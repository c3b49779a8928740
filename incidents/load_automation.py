"""The kind `Automation`: when something happens to an incident, what is done without a person."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import re2
import yaml

from incidents import task_checks, template
from incidents.automation import (
    EVENTS,
    MACHINE,
    PERSON,
    WEEKDAYS,
    Action,
    Automation,
    Conditions,
    Matcher,
    Window,
    matches,
)
from incidents.matrix import PRIORITIES, SEVERITIES, URGENCIES
from incidents.types import OF_RECORD, STATES, Types
from slo.load.codes import Code
from slo.load.document import opened
from slo.load.times import time_zone
from slo.load.yaml import (
    Fields,
    LoadError,
    Mark,
    Node,
    Problems,
    did_you_mean,
    plain,
)
from slo.windows import show

ACTIONS: Final = (
    "assign", "notify", "set", "add_task", "start_runbook", "page", "comment", "link", "escalate",
)  # fmt: skip
# Words of others: a test holds them to the enums, which a loader would have to wait for.
PARTS: Final = (
    "incident_manager", "l1", "l2", "l3", "communications", "scribe", "requester", "observer",
    "process_owner", "watcher",
)  # fmt: skip
TASK_KINDS: Final = ("prevent", "mitigate", "detect", "process", "work")
LINKS: Final = ("related", "duplicate_of", "caused_by", "problem", "change", "trace", "ticket")
PREFIX: Final = "field."  # of custom fields, as incidents.fields has it
TIERS: Final = ("L1", "L2", "L3")
ACTORS: Final = (PERSON, MACHINE)
DETECTED: Final = ("machine", "person")
SEVERITY_WORDS: Final = tuple(f"SEV{severity}" for severity in SEVERITIES)
PRIORITY_WORDS: Final = tuple(f"P{priority}" for priority in PRIORITIES)
MAX_NAME: Final = 80  # who acts is `automation/NAME`, which is as long as a name may be
MOST_ACTIONS: Final = 20
MOST_WORDS: Final = 100  # of one condition
MAX_LINE: Final = 200
MAX_TEXT: Final = 2_000
MAX_REASON: Final = 500
MAX_FOR_S: Final = 30 * 86_400.0
MAX_DUE_S: Final = 366 * 86_400.0
_LABEL: Final = re.compile(
    r"\s*([A-Za-z_][\w./-]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.ASCII | re.DOTALL
)
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_QUOTED: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'")


class Known(NamedTuple):
    """What the other files name: an automation that names something else could never do it."""

    channels: Collection[str] | None  # None: one could not be read, it may be the one
    runbooks: Collection[str] | None
    services: Collection[str]
    types: Types


def read(node: Node, problems: Problems) -> Automation | None:
    """An `Automation` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        if len(document.name) > MAX_NAME:
            message = f"the name of an Automation has at most {MAX_NAME} characters"
            problems.error(document.mark, message, Code.BAD_NAME)
        description = _text(spec, "description", MAX_TEXT, "")
        with spec.map("when") as when:
            events = _words(when, "event", EVENTS, required=True)
            for_s = _bounded(when, "for", MAX_FOR_S) or 0.0
            with when.maybe_map("conditions") as fields:
                conditions = Conditions() if fields is None else _conditions(fields)
        actions = tuple(_actions(spec, document.name))
    found = Automation(
        document.name, events, actions, conditions, for_s, description, document.mark
    )
    return found if len(problems.errors) == before else None


def check(automations: Sequence[Automation], known: Known, problems: Problems) -> None:
    """Over all files: what automations name is there. A service that is not is a warning."""
    for one in automations:
        for name in one.conditions.services:
            if name not in known.services:
                hint = did_you_mean(name, known.services)
                message = f"automation `{one.name}` is for service `{name}`, which no file names"
                problems.warn(_mark(one.mark), f"{message}{hint}", Code.NO_SUCH_THING)
        _check_words(one, known.types, problems)
        for action in one.actions:
            _check_action(one.name, action, known, problems)


# -- when ----------------------------------------------------------------------------------------


def _conditions(fields: Fields) -> Conditions:
    severity = _choice(fields, "severity", SEVERITY_WORDS)
    priority = _choice(fields, "priority", PRIORITY_WORDS)
    tiers = _words(fields, "tier", TIERS)
    with fields.maybe_map("time") as time:
        window = None if time is None else _window(time)
    return Conditions(
        services=_words(fields, "services"),
        types=_words(fields, "types"),
        severity=None if severity is None else SEVERITY_WORDS.index(severity) + 1,
        priority=None if priority is None else PRIORITY_WORDS.index(priority) + 1,
        urgency=_choice(fields, "urgency", URGENCIES),
        labels=tuple(_labels(fields)),
        categories=_words(fields, "category"),
        causes=_words(fields, "cause"),
        tiers=tuple(TIERS.index(tier) + 1 for tier in tiers if tier in TIERS),
        restricted=_flag(fields, "restricted"),
        detected_by=_choice(fields, "detected_by", DETECTED),
        states=_words(fields, "state", STATES),
        window=window,
        actor=_choice(fields, "actor", ACTORS),
    )


def _choice(fields: Fields, key: str, allowed: Sequence[str]) -> str | None:
    there = fields.node_of(key, required=False) is not None
    return fields.choice(key, allowed) if there else None


def _flag(fields: Fields, key: str) -> bool | None:
    there = fields.node_of(key, required=False) is not None
    return fields.flag(key) if there else None


def _words(
    fields: Fields, key: str, allowed: Sequence[str] = (), *, required: bool = False
) -> tuple[str, ...]:
    """One word or a list of them."""
    node = fields.node_of(key, required=required)
    if node is None:
        return ()
    is_list = isinstance(node.raw, yaml.SequenceNode)
    words = fields.texts(key) if is_list else [fields.text(key)]
    if len(words) > MOST_WORDS:
        message = f"`{fields.where}.{key}` has {len(words)} entries; at most {MOST_WORDS} are read"
        fields.problems.error(node.mark, message, Code.OUT_OF_BOUNDS)
    for word in words if allowed else ():
        if word and word not in allowed:
            hint = did_you_mean(word, allowed) or f": there are {', '.join(allowed)}"
            message = f"`{fields.where}.{key}`: `{word}` is none that there is{hint}"
            fields.problems.error(node.mark, message, Code.NOT_ALLOWED)
    if is_list and not all(words):
        message = f"`{fields.where}.{key}` holds an empty word"
        fields.problems.error(node.mark, message, Code.EMPTY)
    return tuple(words)


def _labels(fields: Fields) -> Iterator[Matcher]:
    for node in fields.items("labels"):
        text = node.raw.value if isinstance(node.raw, yaml.ScalarNode) else ""
        found = _LABEL.fullmatch(text)
        if found is None:
            message = f'`{fields.where}.labels`: write e.g. `team="a"`, `zone!=b`, `zone=~"eu-.*"`'
            fields.problems.error(node.mark, message, Code.WRONG_TYPE)
            continue
        label, op, value = found.groups()
        quoted = _QUOTED.fullmatch(value)
        matcher = Matcher(label, op, (quoted[1] or quoted[2] or "") if quoted else value)
        try:
            matches(matcher, "")
        except re2.error as error:
            message = f"`{fields.where}.labels`: `{matcher.value}` is no pattern of RE2: {error}"
            fields.problems.error(node.mark, message[:MAX_REASON], Code.BAD_PATTERN)
            continue
        yield matcher


def _window(fields: Fields) -> Window:
    days = _words(fields, "weekdays", WEEKDAYS)
    zone, text = time_zone(fields, "time_zone", "UTC"), fields.text("hours", "00:00-24:00")
    found = _HOURS.fullmatch(text)
    numbers = [int(one) for one in found.groups()] if found else [0, 0, 24, 0]
    start_s, end_s = (hour * 3600 + minute * 60 for hour, minute in (numbers[:2], numbers[2:]))
    if found is None or end_s > 86_400 or start_s == end_s:
        message = f"`{fields.where}.hours` is `{text}`: write e.g. 09:00-17:30, or 22:00-06:00"
        fields.problems.error(fields.mark("hours"), message, Code.BAD_TIME)
    return Window(tuple(WEEKDAYS.index(d) for d in days if d in WEEKDAYS), start_s, end_s, zone)


# -- then ----------------------------------------------------------------------------------------


def _actions(spec: Fields, name: str) -> Iterator[Action]:
    count = 0
    for fields in spec.maps("then", required=True):
        count += 1
        found = [do for do in ACTIONS if fields.node_of(do, required=False) is not None]
        if len(found) > 1:
            message = f"`{fields.where}` does {' and '.join(found)}: write an entry for each"
            fields.problems.error(fields.node.mark, message, Code.CONFLICT)
        elif not found and set(fields.names()) <= set(ACTIONS):  # else the unknown one is told
            message = f"`{fields.where}` does nothing: write one of {', '.join(ACTIONS)}"
            fields.problems.error(fields.node.mark, message, Code.MISSING_KEY)
        for do in found:
            with fields.map(do) as given:
                yield Action(do, _GIVEN[do](given, name), fields.node.mark)
    if count > MOST_ACTIONS:
        message = f"`spec.then` has {count} entries; at most {MOST_ACTIONS} are read"
        spec.problems.error(spec.mark("then"), message, Code.OUT_OF_BOUNDS)


def _assign(fields: Fields, _name: str) -> dict[str, Any]:
    return {"part": fields.choice("part", PARTS), "to": _text(fields, "to", MAX_LINE)}


def _notify(fields: Fields, _name: str) -> dict[str, Any]:
    return {"channels": list(_words(fields, "channels")), "text": _text(fields, "text", MAX_TEXT)}


def _page(fields: Fields, _name: str) -> dict[str, Any]:
    text = _text(fields, "text", MAX_TEXT, "")
    return {"channels": list(_words(fields, "channels")), "text": text}


def _set(fields: Fields, _name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in fields.names():
        node = fields.node_of(key, required=False)
        value = None if node is None else _value(fields, key, node)
        if key not in OF_RECORD and not key.startswith(PREFIX):
            hint = did_you_mean(key, OF_RECORD) or f": there are {', '.join(OF_RECORD)}"
            message = f"`{fields.where}`: an incident has no field `{key}`{hint}, and `field.NAME`"
            fields.problems.error(fields.mark(key), message, Code.NO_SUCH_THING)
        for text, mark in _texts_of(value, node):
            _check_template(fields, text, mark, MAX_TEXT)
        found[key] = value
    if not found:
        message = f"`{fields.where}` sets nothing: write a field and its value"
        fields.problems.error(fields.node.mark, message, Code.MISSING_KEY)
    return found


def _add_task(fields: Fields, _name: str) -> dict[str, Any]:
    return {
        "title": _text(fields, "title", MAX_LINE),
        "owner": _text(fields, "owner", MAX_LINE, ""),
        "due_s": _bounded(fields, "due", MAX_DUE_S),
        "kind": fields.choice("kind", TASK_KINDS, "work"),
        "check": _check(fields),
    }


def _runbook(fields: Fields, _name: str) -> dict[str, Any]:
    return {"name": fields.text("name")}


def _comment(fields: Fields, _name: str) -> dict[str, Any]:
    return {"text": _text(fields, "text", MAX_TEXT)}


def _link(fields: Fields, _name: str) -> dict[str, Any]:
    kind = fields.choice("kind", LINKS)
    to, title = _text(fields, "to", MAX_TEXT), _text(fields, "title", MAX_LINE, "")
    if kind == "ticket" and not title:
        message = f"`{fields.where}`: a ticket needs a `title`: write what it is called there"
        fields.problems.error(fields.node.mark, message, Code.MISSING_KEY)
    return {"kind": kind, "to": to, "title": title}


def _escalate(fields: Fields, name: str) -> dict[str, Any]:
    reason = _text(fields, "reason", MAX_REASON, f"automation {name} asks for it")
    return {"tier": TIERS.index(fields.choice("tier", TIERS)) + 1, "reason": reason}


_GIVEN: Final[Mapping[str, Callable[[Fields, str], dict[str, Any]]]] = {
    "assign": _assign,
    "notify": _notify,
    "set": _set,
    "add_task": _add_task,
    "start_runbook": _runbook,
    "page": _page,
    "comment": _comment,
    "link": _link,
    "escalate": _escalate,
}


def _check(fields: Fields) -> dict[str, Any] | None:
    """The check of a task, as the API takes it."""
    node = fields.node_of("check", required=False)
    if node is None:
        return None
    found = _value(fields, "check", node, mapping=True)
    try:
        return task_checks.stored(task_checks.check_of(found if isinstance(found, dict) else {}))
    except (ValueError, TypeError) as error:
        message = f"`{fields.where}.check` cannot be read: {error}"
        fields.problems.error(node.mark, message, Code.NOT_ALLOWED)
        return None


def _value(fields: Fields, key: str, node: Node, *, mapping: bool = False) -> Any:
    """A value as it stands; JSON cannot say a date, which is left as text."""
    try:
        found = plain(node)
    except LoadError as error:
        fields.problems.error(node.mark, f"`{fields.where}.{key}`: {error}", Code.WRONG_TYPE)
        return None
    if isinstance(node.raw, yaml.ScalarNode) and not isinstance(found, _JSON):
        return node.raw.value
    if isinstance(found, dict) and mapping:
        return found
    if not all(map(_is_json, found if isinstance(found, list) else [found])):
        message = f"`{fields.where}.{key}` is a text, a number, true, false or a list of texts"
        fields.problems.error(node.mark, message, Code.WRONG_TYPE)
        return None
    return found


_JSON: Final = (str, int, float, bool, type(None))
_MOST: Final = 2**53  # JSON numbers are exact to here


def _is_json(value: object) -> bool:
    if isinstance(value, int | float):
        return -_MOST <= value <= _MOST  # nor is it NaN
    return isinstance(value, _JSON)


def _text(fields: Fields, key: str, most: int, default: str | None = None) -> str:
    """A text with placeholders, each of them known."""
    text = fields.text(key, default)
    if fields.has(key):
        node = fields.node_of(key, required=False)
        _check_template(fields, text, node, most)
    return text


def _bounded(fields: Fields, key: str, most_s: float) -> float | None:
    """A duration; None where there is none."""
    if fields.node_of(key, required=False) is None:
        return None
    seconds = fields.duration(key)
    if seconds > most_s:
        message = f"`{fields.where}.{key}` is at most {show(most_s)}"
        fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)
    return seconds


def _texts_of(value: Any, node: Node | None) -> Iterator[tuple[str, Node | None]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one, node


def _check_template(fields: Fields, text: str, node: Node | None, most: int) -> None:
    mark = node.mark if node is not None else fields.node.mark
    if len(text) > most:
        message = f"a text of `{fields.where}` has {len(text)} characters; at most {most} are kept"
        fields.problems.error(mark, message, Code.OUT_OF_BOUNDS)
    for at, message, name in template.problems(text):
        known = template.PLACEHOLDERS
        hint = (did_you_mean(name, known) or f": there are {', '.join(known)}") if name else ""
        fields.problems.error(_within(node, mark, at), f"{message}{hint}", Code.NO_SUCH_THING)


def _within(node: Node | None, mark: Mark, at: int) -> Mark:
    """Where a character of a text stands, as far as the file shows it as it is; else its text."""
    raw = node.raw if node is not None else None
    if not isinstance(raw, yaml.ScalarNode) or raw.start_mark.line != raw.end_mark.line:
        return mark
    quotes = 1 if raw.style in ("'", '"') else 0
    if raw.end_mark.column - raw.start_mark.column != len(raw.value) + 2 * quotes:
        return mark  # something in it is escaped
    return Mark(mark.path, mark.line, mark.col + quotes + at - 1)


# -- what is named -------------------------------------------------------------------------------


def _check_words(one: Automation, types: Types, problems: Problems) -> None:
    """Conditions on words that no incident can have."""
    taxonomy = types.taxonomy
    for what, words, known in (
        ("category", one.conditions.categories, tuple(taxonomy.categories)),
        ("cause", one.conditions.causes, taxonomy.causes),
    ):
        for word in words if known else ():
            if word not in known:
                hint = did_you_mean(word, known)
                message = f"automation `{one.name}`: the taxonomy has no {what} `{word}`{hint}"
                problems.error(_mark(one.mark), message, Code.NO_SUCH_THING)


def _check_action(name: str, action: Action, known: Known, problems: Problems) -> None:
    for what, named, there in _named(action, known):
        if there is not None and named not in there:
            hint = did_you_mean(named, there)
            message = f"automation `{name}`: {what} `{named}` stands in no file{hint}"
            problems.error(_mark(action.mark), message, Code.NO_SUCH_THING)


def _named(action: Action, known: Known) -> Iterator[tuple[str, str, Collection[str] | None]]:
    given = action.given
    for channel in given.get("channels", ()):
        yield "channel", channel, known.channels
    if action.do == "start_runbook":
        yield "runbook", given["name"], known.runbooks
    if action.do != "set":
        return
    fields = {PREFIX + field.name for rules in known.types.rules.values() for field in rules.fields}
    for key in given:
        if key.startswith(PREFIX):
            yield "field", key, fields
    taxonomy = known.types.taxonomy
    for key, words in (("category", tuple(taxonomy.categories)), ("cause", taxonomy.causes)):
        value = given.get(key)
        if words and isinstance(value, str) and value and template.is_plain(value):
            yield key, value, words


def _mark(mark: Mark | None) -> Mark:
    return mark or Mark("?", 1, 1)
