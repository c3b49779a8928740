"""What `vigie slo check --live` asks of DataSources: series, edges, sums, and how far back."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import aiohttp

from collectors.errors import QueryRefused, SourceError
from collectors.promapi import PromApi, open_session
from collectors.promapi_retention import retention
from slo.load.codes import Code
from slo.load.marks import Mark, Problems
from slo.spec import CompositeSli, DataSource, ForeignSli, Selector, ServerSli, Slo
from slo.windows import show
from vigie.cli.live_findings import WINDOW, Measured, Sums, helpers, judge, place, without_edge
from vigie.clock import SystemClock
from vigie.config import Config

_ASKED_WINDOW: Final = "5m"
# increase() extrapolates the part and the total each on its own, so one may pass the other by this.
_SLACK: Final = 1.01


class Asked(NamedTuple):
    """One SLI that a DataSource measures, and the SLO that it is of."""

    slo: Slo
    sli: Measured | ServerSli


async def ask_sources(config: Config, problems: Problems) -> None:
    """Every DataSource that an SLO is measured by, about all of them."""
    by_source: dict[str, list[Asked]] = defaultdict(list)
    for watch in config.watches.values():
        sli = watch.slo.sli
        for part in [c.sli for c in sli.components] if isinstance(sli, CompositeSli) else [sli]:
            if not isinstance(part, ForeignSli) and part.source in config.sources:
                by_source[part.source].append(Asked(watch.slo, part))
    if not by_source:
        return
    async with open_session() as session:
        await asyncio.gather(
            *(
                _ask(session, config.sources[name], asked, problems)
                for name, asked in by_source.items()
            )
        )


async def _ask(
    session: aiohttp.ClientSession, source: DataSource, asked: Sequence[Asked], problems: Problems
) -> None:
    clock = SystemClock()
    api, now = PromApi(session, source, clock), clock.now()
    try:
        sums = await _sums(api, [s for one in asked for s in one.sli.selectors], now)
        for slo, sli in asked:
            if isinstance(sli, ServerSli):
                await _judge_query(api, slo, sli, now, problems)
            else:
                judge(slo, sli, sums, f"answer of DataSource `{source.name}`", problems)
        _judge_retention(source, asked, await retention(api), problems)
    except SourceError as error:
        message = f"DataSource `{source.name}` could not be asked: {source.url}: {error.reason}"
        problems.warn(source.mark or Mark("?", 1, 1), message, Code.UNMEASURED)


async def _sums(api: PromApi, selectors: Iterable[Selector], now: float) -> Sums:
    """Sums of each instance: counters of two processes began at different times."""
    named = frozenset(selectors)
    wanted = sorted(named | helpers(named))
    answers = await asyncio.gather(
        *(api.query(f"sum by (job, instance) ({selector})", now) for selector in wanted)
    )
    by_selector = {
        str(selector): {
            f"{one.labels.get('job', '')}/{one.labels.get('instance', '')}": float(one.values[-1])
            for one in answer
        }
        for selector, answer in zip(wanted, answers, strict=True)
    }
    histograms = sorted({without_edge(s) for s in named if without_edge(s) != s})
    buckets = await asyncio.gather(
        *(api.query(f"count by (le) ({selector})", now) for selector in histograms)
    )
    edges = {
        str(selector): frozenset(one.labels["le"] for one in answer if "le" in one.labels)
        for selector, answer in zip(histograms, buckets, strict=True)
    }
    return Sums(by_selector, edges)


async def _judge_query(
    api: PromApi, slo: Slo, sli: ServerSli, now: float, problems: Problems
) -> None:
    """A query that only the server understands: does it, and is there anything?"""
    source = f"DataSource `{sli.source}`"
    found: list[float | None] = []
    for query in (sli.part, sli.total) if sli.total else (sli.part,):
        try:
            answer = await api.query(WINDOW.sub(_ASKED_WINDOW, query), now)
        except QueryRefused as error:
            message = f"SLO `{slo.id}`: {source} refuses the query: {error.reason}"
            problems.error(place(slo, query), message, Code.NOT_PROMQL)
            return
        found.append(sum(float(one.values[-1]) for one in answer) if answer else None)
        if not answer and (query is not sli.part or not sli.total):
            message = f"SLO `{slo.id}`: {source} answers the query with nothing"
            problems.warn(place(slo, query), message, Code.UNMEASURED)
    part, total = found[0], found[-1]
    if len(found) > 1 and part and total is not None and part > total * _SLACK:
        message = f"SLO `{slo.id}`: {sli.kind} is {part:g} and total {total:g} at {source}"
        problems.error(place(slo, sli.part), message, Code.GOOD_ABOVE_TOTAL)


def _judge_retention(
    source: DataSource, asked: Iterable[Asked], kept_s: float | None, problems: Problems
) -> None:
    for slo in {one.slo.id: one.slo for one in asked}.values():
        if kept_s is not None and kept_s < slo.window_s:
            message = (
                f"SLO `{slo.id}` looks back {show(slo.window_s)}, and DataSource `{source.name}` "
                f"keeps {show(kept_s)}: what lies before is unknown"
            )
            problems.warn(slo.mark or Mark("?", 1, 1), message, Code.RETENTION)
