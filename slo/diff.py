"""What differs between two sets of objectives, by what it means for those who are paged. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from slo import windows
from slo.spec import Arm, Budgeting, CompositeSli, ForeignSli, Method, Policy, Slo, SloId
from slo.stated import queries, window_name
from slo.timeslices import slicing

_SLICE_S: Final = 60  # any width tells two fingerprints apart
# What selects an SLO is not what watches it; arms are told one by one.
_NOT_OF_POLICY: Final = frozenset({"name", "services", "slos", "match_labels", "arms"})


class How(StrEnum):
    """What became of a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class History(StrEnum):
    """Whether what was measured so far counts for an SLO after the change."""

    GOES_ON = "goes on"
    ANEW = "starts anew"


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after, as people write it; empty where there is none."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same. `history` is None of what has none."""

    kind: str
    name: str
    how: How
    changes: tuple[Change, ...] = ()
    history: History | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """An SLO with the policy and the arms that it has by now."""

    slo: Slo
    policy: Policy
    arms: tuple[Arm, ...]


def of_slos(old: Mapping[SloId, Watched], new: Mapping[SloId, Watched]) -> Iterator[Difference]:
    """The SLOs that differ, by id.

    History goes by what is measured, not by name: an SLO goes on where any SLO before measured the
    same, by meaning, in the same way.
    """
    measured = {key for one in old.values() for key in _measured(one)}
    for slo in sorted(old.keys() | new.keys()):
        before, after = old.get(slo), new.get(slo)
        if after is None:
            yield Difference("slo", slo, How.REMOVED)
            continue
        keys = _measured(after)
        history = (History.GOES_ON if keys <= measured else History.ANEW) if keys else None
        if before is None:
            yield Difference("slo", slo, How.ADDED, (), history)
        elif changes := (*_of_slo(before, after), *_of_policy(before, after)):
            yield Difference("slo", slo, How.CHANGED, changes, history)


def of_things(
    kind: str,
    old: Mapping[str, object],
    new: Mapping[str, object],
    secret: Collection[str] = (),
) -> Iterator[Difference]:
    """Dataclasses by name that differ, by field. Of secret fields it is only said that they do."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            yield Difference(kind, name, How.REMOVED if after is None else How.ADDED)
        elif changes := tuple(_of_fields(before, after, secret)):
            yield Difference(kind, name, How.CHANGED, changes)


def _measured(one: Watched) -> frozenset[object]:
    """What the ledger keeps for an SLO: the query, and how slices are judged."""
    slo = one.slo
    parts = [(slo.sli, slo.budgeting)]
    if isinstance(slo.sli, CompositeSli):
        parts = [(part.sli, part.budgeting) for part in slo.sli.components]
    return frozenset(
        (sli.fingerprint(_SLICE_S), slicing(budgeting, one.policy))
        for sli, budgeting in parts
        if not isinstance(sli, ForeignSli)
    )


def _of_slo(before: Watched, after: Watched) -> Iterator[Change]:
    old, new = before.slo, after.slo
    yield from _changed("objective", f"{old.objective:.10g}", f"{new.objective:.10g}")
    yield from _changed("window", _window(old), _window(new))
    queried, querying = queries(old.sli), queries(new.sli)
    for name in dict.fromkeys((*queried, *querying)):
        field = name if _measured(before) != _measured(after) else f"{name} (the same by meaning)"
        yield from _changed(field, queried.get(name, ""), querying.get(name, ""))
    yield from _changed("source", _sources(old), _sources(new))
    yield from _changed("weights", _weights(old), _weights(new))
    yield from _changed("budgeting", _budgeting(old.budgeting), _budgeting(new.budgeting))
    for field in ("group_by", "labels", "annotations", "display_name", "description"):
        yield from _changed(field, _text(getattr(old, field)), _text(getattr(new, field)))
    yield from _changed("channels", _text(old.alerting.channels), _text(new.alerting.channels))


def _of_policy(before: Watched, after: Watched) -> Iterator[Change]:
    old = {arm.name: _arm(arm) for arm in before.arms}
    new = {arm.name: _arm(arm) for arm in after.arms}
    for name in dict.fromkeys((*old, *new)):
        yield from _changed(f"arm {name}", old.get(name, ""), new.get(name, ""))
    yield from _changed("policy", before.policy.name, after.policy.name)
    for change in _of_fields(before.policy, after.policy, (), _NOT_OF_POLICY):
        yield Change(f"policy.{change.field}", change.old, change.new)


def _of_fields(
    old: object, new: object, secret: Collection[str], without: Collection[str] = ()
) -> Iterator[Change]:
    assert is_dataclass(old), "things are dataclasses"
    for one in fields(old):
        if one.name == "mark" or one.name in without:
            continue
        before, after = getattr(old, one.name), getattr(new, one.name, None)
        if before == after:
            continue
        if one.name in secret:
            yield Change(one.name, "not shown", "another one")
        else:
            field = one.name.removesuffix("_s")
            as_time = field != one.name
            yield Change(field, _text(before, time=as_time), _text(after, time=as_time))


def _changed(field: str, old: str, new: str) -> Iterator[Change]:
    if old != new:
        yield Change(field, old, new)


def _window(slo: Slo) -> str:
    if slo.calendar is None:
        return window_name(slo)
    return f"{window_name(slo)} from {slo.calendar.start} in {slo.calendar.zone}"


def _sources(slo: Slo) -> str:
    parts = [c.sli for c in slo.sli.components] if isinstance(slo.sli, CompositeSli) else [slo.sli]
    names = (getattr(part, "source", "") or "what Vigie scrapes" for part in parts)
    return ", ".join(dict.fromkeys(names))


def _weights(slo: Slo) -> str:
    if not isinstance(slo.sli, CompositeSli):
        return ""
    return ", ".join(f"{c.name}={c.weight:g}" for c in slo.sli.components)


def _budgeting(how: Budgeting) -> str:
    if how.method is Method.OCCURRENCES:
        return how.method.value
    target = f" at {how.slice_target:g}" if how.method is Method.TIMESLICES else ""
    return f"{how.method.value} of {windows.show(how.slice_s)}{target}"


def _arm(arm: Arm) -> str:
    after = f" for {windows.show(arm.after_s)}" if arm.after_s else ""
    return (
        f"{arm.kind} at {arm.burn_rate:g}x over {windows.show(arm.long_s)} and "
        f"{windows.show(arm.short_s)}{after}"
    )


def _text(value: Any, *, time: bool = False) -> str:
    match value:
        case None:
            text = ""
        case Enum():
            text = str(value.value)
        case bool():
            text = "yes" if value else "no"
        case int() | float():
            text = windows.show(value) if time else f"{value:.10g}"
        case Mapping():
            text = ", ".join(f"{name}={_text(one)}" for name, one in sorted(value.items()))
        case set() | frozenset():
            text = ", ".join(sorted(map(_text, value)))
        case tuple() | list():
            text = ", ".join(map(_text, value))
        case _:
            text = " ".join(_parts(value)) if is_dataclass(value) else str(value)
    return text


def _parts(value: Any) -> Iterator[str]:
    for one in fields(value):
        if one.name != "mark" and (text := _text(getattr(value, one.name))):
            yield f"{one.name}={text}"
