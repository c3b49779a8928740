"""The demo: a shop, a watch over it, a fault, and everything that Vigie makes of it.

`once` plays the scenario and says in one record what was seen; `stay` plays it and keeps serving.
"""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from dashboards.build import build as build_dashboards
from vigie.demo import config, fleet, scenario
from vigie.demo.config import SERVICE, SLO, WINDOWS, Addresses
from vigie.demo.facts import Facts, Json
from vigie.demo.fleet import PortsError
from vigie.demo.processes import Command, ProcessError, Processes
from vigie.demo.scenario import Demo, DemoError
from vigie.demo.story import Story

ONCE_S: Final = 82.0  # all of it but the stop, which takes 5 s at most: 90 s in all
FIRST_PORT: Final = 8101


@dataclass(frozen=True, slots=True)
class Options:
    """Where and how to run. `hold_s` is how long a person gets to look before the fault, and at
    the open incident before it is cleared.
    """

    directory: Path
    listen_port: int = 8080  # or the next free one
    first_port: int = FIRST_PORT
    seed: int = 1
    hold_s: float = 0.0


def once(options: Options) -> Json:
    """Play the scenario and stop everything; the record has `ok`, and `reason` when it is false."""
    facts = Facts(SLO, str(WINDOWS))
    if asyncio.run(_reported(_play(options, facts, stay=False), facts, ONCE_S)):
        facts.reason = "it was interrupted"
    return facts.record()


def stay(options: Options) -> Json:
    """Play the scenario and keep serving until SIGINT or SIGTERM; the record as for `once`."""
    facts = Facts(SLO, str(WINDOWS))
    asyncio.run(_reported(_play(options, facts, stay=True), facts, None))
    return facts.record()


async def _reported(play: Coroutine[None, None, None], facts: Facts, limit_s: float | None) -> bool:
    """Whatever ends the play becomes the reason. SIGINT, SIGTERM and SIGHUP end it in an orderly
    way, once: a second one does not disturb the stopping. Returns whether one of them did.
    """
    loop, task = asyncio.get_running_loop(), asyncio.create_task(play)
    interrupted = asyncio.Event()

    def interrupt() -> None:
        if not interrupted.is_set():
            interrupted.set()
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last: a closed terminal
        loop.add_signal_handler(number, interrupt)
    try:
        async with asyncio.timeout(limit_s):
            await task
    except TimeoutError:
        facts.reason = f"it was not done within {limit_s:g} s"
    except asyncio.CancelledError:
        if not interrupted.is_set():
            raise
    except (DemoError, ProcessError, PortsError, aiohttp.ClientError, OSError) as error:
        facts.reason = str(error) or type(error).__name__
    return interrupted.is_set()


async def _play(options: Options, facts: Facts, *, stay: bool) -> None:
    with Story() as story:
        async with _running(options, story) as demo:
            facts.dashboards = [str(p) for p in build_dashboards(options.directory / "grafana")]
            await scenario.play(demo, facts, options.hold_s)
            if stay:
                story.over()
                _invite(demo)
                await _tell_what_comes(demo)


@asynccontextmanager
async def _running(options: Options, story: Story) -> AsyncIterator[Demo]:
    """Everything started, and whatever happens stopped."""
    server_port = fleet.free_ports(1, options.listen_port)[0]
    *ports, hook_port = fleet.free_ports(fleet.PORTS + 1, max(options.first_port, server_port + 1))
    shop = fleet.plan(ports, options.seed)
    where = Addresses(f"127.0.0.1:{server_port}", f"http://127.0.0.1:{hook_port}/hook")
    settings = config.write(options.directory, shop, where, secrets.token_hex(16))
    logs = options.directory / "logs"
    logs.mkdir()
    processes = Processes(logs)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client:
            receiver = f"http://127.0.0.1:{hook_port}"
            demo = Demo(f"http://{where.server}", receiver, shop, processes, client, story)
            await _start(demo, settings, options)
            yield demo
    finally:
        story.waiting("stopping every process")
        await processes.stop()
        story.happened("everything is stopped")


async def _start(demo: Demo, settings: Path, options: Options) -> None:
    story = demo.story
    if options.listen_port != (port := int(demo.server.rpartition(":")[2])):
        story.tell(f"port {options.listen_port} is taken, so {port} it is")
    story.waiting("the shop starts: 7 replicas of 3 services, and customers")
    await fleet.start(demo.fleet, demo.processes)
    story.happened(f"the shop sells: {fleet.RATE:g} orders/s through 3 services")
    story.waiting("Vigie starts")
    hook = ("--port", demo.receiver.rpartition(":")[2])
    secret = ("--secret-file", str(options.directory / "secret"))
    await demo.processes.start(Command("receiver", "vigie.demo.receiver", (*hook, *secret)))
    serve = ("serve", "--config", str(settings))
    await demo.processes.start(Command("vigie", "vigie.cli", serve))
    for name, url in (
        ("receiver", f"{demo.receiver}/received"),
        ("vigie", f"{demo.server}/-/ready"),
    ):
        await fleet.answering(demo.client, url, demo.processes, name)
    story.happened(f"Vigie watches: look at {demo.server}")
    story.tell(f"files, logs and dashboards: {options.directory}")


# -- afterwards -------------------------------------------------------------------------------


def _invite(demo: Demo) -> None:
    replica = fleet.address(demo.fleet.of(SERVICE)[-1])
    demo.story.tell(f"still serving at {demo.server}; Ctrl-C ends everything. Break more:")
    demo.story.tell(
        f"""    curl -d '{{"errors": 0.9}}' http://{replica}/admin/faults   # {{}} heals"""
    )


async def _tell_what_comes(demo: Demo) -> None:
    """Every further message that the receiver gets, for ever."""
    seen = len((await demo.get(f"{demo.receiver}/received"))["items"])
    while True:
        demo.processes.check("vigie", "receiver")
        got = (await demo.get(f"{demo.receiver}/received"))["items"]
        for message in got[seen:]:
            demo.story.tell(f"{message['kind']} {message['event']}: {message['text']}")
        seen = len(got)
        await asyncio.sleep(1)
