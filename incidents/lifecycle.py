"""Which state an incident may go to from where, and where an event takes it. Pure."""

from incidents.model import OPEN_STATES, EventKind, IncidentState

_S = IncidentState

# Forward moves may leave a state out (a person resolves straight from triage); back goes only what
# reality takes back: an impact that returns, a fix that was none. What is over is opened again by
# `reopen` alone, within the window of its type.
TRANSITIONS: dict[IncidentState, frozenset[IncidentState]] = {
    _S.TRIAGE: frozenset(
        {_S.INVESTIGATING, _S.IDENTIFIED, _S.MITIGATED, _S.RESOLVED, _S.CANCELLED, _S.MERGED}
    ),
    _S.INVESTIGATING: frozenset(
        {_S.IDENTIFIED, _S.MITIGATED, _S.RESOLVED, _S.CANCELLED, _S.MERGED}
    ),
    _S.IDENTIFIED: frozenset(
        {_S.INVESTIGATING, _S.MITIGATED, _S.RESOLVED, _S.CANCELLED, _S.MERGED}
    ),
    _S.MITIGATED: frozenset(
        {_S.INVESTIGATING, _S.IDENTIFIED, _S.RESOLVED, _S.CANCELLED, _S.MERGED}
    ),
    _S.RESOLVED: frozenset({_S.REVIEW, _S.CLOSED, _S.INVESTIGATING}),
    _S.REVIEW: frozenset({_S.CLOSED, _S.INVESTIGATING}),
    _S.CLOSED: frozenset({_S.INVESTIGATING}),
    _S.CANCELLED: frozenset(),
    _S.MERGED: frozenset(),
}


def allowed(before: IncidentState, after: IncidentState) -> bool:
    """Whether an incident may go from one state to the other; staying is always allowed."""
    return before is after or after in TRANSITIONS[before]


def is_open(state: IncidentState) -> bool:
    """Whether the incident still holds its dedup key, so that no second one opens beside it."""
    return state in OPEN_STATES


def after(kind: EventKind, state: IncidentState) -> IncidentState:
    """The state that an event leaves an open incident in; an ended one stays as it is.

    Recovery is measured and moves no state: whether the impact is over is a person's word, except
    where nobody answered and the incident resolves by itself.
    """
    if not is_open(state):
        return state
    if kind is EventKind.RESOLVED:
        return IncidentState.RESOLVED
    if kind is EventKind.ACKNOWLEDGED and state is IncidentState.TRIAGE:
        return IncidentState.INVESTIGATING
    if kind is EventKind.RELAPSED and state is IncidentState.MITIGATED:
        return IncidentState.INVESTIGATING
    return state
