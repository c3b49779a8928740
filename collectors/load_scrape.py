"""Prometheus' own configuration file: its `scrape_configs`, and nothing else of it.

Keys and defaults are those of Prometheus' documentation ("Configuration"). What such a file says
to others than the scraper (rules, alerting, remote storage) is passed over with a warning; what it
says to the scraper is read or refused, so that nothing is scraped otherwise than it says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from collectors.jobs import MIN_INTERVAL_S, Group, ScrapeJob
from collectors.load_discovery import discoveries
from collectors.load_relabel import rules
from collectors.load_scraping import params, scraping
from collectors.load_scraping import shared as shared_keys
from collectors.scraping import AS_USUAL, Scraping
from slo.load.codes import Code
from slo.load.yaml import Fields, Mark, Node, Problems
from slo.spec import Births
from slo.windows import show

MARKS: Final = ("scrape_configs", "scrape_config_files")
# What it is for, by key.
_OTHERS: Final = {
    "rule_files": "recording and alerting rules: SLOs are what Vigie judges",
    "alerting": "alerting: write a Channel",
    "remote_write": "remote storage",
    "remote_read": "remote storage",
    "storage": "Prometheus' storage",
    "tracing": "traces of Prometheus itself",
    "otlp": "what Prometheus receives",
    "runtime": "Prometheus' own process",
}
_OTHERS_GLOBAL: Final = {
    "external_labels": "what Prometheus sends to others",
    "query_log_file": "queries",
    "scrape_failure_log_file": "a log: `/api/v1/targets` says why a scrape failed",
    "keep_dropped_targets": "dropped targets, which Vigie counts and doesn't keep",
}
_SILENT_GLOBAL: Final = ("evaluation_interval", "rule_query_offset")
# What Vigie doesn't do, and therefore may only stand there as `false`.
_ONLY_FALSE: Final = {
    "convert_classic_histograms_to_nhcb": "native histograms are not made",
    "track_timestamps_staleness": "a series ends with the page that lacks it",
    "extra_scrape_metrics": "these series are not made",
}
_NATIVE: Final = ("native_histogram_bucket_limit", "native_histogram_min_bucket_factor")
_CLASSIC: Final = ("always_scrape_classic_histograms", "scrape_classic_histograms")
_ESCAPING: Final = "underscores"
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SIZE: Final = re.compile(r"([0-9]{1,15})([KMGTPE]?)(i?B)?", re.ASCII)
_POWERS: Final = " KMGTPE"


def is_prometheus(node: Node) -> bool:
    """Whether a document is Prometheus' own configuration: it says what is scraped, and no kind."""
    if not isinstance(node.raw, yaml.MappingNode):
        return False
    keys = {key.value for key, _ in node.raw.value if isinstance(key, yaml.ScalarNode)}
    return not keys.isdisjoint(MARKS) and keys.isdisjoint(("apiVersion", "kind", "version"))


def read(node: Node, problems: Problems) -> list[ScrapeJob]:
    """The jobs of such a file; none when anything in it is wrong. Files that it names stand beside
    it.
    """
    before = len(problems.errors)
    fields = Fields(node, problems)
    _pass_over(fields, _OTHERS)
    fields.refuse(
        "scrape_config_files", "is not followed: name these files beside this one in `files`"
    )
    with fields.maybe_map("global") as said:
        shared = _Global() if said is None else _global(said)
    jobs = [_job(entry, shared) for entry in fields.maps("scrape_configs")]
    fields.close()
    _check_names(jobs, problems)
    return jobs if len(problems.errors) == before else []


@dataclass(frozen=True, slots=True)
class _Global:
    """What holds for jobs that say nothing themselves."""

    interval_s: float = 60.0
    timeout_s: float = 10.0
    body_limit: int = ScrapeJob("").body_limit
    target_limit: int = 0
    scraping: Scraping = AS_USUAL


def _global(said: Fields) -> _Global:
    default = _Global()
    _pass_over(said, _OTHERS_GLOBAL)
    said.ignore(*_SILENT_GLOBAL)
    _refuse_unserved(said)
    interval_s = said.duration("scrape_interval", default.interval_s)
    timeout_s = said.duration("scrape_timeout", min(default.timeout_s, interval_s))
    _check_times(said, interval_s, timeout_s)
    return _Global(
        interval_s=interval_s,
        timeout_s=timeout_s,
        body_limit=_body_limit(said, default.body_limit),
        target_limit=said.integer("target_limit", 0, at_least=0),
        scraping=shared_keys(said),
    )


