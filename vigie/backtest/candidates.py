"""Objectives tried on the past: one replay watches every SLO at each of them, by page arms only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from slo.load.marks import Problems
from slo.policies import arms_for
from slo.spec import Arm, ArmKind, SloId
from slo.stated import window_name
from slo.suggest import CANDIDATES, Hour, Suggestion, Traffic, suggest, traffic, windows_over
from vigie.backtest.replay import Replayed
from vigie.backtest.whole import cols_of, events_of
from vigie.config import Config, Watch
from vigie.views.shape import Object, when


@dataclass(frozen=True, slots=True)
class Tried:
    """One SLO and what was found for it."""

    watch: Watch
    suggestion: Suggestion
    traffic: Traffic | None


def candidates_of(config: Config, interval_s: float) -> Config:
    """The configuration with each SLO once for every candidate, as `name@objective`, its arms being
    those that page. Sums are watched, not their groups; all share one column.
    """
    watches = {
        one.slo.id: one
        for watch in config.watches.values()
        for one in _at_every_candidate(watch, interval_s)
    }
    return replace(config, watches=watches)


def tried(config: Config, replayed: Replayed, interval_s: float) -> Iterator[Tried]:
    """What a replay of `candidates_of(config)` says of each SLO, by id."""
    for _, watch in sorted(config.watches.items()):
        hours = _hours(replayed, _id_at(watch, CANDIDATES[0]))
        pages = {c: _pages(replayed, _id_at(watch, c)) for c in CANDIDATES}
        found = suggest(windows_over(hours, replayed.end, watch.slo.window_s), pages)
        objective = found.objective or watch.slo.objective
        arms = _page_arms(watch, objective, interval_s)
        fastest = max(arms, key=lambda arm: arm.burn_rate, default=None)
        # The last hour is a longer or a shorter one, the first is cut.
        whole_hours = hours[1:-1]
        hint = None
        if fastest is not None:
            hint = traffic(whole_hours, fastest, objective, watch.policy.min_bad)
        yield Tried(watch, found, hint)


def facts(found: Iterable[Tried], replayed: Replayed, warnings: list[str]) -> Object:
    """The suggestions, for programs."""
    return {
        "from": when(replayed.start),
        "to": when(replayed.end),
        "items": [_item(one) for one in found],
        "warnings": warnings,
    }


def lines(found: Object) -> Iterator[str]:
    """The suggestions, for people."""
    for item in found["items"]:
        observed, suggested = item["observed"], item["suggested"]
        words = "none of the candidates" if suggested is None else f"{suggested:.10g}"
        yield f"{item['service']}/{item['slo']}: {words} (now {item['objective']:.10g})"
        yield (
            f"  SLI over {item['window']}: worst {_percent(observed['worst_sli'])}, median "
            f"{_percent(observed['median_sli'])}, of {observed['windows']} windows"
        )
        for one in item["candidates"]:
            mark = "*" if one["objective"] == suggested else " "
            left = "-" if one["budget_left"] is None else f"{one['budget_left']:.0%}"
            yield (
                f"  {mark} {one['objective']:<7.10g} budget left at worst {left:>7}; "
                f"{one['pages']} pages"
            )
        if item["policy"]:
            yield f"  {item['policy']['reason']}"


def _item(one: Tried) -> Object:
    slo, found = one.watch.slo, one.suggestion
    return {
        "service": slo.service,
        "slo": slo.name,
        "objective": slo.objective,
        "window": window_name(slo),
        "observed": {
            "windows": found.windows,
            "worst_sli": found.worst_sli,
            "median_sli": found.median_sli,
        },
        "suggested": found.objective,
        "candidates": [
            {
                "objective": candidate.objective,
                "budget_left": candidate.least_left,
                "kept": candidate.kept,
                "pages": candidate.pages,
            }
            for candidate in found.candidates
        ],
        "policy": one.traffic
        and {"min_total": one.traffic.min_total, "reason": one.traffic.reason},
    }


def _at_every_candidate(watch: Watch, interval_s: float) -> Iterator[Watch]:
    policy = replace(watch.policy, actions=(), alert_no_data=False)
    for objective in CANDIDATES:
        slo = replace(watch.slo, name=_name_at(watch, objective), objective=objective, group_by=())
        yield Watch(slo, policy, _page_arms(watch, objective, interval_s))


def _page_arms(watch: Watch, objective: float, interval_s: float) -> tuple[Arm, ...]:
    """Arms that somebody wrote stay as they are; Vigie's own are made anew, for their caps."""
    arms = watch.arms
    if watch.slo.alerting.arms is None and watch.policy.arms is None and arms:
        slo = replace(watch.slo, objective=objective)
        arms = arms_for(slo, watch.policy, interval_s, Problems())
    return tuple(arm for arm in arms if arm.kind is ArmKind.PAGE)


def _name_at(watch: Watch, objective: float) -> str:
    return f"{watch.slo.name}@{objective:g}"


def _id_at(watch: Watch, objective: float) -> SloId:
    return SloId(f"{watch.slo.service}/{_name_at(watch, objective)}")


def _pages(replayed: Replayed, slo: SloId) -> int:
    return sum(
        one.paged_at is not None and f"{one.service}/{one.slo}" == slo for one in replayed.incidents
    )


def _hours(replayed: Replayed, slo: SloId) -> list[Hour]:
    """What every hour counted; the last one holds all that lies after the last whole hour."""
    plan, ledger = replayed.state.plan, replayed.state.ledger
    index = plan.index[slo]
    cols, ids = cols_of(plan, index), plan.ids
    found, start = [], replayed.start
    everything = ledger.between(ledger.born, int(replayed.end // plan.slice_s + 1) * plan.slice_s)
    rest = everything[:2, cols]
    for row in replayed.hours:
        place = [row.ids.index(ids[col]) if ids[col] in row.ids else -1 for col in cols.tolist()]
        sums = row.sums[:, place] * [at >= 0 for at in place]
        good, total = events_of(plan, index, sums)
        found.append(Hour(max(float(row.start), replayed.start), good, total))
        rest, start = rest - sums, float(row.start + 3600)
    if start < replayed.end:
        found.append(Hour(max(start, replayed.start), *events_of(plan, index, rest)))
    return found


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100.0 * ratio:.4f}%"
