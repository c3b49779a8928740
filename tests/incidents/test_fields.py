"""What may be written into a record: what is kept, and what is refused in which words."""

import math
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.fields import (
    BIDI,
    MAX_FIELD_TEXT,
    Around,
    current,
    edited,
    severity_by_users,
    shown_time,
    values,
)
from incidents.types import FIELD_KINDS, OF_RECORD, Field, Taxonomy, TypeRules

FIELDS = tuple(
    Field(kind, kind, kind, ("a", "b") if kind == "choice" else ()) for kind in FIELD_KINDS
)
RULES = TypeRules("t", fields=FIELDS, users={1: 1000, 3: 10})
NOW = 1_790_000_000.0
RECORD: dict[str, Any] = dict.fromkeys(OF_RECORD)
RECORD |= {"title": "t", "description": "", "affected": ["old"], "urgency": "high", "fields": {}}
RECORD |= {"started_at": NOW - 600.0004, "detected_at": NOW - 300, "service": "own"}
RECORD |= {"mitigated_at": None, "recovered_at": None}
WORDS = Taxonomy(categories={"network": ("dns",), "power": ()}, causes=("deploy",))


def one(kind: str, value: Any) -> Any:
    """A custom value as it is kept; the problem where it is not."""
    clean, problems = values(RULES, {kind: value})
    return clean.get(kind) if not problems else problems[0]


@pytest.mark.parametrize(
    ("kind", "given_", "kept"),
    [
        ("text", "  a\r\nb\u00a0c\u200b ", "a\nb\u00a0c\u200b"),
        ("text", "   ", None),
        ("text", "👩\u200d🚒", "👩\u200d🚒"),
        ("number", "12", 12),
        ("number", " -1.50 ", -1.5),
        ("number", "1e3", 1000.0),
        ("number", -0.0, 0.0),
        ("number", 2**53 - 1, 2**53 - 1),
        ("boolean", "True", True),
        ("boolean", False, False),
        ("choice", " b ", "b"),
        ("time", "2026-10-01T12:00Z", "2026-10-01T12:00:00.000Z"),
        ("time", "2026-10-01 12:00:00.5", "2026-10-01T12:00:00.500Z"),
        ("time", "2243-01-01T00:00:00.0011", "2243-01-01T00:00:00.001Z"),
        ("time", "2026-10-01t14:00:00+02:00", "2026-10-01T12:00:00.000Z"),
        *((kind, empty, None) for kind in FIELD_KINDS for empty in (None, "")),
    ],
)
def test_what_can_be_kept_is_typed(kind: str, given_: Any, kept: Any) -> None:
    found = one(kind, given_)
    assert (found, type(found)) == (kept, type(kept))
    assert math.copysign(1, found) > 0 if found == 0 and kind == "number" else True


