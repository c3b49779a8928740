"""Who may speak to the server, and what they may do: users, sessions, tokens, roles, limits."""

from vigie.access.accounts import Accounts
from vigie.access.gate import (
    COOKIE,
    GUEST,
    GUEST_COOKIE,
    LOGIN,
    PASSWORD,
    SESSION,
    Gate,
    client_of,
    judged,
    problem,
)
from vigie.access.identity import NOT_SAID, Forbidden, Identity, acting, current, viewing
from vigie.access.middleware import Access
from vigie.access.roles import Permission, Role, Scope
from vigie.access.routes import Guarded, needs, needs_of
from vigie.access.throttle import FAILURES_WINDOW_S, MAX_CLIENTS, MAX_FAILURES, Throttle

__all__ = [
    "COOKIE",
    "FAILURES_WINDOW_S",
    "GUEST",
    "GUEST_COOKIE",
    "LOGIN",
    "MAX_CLIENTS",
    "MAX_FAILURES",
    "NOT_SAID",
    "PASSWORD",
    "SESSION",
    "Access",
    "Accounts",
    "Forbidden",
    "Gate",
    "Guarded",
    "Identity",
    "Permission",
    "Role",
    "Scope",
    "Throttle",
    "acting",
    "client_of",
    "current",
    "judged",
    "needs",
    "needs_of",
    "problem",
    "viewing",
]
