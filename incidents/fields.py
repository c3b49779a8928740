"""What people may write into a record: each value judged by what it is for. Pure.

A value comes typed (the API) or as text (forms, the command line); what is kept is always typed.
None, and a text that is empty, stand for "not filled in". A problem is one line that names the
field; there is none for a value that can be kept.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, TypeAlias
from unicodedata import category

from incidents.matrix import SEVERITIES, URGENCIES
from incidents.types import OF_RECORD, Field, Taxonomy, TypeRules

Value: TypeAlias = str | int | float | bool | list[str] | None
PREFIX: Final = "field."  # of the custom ones, where they stand beside those of every record
MAX_TITLE: Final = 200
MAX_WORD: Final = 80
MAX_FIELD_TEXT: Final = 2_000
MAX_TEXT: Final = 10_000
MAX_AFFECTED: Final = 50
MAX_SERVICE: Final = 253
MOST: Final = 2**53 - 1  # JSON numbers are exact to here
# They turn the words around them about, so that a reader sees others than were written.
BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NEVER: Final = ("Cc", "Cs", "Zl", "Zp")  # control, half of a pair, breaks that not all see
_UNSHOWABLE: Final = "holds characters that cannot be shown"
JOINERS: Final = "\u200c\u200d"  # within words of some scripts, and within emoji
LAST_S: Final = 253_402_300_799.0  # the last second of the year 9999
SHOWN_S: Final = 0.001  # as exactly as times are shown
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_NUMBER: Final = re.compile(r"[-+]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][-+]?\d{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[-+]?\d{1,16}", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_SHOWN: Final = 60  # characters of a value that a problem repeats


class Refused(ValueError):  # noqa: N818 - a word that cannot be kept, no failure
    """A value that cannot be kept; the message is a clause about it."""


@dataclass(frozen=True, slots=True)
class Around:
    """What values are judged by: the rules of the type, the words of the files, what time it is.

    `services` are those that the files know; empty: any name is taken.
    """

    rules: TypeRules
    taxonomy: Taxonomy
    services: Collection[str]
    now: float


def values(rules: TypeRules, given: Mapping[str, Any]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Custom fields as they are kept, and a problem for each that cannot be. What is not filled in
    is left out.
    """
    clean: dict[str, Value] = {}
    problems: list[str] = []
    for name, value in given.items():
        try:
            kept = custom(rules, name, value)
        except Refused as refused:
            problems.append(f"{PREFIX}{_cut(name)} {refused}")
            continue
        if kept is not None:
            clean[name] = kept
    return clean, tuple(problems)


def custom(rules: TypeRules, name: str, value: Any) -> Value:
    """One custom field as it is kept; None: not filled in. Refused."""
    field = rules.field(name)
    if field is None:
        known = [one.name for one in rules.fields]
        raise Refused(f"is no field of type `{rules.name}`{_meant(name, known)}")
    if value is None or value == "":
        return None
    return _KINDS[field.kind](field, value)


