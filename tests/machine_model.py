"""What the documents say that a call comes to: a small record of each incident, kept beside the
real one (docs/reference/lifecycle.md, people.md, links.md, tasks.md, access.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from incidents.types import TypeRules
from machine_world import TYPES, USERS, Actor, Row
from vigie.access import Permission, Role
from vigie.access.roles import ROLES

# docs/reference/lifecycle.md, written down once more: the table of the program may be the mistake.
GOING_ON = ("triage", "investigating", "identified", "mitigated")
LEADS_TO: dict[str, frozenset[str]] = {
    "triage": frozenset({*GOING_ON, "resolved", "cancelled", "merged"}),
    "investigating": frozenset({"identified", "mitigated", "resolved", "cancelled", "merged"}),
    "identified": frozenset({"investigating", "mitigated", "resolved", "cancelled", "merged"}),
    "mitigated": frozenset({"investigating", "identified", "resolved", "cancelled", "merged"}),
    "resolved": frozenset({"review", "closed", "investigating"}),
    "review": frozenset({"closed", "investigating"}),
    "closed": frozenset({"investigating"}),
    "cancelled": frozenset(),
    "merged": frozenset(),
}
ENDED = ("resolved", "review", "closed")
FOR_GOOD = ("closed", "cancelled", "merged")
SINGLE = ("incident_manager", "l1", "l2", "l3", "communications", "scribe")
PARTS = (*SINGLE, "requester", "observer", "process_owner", "watcher")
TASK_LEADS_TO = {
    "open": ("doing", "done", "dropped"),
    "doing": ("open", "done", "dropped"),
    "done": ("open", "verified", "dropped"),
    "verified": ("open",),
    "dropped": ("open",),
}


@dataclass
class Task:
    state: str = "open"
    done_by: str = ""  # the person


@dataclass
class Inc:
    """One incident as it should be. `words` are planted in all that is written on it."""

    number: int
    type: str
    key: str
    words: set[str]
    state: str = "triage"
    sub: str | None = None
    restricted: bool = False
    tier: int = 1
    acknowledged: bool = False
    confirmed: bool = False
    reporter: str = ""  # the person who reported it; empty: the machine
    measured: bool = False  # something measures its severity
    merged_into: int | None = None
    before: tuple[str, str | None] = ("triage", None)  # state and word in which it was merged
    parts: set[tuple[str, str]] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    tasks: dict[int, Task] = field(default_factory=dict)
    # Who set which field, and at which position of the timeline that stands.
    edits: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def rules(self) -> TypeRules:
        return TYPES.get(self.type, TypeRules(self.type))

    @property
    def goes_on(self) -> bool:
        return self.state in GOING_ON

    def names(self) -> set[str]:
        return {name for _, name in self.parts}


@dataclass(frozen=True)
class Expected:
    """Which answers are right. `writes`: the timeline grows; False: nothing at all changes; None:
    either may be. `effect` is what an accepted call that changes something does to the model.
    """

    statuses: tuple[int, ...] = (200,)
    writes: bool | None = True
    effect: Callable[[], None] = lambda: None
    silent: bool = False  # what changes is not said on the timeline


def refused(status: int) -> Expected:
    return Expected((status,), False)


NO, BAD, MISSING, FORBIDDEN = refused(409), refused(422), refused(404), refused(403)
SAME = Expected((200,), False)


class Model:
    """All incidents, and who may do what to them."""

    def __init__(self) -> None:
        self.incidents: dict[int, Inc] = {}
        self.granted: dict[tuple[str, int], Role] = {}

    # -- who may, and who sees --------------------------------------------------------------------

    def sees(self, actor: Actor, number: int) -> bool:
        found = self.incidents.get(number)
        if found is None:
            return False
        if actor.guest_of is not None:
            return actor.guest_of == number
        lets_in = bool(actor.person) and (
            actor.person in found.names() or (actor.person, number) in self.granted
        )
        return not found.restricted or lets_in

    def may(self, actor: Actor, permission: Permission, number: int | None = None) -> bool:
        roles = [actor.role]
        if actor.person and number is not None and (actor.person, number) in self.granted:
            roles.append(self.granted[actor.person, number])
        within = ROLES[actor.role] if "/" in actor.name else frozenset(Permission)
        return any(permission in ROLES[role] & within for role in roles)

    def roles(self, actor: Actor, number: int) -> set[str]:
        given = self.granted.get((actor.person, number)) if actor.person else None
        return {actor.role.value, *([given.value] if given is not None else [])}

    def hidden_from(self, actor: Actor) -> list[Inc]:
        return [one for one in self.incidents.values() if not self.sees(actor, one.number)]

    # -- the life of one --------------------------------------------------------------------------

    def acknowledge(self, actor: Actor, one: Inc) -> Expected:
        if not one.goes_on:
            return NO
        return SAME if one.acknowledged else Expected(effect=lambda: self.answer(actor, one))

    def answer(self, actor: Actor, one: Inc) -> None:
        one.acknowledged = True
        if one.state == "triage":
            one.state, one.sub = "investigating", None
        part = f"l{one.tier}"
        if actor.person and all(held != part for held, _ in one.parts):
            one.parts.add((part, actor.person))

    def resolve(self, one: Inc) -> Expected:
        if not one.goes_on:
            return SAME if one.state in ENDED else NO
        if self.unfilled(one, "resolved"):
            return BAD
        return Expected(effect=lambda: _move(one, "resolved"))

    def status(self, actor: Actor, one: Inc, state: str | None, word: str | None) -> Expected:
        to = state or one.state
        moves = to != one.state
        sub = (None if moves else one.sub) if word is None else word.strip() or None
        if moves and (to in FOR_GOOD or to not in LEADS_TO[one.state]):
            return NO
        if moves and not one.goes_on and to in GOING_ON:
            return NO
        if (not moves and sub == one.sub) or one.state in FOR_GOOD:
            return NO
        known = one.rules.status(sub) if sub is not None else None
        if sub is not None and (known is None or known.state != to):
            return BAD
        if moves and self.unfilled(one, to):
            return BAD

        def effect() -> None:
            if moves and to != "resolved" and one.state == "triage" and not one.acknowledged:
                self.answer(actor, one)
            one.state, one.sub = to, sub

        return Expected(effect=effect)

    def escalate(self, one: Inc, tier: int) -> Expected:
        if one.state in FOR_GOOD or one.tier == tier or (not one.goes_on and tier != 1):
            return NO
        return Expected(effect=lambda: setattr(one, "tier", tier))

    def cancel(self, one: Inc) -> Expected:
        return Expected(effect=lambda: _move(one, "cancelled")) if one.goes_on else NO

    def close(self, actor: Actor, one: Inc, row: Row) -> Expected:
        rules = one.rules.closing
        against = (
            one.state not in ("resolved", "review"),
            bool(rules.roles) and not self.roles(actor, one.number) & set(rules.roles),
            one.tier > 1,
            self.unfilled(one, "closed"),
            row["severity"] in rules.review,  # no example writes a review
            rules.confirmed and bool(one.reporter) and not one.confirmed,
        )
        return NO if any(against) else Expected(effect=lambda: _move(one, "closed"))

    def reopen(self, actor: Actor, one: Inc, row: Row, now: float) -> Expected:
        if not self.may(actor, Permission.RESPOND, one.number) and not self.asked(actor, one):
            return FORBIDDEN
        return self._again(one, row, now)

    def confirm(
        self, actor: Actor, one: Inc, row: Row, over: bool, said: bool, rated: bool, now: float
    ) -> Expected:
        if not self.may(actor, Permission.RESPOND, one.number) and not self.asked(actor, one):
            return FORBIDDEN
        if (rated and not over) or (not over and not said):
            return BAD
        if one.state not in ENDED:
            return NO
        if not over:
            return self._again(one, row, now)
        return NO if one.confirmed else Expected(effect=lambda: setattr(one, "confirmed", True))

    def asked(self, actor: Actor, one: Inc) -> bool:
        """Whether they are the requester."""
        names = {name.casefold() for part, name in one.parts if part == "requester"}
        return bool(actor.person) and actor.person in names | {one.reporter}

    def unfilled(self, one: Inc, state: str) -> bool:
        """Whether a field is empty that the type asks for at a state."""
        life = list(LEADS_TO)
        wanted = {
            f.name
            for f in one.rules.fields
            if f.required_at is not None and life.index(f.required_at) <= life.index(state)
        }
        wanted |= set(one.rules.closing.required) if state == "closed" else set()
        return bool(wanted - one.filled)

    def _again(self, one: Inc, row: Row, now: float) -> Expected:
        if one.state not in ENDED:
            return NO
        ended = row["closed_at"] if row["closed_at"] is not None else row["resolved_at"]
        if now - ended > one.rules.reopen_within_s or self.taken(one):
            return NO

        def effect() -> None:
            _move(one, "investigating")
            one.confirmed = False

        return Expected(effect=effect)

    def taken(self, one: Inc) -> bool:
        """Whether another one is open for the same cause."""
        others = (o for o in self.incidents.values() if o is not one)
        return any(other.goes_on and other.key == one.key for other in others)

    # -- people -----------------------------------------------------------------------------------

    def give(self, one: Inc, part: str, name: str, *, from_: str | None = None) -> Expected:
        if name not in USERS:
            return BAD
        if (part, name) in one.parts and from_ is None:
            return SAME

        def effect() -> None:
            if from_ is not None:
                one.parts.discard((part, from_))
            if part in SINGLE:
                one.parts -= {(held, who) for held, who in one.parts if held == part}
            one.parts.add((part, name))

        return Expected(effect=effect)

    def hand_over(self, actor: Actor, one: Inc, part: str, to: str) -> Expected:
        if to not in USERS:
            return BAD
        if (part, actor.person) not in one.parts or to == actor.person:
            return NO
        return self.give(one, part, to, from_=actor.person)

    def leave(self, actor: Actor, one: Inc, part: str) -> Expected:
        mine = (part, actor.person)
        if mine not in one.parts or (one.restricted and one.parts == {mine}):
            return NO
        return Expected(effect=lambda: one.parts.discard(mine))

    def watch(self, actor: Actor, one: Inc) -> Expected:
        if not actor.person:
            return BAD
        mine = ("watcher", actor.person)
        if mine in one.parts:
            return SAME
        return Expected(effect=lambda: one.parts.add(mine), silent=True)

    def unwatch(self, actor: Actor, one: Inc) -> Expected:
        mine = ("watcher", actor.person)
        if one.restricted and not one.parts - {mine}:
            return NO
        if mine not in one.parts:
            return SAME
        return Expected(effect=lambda: one.parts.discard(mine), silent=True)

    def restrict(self, actor: Actor, one: Inc) -> Expected:
        if one.restricted:
            return SAME
        kept = {(part, name) for part, name in one.parts if part != "watcher"}
        if not kept and not actor.person:
            return NO

        def effect() -> None:
            one.parts, one.restricted = kept, True
            if actor.person and actor.person not in one.names():
                one.parts.add(("observer", actor.person))

        return Expected(effect=effect)

    def unrestrict(self, one: Inc) -> Expected:
        if not one.restricted:
            return SAME
        return Expected(effect=lambda: setattr(one, "restricted", False))

    def let_in(self, one: Inc, name: str) -> Expected:
        if name not in USERS:
            return BAD
        if name in one.names():
            return SAME
        return Expected(effect=lambda: one.parts.add(("observer", name)))

    def comment(self, actor: Actor, one: Inc, named: Iterable[str]) -> Expected:
        if not self.may(actor, Permission.RESPOND, one.number) and not self.asked(actor, one):
            return FORBIDDEN
        told = {name for name in named if name in USERS and name not in one.names()}
        watch = set() if one.restricted else {("watcher", name) for name in told}
        return Expected(effect=lambda: one.parts.update(watch))

    # -- others that are named, tasks -------------------------------------------------------------

    def merge(self, actor: Actor, one: Inc, into: int) -> Expected:
        if one.number == into:
            return BAD
        if not self.sees(actor, into):
            return MISSING
        other = self.incidents[into]
        if not (one.goes_on and other.goes_on) or one.restricted != other.restricted:
            return NO

        def effect() -> None:
            one.before = (one.state, one.sub)
            _move(one, "merged")
            for each in self.incidents.values():
                if each.merged_into == one.number:
                    each.merged_into = into
            one.merged_into = into

        return Expected(effect=effect)

    def unmerge(self, one: Inc) -> Expected:
        if one.state != "merged" or self.taken(one):
            return NO

        def effect() -> None:
            one.state, one.sub = one.before
            one.merged_into = None

        return Expected(effect=effect)

    def add_task(self, one: Inc) -> Expected:
        return Expected(effect=lambda: one.tasks.update({len(one.tasks) + 1: Task()}))

    def task(self, actor: Actor, one: Inc, task: int, to: str) -> Expected:
        found = one.tasks.get(task)
        if found is None:
            return MISSING
        if found.state == to:
            return SAME
        me = actor.person or actor.name
        own = to == "verified" and found.done_by == me
        if own or to not in TASK_LEADS_TO[found.state]:
            return NO

        def effect() -> None:
            found.state = to
            if to != "verified":
                found.done_by = me if to == "done" else ""

        return Expected(effect=effect)

    def edit(self, actor: Actor, one: Inc, fields: Iterable[str], seen: int | None) -> Expected:
        """Of values that nothing has yet."""
        others = (
            (name, who, at) for name, who, at in one.edits if name in fields and who != actor.name
        )
        if seen is not None and any(at > seen for _, _, at in others):
            return NO
        return Expected(effect=lambda: one.filled.update(fields))


def _move(one: Inc, state: str) -> None:
    one.state, one.sub = state, None
