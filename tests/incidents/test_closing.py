"""What speaks against closing an incident, and what must be filled in at a state."""

from typing import Any

import pytest

from incidents.closing import refusals, unfilled
from incidents.model import IncidentState
from incidents.types import LIFE, Closing, Field, TypeRules

S = IncidentState
FIELDS = (Field("ticket", "Ticket", required_at="identified"), Field("note", "Note"))
RULES = TypeRules("disk", fields=FIELDS, closing=Closing(required=("cause", "note")))
ROW: dict[str, Any] = {
    "state": "resolved",
    "severity": 3,
    "tier": 1,
    "detected_by": "machine",
    "reporter": "vigie",
    "cause": "disk",
    "fields": {"ticket": "T-1", "note": "n"},
}


def told(rules: TypeRules = RULES, **more: Any) -> tuple[str, ...]:
    given = {"roles": None, "review_state": None, "confirmed": False, "by_machine": False}
    asked = {name: more.pop(name) for name in list(more) if name in given}
    return refusals(rules, {**ROW, **more}, **{**given, **asked})


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({}, ()),
        ({"state": "review"}, ()),
        ({"state": "mitigated"}, ("it is mitigated: resolve it first",)),
        ({"state": "closed", "tier": 3}, ("it is closed already",)),
        ({"state": "cancelled", "tier": 3}, ("it is cancelled already",)),
        ({"tier": 2}, ("it is with L2: hand it back to the desk",)),
        ({"cause": None}, ("not filled in: cause",)),
        ({"cause": "", "fields": {}}, ("not filled in: cause, note, ticket",)),
        ({"fields": {"ticket": False, "note": 0}}, ()),
        ({"severity": 2}, ("SEV2 needs a final review: it has none",)),
        ({"severity": 1, "review_state": "draft"}, ("SEV1 needs a final review: it is draft",)),
        ({"severity": 1, "review_state": "final"}, ()),
        (
            {"severity": 2, "review_state": "final", "by_machine": True},
            ("it is SEV2: a person closes it",),
        ),
        ({"by_machine": True}, ()),
    ],
)
def test_what_speaks_against_closing(more: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert told(**more) == reasons


def test_every_reason_is_told_at_once() -> None:
    closing = Closing(roles=("desk", "admin"), required=("cause",), confirmed=True)
    more = {"severity": 1, "tier": 3, "cause": None, "detected_by": "person", "reporter": "rita"}
    assert told(TypeRules("t", closing=closing), state="triage", roles={"viewer"}, **more) == (
        "it is triage: resolve it first",
        "closing needs the role desk or admin",
        "it is with L3: hand it back to the desk",
        "not filled in: cause",
        "SEV1 needs a final review: it has none",
        "rita has not confirmed that it is over",
    )


@pytest.mark.parametrize(
    ("roles", "may"), [(None, True), ({"desk"}, True), ({"viewer", "admin"}, True), ({"x"}, False)]
)
def test_a_role_of_the_type_closes(roles: set[str] | None, may: bool) -> None:
    rules = RULES._replace(closing=Closing(roles=("desk", "admin")))
    assert (told(rules, roles=roles) == ()) is may


def test_only_who_reported_it_is_waited_for() -> None:
    rules = TypeRules("t", closing=Closing(confirmed=True))
    assert told(rules) == ()
    assert told(rules, detected_by="person") != ()
    assert told(rules, detected_by="person", confirmed=True) == ()


def test_a_field_is_required_from_its_state_on() -> None:
    row = {**ROW, "fields": {}, "cause": None}
    first = LIFE.index("identified")
    for at, state in enumerate(LIFE[:-1]):
        assert unfilled(RULES, row, S(state)) == (("ticket",) if at >= first else ())
    assert unfilled(RULES, row, S.CLOSED) == ("cause", "note", "ticket")
    assert unfilled(RULES, row, S.CANCELLED) == unfilled(RULES, row, S.MERGED) == ()
