"""What `IncidentType` and `Taxonomy` say: words, fields and rules of the incidents of a type.

Named tuples rather than dataclasses, for which `vigie slo check` would have to wait. Severities
are 1..4, times seconds. Sub-statuses and fields are words of teams: no figure depends on them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from slo.load.marks import Mark

NONE: Final[Mapping[Any, Any]] = MappingProxyType({})
FIELD_KINDS: Final = ("text", "number", "boolean", "choice", "time")
DAY_S: Final = 86_400.0
# Words of others, as tuples: tests hold them to the enums, which a loader would have to wait for.
STATES: Final = (
    "triage", "investigating", "identified", "mitigated", "resolved", "review", "closed",
    "cancelled", "merged",
)  # fmt: skip
LIFE: Final = STATES[:-2]  # the states that one comes after the other
SELF_OPENED: Final = (
    "slo-burn", "no-data", "budget", "missed-heartbeat", "lost-redundancy", "certificate-expiry",
)  # fmt: skip
ROLES: Final = ("viewer", "requester", "responder", "manager", "desk", "admin")
DEFAULT: Final = "default"  # the type whose rules are those of all that no file names
# What a person may set on the record itself, whatever the type.
OF_RECORD: Final = (
    "title", "description", "category", "subcategory", "cause", "resolution", "affected",
    "users_affected", "urgency", "started_at",
)  # fmt: skip


class Field(NamedTuple):
    """A custom field. `required_at` is the state from which it must be filled in; None: never."""

    name: str
    title: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    required_at: str | None = None


class SubStatus(NamedTuple):
    """A team's word for where an incident stands within one state."""

    name: str
    title: str
    state: str


class Closing(NamedTuple):
    """Who may close, what must be filled in, and from which severity a review must be final.

    `roles` are roles of users (vigie.access); empty: whoever has the right to close, and for an
    incident that was escalated the desk. `required` are names of the record (`category`, `cause`,
    `resolution`) and of custom fields. `confirmed`: the requester is asked first. `after_s`: how
    long after its resolution the machine closes one of SEV3 or SEV4; None: a person does.
    """

    roles: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    review: tuple[int, ...] = (1, 2)
    confirmed: bool = False
    after_s: float | None = None


class Section(NamedTuple):
    """One section of a review's template; `required`: it is filled in before it becomes final."""

    name: str
    title: str
    hint: str = ""
    required: bool = False


class TypeRules(NamedTuple):
    """An `IncidentType`. `users` has the number of affected users from which a severity is meant;
    `updates` how often stakeholders are to be told, by severity; `tasks` are added at opening.
    """

    name: str
    title: str = ""
    description: str = ""
    severity: int = 3  # of one that a person opens and nothing measures
    urgency: str = "high"
    restricted: bool = False
    statuses: tuple[SubStatus, ...] = ()
    fields: tuple[Field, ...] = ()
    closing: Closing = Closing()
    users: Mapping[int, int] = NONE
    updates: Mapping[int, float] = NONE
    templates: Mapping[str, str] = NONE  # of updates, by audience: incidents.templates
    tasks: tuple[str, ...] = ()
    reopen_within_s: float = 7 * DAY_S
    review: tuple[Section, ...] = ()  # empty: incidents.review.USUAL
    mark: Mark | None = None

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    def status(self, name: str) -> SubStatus | None:
        return next((status for status in self.statuses if status.name == name), None)


class Taxonomy(NamedTuple):
    """Words that trends are counted by: categories with their sub-categories, and root causes.
    Both empty: any word is taken.
    """

    name: str = "default"
    categories: Mapping[str, tuple[str, ...]] = NONE
    causes: tuple[str, ...] = ()
    mark: Mark | None = None


class Types(NamedTuple):
    """Every type of the files by name, and the one taxonomy."""

    rules: Mapping[str, TypeRules] = NONE
    taxonomy: Taxonomy = Taxonomy()

    def of(self, type_: str) -> TypeRules:
        """The rules of a type; those of `default` where no file says the type, if one says that."""
        found = self.rules.get(type_) or self.rules.get(DEFAULT)
        return found if found is not None else TypeRules(type_)


NO_TYPES: Final = Types()
