"""What a role may do: one table, and the scopes that narrow a token further."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a route asks for."""

    READ = "read"  # figures, incidents, pages, /metrics
    REPORT = "report"  # report an incident, add to one's own
    RESPOND = "respond"  # acknowledge, resolve, comment, run
    SEND = "send"  # samples, spans, changes: what programs send
    CORRECT = "correct"  # corrections, overrides of gates, maintenance
    CLOSE = "close"  # close an incident, for good
    ADMINISTER = "administer"  # users, tokens, reading the files again


class Role(StrEnum):
    """What somebody is. No role holds all others but `admin`: the desk closes and corrects nothing,
    a manager corrects and leaves closing to the desk.
    """

    VIEWER = "viewer"
    REQUESTER = "requester"
    RESPONDER = "responder"
    MANAGER = "manager"
    DESK = "desk"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token is for; it narrows its role."""

    ALL = "all"
    READ = "read"
    SEND = "send"


P = Permission
ALL: Final = frozenset(Permission)
ROLES: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({P.READ}),
    Role.REQUESTER: frozenset({P.READ, P.REPORT}),
    Role.RESPONDER: frozenset({P.READ, P.REPORT, P.RESPOND, P.SEND}),
    Role.MANAGER: frozenset({P.READ, P.REPORT, P.RESPOND, P.SEND, P.CORRECT}),
    Role.DESK: frozenset({P.READ, P.REPORT, P.RESPOND, P.CLOSE}),
    Role.ADMIN: ALL,
}
SCOPES: Final[Mapping[Scope, frozenset[Permission]]] = {
    Scope.ALL: ALL,
    Scope.READ: frozenset({P.READ}),
    Scope.SEND: frozenset({P.SEND}),
}


def roles_with(permission: Permission) -> tuple[Role, ...]:
    """Who may, for messages."""
    return tuple(role for role, may in ROLES.items() if permission in may)
