"""What automations do: each action once, whatever dies; loops end and say so."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from incidents.automation import MOST_IN_HOUR, Action, Automation, Conditions
from incidents.types import Field, TypeRules, Types
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from vigie import handlers
from vigie.commands import acknowledge, automation, comments, fields, restrict
from vigie.config import Channel
from vigie.handlers.automate import Automate
from vigie.store import automations, incidents, jobs
from vigie.store.sql import from_json, to_json
from vigie.store.tables import job as job_table
from vigie.store.tables_automation import automation_run

LEASE_S = 30.0
DESK = Channel("desk", "webhook", frozenset({"notice"}), url="http://127.0.0.1:9/desk")
BOOK = Runbook(
    "look",
    "Look around",
    Match(services=("nobody",)),
    Mode.DIAGNOSE,
    (Step("a", StepKind.HTTP, "Look", url="http://127.0.0.1:9/", read_only=True),),
)
Do = tuple[str, Mapping[str, Any]]
FIELDS = tuple(Field(name, name) for name in ("a", "b", "c", "d", "e"))


def rule(name: str, event: str, *actions: Do, **more: Any) -> Automation:
    return Automation(name, (event,), tuple(Action(do, given) for do, given in actions), **more)


def sets(name: str, field: str, value: str, event: str = "field_set", **more: Any) -> Automation:
    return rule(name, event, ("set", {f"field.{field}": value}), **more)


def configure(world: Any, *rules: Automation, channels: tuple[Channel, ...] = (DESK,)) -> None:
    world.configure(*channels, runbooks=(BOOK,))
    types = Types({"default": TypeRules("default", fields=FIELDS)})
    config = replace(world.board.now.config, automations=rules, types=types)
    world.board.now = replace(world.board.now, config=config)
    world.db.write(lambda c: handlers.wait_for_events(c, config))


async def settle(world: Any) -> None:
    """Run the automations until none is due; messages to channels stay where they are."""
    handler = Automate(db=world.db, board=world.board, clock=world.clock)
    for _ in range(100):
        due = take(world)
        if not due:
            return
        for job in due:
            await handler(job)
            world.db.write(partial(jobs.finish, job=job, now=world.clock.now()))
    pytest.fail("it goes on for ever")


def take(world: Any) -> list[jobs.Job]:
    now = world.clock.now()
    claimed: list[jobs.Job] = world.db.write(
        lambda c: jobs.claim(c, "w", [automations.JOB], now=now, lease_s=LEASE_S, limit=10)
    )
    return claimed


def automated(world: Any, number: int) -> list[str]:
    return [text for kind, text in world.said(number) if kind == "automated"]


def edit(world: Any, number: int, actor: str = "ada", **values: Any) -> None:
    given = {f"field.{name}": value for name, value in values.items()}
    config, now = world.board.now.config, world.clock.now()
    fields.edit(world.db, config, number, given, actor=actor, now=now)


async def test_everything_that_can_be_done_is_done_and_said(world: Any) -> None:
    every = rule(
        "all",
        "opened",
        ("assign", {"part": "l2", "to": "ada"}),
        ("notify", {"channels": ["desk"], "text": "look at #${number}: ${title}"}),
        ("set", {"cause": "deploy", "field.a": "${service}"}),
        (
            "add_task",
            {"title": "${title}", "owner": "ada", "due_s": 60.0, "kind": "work", "check": None},
        ),
        ("start_runbook", {"name": "look"}),
        ("page", {"channels": [], "text": ""}),
        ("comment", {"text": "it is ${severity}, $$5"}),
        ("link", {"kind": "ticket", "to": "https://t.example/${number}", "title": "T${number}"}),
        ("escalate", {"tier": 2, "reason": "${automation} asks"}),
        conditions=Conditions(services=("checkout",), severity=2),
    )
    configure(world, every)
    number = world.open()
    await settle(world)
    (text,) = automated(world, number)
    first, *lines = text.split("\n")
    assert first == "Automation all, after entry 1 (opened, service checkout, SEV2 or worse)"
    assert len(lines) == 9
    assert [line for line in lines if "NOT DONE" in line] == []
    by = {entry["kind"]: entry for entry in world.timeline(number)}
    assert {"role_taken", "field_set", "task_added", "run_started", "commented", "linked"} <= set(
        by
    )
    assert by["commented"]["text"] == "it is SEV2, $5"
    assert by["commented"]["actor"] == "automation/all"
    assert by["automated"]["data"]["after"] == 1
    found = world.db.read(lambda c: incidents.get(c, number))
    assert found is not None
    assert (found["cause"], found["tier"], found["fields"]) == ("deploy", 2, {"a": "checkout"})


async def test_what_cannot_be_done_is_said_and_keeps_nothing_else(world: Any) -> None:
    configure(
        world,
        rule(
            "half",
            "opened",
            ("escalate", {"tier": 1, "reason": "back"}),
            ("notify", {"channels": ["gone"], "text": "a"}),
            ("set", {"field.unknown": "a"}),
            ("start_runbook", {"name": "gone"}),
            ("link", {"kind": "related", "to": "99", "title": ""}),
            ("comment", {"text": "done all the same"}),
        ),
    )
    number = world.open()
    await settle(world)
    (text,) = automated(world, number)
    assert [line.startswith("- NOT DONE: ") for line in text.split("\n")[1:]] == [
        *[True] * 5,
        False,
    ]
    assert "there is no channel `gone` any more" in text
    assert ("commented", "done all the same") in world.said(number)
    (run,) = world.db.read(lambda c: automations.of_incident(c, number))
    assert (run["state"], run["failures"]) == ("failed", 5)


async def test_an_entry_starts_an_automation_once(world: Any) -> None:
    configure(world, rule("note", "opened", ("comment", {"text": "a"})))
    number = world.open()
    await settle(world)
    now, config = world.clock.now(), world.board.now.config
    again = world.db.write(lambda c: automation.decide(c, config, number, 1, None, now))
    assert again == []
    assert world.said(number).count(("commented", "a")) == 1


async def test_an_entry_that_nothing_waits_for_gets_no_job(world: Any) -> None:
    configure(world, rule("note", "resolved", ("comment", {"text": "a"})))
    world.open()
    assert take(world) == []


@pytest.mark.parametrize("dies_after", range(4))
async def test_who_dies_between_two_actions_is_followed_by_one_that_goes_on(
    world: Any, dies_after: int
) -> None:
    """Also one that died after an action and before it was written down."""
    texts: list[Do] = [("comment", {"text": f"action {n}"}) for n in range(2)]
    task = {"title": "a", "owner": "", "due_s": None, "kind": "work", "check": None}
    rest: list[Do] = [("add_task", task), ("start_runbook", {"name": "look"})]
    configure(world, rule("note", "opened", *texts, *rest))
    number = world.open()
    (job,) = take(world)
    config, now = world.board.now.config, world.clock.now()
    (id_,) = world.db.write(lambda c: automation.decide(c, config, number, 1, None, now))
    for _ in range(dies_after):
        assert automation.act(world.db, config, id_, now)
    run = world.db.read(lambda c: automations.get(c, id_))
    assert automation.act(world.db, config, id_, now)  # done, and its record is lost:
    world.db.write(partial(_forget, run=run))
    world.clock.set(now + LEASE_S + 1)
    await settle(world)
    assert len([t for k, t in world.said(number) if k == "commented"]) == 2
    assert [k for k, _ in world.said(number)].count("task_added") == 1
    assert [k for k, _ in world.said(number)].count("run_started") == 1
    (text,) = automated(world, number)
    assert "NOT DONE" not in text
    late = world.db.write(lambda c: jobs.finish(c, job, now))
    assert not late  # whoever was thought dead writes nothing any more


def _forget(c: Any, run: Any) -> None:
    c.execute(
        automation_run.update()
        .where(automation_run.c.id == run["id"])
        .values(results=to_json(run["results"]), failures=0)
    )


async def test_what_was_decided_stays_whatever_the_incident_became(world: Any) -> None:
    first = rule("first", "opened", ("escalate", {"tier": 2, "reason": "a"}))
    asks = Conditions(tiers=(2,))
    configure(world, first, rule("late", "opened", ("comment", {"text": "b"}), conditions=asks))
    number = world.open()
    config, now = world.board.now.config, world.clock.now()
    (id_,) = world.db.write(lambda c: automation.decide(c, config, number, 1, None, now))
    assert automation.act(world.db, config, id_, now)  # it is L2 from here on
    world.clock.set(now + LEASE_S + 1)
    await settle(world)
    assert "b" not in [text for _, text in world.said(number)]


async def test_two_that_set_each_other_end_after_each_ran_once(world: Any) -> None:
    configure(world, sets("one", "a", "${actor}"), sets("other", "b", "${actor}"))
    number = world.open()
    edit(world, number, c="x")
    await settle(world)
    runs = world.db.read(lambda c: automations.of_incident(c, number))
    assert {(r["automation"], tuple(r["chain"])) for r in runs if r["state"] == "done"} == {
        ("one", ("one",)),
        ("other", ("other",)),
        ("other", ("one", "other")),
        ("one", ("other", "one")),
    }
    refused = [text for text in automated(world, number) if "was not run" in text]
    assert refused
    assert len(refused) == len(set(refused))
    assert any("it follows from what it did itself (one -> other -> one)" in t for t in refused)
    notices = [j for j in jobs_of(world, "notify") if j["event"] == "automated"]
    assert len(notices) == len(refused)  # the desk heard of each


async def test_an_automation_does_not_follow_itself(world: Any) -> None:
    configure(world, sets("self", "a", "${actor} ${number}"))
    number = world.open()
    edit(world, number, b="x")
    await settle(world)
    assert [k for k, _ in world.said(number)].count("field_set") == 2
    assert "it follows from what it did itself (self -> self)" in automated(world, number)[-1]


async def test_at_most_three_follow_from_one_another(world: Any) -> None:
    steps: list[tuple[str, Do]] = [
        ("field_set", ("comment", {"text": "x"})),
        ("commented", ("escalate", {"tier": 2, "reason": "x"})),
        ("escalated", ("link", {"kind": "trace", "to": "ab" * 8, "title": ""})),
        ("linked", ("comment", {"text": "too deep"})),
    ]
    rules = [rule(f"r{n}", event, action) for n, (event, action) in enumerate(steps)]
    configure(world, *rules)
    number = world.open()
    edit(world, number, a="x")
    await settle(world)
    assert "too deep" not in [text for _, text in world.said(number)]
    assert (
        "at most 3 automations follow from one another (r0 -> r1 -> r2 -> r3)"
        in (automated(world, number)[-1])
    )


async def test_at_most_so_many_run_on_an_incident_in_an_hour(world: Any) -> None:
    configure(world, rule("echo", "commented", ("notify", {"channels": [], "text": "a"})))
    number = world.open()
    for n in range(MOST_IN_HOUR + 5):
        say(world, number, f"comment {n}")
        await settle(world)
    told = automated(world, number)
    assert len(told) == MOST_IN_HOUR + 1
    assert "20 automations ran on this incident within an hour" in told[-1]
    world.clock.set(world.clock.now() + 3601)
    say(world, number, "later")
    await settle(world)
    assert len(automated(world, number)) == MOST_IN_HOUR + 2


async def test_its_pages_and_tasks_and_runs_are_its_own_doing(world: Any) -> None:
    task = {"title": "a", "owner": "", "due_s": 60.0, "kind": "work", "check": None}
    begin: list[Do] = [
        ("add_task", task),
        ("start_runbook", {"name": "look"}),
        ("page", {"channels": [], "text": "x"}),
    ]
    loud = ("task_due", "run_started", "run_finished", "paged", "page_failed", "page_skipped")
    configure(
        world,
        rule("a", "opened", *begin),
        Automation("b", loud, (Action("comment", {"text": "x"}),)),
    )
    number = world.open()
    for _ in range(8):
        await world.run_due(after_s=30)
    runs = world.db.read(lambda c: automations.of_incident(c, number))
    chains = {tuple(run["chain"]) for run in runs if run["automation"] == "b"}
    assert ("a", "b") in chains
    (page,) = [r for r in runs if "page_failed" in r["why"] and r["automation"] == "b"][:1]
    assert page["chain"] in (
        ["b"],
        ["a", "b"],
    )  # of the incident's own page, or of the automation's
    due = next(r for r in runs if r["why"].startswith("task_due"))
    assert due["chain"] == ["a", "b"]


async def test_still_so_after_a_time(world: Any) -> None:
    asks = Conditions(states=("triage",))
    late = rule("late", "opened", ("comment", {"text": "nobody"}), conditions=asks, for_s=900.0)
    configure(world, late)
    first, second = world.open(), world.open(key="slo-burn:other")
    await settle(world)
    acknowledge(world.db, world.board.now.config, second, "ada", world.clock.now())
    world.clock.set(world.clock.now() + 899)
    await settle(world)
    assert automated(world, first) == []
    world.clock.set(world.clock.now() + 1)
    await settle(world)
    assert len(automated(world, first)) == 1
    assert automated(world, second) == []


async def test_of_a_restricted_incident_a_channel_hears_the_number_alone(
    world: Any, receiver: Any
) -> None:
    channel = replace(receiver.channel(), name="desk", receives=frozenset({"notice"}))
    tell = ("notify", {"channels": ["desk"], "text": "secret ${title}"})
    configure(world, rule("tell", "restricted", tell), channels=(channel,))
    number = world.open()
    config = world.board.now.config
    restrict.restrict(world.db, config, number, "why", actor="ada", now=world.clock.now())
    await world.run_due()
    body = receiver.got[-1][1].decode()
    assert "restricted incident" in body
    assert "secret" not in body
    assert "checkout" not in body
    assert len(automated(world, number)) == 1


async def test_a_job_that_is_given_up_says_what_was_not_done(world: Any) -> None:
    configure(world, rule("note", "opened", *[("comment", {"text": f"{n}"}) for n in range(3)]))
    number = world.open()
    (job,) = take(world)
    config, now = world.board.now.config, world.clock.now()
    (id_,) = world.db.write(lambda c: automation.decide(c, config, number, 1, None, now))
    assert automation.act(world.db, config, id_, now)
    dead = handlers.on_dead(world.board, world.clock)
    world.db.write(lambda c: dead(c, job, "the disk is full"))
    (text,) = automated(world, number)
    assert [line.startswith("- NOT DONE") for line in text.split("\n")[1:]] == [False, True, True]
    assert "the disk is full" in text


def say(world: Any, number: int, text: str) -> None:
    now = world.clock.now()
    comments.comment(world.db, world.board.now.config, number, text, actor="ada", now=now)


def jobs_of(world: Any, kind: str) -> list[Any]:
    found = select(job_table.c.payload).where(job_table.c.kind == kind)
    return world.db.read(lambda c: [from_json(row.payload) for row in c.execute(found)])  # type: ignore[no-any-return]  # JSON
