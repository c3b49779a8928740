"""Certificates of every kind, and one attempt at a target, for the tests of probes."""

import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from collectors.entry import Entry
from collectors.probe.attempt import attempt
from collectors.probe.model import Options, Probe, ProbeTarget, access_of
from collectors.probe.readings import Result
from components import missing


@dataclass(frozen=True)
class Certificates:
    """A CA, and servers' certificates that it signed or did not, each beside its key."""

    folder: Path

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def server(self, name: str) -> ssl.SSLContext:
        """good | short | expired | elsewhere | itself"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def der(self, name: str) -> bytes:
        return ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.pem").read_text())

    def ends(self, name: str) -> float:
        """When it ends, in openssl's words."""
        said = _openssl(self.folder, "x509", "-in", f"{name}.pem", "-noout", "-enddate")
        return float(ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter=")))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if shutil.which("openssl") is None:
        missing("openssl is not installed; it comes from Debian's openssl")
    folder = tmp_path_factory.mktemp("certificates")
    _self_signed(folder, "ca", "-addext", "basicConstraints=critical,CA:true")
    _self_signed(folder, "itself", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    here = "DNS:localhost,IP:127.0.0.1"
    _signed(folder, "good", here, "20")
    _signed(folder, "short", here, "2")
    _signed(folder, "expired", here, "-1")
    _signed(folder, "elsewhere", "DNS:elsewhere.example", "20")
    return Certificates(folder)


@dataclass(frozen=True)
class Tried:
    """An attempt and the values of its page, by series as it is spelt there."""

    result: Result
    values: dict[str, float]

    @property
    def success(self) -> bool | None:
        return self.result.success

    @property
    def reason(self) -> str:
        return self.result.reason


Try = Callable[..., Awaitable[Tried]]


@pytest.fixture
def tried() -> Try:
    """Try an address once, from here."""

    async def once(address: str, options: Options, timeout_s: float = 5.0, **more: object) -> Tried:
        probe = Probe("p", "shop", (ProbeTarget(address),), options, timeout_s=timeout_s)
        entry = Entry(access_of(options), lambda: 0.0)
        result = await attempt(probe, address, entry, **more)  # type: ignore[arg-type]  # keywords
        return Tried(result, values_of(result.page))

    return once


def values_of(page: bytes) -> dict[str, float]:
    lines = [line for line in page.decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def _self_signed(folder: Path, name: str, *more: str) -> None:
    made = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "30", "-subj", f"/CN={name}")
    _openssl(folder, "req", "-x509", *_KEY, *made, *more)


def _signed(folder: Path, name: str, names: str, days: str) -> None:
    (folder / "names").write_text(f"subjectAltName={names}\n")
    request = ("-keyout", f"{name}.key", "-out", "request", "-subj", f"/CN={name}")
    _openssl(folder, "req", *_KEY, *request)
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    _openssl(folder, "x509", "-req", "-in", "request", *by, "-days", days, "-out", f"{name}.pem")


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _openssl(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout
