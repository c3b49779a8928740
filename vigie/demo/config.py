"""The files of the demo: what a user would write to have Vigie watch the shop."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from slo import windows
from vigie.demo.fleet import Fleet, address
from vigie.demo.shop import Replica

SERVICE: Final = "checkout"  # the one that the demo breaks
SLO: Final = "checkout/availability"  # and the one that burns then
RUNBOOK: Final = "checkout-errors"
TITLES: Final = {
    "frontend": ("Front end", "The pages that customers see"),
    "checkout": ("Checkout", "Takes orders"),
    "payments": ("Payments", "Charges cards"),
}


@dataclass(frozen=True, slots=True)
class Windows:
    """The shortened windows. A long one is no shorter than four short ones, a short one than four
    scrapes: a window with fewer points would judge single scrapes.
    """

    burn_rate: float = 10.0
    long_s: float = 16.0
    short_s: float = 4.0
    recover_after_s: float = 4.0

    def __str__(self) -> str:
        long, short = windows.show(self.long_s), windows.show(self.short_s)
        return (
            f"shortened by the Policy `demo`: page at {self.burn_rate:g}x over {long} and {short}, "
            f"recovers after {windows.show(self.recover_after_s)} "
            "(default: 14.4x over 1h and 5m, 6x over 6h and 30m; 2m)"
        )


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens and where the receiver takes pages."""

    server: str  # host:port
    hook: str  # URL


WINDOWS: Final = Windows()


def write(directory: Path, fleet: Fleet, addresses: Addresses, secret: str) -> Path:
    """Write all files into `directory` and return the vigie.yaml. The secret's file is 0600."""
    secret_file = directory / "secret"
    secret_file.touch(mode=0o600)
    secret_file.write_text(secret + "\n", encoding="utf-8")
    for name, text in texts(fleet, addresses, secret_file).items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory / "vigie.yaml"


def texts(fleet: Fleet, addresses: Addresses, secret_file: Path) -> dict[str, str]:
    """Every file but the secret, by name."""
    return {
        "vigie.yaml": _filled("vigie.yaml", listen=addresses.server),
        "policy.yaml": _policy(),
        "slos.yaml": "---\n".join(_slo(service) for service in TITLES),
        "targets.yaml": "---\n".join(_targets(fleet, service) for service in TITLES),
        "channels.yaml": _filled(
            "channels.yaml", hook=addresses.hook, secret_file=str(secret_file)
        ),
        "runbooks.yaml": _filled("runbooks.yaml", steps=_steps(fleet.of("checkout"))),
    }


def _policy() -> str:
    return _filled(
        "policy.yaml",
        burn_rate=f"{WINDOWS.burn_rate:g}",
        long=windows.show(WINDOWS.long_s),
        short=windows.show(WINDOWS.short_s),
        recover_after=windows.show(WINDOWS.recover_after_s),
    )


def _slo(service: str) -> str:
    title, description = TITLES[service]
    return _filled("slo.yaml", service=service, title=title, description=description)


def _targets(fleet: Fleet, service: str) -> str:
    lines = (
        f"    - {{address: {address(replica)}, labels: {{zone: {replica.zone}}}}}"
        for replica in fleet.of(service)
    )
    return _filled("targets.yaml", service=service, targets="\n".join(lines))


def _steps(replicas: tuple[Replica, ...]) -> str:
    return "\n".join(line for replica in replicas for line in _step(replica))


def _step(replica: Replica) -> Iterator[str]:
    where = address(replica)
    yield f"    - id: errors-{replica.port}"
    yield "      kind: http"
    yield f"      title: Errors of {replica.name} at {where}, zone {replica.zone}"
    yield f"      url: http://{where}/debug/errors"
    yield "      timeout: 2s"
    yield "      read_only: true"


def _filled(name: str, **values: str) -> str:
    text = (files("vigie.demo") / "files" / name).read_text(encoding="utf-8")
    return Template(text).substitute(values)
