"""`vigie slo suggest`: objectives that the past would have kept, and what they would have paged."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from vigie.cli.backtest import (
    DataOption,
    PrometheusOption,
    SinceOption,
    SliceOption,
    Specs,
    ToOption,
    recorded,
)
from vigie.cli.output import Format, FormatOption, lines, say
from vigie.cli.output import facts as print_facts


def suggest(
    specs: Specs,
    *,
    data: DataOption = None,
    prometheus: PrometheusOption = None,
    since: SinceOption = None,
    to: ToOption = None,
    slice_: SliceOption = "10s",
    output: FormatOption = Format.TEXT,
) -> None:
    """Propose objectives and policies from history."""
    past = recorded(specs, data, prometheus, since, to, slice_)

    from vigie.backtest.candidates import candidates_of, facts, tried
    from vigie.backtest.candidates import lines as shown_lines
    from vigie.backtest.history import between, renamed
    from vigie.backtest.replay import replay

    interval_s = past.survey.slowest_s
    replayed = replay(
        candidates_of(past.config, interval_s),
        renamed(between(past.history.scrapes(), past.start, past.end), past.survey.targets),
        past.survey.targets.values(),
        slice_s=past.slice_s,
        start=past.start,
        end=past.end,
    )
    warnings = list(past.warnings)
    if past.config.maintenance:
        warnings.append("maintenance is observed like any other time")
    found = facts(tried(past.config, replayed, interval_s), replayed, warnings)
    if output is Format.JSON:
        print_facts(found)
        return
    for warning in warnings:
        say(f"warning: {warning}")
    lines(shown_lines(found))
