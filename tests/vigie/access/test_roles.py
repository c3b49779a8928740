"""The table of roles, whole."""

import pytest

from vigie.access.identity import ANYONE, NOBODY, SHARED, Identity, Kind
from vigie.access.roles import ALL, ROLES, SCOPES, Permission, Role, Scope, roles_with
from vigie.store.users import Grant

# Roles across, in the order of the enum: viewer requester responder manager desk admin.
TABLE = {
    Permission.READ: "xxxxxx",
    Permission.REPORT: ".xxxxx",
    Permission.RESPOND: "..xxxx",
    Permission.SEND: "..xx.x",
    Permission.CORRECT: "...x.x",
    Permission.CLOSE: "....xx",
    Permission.ADMINISTER: ".....x",
}


@pytest.mark.parametrize("permission", Permission)
def test_who_may_what_is_this_table(permission: Permission) -> None:
    marks = "".join("x" if permission in ROLES[role] else "." for role in Role)
    assert marks == TABLE[permission]
    assert roles_with(permission) == tuple(r for r in Role if permission in ROLES[r])


def test_a_scope_leaves_all_one_or_the_other() -> None:
    left = {scope: set(may) for scope, may in SCOPES.items()}
    assert left == {
        Scope.ALL: set(Permission),
        Scope.READ: {Permission.READ},
        Scope.SEND: {Permission.SEND},
    }


@pytest.mark.parametrize("permission", Permission)
def test_anyone_and_the_shared_token_may_all_and_nobody_nothing(permission: Permission) -> None:
    assert ANYONE.may(permission)
    assert SHARED.may(permission)
    assert not NOBODY.may(permission)


def test_a_right_on_one_incident_is_a_right_on_no_other_and_on_nothing_else() -> None:
    given = (Grant("incident", "7", "responder"), Grant("team", "8", "admin"))
    ada = Identity(Kind.PERSON, "ada", Role.VIEWER, ROLES[Role.VIEWER], grants=given)
    assert ada.may(Permission.RESPOND, 7)
    assert not ada.may(Permission.RESPOND, 8)
    assert not ada.may(Permission.RESPOND)
    assert not ada.may(Permission.CLOSE, 7)


def test_what_narrows_a_token_narrows_its_rights_on_incidents_too() -> None:
    given = (Grant("incident", "7", "responder"),)
    ci = Identity(Kind.TOKEN, "ada/ci", Role.VIEWER, ALL, SCOPES[Scope.READ], given)
    assert ci.may(Permission.READ, 7)
    assert not ci.may(Permission.RESPOND, 7)
