"""The users' files as one immutable, cross-checked Config."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from collectors.targets import Target
from runbooks.model import Runbook
from slo.load.yaml import Mark, Problem
from slo.spec import Arm, Policy, Service, Slo, SloId


@dataclass(frozen=True, slots=True)
class Channel:
    """Where pages and notices go. Secrets are kept in files and read at each delivery.

    `receives` holds `page` and/or `notice`.
    """

    name: str
    type: Literal["webhook", "email"]
    receives: frozenset[str]
    url: str = ""
    secret_file: str | None = None
    secret: str | None = field(default=None, repr=False)
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    username: str | None = None
    password_file: str | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    timeout_s: float = 10.0
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """An SLO with the policy that applies to it, arms scaled and capped."""

    slo: Slo
    policy: Policy
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the files say, cross-checked. `generation` grows with every good (re)load."""

    services: Mapping[str, Service]
    watches: Mapping[SloId, Watch]
    targets: Mapping[str, Target]
    channels: Mapping[str, Channel]
    runbooks: tuple[Runbook, ...]
    warnings: tuple[Problem, ...] = ()
    generation: int = 1
