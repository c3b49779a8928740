"""`vigie user` and `vigie token`, against a real server and without one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from accounts import PASSWORD, served, token, user
from fleet import Fleet, Site
from vigie.access import Role, Scope
from vigie.access.proofs import TOKEN_PREFIX
from vigie.cli.given import API_TOKEN
from vigie.cli.tokens import Scope as CliScope
from vigie.cli.users import Role as CliRole
from vigie.store.tables_access import user_session

Vigie = Callable[..., Any]


@pytest.fixture
async def server(serve: Callable[..., Site], fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A server with an admin, and a shell with a token of theirs."""
    site = served(serve, fleet)
    monkeypatch.setenv("VIGIE_URL", site.url)
    monkeypatch.setenv("VIGIE_TOKEN", token(fleet, of=user(fleet)))
    return site


def test_the_words_are_those_of_the_server() -> None:
    assert [r.value for r in CliRole] == [r.value for r in Role]
    assert [s.value for s in CliScope] == [s.value for s in Scope]
    assert API_TOKEN == TOKEN_PREFIX


def test_users_are_made_changed_and_disabled(vigie: Vigie, server: Site) -> None:
    made = vigie("user", "add", "bob", "--role", "viewer")
    assert made.status == 0
    assert made.out.startswith("bob signs in with the one-time password ")
    assert vigie("user", "add", "bob").status == 1
    assert vigie("user", "role", "bob", "manager").out == "bob is manager\n"
    assert vigie("user", "grant", "bob", "--incident", 7, "--role", "desk").status == 0
    assert "#7:desk" in vigie("user", "list").out
    assert vigie("user", "ungrant", "bob", "--incident", 7).status == 0
    assert vigie("user", "disable", "bob").out == "bob is disabled\n"
    assert vigie("user", "enable", "bob").out == "bob is enabled\n"
    reset = json.loads(vigie("user", "password", "bob", "--format", "json").out)
    assert reset["one_time_password"] not in made.out
    listed = json.loads(vigie("user", "list", "--format", "json").out)["items"]
    assert [(one["name"], one["role"], one["grants"]) for one in listed] == [
        ("ada", "admin", []),
        ("bob", "manager", []),
    ]
    last = vigie("user", "disable", "ada")
    assert (last.status, "last admin" in last.err) == (1, True)


def test_tokens_are_made_used_and_revoked(
    vigie: Vigie, server: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = vigie("token", "add", "reader", "--role", "viewer", "--scope", "read")
    assert made.status == 0
    number = json.loads(vigie("token", "list", "--format", "json").out)["items"][0]["id"]
    assert "reader" in vigie("token", "list").out
    admin = made.out.strip()
    with monkeypatch.context() as shell:
        shell.setenv("VIGIE_TOKEN", admin)
        refused = vigie("user", "list")
        assert (refused.status, "roles that may: admin" in refused.err) == (1, True)
    assert vigie("token", "revoke", number).out == f"token {number} (reader) is revoked\n"
    monkeypatch.setenv("VIGIE_TOKEN", admin)
    ended = vigie("token", "list")
    assert (ended.status, "revoked" in ended.err) == (2, True)


def test_a_password_serves_where_there_is_no_token_yet(
    vigie: Vigie, server: Site, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIGIE_TOKEN")
    typed: list[str] = []

    def prompt(text: str, **_: object) -> str:
        typed.append(text)
        return PASSWORD

    monkeypatch.setattr("typer.prompt", prompt)
    made = vigie("token", "--sign-in", "ada", "add", "ci", "--format", "json")
    assert typed == ["Password of ada"]
    facts = json.loads(made.out)
    assert (facts["user"], facts["created_by"]) == ("ada", "ada")
    # It signed out again.

    count = select(func.count()).select_from(user_session)
    assert fleet.db.read(lambda c: c.execute(count).scalar()) == 0


def test_who_acts_with_a_token_is_whose_it_is(vigie: Vigie, server: Site, fleet: Fleet) -> None:
    number = fleet.open()
    shown = json.loads(vigie("incident", "ack", number, "--format", "json").out)
    assert shown["acknowledged_by"] == "ada/ci"


def test_without_a_server_the_database_is_written_itself(vigie: Vigie, tmp_path: Path) -> None:
    config = tmp_path / "vigie.yaml"
    config.write_text("files: []\n")
    where = ("--offline", "--config", config)
    first = vigie("user", "add", "bob", *where)
    assert (first.status, "first user is an admin" in first.err) == (1, True)
    made = json.loads(
        vigie("user", "add", "ada", "--role", "admin", *where, "--format", "json").out
    )
    again = json.loads(vigie("user", "password", "ada", *where, "--format", "json").out)
    assert made["one_time_password"] != again["one_time_password"]
    assert vigie("user", "password", "eve", *where).status == 1
