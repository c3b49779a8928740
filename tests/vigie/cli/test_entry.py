"""vigie.cli.entry: the commands there are, and what an ending becomes."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

Vigie = Callable[..., Any]


def test_the_version_is_that_of_the_package(vigie: Vigie) -> None:
    ran = vigie("--version")
    assert (ran.status, ran.out) == (0, f"vigie {version('vigie')}\n")


@pytest.mark.parametrize(
    "command",
    [
        ("demo",),
        ("init",),
        ("serve",),
        ("doctor",),
        ("schema",),
        ("slo", "check"),
        ("runbook", "check"),
        ("runbook", "list"),
        ("dashboard", "build"),
        *(("incident", name) for name in ("list", "show", "ack", "resolve", "comment")),
        *(("user", name) for name in ("add", "list", "role", "disable", "password", "grant")),
        *(("token", name) for name in ("add", "list", "revoke")),
        *(("db", name) for name in ("migrate", "backup", "restore", "verify")),
    ],
)
def test_every_command_says_what_it_does(vigie: Vigie, command: tuple[str, ...]) -> None:
    ran = vigie(*command, "--help")
    assert ran.status == 0
    assert "usage" in ran.out.lower()


def test_a_command_that_is_not_there_could_not_run(vigie: Vigie) -> None:
    assert vigie("sing").status == 2


def test_settings_that_are_not_there_could_not_run_and_leave_no_traceback(vigie: Vigie) -> None:
    ran = vigie("serve", "--config", "/nowhere/vigie.yaml")
    assert ran.status == 2
    assert ran.err == (
        "/nowhere/vigie.yaml: error: there is no such file; `vigie init DIR` writes one\n"
    )
