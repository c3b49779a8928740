"""A configuration as a history is watched with: every series comes from one place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from slo import windows
from slo.load.codes import SERVING
from slo.policies import SCRAPES_IN_SHORT
from slo.spec import BasicSli, CompositeSli, CountingSli, ForeignSli, SampledSli, Sli, SloId
from vigie.backtest.history import Survey
from vigie.config import Config, Watch


def watched(config: Config) -> Config:
    """The configuration without targets and DataSources: the history stands for all of them.

    Its virtual targets belong to no service, so each is expected for what it has shown.
    """
    watches = {
        slo_id: replace(watch, slo=replace(watch.slo, sli=_anywhere(watch.slo.sli)))
        for slo_id, watch in config.watches.items()
    }
    return replace(config, watches=watches, targets={}, sources={})


def warnings_of(config: Config, survey: Survey) -> list[str]:
    """What people should know of a backtest of this configuration as it is written."""
    said = [str(one) for one in config.warnings if one.code not in SERVING]
    return [*said, *_unmeasured(config), *_too_few_scrapes(config.watches, survey)]


def _anywhere(sli: Sli) -> Sli:
    if isinstance(sli, CompositeSli):
        parts = tuple(replace(part, sli=_basic_anywhere(part.sli)) for part in sli.components)
        return replace(sli, components=parts)
    return _basic_anywhere(sli)


def _basic_anywhere(sli: BasicSli) -> BasicSli:
    if isinstance(sli, CountingSli | SampledSli):
        return replace(sli, source="")
    if isinstance(sli, ForeignSli):
        return sli
    return ForeignSli("its query is evaluated by its DataSource, and a backtest has raw samples")


def _unmeasured(config: Config) -> Iterator[str]:
    for slo_id, watch in config.watches.items():
        for reason in dict.fromkeys(_reasons(watch.slo.sli)):
            yield f"SLO `{slo_id}` can't be replayed: {reason}"


def _reasons(sli: Sli) -> Iterator[str]:
    parts = [part.sli for part in sli.components] if isinstance(sli, CompositeSli) else [sli]
    for part in parts:
        recast = _basic_anywhere(part)
        if isinstance(recast, ForeignSli):
            yield recast.reason


def _too_few_scrapes(watches: Mapping[SloId, Watch], survey: Survey) -> Iterator[str]:
    """Arms that are scaled to the configured targets may be too fast for the recorded ones."""
    least_s = SCRAPES_IN_SHORT * survey.slowest_s
    for watch in watches.values():
        short = _names(arm.name for arm in watch.arms if arm.short_s < least_s)
        if short:
            yield (
                f"SLO `{watch.slo.id}`: the history has a scrape every "
                f"{windows.show(survey.slowest_s)}, so the short windows of {short} hold fewer "
                f"than {SCRAPES_IN_SHORT}"
            )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
