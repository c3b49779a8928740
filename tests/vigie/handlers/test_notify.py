"""The notify job on a real database and a real receiver."""

from dataclasses import replace
from typing import Any

import orjson

from incidents.model import EventKind, Urgency
from runbooks.model import Match, Mode, Runbook, Step, StepKind
from vigie.live import Change

SAY = Runbook(
    "errors", "Checkout errors", Match(), Mode.SUGGEST, (Step("a", StepKind.MANUAL, "Look"),)
)


def bodies(receiver: Any) -> list[dict[str, Any]]:
    return [orjson.loads(body) for _, body in receiver.got]


async def test_a_page_arrives_and_is_written_down(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel(), runbooks=(SAY,))
    number = world.open()
    await world.run_due()
    (body,) = bodies(receiver)
    assert (body["event"], body["kind"]) == ("opened", "page")
    assert body["incident"]["number"] == number
    assert body["incident"]["url"] == f"http://vigie.example/incidents/{number}"
    assert [runbook["name"] for runbook in body["runbooks"]] == ["errors"]
    assert receiver.got[0][0]["Idempotency-Key"] == f"notify:{number}:page:oncall"
    assert world.attempts(number) == [("oncall", "page", "delivered", 1)]
    assert world.said(number) == [("paged", "Paged oncall: status 200")]