def _job(said: Fields, shared: _Global) -> ScrapeJob:
    interval_s = said.duration("scrape_interval", shared.interval_s)
    timeout_s = said.duration("scrape_timeout", min(shared.timeout_s, interval_s))
    _check_times(said, interval_s, timeout_s)
    _pass_over(said, {key: _OTHERS_GLOBAL[key] for key in _OTHERS_GLOBAL if "dropped" in key})
    _pass_over(said, {"scrape_failure_log_file": _OTHERS_GLOBAL["scrape_failure_log_file"]})
    _refuse_unserved(said)
    how = scraping(said, shared.scraping)
    return ScrapeJob(
        name=said.text("job_name"),
        interval_s=interval_s,
        timeout_s=timeout_s,
        scheme=said.choice("scheme", ("http", "https"), "http"),
        path=said.text("metrics_path", "/metrics"),
        params=params(said),
        body_limit=_body_limit(said, shared.body_limit),
        target_limit=said.integer("target_limit", shared.target_limit, at_least=0),
        # Pages that name their own jobs and instances are those of a relay: federation, a
        # pushgateway. What they count began before they show it.
        births=Births.BASELINE if how.honor_labels else Births.ZERO,
        scraping=how,
        relabel=rules(said, "relabel_configs"),
        static=tuple(_static(said)),
        discoveries=discoveries(said),
        mark=said.node.mark,
    )


def _static(said: Fields) -> Iterator[Group]:
    """Groups that stand in the file. What rules make of a target may be an address yet: a URL is
    what blackbox_exporter is asked about, and becomes a parameter (config.go, ScrapeConfig).
    """
    relabelled = said.has("relabel_configs")
    for number, fields in enumerate(said.maps("static_configs")):
        addresses = fields.texts("targets")
        for address in addresses:
            if not address or ("/" in address and not relabelled):
                message = (
                    f"`{fields.where}.targets`: `{address[:120]}` is no address: write host:port, "
                    "and the rest in `scheme` and `metrics_path`"
                )
                fields.problems.error(fields.mark("targets"), message, Code.BAD_ADDRESS)
        labels = fields.labels("labels")
        for name in labels:
            if not _LABEL.fullmatch(name):
                message = (
                    f"`{fields.where}.labels`: `{name[:120]}` is no label name: use letters, "
                    "digits and `_`, a letter first"
                )
                fields.problems.error(fields.mark("labels"), message, Code.BAD_NAME)
        targets = tuple({"__address__": address} for address in addresses)
        yield Group(f"static/{number}", targets, labels)


def _check_times(said: Fields, interval_s: float, timeout_s: float) -> None:
    if 0 < interval_s < MIN_INTERVAL_S:
        message = f"`{_name(said, 'scrape_interval')}` must be at least {show(MIN_INTERVAL_S)}"
        said.problems.error(said.mark("scrape_interval"), message, Code.OUT_OF_BOUNDS)
    if timeout_s > interval_s:
        message = (
            f"`{_name(said, 'scrape_timeout')}` is above the scrape_interval of {show(interval_s)}"
        )
        said.problems.error(said.mark("scrape_timeout"), message, Code.OUT_OF_BOUNDS)


def _check_names(jobs: list[ScrapeJob], problems: Problems) -> None:
    first: dict[str, Mark | None] = {}
    for job in jobs:
        if job.name in first and job.name:
            message = f"job `{job.name}` is also defined in {first[job.name]}; rename one of them"
            problems.error(job.mark or Mark("?", 1, 1), message, Code.DUPLICATE)
        first.setdefault(job.name, job.mark)


def _pass_over(fields: Fields, others: dict[str, str]) -> None:
    fields.ignore(*others)
    for key, what in others.items():
        if fields.has(key):
            message = f"`{_name(fields, key)}` is passed over: it is about {what}"
            fields.problems.warn(fields.mark(key), message, Code.IGNORED)


def _refuse_unserved(said: Fields) -> None:
    for key, reason in _ONLY_FALSE.items():
        if said.flag(key, False):
            said.refuse(key, f"is not served: {reason}")
    for key in _NATIVE:
        said.refuse(key, "is not served: native histograms are read as they come")
    said.ignore(*_CLASSIC)  # which are always read
    said.choice("metric_name_validation_scheme", ("utf8", "legacy"), "utf8")
    if said.text("metric_name_escaping_scheme", _ESCAPING) != _ESCAPING:
        reason = f"must be `{_ESCAPING}`: that is how Vigie asks for names that are not plain"
        said.refuse("metric_name_escaping_scheme", reason)


def _body_limit(said: Fields, default: int) -> int:
    """Bytes, in powers of 1024 as Prometheus reads them. Its 0 is no limit: here the default."""
    text = said.text("body_size_limit", "")
    match = _SIZE.fullmatch(text)
    if text and match is None:
        message = f"`{_name(said, 'body_size_limit')}` is `{text[:40]}`; write e.g. 50MB"
        said.problems.error(said.mark("body_size_limit"), message, Code.WRONG_TYPE)
    if match is None:
        return default
    return int(match[1]) * 1024 ** _POWERS.index(match[2] or " ") or ScrapeJob("").body_limit


def _name(fields: Fields, key: str) -> str:
    return f"{fields.where}.{key}" if fields.where else key
