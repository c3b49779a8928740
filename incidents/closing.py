"""What must be filled in at a state, and why an incident may not be closed yet. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from incidents.model import IncidentState, Severity
from incidents.types import LIFE, TypeRules

FINAL: Final = "final"  # the state of a review that is done
PERSON: Final = "person"  # `detected_by` of what somebody reported
MACHINE_FROM: Final = Severity.SEV3  # what is worse is closed by people only
_CLOSABLE: Final = (IncidentState.RESOLVED, IncidentState.REVIEW)


def refusals(
    rules: TypeRules,
    incident: Mapping[str, Any],
    *,
    roles: Collection[str] | None,
    review_state: str | None,
    confirmed: bool,
    by_machine: bool = False,
) -> tuple[str, ...]:
    """Why an incident cannot be closed now, every reason at once, each a clause that says what to
    do; empty: it can.

    `incident` is its row with `fields` read. `roles` are those that whoever closes has on it; None
    where nobody is told apart. `review_state` is that of its review, None without one; `confirmed`
    says whether the requester was asked and said yes.
    """
    state = IncidentState(incident["state"])
    if state in (IncidentState.CLOSED, IncidentState.CANCELLED, IncidentState.MERGED):
        return (f"it is {state.value} already",)
    found = []
    if state not in _CLOSABLE:
        found.append(f"it is {state.value}: resolve it first")
    if by_machine and incident["severity"] < MACHINE_FROM:
        found.append(f"it is SEV{incident['severity']}: a person closes it")
    if roles is not None and rules.closing.roles and not set(roles) & set(rules.closing.roles):
        found.append(f"closing needs the role {' or '.join(rules.closing.roles)}")
    if incident["tier"] > 1:
        found.append(f"it is with L{incident['tier']}: hand it back to the desk")
    if empty := unfilled(rules, incident, IncidentState.CLOSED):
        found.append(f"not filled in: {', '.join(empty)}")
    if incident["severity"] in rules.closing.review and review_state != FINAL:
        stands = "it has none" if review_state is None else f"it is {review_state}"
        found.append(f"SEV{incident['severity']} needs a final review: {stands}")
    if rules.closing.confirmed and is_reported(incident) and not confirmed:
        found.append(f"{reporter_of(incident)} has not confirmed that it is over")
    return tuple(found)


def unfilled(
    rules: TypeRules, incident: Mapping[str, Any], state: IncidentState
) -> tuple[str, ...]:
    """The fields that must be filled in at a state and are not; what a type requires at a state it
    requires from there on. What is cancelled or merged needs nothing.
    """
    if state.value not in LIFE:
        return ()
    reached = LIFE[: LIFE.index(state.value) + 1]
    wanted = [field.name for field in rules.fields if field.required_at in reached]
    if state is IncidentState.CLOSED:
        wanted = [*rules.closing.required, *wanted]
    return tuple(name for name in dict.fromkeys(wanted) if _is_empty(rules, incident, name))


def is_reported(incident: Mapping[str, Any]) -> bool:
    """Whether somebody reported it, who can say whether it is over."""
    return bool(incident.get("detected_by") == PERSON)


def reporter_of(incident: Mapping[str, Any]) -> str:
    """Who reported it: `rita` also where `rita (by ada)` is recorded."""
    return str(incident["reporter"]).partition(" (by ")[0]


def _is_empty(rules: TypeRules, incident: Mapping[str, Any], name: str) -> bool:
    own = rules.field(name) is None
    value = incident.get(name) if own else incident["fields"].get(name)
    return value is None or value in ("", [])
