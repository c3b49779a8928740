"""The scenario: a fault in one replica, and every step that Vigie takes from it to recovery."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import aiohttp

from vigie.demo import fleet
from vigie.demo.config import RUNBOOK, SERVICE, SLO
from vigie.demo.facts import Facts, Json
from vigie.demo.fleet import Fleet
from vigie.demo.processes import Processes
from vigie.demo.story import Story

FAULT: Final = {"errors": 0.9}
HEALTHY_COVERAGE: Final = 0.9  # the floor of the Policy: below it nothing is decided
POLL_S: Final = 0.2


class DemoError(Exception):
    """Something that the demo is to show did not happen; says what."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo while it runs."""

    server: str  # URL
    receiver: str  # URL
    fleet: Fleet
    processes: Processes
    client: aiohttp.ClientSession
    story: Story

    async def get(self, url: str) -> Json:
        """JSON from one of our own processes."""
        async with self.client.get(url) as answer:
            answer.raise_for_status()
            body: Json = await answer.json()
            return body

    async def api(self, path: str) -> Json:
        return await self.get(f"{self.server}/api/v1{path}")


async def play(demo: Demo, facts: Facts, hold_s: float) -> None:
    story = demo.story
    await _until(demo, "every SLI to be measured and healthy", 40, lambda: _healthy(demo))
    story.happened("all SLIs are healthy")
    await _hold(demo, hold_s, "a fault comes in {} s")
    replica = demo.fleet.of(SERVICE)[0]
    facts.fault_at = time.time()
    await fleet.set_faults(replica, FAULT)
    where = fleet.address(replica)
    story.happened(f"FAULT: {SERVICE} at {where} now fails {FAULT['errors']:.0%} of its orders")
    number = await _detect(demo, facts)
    await _respond(demo, facts, number)
    await _hold(demo, hold_s, "the fault is cleared in {} s")
    await fleet.set_faults(replica, {})
    story.happened(f"the fault at {where} is cleared")
    found = await _until(
        demo, "the incident to resolve itself", 40, lambda: _resolved(demo, number)
    )
    facts.incident, facts.resolved_at = found, found["resolved_at"]
    story.happened(f"incident #{number} resolved itself at {facts.resolved_at}")


async def _detect(demo: Demo, facts: Facts) -> int:
    """The incident opens; returns its number."""
    found = await _until(demo, "the budget to burn", 25, lambda: _opened(demo))
    facts.incident, facts.opened_at = found, found["opened_at"]
    number = int(found["number"])
    link = f"{demo.server}/incidents/{number}"
    demo.story.happened(f"INCIDENT #{number} {found['severity']}: {found['title']}  {link}")
    return number


async def _respond(demo: Demo, facts: Facts, number: int) -> None:
    """The page arrives; the runbook is attached and has diagnosed."""
    page = await _until(demo, "the page to arrive", 15, lambda: _paged(demo, number))
    facts.page_delivered_at = page["at"]
    demo.story.happened(f"PAGE received, signature verified: {page['text']}")
    found = await _until(demo, "the diagnosis", 20, lambda: _diagnosed(demo, number))
    facts.incident, facts.runbook = found, found["runbooks"][0]["name"]
    facts.diagnosis_lines = diagnosis(found)
    demo.story.happened(f"RUNBOOK {facts.runbook} has diagnosed:")
    for line in facts.diagnosis_lines:
        demo.story.tell(f"    {line}", style="cyan")


async def _healthy(demo: Demo) -> Json | None:
    slos = await demo.api("/slos")
    return slos if slos["items"] and all(is_healthy(item) for item in slos["items"]) else None


def is_healthy(slo: Json) -> bool:
    """Measured over both windows of every arm, with events, and no arm says otherwise."""
    sides = [arm[side] for arm in slo["arms"] for side in ("long", "short")]
    measured = all(s["total"] > 0 and s["coverage"] >= HEALTHY_COVERAGE for s in sides)
    return bool(sides) and measured and all(arm["state"] == "ok" for arm in slo["arms"])


async def _opened(demo: Demo) -> Json | None:
    found = await demo.api(f"/incidents?service={SERVICE}&state=open")
    return next((i for i in found["items"] if i["key"] == f"slo-burn:{SLO}"), None)


async def _paged(demo: Demo, number: int) -> Json | None:
    got = (await demo.get(f"{demo.receiver}/received"))["items"]
    mine = [m for m in got if m["number"] == number and m["kind"] == "page"]
    if mine and all(m["refused"] for m in mine):
        raise DemoError(f"the page came, but its signature does not hold: {mine[0]['refused']}")
    return next((m for m in mine if not m["refused"]), None)


async def _diagnosed(demo: Demo, number: int) -> Json | None:
    found = await demo.api(f"/incidents/{number}")
    books = [book["name"] for book in found["runbooks"]]
    if books[:1] != [RUNBOOK]:
        raise DemoError(f"runbook {RUNBOOK} is not attached to incident #{number}, but {books}")
    finished = any(entry["kind"] == "run_finished" for entry in found["timeline"])
    return found if finished and diagnosis(found) else None


def diagnosis(incident: Json) -> list[str]:
    """What the steps of runbooks put on the timeline, line by line."""
    done = [e for e in incident["timeline"] if e["kind"] == "step_finished"]
    texts = [str(entry["data"].get("output") or entry["text"]) for entry in done]
    return [line for text in texts for line in text.splitlines() if line.strip()]


async def _resolved(demo: Demo, number: int) -> Json | None:
    found = await demo.api(f"/incidents/{number}")
    if found["resolved_at"] is not None and found["resolved_by"] != "vigie":
        raise DemoError(f"incident #{number} was resolved by {found['resolved_by']}")
    return found if found["resolved_at"] is not None else None


async def _until(
    demo: Demo, what: str, limit_s: float, look: Callable[[], Awaitable[Json | None]]
) -> Json:
    """What `look` finds, once it finds something; DemoError when that takes too long."""
    demo.story.waiting(f"waiting for {what}")
    trouble = ""
    try:
        async with asyncio.timeout(limit_s):
            while True:
                try:
                    found = await look()
                except (aiohttp.ClientError, TimeoutError) as error:
                    # Who ended by itself is named by `check`; one that is slow is asked again.
                    found, trouble = None, f"; the last error was: {error!r}"
                if found is not None:
                    return found
                demo.processes.check()
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise DemoError(f"waited {limit_s:g} s in vain for {what}{trouble}") from None


async def _hold(demo: Demo, seconds: float, text: str) -> None:
    for left in range(int(seconds), 0, -1):
        demo.processes.check()
        demo.story.waiting(text.format(left))
        await asyncio.sleep(1)
