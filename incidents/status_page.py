"""A page that tells customers how things stand: what it shows, and what its components are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from slo.load.marks import Mark

MAX_HISTORY_DAYS: Final = 90  # as far as the server remembers services


class Publish(StrEnum):
    """Which incidents a page shows."""

    MANUAL = "manual"  # those that customers were told of
    AUTO = "auto"  # also every other one of its severities and types


@dataclass(frozen=True, slots=True)
class Component:
    """What customers know a service, or several, as."""

    name: str
    title: str
    services: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Components under one heading."""

    title: str
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One page. Without `types` it is for incidents of every type. `email` names the Channel whose
    server and sender its mails use.
    """

    name: str
    title: str
    groups: tuple[Group, ...]
    description: str = ""
    zone: str = "UTC"
    publish: Publish = Publish.MANUAL
    severities: tuple[int, ...] = (1, 2, 3)
    types: tuple[str, ...] = ()
    public: bool = False
    subscribers: bool = False
    email: str = ""
    history_days: int = MAX_HISTORY_DAYS
    mark: Mark | None = field(default=None, compare=False, repr=False)

    @property
    def components(self) -> tuple[Component, ...]:
        return tuple(one for group in self.groups for one in group.components)

    @property
    def services(self) -> frozenset[str]:
        return frozenset(name for one in self.components for name in one.services)

    def concerned(self, services: Iterable[str]) -> tuple[Component, ...]:
        """The components that stand for any of these services."""
        hit = frozenset(services)
        return tuple(one for one in self.components if hit & set(one.services))

    def publishes(self, severity: int, type_: str) -> bool:
        """Whether an incident shows without anybody having told customers of it."""
        fits = severity in self.severities and (not self.types or type_ in self.types)
        return self.publish is Publish.AUTO and fits