def edited(
    record: Mapping[str, Any], given: Mapping[str, Any], around: Around
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The fields that an edit changes, by name (`title`, `field.ticket`) and as they are kept, and
    a problem for each that cannot be.

    `record` is the incident as it stands: times in Unix seconds, `affected` and `fields` read. What
    stands there already is no change.
    """
    after: dict[str, Value] = {}
    problems: list[str] = []
    for name, value in given.items():
        try:
            after[name] = _judged(name, value, record, around)
        except Refused as refused:
            problems.append(f"{_cut(name)} {refused}")
    for name, told in _apart(after, record, around):
        after.pop(name, None)
        problems.append(f"{name} {told}")
    changed = {name: v for name, v in after.items() if not _same(v, current(record, name))}
    return changed, tuple(problems)


def current(record: Mapping[str, Any], name: str) -> Value:
    """What stands in a field now; an empty one is None."""
    if name.startswith(PREFIX):
        found: Value = record["fields"].get(name.removeprefix(PREFIX))
        return found
    kept: Value = record[name]
    return None if kept in ("", []) else kept


def severity_by_users(rules: TypeRules, users: int | None) -> int | None:
    """The severity that a number of affected users means: the worst whose threshold it reaches;
    None: none says so.
    """
    if users is None:
        return None
    reached = (s for s in SEVERITIES if s in rules.users and users >= rules.users[s])
    return next(reached, None)


def text(value: Any, most: int) -> str:
    """Words of any number of lines. Refused."""
    said = _text(value).replace("\r\n", "\n").replace("\r", "\n").strip()
    _bound(said, most)
    _in_order(said)
    # Spaces of other widths and invisible marks come along with what is pasted, and do no harm.
    if any(letter not in "\n\t" and category(letter) in _NEVER for letter in said):
        raise Refused(_UNSHOWABLE)
    return said


def line(value: Any, most: int) -> str:
    """One line that can be shown as it is. Refused."""
    said = _text(value).strip()
    _bound(said, most)
    _in_order(said)
    if not all(letter.isprintable() or letter in JOINERS for letter in said):
        raise Refused(_UNSHOWABLE)
    return said


def moment(value: Any) -> float:
    """A time as RFC 3339 has it, in Unix seconds; without an offset it is UTC. Refused."""
    said = _text(value).strip()
    try:
        if _TIME.fullmatch(said) is None:
            raise ValueError(said)
        at = datetime.fromisoformat(said.upper())
        seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise Refused("is no time: write e.g. 2026-10-01T12:00:00Z") from error
    if seconds < 0:
        raise Refused("is before 1970")
    if seconds > LAST_S:
        raise Refused("is after the year 9999")
    return seconds


def shown_time(at: float) -> str:
    """Unix seconds as people and programs read them, rounded to the millisecond: cut off, it would
    not always be read as what it shows.
    """
    seconds, thousandths = divmod(round(at * 1000), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]}.{thousandths:03}Z"


# -- fields of every record ---------------------------------------------------------------------


def _judged(name: str, value: Any, record: Mapping[str, Any], around: Around) -> Value:
    if name.startswith(PREFIX):
        return custom(around.rules, name.removeprefix(PREFIX), value)
    judge = _RECORD.get(name)
    if judge is None:
        known = [*OF_RECORD, *(f"{PREFIX}{field.name}" for field in around.rules.fields)]
        raise Refused(f"is no field that can be edited{_meant(name, known)}")
    return judge(value, record, around)


def _title(value: Any, *_: Any) -> str:
    return _filled(line(value, MAX_TITLE))


def _prose(value: Any, *_: Any) -> str | None:
    return None if value is None else text(value, MAX_TEXT) or None


def _word(value: Any, *_: Any) -> str | None:
    return None if value is None else line(value, MAX_WORD) or None


def _urgency(value: Any, *_: Any) -> str:
    return _one_of(value, URGENCIES)


def _users(value: Any, *_: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        raise Refused("must be a whole number, 0 or more")
    return value


def _apart(
    after: Mapping[str, Value], record: Mapping[str, Any], around: Around
) -> Iterable[tuple[str, str]]:
    """What is wrong with words of the taxonomy, each judged beside the others as they will be.

    Words that stand there already may go on, whatever the taxonomy says today.
    """

    def will(name: str) -> Value:
        return after[name] if name in after else current(record, name)

    known = around.taxonomy
    for name, words in (("category", known.categories), ("cause", known.causes)):
        word = will(name)
        if words and word is not None and word not in words and word != current(record, name):
            yield name, f"{_told(word)} is not in the taxonomy{_meant(word, words)}"
    group, sub = will("category"), will("subcategory")
    if sub is None or (group, sub) == (current(record, "category"), current(record, "subcategory")):
        return
    if group is None:
        yield "subcategory", f"{_told(sub)} needs a category"
    elif group in known.categories and sub not in known.categories[str(group)]:
        hint = _meant(sub, known.categories[str(group)])
        yield "subcategory", f"{_told(sub)} is none of category {_told(group)}{hint}"


def _services(value: Any, record: Mapping[str, Any], around: Around) -> list[str] | None:
    if isinstance(value, str):
        value = [part for part in re.split(r"[,\s]+", value) if part]
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) > MAX_AFFECTED:
        raise Refused(f"must be a list of at most {MAX_AFFECTED} services")
    kept: dict[str, None] = {}
    known = around.services
    for item in value:
        name = _filled(line(item, MAX_SERVICE))
        if known and name not in known and name not in record["affected"]:
            raise Refused(f"names {_told(name)}, which is no service{_meant(name, known)}")
        if name != record["service"]:  # it is affected anyway
            kept[name] = None
    return list(kept) or None


def _started(value: Any, record: Mapping[str, Any], around: Around) -> float:
    at = moment(value)
    before: float = record["started_at"]
    if abs(at - before) < SHOWN_S:  # read back as it is shown
        return before
    if at > around.now:
        raise Refused("is in the future")
    for name in ("detected_at", "mitigated_at", "recovered_at"):
        if record[name] is not None and at > record[name]:
            raise Refused(f"is after {name} ({shown_time(record[name])})")
    return at


_RECORD: Final[Mapping[str, Callable[[Any, Mapping[str, Any], Around], Value]]] = {
    "title": _title,
    "description": _prose,
    "category": _word,
    "subcategory": _word,
    "cause": _word,
    "resolution": _prose,
    "affected": _services,
    "users_affected": _users,
    "urgency": _urgency,
    "started_at": _started,
}
# -- custom fields ------------------------------------------------------------------------------


def _number(_: Field, value: Any) -> int | float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        said = value.strip()
        value = int(said) if _WHOLE.fullmatch(said) else float(said)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("must be a number")
    if isinstance(value, int) and abs(value) > MOST:
        raise Refused(f"must lie within {MOST}, so that it stays exact")
    if not math.isfinite(value):
        raise Refused("must be a finite number")
    return value + 0 if isinstance(value, int) else value + 0.0  # of -0.0 SQLite makes 0.0


def _boolean(_: Field, value: Any) -> bool:
    if isinstance(value, str):
        value = _FLAGS.get(value.strip().casefold(), value)
    if not isinstance(value, bool):
        raise Refused("must be true or false")
    return value


def _choice(field: Field, value: Any) -> str:
    return _one_of(value, field.choices)


def _time(_: Field, value: Any) -> str:
    return shown_time(moment(value))


def _words(_: Field, value: Any) -> str | None:
    return text(value, MAX_FIELD_TEXT) or None


_KINDS: Final[Mapping[str, Callable[[Field, Any], Value]]] = {
    "text": _words,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "time": _time,
}

# -- what all are made of -----------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused("must be a text")
    return value


def _filled(said: str) -> str:
    if not said:
        raise Refused("must not be empty")
    return said


def _bound(said: str, most: int) -> None:
    if len(said) > most:
        raise Refused(f"has {len(said)} characters; at most {most} are kept")


def _in_order(said: str) -> None:
    if any(letter in BIDI for letter in said):
        raise Refused("holds characters that turn words around")


def _one_of(value: Any, words: Iterable[str]) -> str:
    options = tuple(words)
    said = _text(value).strip()
    if said not in options:
        rule = "" if len(options) > 10 else f"; it must be one of {', '.join(options)}"
        raise Refused(f"{_told(said)} is none of its choices{_meant(said, options) or rule}")
    return said


def _same(one: Value, other: Value) -> bool:
    """Whether two values are the same to a reader: 1 and True are not."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _told(value: object) -> str:
    return f"`{_cut(str(value))}`"


def _cut(said: str) -> str:
    """A text as a problem repeats it: bounded, and such that it can be shown."""
    plain = "".join(letter if letter.isprintable() else "?" for letter in said[:_SHOWN])
    return f"{plain}..." if len(said) > _SHOWN else plain


def _meant(word: object, options: Iterable[str]) -> str:
    close = get_close_matches(str(word)[:_SHOWN], list(options), n=1, cutoff=0.7)
    return f"; did you mean `{close[0]}`?" if close else ""
