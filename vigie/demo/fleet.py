"""The demo shop as a whole: seven replicas of three services and their customers."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from vigie.demo.processes import Command, ProcessError, Processes
from vigie.demo.shop import RESTART_STATUS, ROUTES, Replica

ZONES: Final = {
    "payments": ("a", "b"),
    "checkout": ("a", "a", "b"),
    "frontend": ("a", "b"),
}
CALLS: Final = {"frontend": "checkout", "checkout": "payments", "payments": None}
START_S: Final = 30.0  # a process that does not answer by then will not
RATE: Final = 50.0  # orders a second
PORTS: Final = sum(len(zones) for zones in ZONES.values())
LAST_PORT: Final = 32767  # above begin the ports that Linux gives to outgoing connections


class PortsError(Exception):
    """There are not enough free ports."""


def free_ports(count: int, first: int) -> list[int]:
    """The first `count` loopback ports from `first` on that nobody listens on."""
    ports: list[int] = []
    for port in range(first, LAST_PORT + 1):
        if _is_free(port):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise PortsError(f"there are no {count} free ports between {first} and {LAST_PORT}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As a server would: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who there is, callees first."""

    replicas: tuple[Replica, ...]
    seed: int

    def of(self, service: str) -> tuple[Replica, ...]:
        return tuple(r for r in self.replicas if r.name == service)

    def commands(self) -> Iterator[tuple[str, Command]]:
        """Every process to start, with the address that shows that it is there."""
        for replica in self.replicas:
            yield address(replica), _command(replica)

    def customers(self) -> Command:
        """The load generator."""
        urls = ",".join(order_url(replica) for replica in self.of("frontend"))
        arguments = ("--urls", urls, "--rate", str(RATE), "--seed", str(self.seed))
        return Command("load", "vigie.demo.load", arguments)


def plan(ports: list[int], seed: int) -> Fleet:
    """The shop on these ports; the seed decides every fault and every pause."""
    replicas: list[Replica] = []
    left = iter(ports)
    for service, zones in ZONES.items():
        called = [order_url(r) for r in replicas if r.name == CALLS[service]]
        for zone in zones:
            number = len(replicas)
            replica = Replica(service, next(left), zone, tuple(called), seed * 100 + number)
            replicas.append(replica)
    return Fleet(tuple(replicas), seed)


def address(replica: Replica) -> str:
    return f"127.0.0.1:{replica.port}"


def order_url(replica: Replica) -> str:
    return f"http://{address(replica)}{ROUTES[replica.name]}"


async def start(fleet: Fleet, processes: Processes) -> None:
    """Start all replicas at once and wait until each can be scraped, then the customers."""
    for _, command in fleet.commands():
        await processes.start(command)
    async with aiohttp.ClientSession() as client:
        for where, command in fleet.commands():
            await answering(client, f"http://{where}/metrics", processes, command.name)
    await processes.start(fleet.customers())


async def answering(
    client: aiohttp.ClientSession, url: str, processes: Processes, name: str
) -> None:
    """Wait until a started process answers 200 at `url`; ProcessError if it does not."""
    try:
        async with asyncio.timeout(START_S):
            while not await _answers(client, url):
                processes.check(name)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ProcessError(f"{name} did not answer at {url} within {START_S:g} s") from None


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False  # not listening yet


async def set_faults(replica: Replica, faults: Mapping[str, float | bool]) -> None:
    """Tell a replica to fail, or with `{}` to behave."""
    url = f"http://{address(replica)}/admin/faults"
    try:
        async with aiohttp.ClientSession() as client, client.post(url, json=dict(faults)) as answer:
            answer.raise_for_status()
    except aiohttp.ClientConnectionError:
        if "crash" not in faults:  # a replica that crashes says no goodbye
            raise


def _command(replica: Replica) -> Command:
    arguments = (
        *("--name", replica.name, "--port", str(replica.port), "--zone", replica.zone),
        *("--downstream", ",".join(replica.downstream), "--seed", str(replica.seed)),
    )
    name = f"{replica.name}-{replica.port}"
    return Command(name, "vigie.demo.shop", arguments, RESTART_STATUS)
