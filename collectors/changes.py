"""Changes: deploys, flags and config as they are told to Vigie, and what two tellings make."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from collectors.changes_payload import Payload
from collectors.keys import Secret
from slo.load.yaml import Mark

MAX_LABELS: Final = 32
MAX_SERVICES: Final = 50
API: Final = "api"  # the source of what was told by POST /api/v1/changes
EMAIL: Final = "email"  # the type of integration that brings incidents, not changes
MAX_PER_HOUR: Final = 20  # incidents that one sender may open, where the file says no other number
KUBERNETES: Final = "kubernetes"  # the source of rollouts, and the type of integration that asks


class Kind(StrEnum):
    """What was changed."""

    DEPLOY = "deploy"
    FLAG = "flag"
    CONFIG = "config"
    OTHER = "other"


class Status(StrEnum):
    """How far a change is."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_RANK: Final = {Status.PENDING: 0, Status.RUNNING: 1}
_ENDED: Final = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One change as it was told. Times in Unix seconds; empty texts are not known.

    The same `source` and `id` are the same change. `subject` is what the sender calls the thing
    that changed (a repository, an application), by which services are found.
    """

    source: str
    id: str | None
    title: str
    kind: Kind
    status: Status
    started_at: float
    stated_at: float  # when its status was said to be so
    finished_at: float | None = None
    services: tuple[str, ...] = ()
    subject: str = ""
    version: str = ""
    actor: str = ""
    url: str = ""
    environment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A payload that is understood and is no change that is wanted; `reason` says why."""

    reason: str


class UnknownPayload(Exception):  # noqa: N818 - it says what the payload is
    """Nothing that is known of this sender; the message names what was seen."""


@dataclass(frozen=True, slots=True)
class Integration:
    """Who may tell of something at an address of its own, and what of it is wanted.

    `services` leads from a repository or application to services; `events`, `environments` and
    `branches` (without any: the default branch) narrow what is taken; runs of `workflows` are
    deploys.

    A cluster tells nothing: it is watched for rollouts, in `namespaces` (without any: in all), and
    has no key. `services` leads from a workload's name, or `namespace/name`.

    An `email` brings incidents: of `senders` (an address, or `@` and a domain; without any, of
    all), `per_hour` of each at most, about `service` (empty: not known) and of `incident_type`
    (empty: the usual one).
    """

    name: str
    type: str  # github | gitlab | argocd | kubernetes | email
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    key: Secret = field(default=Secret(), repr=False)
    secret: Secret | None = field(default=None, repr=False)
    namespaces: tuple[str, ...] = ()
    api_server: str = ""
    kubeconfig_file: str = ""
    senders: tuple[str, ...] = ()
    service: str = ""
    incident_type: str = ""
    per_hour: int = MAX_PER_HOUR
    mark: Mark | None = None

    def wants_branch(self, branch: str, default: str) -> bool:
        return branch in self.branches if self.branches else bool(branch) and branch == default

    def takes_from(self, address: str) -> bool:
        """Whether e-mail of this sender is taken."""
        domain = "@" + address.rpartition("@")[2]
        return not self.senders or address in self.senders or domain in self.senders


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload that came: the sender's word for its kind (a header; may be empty), its number
    among deliveries (may be empty) and when it came.
    """

    event: str
    id: str
    payload: Payload
    at: float


def merged(before: Change, told: Change) -> Change:
    """What is known of a change that is told again.

    Its status goes forward only: pending, running, ended; of two that are as far the one that was
    said later holds, so that deliveries may come in any order. What the newer telling leaves out
    stays as the older one had it.
    """
    newer, older = (told, before) if _order(told) >= _order(before) else (before, told)
    started_at = min(before.started_at, told.started_at)
    finished_at = newer.finished_at if newer.finished_at is not None else older.finished_at
    if _rank(newer) < _ENDED:
        finished_at = None
    return replace(
        newer,
        started_at=started_at,
        finished_at=finished_at,
        services=tuple(dict.fromkeys((*newer.services, *older.services)))[:MAX_SERVICES],
        subject=newer.subject or older.subject,
        version=newer.version or older.version,
        actor=newer.actor or older.actor,
        url=newer.url or older.url,
        environment=newer.environment or older.environment,
        labels=dict(list({**older.labels, **newer.labels}.items())[:MAX_LABELS]),
    )


def has_ended(status: Status) -> bool:
    return _RANK.get(status, _ENDED) == _ENDED


def assigned(change: Change, integration: Integration, known: Mapping[str, object]) -> Change:
    """The change with its services: those that the integration names for its subject, else the one
    that is called like the last part of it, if there is one; else none.
    """
    named = integration.services.get(change.subject)
    if named is None:
        last = change.subject.rpartition("/")[2]
        named = (last,) if last in known else ()
    return replace(change, services=named)


def _rank(change: Change) -> int:
    return _RANK.get(change.status, _ENDED)


def _order(change: Change) -> tuple[int, float]:
    return _rank(change), change.stated_at
