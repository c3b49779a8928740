"""Rules that say what to improve, each from counted incidents and nothing else."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from vigie.views.stats.behind import Which, chosen


@dataclass(frozen=True, slots=True)
class Advice:
    """One sentence: `part` of `of` incidents. `names` are words of people and files that stand in
    it, by their place in `template`; `only` narrows the list of the incidents behind it.
    """

    which: Which
    template: str
    part: float
    of: float
    numbers: tuple[int, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)

    def text(self, shown: Callable[[str], str]) -> str:
        """The sentence, each name in it as `shown` writes it."""
        return self.template.format(**{name: shown(word) for name, word in self.names.items()})


_PROMISES: Final = {
    Which.MISSED_RESPONSE: ("response", "see who is paged for it, and how soon"),
    Which.MISSED_RESOLUTION: ("resolution", "see what held them up"),
}


def advices(incidents: pl.DataFrame) -> Iterator[Advice]:
    """Of a derived, labelled frame without cancelled and merged ones, in an order that never
    changes: promises by priority, what recurs, what monitoring missed, what is not written down.
    """
    for which in _PROMISES:
        yield from _promises(incidents, which)
    yield from _recurring(incidents)
    yield from _reopened(incidents)
    yield from _found_by_people(incidents)
    yield from _budget(incidents)
    yield from _unwritten(incidents)


def _promises(incidents: pl.DataFrame, which: Which) -> Iterator[Advice]:
    name, what = _PROMISES[which]
    priorities = incidents.get_column("priority").unique().sort().to_list()
    for priority in priorities:
        of_it = incidents.filter(priority=priority)
        missed = chosen(of_it, which)
        due = of_it.filter(pl.col(f"{name}_met") | pl.col(f"{name}_missed")).height
        if missed.height:
            text = f"{missed.height} of {due} {priority} missed the {name} target; "
            worst, many = _most(missed, "service")
            text += f"worst service {{service}} ({many}): {what}."
            yield _advice(which, text, missed, due, {"service": worst}, {"priority": priority})


def _recurring(incidents: pl.DataFrame) -> Iterator[Advice]:
    again = chosen(incidents, Which.RECURRED_30D)
    if again.height:
        worst, many = _most(again, "service")
        text = (
            f"{again.height} of {incidents.height} incidents came again within 30 days; "
            f"most of service {{service}} ({many}): fix what causes them for good."
        )
        yield _advice(Which.RECURRED_30D, text, again, incidents.height, {"service": worst}, {})


def _reopened(incidents: pl.DataFrame) -> Iterator[Advice]:
    reopened = chosen(incidents, Which.REOPENED)
    ended = incidents.filter(pl.col("resolved_at").is_not_null() | (pl.col("reopened") > 0)).height
    if reopened.height:
        worst, many = _most(reopened, "service")
        text = (
            f"{reopened.height} of {ended} resolved incidents were reopened; most of service "
            f"{{service}} ({many}): verify before resolving."
        )
        yield _advice(Which.REOPENED, text, reopened, ended, {"service": worst}, {})


def _found_by_people(incidents: pl.DataFrame) -> Iterator[Advice]:
    found = chosen(incidents, Which.FOUND_BY_PEOPLE)
    if found.height:
        worst, many = _most(found, "service")
        text = (
            f"{found.height} of {incidents.height} incidents were found by people before "
            f"monitoring; most of service {{service}} ({many}): add an SLO or a probe there."
        )
        yield _advice(Which.FOUND_BY_PEOPLE, text, found, incidents.height, {"service": worst}, {})


def _budget(incidents: pl.DataFrame) -> Iterator[Advice]:
    """The cause that burned most, where causes are known."""
    burned = incidents.filter(pl.col("budget_burned") > 0)
    total = float(burned.get_column("budget_burned").sum())
    causes = (
        burned.filter(pl.col("cause").is_not_null())
        .group_by("cause")
        .agg(pl.col("budget_burned").sum())
        .sort(["budget_burned", "cause"], descending=[True, False])
    )
    if causes.height:
        cause, part = causes.row(0)
        text = f"Cause {{cause}} burned {part:.2f} of {total:.2f} error budgets: begin there."
        found = chosen(burned.filter(cause=cause), Which.BURNED_BUDGET)
        numbers = tuple(found.get_column("number").to_list())
        names = {"cause": cause}
        yield Advice(
            Which.BURNED_BUDGET, text, round(part, 9), round(total, 9), numbers, names, names
        )


def _unwritten(incidents: pl.DataFrame) -> Iterator[Advice]:
    """What the figures lack because nobody wrote it down; said from half of them on."""
    resolved = incidents.filter(pl.col("resolved_at").is_not_null()).height
    for which, words in (
        (Which.WITHOUT_CAUSE, "have no cause: without it, what recurs is seen by its key alone"),
        (Which.NEVER_MITIGATED, "do not say when they were mitigated: the time to mitigate is of "
                                "the others alone"),
    ):  # fmt: skip
        lacking = chosen(incidents, which)
        if lacking.height and 2 * lacking.height >= resolved:
            text = f"{lacking.height} of {resolved} resolved incidents {words}."
            yield _advice(which, text, lacking, resolved, {}, {})


def _most(incidents: pl.DataFrame, column: str) -> tuple[str, int]:
    """The commonest value, of equally common ones the first by name, and how often it stands."""
    counted = incidents.group_by(column).agg(pl.len().alias("many"))
    value, many = counted.sort(["many", column], descending=[True, False]).row(0)
    return str(value), int(many)


def _advice(  # noqa: PLR0917 - the fields of an Advice, in their order
    which: Which,
    template: str,
    found: pl.DataFrame,
    of: int,
    names: Mapping[str, str],
    only: Mapping[str, Any],
) -> Advice:
    numbers = tuple(found.get_column("number").to_list())
    return Advice(which, template, found.height, of, numbers, names, only)