@pytest.mark.parametrize(
    ("kind", "given_", "words"),
    [
        ("text", 1, "must be a text"),
        ("text", "x" * (MAX_FIELD_TEXT + 1), "has 2001 characters; at most 2000 are kept"),
        ("text", "a\x00b", "cannot be shown"),
        ("text", "a\x9bb", "cannot be shown"),
        ("text", "a\u2028b", "cannot be shown"),
        ("text", "a\ud800b", "cannot be shown"),
        *(("text", f"a{letter}b", "turn words around") for letter in sorted(BIDI)),
        ("number", "1,5", "must be a number"),
        ("number", "٣", "must be a number"),
        ("number", True, "must be a number"),
        ("number", math.nan, "must be a finite number"),
        ("number", "1e999", "must be a finite number"),
        ("number", 2**53, "so that it stays exact"),
        ("number", "0x10", "must be a number"),
        ("boolean", 1, "must be true or false"),
        ("boolean", "yes", "must be true or false"),
        ("choice", "c", "`c` is none of its choices; it must be one of a, b"),
        ("choice", ["a"], "must be a text"),
        ("time", 1_790_000_000, "must be a text"),
        ("time", "2026-02-30T12:00Z", "is no time"),
        ("time", "2026-10-01", "is no time"),
        ("time", "20261001T120000Z", "is no time"),
        ("time", "1969-12-31T23:59:59Z", "is before 1970"),
        ("time", "0001-01-01T00:00:00+14:00", "is before 1970"),
        ("time", "9999-12-31T23:59:59-01:00", "is after the year 9999"),
        ("time", "9999-12-31T23:59:59.9999Z", "is after the year 9999"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(kind: str, given_: Any, words: str) -> None:
    problem = one(kind, given_)
    assert problem.startswith(f"field.{kind} ")
    assert words in problem


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(max_size=3)),
    st.datetimes().map(lambda at: f"{at.isoformat()}Z"), st.floats().map(str),
)  # fmt: skip
_TYPES: dict[str, Any] = {
    "text": str,
    "number": (int, float),
    "boolean": bool,
    "choice": str,
    "time": str,
}


@given(st.dictionaries(st.one_of(st.sampled_from(FIELD_KINDS), st.text()), ANY))
def test_whatever_is_given_is_kept_typed_or_named(given_: dict[str, Any]) -> None:
    clean, problems = values(RULES, given_)
    assert len(clean) + len(problems) <= len(given_)
    assert all(len(problem) < 300 and problem.isprintable() for problem in problems)
    for name, value in clean.items():
        assert isinstance(value, _TYPES[name])
        assert values(RULES, {name: value}) == ({name: value}, ())  # what is kept can be kept
        if isinstance(value, str):
            assert "\x00" not in value
            assert not BIDI & set(value)
            value.encode()
        if isinstance(value, float):
            assert math.isfinite(value)


@given(st.floats(0, 4e9))
def test_a_time_is_read_as_it_is_shown(at: float) -> None:
    kept = one("time", shown_time(at))
    assert kept == shown_time(at)
    assert abs(datetime.fromisoformat(kept).timestamp() - at) < 0.001


def after(given_: dict[str, Any], **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    services = more.pop("services", ("own", "old", "mail"))
    around = Around(RULES, more.pop("taxonomy", WORDS), services, NOW)
    return edited({**RECORD, **more}, given_, around)


@pytest.mark.parametrize(
    ("given_", "record", "changed"),
    [
        ({"category": "network", "subcategory": "dns"}, {}, {"category": "network"}),
        ({"category": "gone"}, {"category": "gone"}, {}),  # what stands there may go on
        ({"cause": "gone"}, {"cause": "gone"}, {}),
        ({"category": "any"}, {"taxonomy": Taxonomy()}, {"category": "any"}),
        ({"subcategory": "x"}, {"taxonomy": Taxonomy(), "category": "any"}, {"subcategory": "x"}),
        ({"affected": "mail, own mail"}, {}, {"affected": ["mail"]}),
        ({"affected": ["old"]}, {"services": ("own",)}, {}),
        ({"affected": ["any"]}, {"services": ()}, {"affected": ["any"]}),
        ({"users_affected": " 12 "}, {}, {"users_affected": 12}),
        ({"users_affected": ""}, {"users_affected": 3}, {"users_affected": None}),
        ({"started_at": shown_time(RECORD["started_at"])}, {}, {}),
        ({"field.number": 1}, {"fields": {"number": 1.0}}, {}),
        ({"field.boolean": "false"}, {"fields": {"boolean": True}}, {"field.boolean": False}),
    ],
)
def test_only_what_differs_is_a_change(
    given_: dict[str, Any], record: dict[str, Any], changed: dict[str, Any]
) -> None:
    found, problems = after(given_, **record)
    assert problems == ()
    assert {**found, **changed} == found
    assert len(found) == len(given_) if changed else found == {}


@pytest.mark.parametrize(
    ("given_", "record", "problem"),
    [
        (
            {"category": "power", "subcategory": "dns"},
            {},
            "subcategory `dns` is none of category `power`",
        ),
        (
            {"category": "power"},
            {"category": "network", "subcategory": "dns"},
            "subcategory `dns` is none of category `power`",
        ),
        (
            {"category": None},
            {"category": "network", "subcategory": "dns"},
            "subcategory `dns` needs a category",
        ),
        ({"cause": "depoly"}, {}, "cause `depoly` is not in the taxonomy; did you mean `deploy`?"),
        ({"titel": "x"}, {}, "titel is no field that can be edited; did you mean `title`?"),
        ({"type": "x"}, {}, "type is no field that can be edited"),
        ({"affected": ["maill"]}, {}, "affected names `maill`, which is no service; did you mean"),
        ({"affected": 7}, {}, "affected must be a list of at most 50 services"),
        ({"users_affected": 2**53}, {}, "users_affected must be a whole number, 0 or more"),
        (
            {"started_at": shown_time(NOW - 100)},
            {"detected_at": NOW, "recovered_at": NOW - 200},
            f"started_at is after recovered_at ({shown_time(NOW - 200)})",
        ),
    ],
)
def test_what_does_not_fit_is_told(
    given_: dict[str, Any], record: dict[str, Any], problem: str
) -> None:
    _, problems = after(given_, **record)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


@given(st.dictionaries(st.one_of(st.sampled_from(OF_RECORD), st.text(max_size=9)), ANY, max_size=4))
def test_whatever_is_said_of_a_record_changes_it_or_is_named(given_: dict[str, Any]) -> None:
    found, problems = after(given_)
    assert set(found) <= set(given_)
    assert all(problem.isprintable() and len(problem) < 400 for problem in problems)
    changed = {**RECORD, **found}
    again, told = edited(changed, found, Around(RULES, WORDS, (), NOW))
    assert (again, told) == ({}, ())  # what was kept stands there, and can be said again
    assert changed["started_at"] <= changed["detected_at"]


@pytest.mark.parametrize(
    ("users", "severity"), [(None, None), (0, None), (9, None), (10, 3), (999, 3), (1000, 1)]
)
def test_users_mean_the_worst_severity_that_they_reach(
    users: int | None, severity: int | None
) -> None:
    assert severity_by_users(RULES, users) == severity
    assert severity_by_users(TypeRules("t"), users) is None


def test_what_is_empty_is_nothing() -> None:
    assert current({**RECORD, "affected": []}, "affected") is None
    assert current(RECORD, "description") is None
    assert current({**RECORD, "fields": {"text": "x"}}, "field.text") == "x"
