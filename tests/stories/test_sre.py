"""The story of a burn, as its engineers live it: measured, paged, rolled back, learnt from, and
what was learnt put to the test by the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Golden
from fleet import Door
from story import FIGURES, MINUTE_S, Person, Stage, at, kinds_of
from vigie.access import Role

HERE = Path(__file__).parent
A_MINUTE, FAIL = 1000, 600  # requests, and those of them that fail while it burns


@dataclass(frozen=True)
class Shop:
    """The stage and who works on it."""

    stage: Stage
    ben: Person  # on call
    lea: Person  # knows the code
    dora: Person  # the service desk

    def calm(self, minutes: int) -> None:
        self.stage.serves(minutes * MINUTE_S, A_MINUTE, every_s=MINUTE_S)

    def broken(self, minutes: int) -> None:
        self.stage.serves(minutes * MINUTE_S, A_MINUTE - FAIL, FAIL, every_s=MINUTE_S)


@pytest.fixture
def shop(tmp_path: Path, door: Door) -> Iterator[Shop]:
    stage = Stage(tmp_path, door, (HERE / "sre.yaml").read_text(encoding="utf-8"))
    roles = {"ben": Role.RESPONDER, "lea": Role.RESPONDER, "dora": Role.DESK}
    yield Shop(stage, **{name: stage.person(name, role) for name, role in roles.items()})
    stage.close()


def test_a_burn_is_rolled_back_learnt_from_and_comes_again(shop: Shop, golden: Golden) -> None:
    a_deploy_in_calm(shop)
    a_burn_opens_and_pages(shop)
    ben_answers_and_reads_what_is_known(shop)
    ben_rolls_back(shop)
    it_recovers_and_ben_is_asked(shop)
    ben_resolves_and_the_cost_is_known(shop)
    the_review_is_written_and_approved(shop)
    the_desk_closes(shop)
    the_figures_say_how_long_it_took(shop)
    the_action_is_verified_by_its_check(shop)
    for suffix, output in (("md", "markdown"), ("json", "json")):
        golden(HERE / "golden" / f"sre.{suffix}", shop.stage.exported(1, shop.ben, output))
    the_same_again_opens_the_action(shop)
    shop.stage.proves_its_timelines()


def a_deploy_in_calm(shop: Shop) -> None:
    """08:00 to 08:30. A pipeline tells of a deploy three minutes before it hurts."""
    shop.calm(27)
    deploy = {"title": "checkout v2", "service": "checkout", "version": "v2", "id": "run-7"}
    told = shop.lea.asks("POST", "/changes", deploy, status=201)
    assert (told["number"], told["kind"], told["status"]) == (1, "deploy", "succeeded")
    shop.calm(3)
    assert shop.ben.asks("GET", "/incidents")["items"] == []
    (slo,) = shop.ben.asks("GET", "/slos")["items"]
    assert (slo["alert"], slo["budget_remaining"]) == ("ok", 1.0)


def a_burn_opens_and_pages(shop: Shop) -> None:
    """08:30 to 08:34. More than half of all fail; it is found, paged and diagnosed by itself."""
    shop.broken(4)
    found = shop.ben.asks("GET", "/incidents/1")
    assert (found["type"], found["state"], found["urgency"]) == ("slo-burn", "triage", "high")
    assert found["detected_by"] == "machine"
    assert at(found, "opened_at") == at(found, "detected_at") == 32 * MINUTE_S
    (page,) = shop.stage.told(1, kind="page")
    assert page["incident"]["title"] == found["title"]
    assert "burns" in found["title"]
    (book,) = found["runbooks"]
    assert (book["name"], book["steps"][0]["state"]) == ("checkout-errors", "done")
    assert FIGURES.strip() in book["steps"][0]["output"]


def ben_answers_and_reads_what_is_known(shop: Shop) -> None:
    """08:34. On his terminal: the burn, what the runbook found, and the deploy before it."""
    shown = shop.ben.types("incident", "ack", 1)
    assert "Who fails: answered" in shown
    found = shop.ben.shown("incident", "show", 1)
    assert (found["acknowledged_by"], at(found, "acknowledged_at")) == ("ben/cli", 34 * MINUTE_S)
    (change,) = found["changes"]
    assert (change["number"], change["title"]) == (1, "checkout v2")
    assert change["before_seconds"] == 60
    shop.ben.types(
        "incident", "status", 1, "identified", "--reason", "v2 came three minutes before"
    )


def ben_rolls_back(shop: Shop) -> None:
    """08:36. The way back is a change too, and stands on the incident."""
    shop.broken(2)
    back = {
        "title": "checkout v1, rolled back",
        "service": "checkout",
        "version": "v1",
        "id": "r-8",
    }
    told = shop.ben.asks("POST", "/changes", back, status=201)
    assert told["number"] == 2
    shop.ben.types("incident", "link", 1, "change", 2)
    shop.ben.types("incident", "status", 1, "mitigated", "--reason", "v1 runs again")
    (link,) = shop.ben.asks("GET", "/incidents/1/links")["items"]
    assert (link["kind"], link["ref"]) == ("change", "2")
    assert at(shop.ben.asks("GET", "/incidents/1"), "mitigated_at") == 36 * MINUTE_S


def it_recovers_and_ben_is_asked(shop: Shop) -> None:
    """Until 08:45. Nobody says that it is over: it is measured, and whoever answered is asked."""
    shop.calm(9)
    found = shop.ben.asks("GET", "/incidents/1")
    assert at(found, "recovered_at") == 43 * MINUTE_S
    assert (found["state"], found["resolved_at"]) == ("mitigated", None)
    assert kinds_of(found).count("recovered") == 1
    assert "recovered" in shop.stage.events(1)


def ben_resolves_and_the_cost_is_known(shop: Shop) -> None:
    """08:45. What failed is what was served, and its share of the budget is worked out by hand."""
    shop.ben.types("incident", "resolve", 1, "--reason", "v1 holds")
    shop.calm(3)
    found = shop.ben.asks("GET", "/incidents/1")
    assert at(found, "resolved_at") == 45 * MINUTE_S
    # Pages of 08:02 to 08:42 tell of the window up to 08:43, those of 08:28 to 08:42 of its time.
    assert found["bad_events"] == 6 * FAIL
    assert found["traffic_share"] == pytest.approx(6 * FAIL / (15 * A_MINUTE))
    assert found["budget_burned"] == pytest.approx(6 * FAIL / (0.01 * 41 * A_MINUTE))
    assert found["cost"].startswith("878.0 % of the 1d budget; 3,600 of 15,000 requests failed")
    assert found["downtime_seconds"] == 6 * MINUTE_S
    (slo,) = shop.ben.asks("GET", "/slos")["items"]
    assert slo["budget_remaining"] == pytest.approx(1 - 6 * FAIL / (0.01 * 47 * A_MINUTE))


def the_review_is_written_and_approved(shop: Shop) -> None:
    """08:48. The record drafts it; people add what it cannot know, and another one approves."""
    shown = shop.ben.types(
        "incident", "review", 1, "--start", "--set", "root_cause=deploy",
        "--set", "factors=No canary", "--set", "went_well=The runbook named payments",
        "--set", "went_badly=It took four minutes to notice", "--ask", "lea",
    )  # fmt: skip
    assert "checkout v2" in shown
    action = ("--review", "--kind", "prevent", "--owner", "ben")
    check = ("--check-slo", "checkout/availability", "--window", "20m")
    added = shop.ben.types("incident", "task", "add", 1, "Deploy by canary", *action, *check)
    assert "Deploy by canary" in added
    told = shop.ben.types("incident", "review", 1, "--approve", ends=1)
    assert "somebody else approves it" in told
    shop.lea.types("incident", "review", 1, "--approve")
    assert "  final, version" in shop.ben.types("incident", "review", 1, "--finalize")


def the_desk_closes(shop: Shop) -> None:
    told = shop.ben.types("incident", "close", 1, "--reason", "all done", ends=1)
    assert told == "This token does not cover `close`; roles that may: desk, admin.\n"
    shop.dora.types("incident", "close", 1, "--reason", "all done")
    found = shop.dora.asks("GET", "/incidents/1")
    assert (found["state"], found["closed_by"]) == ("closed", "dora/cli")


def the_figures_say_how_long_it_took(shop: Shop) -> None:
    """What began is estimated by the rates of both windows: here the short one held all of it."""
    times = shop.lea.asks("GET", "/incidents/stats")["figures"]["times"]
    took = {name: one["median_seconds"] for name, one in times.items() if one["n"]}
    found = shop.lea.asks("GET", "/incidents/1")
    assert (at(found, "started_at"), at(found, "detected_at")) == (28 * MINUTE_S, 32 * MINUTE_S)
    assert took == {
        "detect": 4 * MINUTE_S,
        "acknowledge": 2 * MINUTE_S,
        "mitigate": 8 * MINUTE_S,
        "recover": 15 * MINUTE_S,
        "resolve": 17 * MINUTE_S,
    }


def the_action_is_verified_by_its_check(shop: Shop) -> None:
    """Done is a word; verified is a measurement, and waits for the window to be clean."""
    shop.ben.types("incident", "task", "do", 1, 1)
    shop.stage.look()
    (task,) = shop.lea.asks("GET", "/incidents/1/tasks")["items"]
    assert task["state"] == "done"
    assert task["check_result"].startswith("not yet: ")
    shop.calm(31)
    (task,) = shop.lea.asks("GET", "/incidents/1/tasks")["items"]
    assert (task["state"], task["verified_by"]) == ("verified", "vigie")
    assert task["check_result"] == "100.0000% good over 20m, 99.0000% promised"


def the_same_again_opens_the_action(shop: Shop) -> None:
    """The next burn says that it did not help."""
    shop.broken(5)
    assert shop.ben.asks("GET", "/incidents/2")["state"] == "triage"
    (task,) = shop.lea.asks("GET", "/incidents/1/tasks")["items"]
    assert (task["state"], task["reopened"]) == ("open", 1)
    found = shop.lea.asks("GET", "/incidents/1")
    assert "#2" in found["timeline"][-1]["text"]
    assert "reopened 1x" in shop.ben.types("incident", "review", 1)