async def test_who_watches_the_incident_hears_of_each_attempt(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    heard = world.feed.listen()
    receiver.status = 503
    number = world.open()
    await world.run_due()
    receiver.status = 200
    await world.run_due(after_s=1.0)
    assert [await heard.get() for _ in range(2)] == [Change("incident", number)] * 2


async def test_a_notice_arrives_and_leaves_the_timeline_alone(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    number = world.open(urgency=Urgency.LOW)
    await world.run_due()
    assert [body["kind"] for body in bodies(receiver)] == ["notice"]
    assert world.attempts(number) == [("oncall", "notice", "delivered", 1)]
    assert world.said(number) == []


async def test_the_incident_is_told_as_it_is_when_it_is_sent(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    receiver.status = 503
    number = world.open(urgency=Urgency.LOW)
    await world.run_due()
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")
    receiver.status = 200
    await world.run_due(after_s=1.0)
    retried = next(body for body in bodies(receiver)[1:] if body["event"] == "opened")
    assert retried["incident"]["acknowledged_by"] == "ann"


async def test_a_failed_page_is_sent_again_under_the_same_key(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    number = world.open()
    receiver.status = 500
    await world.run_due()
    await world.run_due(after_s=1.0)
    receiver.status = 200
    await world.run_due(after_s=2.0)
    assert world.attempts(number) == [
        ("oncall", "page", "failed", 1),
        ("oncall", "page", "failed", 2),
        ("oncall", "page", "delivered", 3),
    ]
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.got}) == 1
    assert world.said(number) == [
        ("page_failed", "oncall could not be paged, trying again: status 500"),
        ("paged", "Paged oncall: status 200"),
    ]


async def test_a_worker_that_dies_after_the_acceptance_leaves_one_page_with_one_key(
    world: Any, receiver: Any
) -> None:
    world.configure(receiver.channel())
    number = world.open()
    (job,) = world.claim()
    await world.handlers["notify"](job)  # accepted, and never recorded
    assert world.attempts(number) == []
    await world.run_due(after_s=30.0)
    keys = [headers["Idempotency-Key"] for headers, _ in receiver.got]
    assert keys == [f"notify:{number}:page:oncall"] * 2
    assert world.said(number) == [("paged", "Paged oncall: status 200")]
    assert world.attempts(number) == [("oncall", "page", "delivered", 2)]


async def test_a_refused_page_is_tried_every_minute_and_the_others_hear_at_once(
    world: Any, receiver: Any
) -> None:
    receiver.status = 404
    silent = replace(receiver.channel("team"), receives=frozenset({"notice"}))
    world.configure(receiver.channel(), silent)
    number = world.open()
    await world.run_due()
    assert [b["event"] for b in bodies(receiver) if b["kind"] == "notice"].count("page_failed") == 1
    before = len(receiver.got)
    assert await world.run_due(after_s=59.0) == 0
    receiver.status = 200
    assert await world.run_due(after_s=1.0) == 3
    assert len(receiver.got) == before + 3
    assert ("paged", "Paged oncall: status 200") in world.said(number)


async def test_a_pause_that_the_receiver_asks_for_is_kept(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    receiver.status, receiver.headers = 429, {"Retry-After": "7"}
    world.open()
    await world.run_due()
    assert await world.run_due(after_s=6.9) == 0
    assert await world.run_due(after_s=0.1) == 1


async def test_lasting_trouble_is_told_to_the_other_channels_once(
    world: Any, receiver: Any
) -> None:
    broken = replace(receiver.channel(), url="http://127.0.0.1:1/")
    world.configure(broken, replace(receiver.channel("last"), receives=frozenset({"fallback"})))
    number = world.open()
    for _ in range(8):
        await world.run_due(after_s=300.0)
    (body,) = bodies(receiver)
    assert (body["event"], body["kind"]) == ("page_failed", "notice")
    assert body["text"].startswith("oncall could not be paged, trying again: Cannot connect")
    assert body["dedup_key"] == f"failing:notify:{number}:page:oncall:last"


async def test_a_page_that_is_given_up_is_told_to_everybody_else(world: Any, receiver: Any) -> None:
    broken = replace(receiver.channel(), url="http://127.0.0.1:1/")
    world.configure(broken, receiver.channel("team"))
    number = world.open()
    for _ in range(31):
        await world.run_due(after_s=300.0)
    last = bodies(receiver)[-1]
    assert last["event"] == "page_failed"
    assert "oncall could not be paged: gave up after 30 attempts: Cannot connect" in last["text"]
    kind, text = world.said(number)[-1]
    assert kind == "page_failed"
    assert "gave up after 30 attempts" in text
    assert world.waiting()["dead"] == 1


async def test_a_notice_that_is_given_up_alarms_nobody(world: Any, receiver: Any) -> None:
    broken = replace(receiver.channel(), url="http://127.0.0.1:1/")
    world.configure(broken, replace(receiver.channel("last"), receives=frozenset({"fallback"})))
    number = world.open(urgency=Urgency.LOW)
    for _ in range(31):
        await world.run_due(after_s=300.0)
    assert world.waiting()["dead"] == 1
    assert receiver.got == []
    assert world.said(number) == []


async def test_a_channel_that_left_the_configuration_is_told_to_those_that_stayed(
    world: Any, receiver: Any
) -> None:
    world.configure(receiver.channel())
    number = world.open()
    world.configure(receiver.channel("new"))
    await world.run_due()
    (body,) = bodies(receiver)
    assert body["event"] == "page_failed"
    assert world.said(number) == [
        (
            "page_failed",
            "oncall could not be paged: channel `oncall` is no longer in the configuration",
        )
    ]


async def test_who_answered_is_not_paged_any_more(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    number = world.open()
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")
    await world.run_due()
    assert [body["event"] for body in bodies(receiver)] == ["acknowledged"]
    assert ("oncall", "page", "skipped", 1) in world.attempts(number)
    text = "oncall was not paged: acknowledged by ann before it was sent"
    assert ("page_skipped", text) in world.said(number)


async def test_what_is_over_pages_nobody(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    number = world.open()
    world.happen(EventKind.RESOLVED, number)
    await world.run_due()
    assert [body["event"] for body in bodies(receiver)] == ["resolved"]
    text = "oncall was not paged: resolved by vigie before it was sent"
    assert ("page_skipped", text) in world.said(number)


async def test_a_relapse_pages_whoever_had_acknowledged_before(world: Any, receiver: Any) -> None:
    world.configure(receiver.channel())
    number = world.open()
    await world.run_due()
    world.happen(EventKind.ACKNOWLEDGED, number, actor="ann")
    await world.run_due()
    world.happen(EventKind.CLEARING, number)
    world.happen(EventKind.RECOVERED, number)
    await world.run_due(after_s=120.0)
    world.happen(EventKind.RELAPSED, number)
    await world.run_due()
    assert [(body["event"], body["kind"]) for body in bodies(receiver)] == [
        ("opened", "page"),
        ("acknowledged", "notice"),
        ("recovered", "notice"),
        ("relapsed", "page"),
    ]
