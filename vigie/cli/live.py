"""`vigie slo check --live`: files against what targets and DataSources show now.

Everything is asked once. What is found stands where the query does in its file.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Final

from slo.load.codes import Code
from slo.load.marks import Mark, Problem, Problems
from slo.series import Floats, Layout, Page
from vigie.checks import embedded
from vigie.cli.live_findings import Sums, helpers, judge
from vigie.cli.live_sources import ask_sources
from vigie.cli.probing import Scrape, scrapes
from vigie.config import Config

_LE: Final = re.compile(rb'[{,]le="((?:[^"\\]|\\.)*)"')


def live_problems(config: Config) -> list[Problem]:
    """The problems that only show when targets and DataSources are asked."""
    problems = Problems()

    async def ask() -> None:
        await _ask_targets(config, problems)
        await ask_sources(config, problems)

    asyncio.run(ask())
    return problems.in_order()


async def _ask_targets(config: Config, problems: Problems) -> None:
    watched = [watch.slo for watch in config.watches.values()]
    slis = [(slo, sli) for slo in watched for sli in embedded(slo.sli)]
    if not slis:
        return
    answers = await scrapes(config, frozenset(s for _, sli in slis for s in helpers(sli.selectors)))
    _tell_of_silence(answers, problems)
    pages = {answer.target.id: answer.page for answer in answers if answer.page is not None}
    if pages:
        sums = sums_of(pages)
        for slo, sli in slis:
            judge(slo, sli, sums, "page", problems)


def sums_of(pages: Mapping[str, Page]) -> Sums:
    """What pages show, by target."""
    sums: dict[str, dict[str, float]] = {}
    edges: dict[str, set[str]] = {}
    for target, page in pages.items():
        # A series may stand in both blocks, and a selector names it in one of them or in both.
        for name, total in {
            **_summed(page.gauge_layout, page.gauges),
            **_summed(page.layout, page.values),
        }.items():
            sums.setdefault(name, {})[target] = total
        for layout in (page.layout, page.gauge_layout):
            for key, names in zip(layout.keys, layout.named_by, strict=True):
                if (edge := _LE.search(key)) is not None:
                    for name in names:
                        edges.setdefault(name, set()).add(edge[1].decode())
    return Sums(sums, {name: frozenset(found) for name, found in edges.items()})


def _summed(layout: Layout, values: Floats) -> dict[str, float]:
    sums: dict[str, float] = {}
    for names, value in zip(layout.named_by, values.tolist(), strict=True):
        for name in names:
            sums[name] = sums.get(name, 0.0) + value
    return sums


def _tell_of_silence(answers: Iterable[Scrape], problems: Problems) -> None:
    for target, page, _, reason in answers:
        if page is None:
            message = f"target `{target.id}` could not be read: {target.url}: {reason}"
            problems.warn(target.mark or Mark("?", 1, 1), message, Code.UNMEASURED)
