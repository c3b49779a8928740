"""`vigie slo gate` against a real server."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components import eventually
from fleet import BROKEN, CONFIG, Door, Fleet, live
from serving import Watched, watched
from slo.spec import Service, Unknown
from vigie.store import gate as store

Vigie = Callable[..., Any]


@pytest.fixture
def fleet_served(door: Door, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    door.serve(fleet)
    monkeypatch.setenv("VIGIE_URL", door.url)
    monkeypatch.delenv("VIGIE_TOKEN", raising=False)
    return fleet


def test_an_open_gate_exits_0_and_says_why(vigie: Vigie, fleet_served: Fleet) -> None:
    ran = vigie("slo", "gate", "checkout")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "checkout: open",
        "  open: checkout/availability: 88 % of the error budget is left "
        "(budget action `budget-spent`)",
    ]


def test_a_closed_gate_exits_1_with_the_reason(vigie: Vigie, fleet_served: Fleet) -> None:
    fleet_served.board.now = live(BROKEN)
    ran = vigie("slo", "gate", "checkout")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.splitlines()[0] == "checkout: closed"
    assert "the error budget is overspent by 80 %" in ran.out
    told = vigie("slo", "gate", "checkout", "--format", "json")
    assert (told.status, json.loads(told.out)["gate"]) == (1, "closed")


def test_what_is_unknown_passes_with_a_warning_or_not_as_its_policy_says(
    vigie: Vigie, fleet_served: Fleet
) -> None:
    for extra in ((), ("--format", "json")):
        ran = vigie("slo", "gate", "payments", *extra)
        assert ran.status == 0
        assert ran.err.startswith("warning: payments/availability: nobody can tell whether ")
    assert json.loads(ran.out)["state"] == "unknown"
    strict = {
        slo: replace(watch, policy=replace(watch.policy, gate_on_unknown=Unknown.CLOSED))
        for slo, watch in CONFIG.watches.items()
    }
    now = fleet_served.board.now
    fleet_served.board.now = replace(now, config=replace(CONFIG, watches=strict))
    ran = vigie("slo", "gate", "payments")
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.startswith("payments: closed (measured: unknown)\n  unknown: payments/")


def test_an_override_opens_the_gate_in_the_name_of_who_asks(
    vigie: Vigie, fleet_served: Fleet
) -> None:
    fleet_served.board.now = live(BROKEN)
    ran = vigie("slo", "gate", "checkout", "--override", "the fix", "--for", "2h", "--as", "ann")
    assert ran.status == 0
    assert ran.out.splitlines()[:2] == [
        "checkout: open (measured: closed)",
        "  overridden by ann until 2026-09-21T16:13:20.000Z: the fix",
    ]
    assert vigie("slo", "gate", "checkout").status == 0
    vigie("slo", "gate", "checkout", "--override", "again", "--for", "1h")
    made = fleet_served.db.read(lambda c: store.page(c, "checkout", before=None, limit=9))
    login = pwd.getpwuid(os.getuid()).pw_name
    assert [(one.author, one.reason) for one in made] == [(login, "again"), ("ann", "the fix")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chekcout",), "There is no service `chekcout`"),
        (("a/b",), "There is nothing at /api/v1/services/a/b/gate"),
        (("checkout", "--override", "why"), "write --override REASON --for 2h"),
        (("checkout", "--for", "2h"), "write --override REASON --for 2h"),
        (("checkout", "--override", "why", "--for", "8d"), "at most 7d"),
        (("checkout", "--override", " ", "--for", "1h"), "body.reason"),
        (("checkout", "--url", "http://127.0.0.1:1"), "no answer from http://127.0.0.1:1"),
    ],
)
def test_where_there_is_no_answer_it_exits_2_so_that_1_only_means_closed(
    vigie: Vigie, fleet_served: Fleet, arguments: tuple[str, ...], said: str
) -> None:
    ran = vigie("slo", "gate", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_a_service_without_slos_is_open(vigie: Vigie, fleet_served: Fleet) -> None:
    config = replace(CONFIG, services={**CONFIG.services, "mail": Service("mail")})
    fleet_served.board.now = replace(fleet_served.board.now, config=config)
    ran = vigie("slo", "gate", "mail")
    assert (ran.status, ran.out) == (
        0,
        "mail: open\n  open: the service has no SLO: nothing freezes its deploys\n",
    )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Watched]:
    with watched(tmp_path) as served:
        yield served


def asked(served: Watched, *arguments: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "vigie.cli", "slo", "gate", "shop", *arguments]
    env = {**os.environ, "VIGIE_URL": f"http://127.0.0.1:{served.port}"}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.system
def test_a_pipeline_is_stopped_by_a_spent_budget_and_overridden_through_a_restart(
    shop: Watched,
) -> None:
    assert asked(shop).returncode == 2  # nobody serves yet
    path = shop.folder / "slos" / "availability.yaml"
    # A test covers seconds of the month; with this floor they are judged all the same.
    path.write_text(path.read_text() + "  coverage_floor: 0.0000001\n")
    shop.start()
    eventually(lambda: shop.counted()[1] > 40)
    ran = asked(shop)
    assert (ran.returncode, ran.stdout.splitlines()[0]) == (0, "shop: open")
    shop.shop.bad = 20
    eventually(lambda: asked(shop).returncode == 1, every_s=0.2)
    assert "the error budget is overspent" in asked(shop).stdout
    said = ("--override", "rolls back", "--for", "1h", "--as", "ann")
    assert asked(shop, *said).returncode == 0
    shop.stop()
    shop.start()
    again = eventually(lambda: (ran := asked(shop)).returncode == 0 and ran)
    assert "overridden by ann until" in again.stdout
