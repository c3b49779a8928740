"""Scrape jobs: what `scrape_configs` says, and the targets that come of it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from collectors.discovery.model import Discovery
from collectors.relabel import Rule, relabel
from collectors.scraping import AS_USUAL, Scraping
from collectors.targets import Target
from slo import names
from slo.load.yaml import Mark
from slo.spec import Births
from slo.windows import parse, show

MIN_INTERVAL_S: Final = 0.1
MOST_PROBLEMS: Final = 20  # told one by one; the others are counted
_ADDRESS: Final = "__address__"
_SCHEME: Final = "__scheme__"
_PATH: Final = "__metrics_path__"
_INTERVAL: Final = "__scrape_interval__"
_TIMEOUT: Final = "__scrape_timeout__"
_PARAM: Final = "__param_"
_PATH_SAFE: Final = "/$&+,:;=@"  # what Go's url.URL leaves as it is in a path, besides letters
_NO_ADDRESS: Final = "/?#@\\"


@dataclass(frozen=True, slots=True)
class Group:
    """Targets that one place tells of; each is its labels with `__address__`."""

    source: str  # e.g. `static/0`, `file/targets.json/0`, `pod/shop/api-1`
    targets: tuple[Mapping[str, str], ...]
    labels: Mapping[str, str] = field(default_factory=dict)  # of all of them


@dataclass(frozen=True, slots=True)
class ScrapeJob:
    """One entry of `scrape_configs`. Durations in seconds."""

    name: str
    interval_s: float = 60.0
    timeout_s: float = 10.0
    scheme: str = "http"
    path: str = "/metrics"
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body_limit: int = 50_000_000
    target_limit: int = 0
    births: Births = Births.ZERO
    scraping: Scraping = AS_USUAL
    relabel: tuple[Rule, ...] = ()
    static: tuple[Group, ...] = ()
    discoveries: tuple[Discovery, ...] = ()
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The targets that a job has now.

    `dropped` counts those that relabelling dropped, `problems` names those that can't be targets.
    With `over_limit` there are more than `target_limit`: as in Prometheus all of them fail.
    """

    targets: tuple[Target, ...]
    dropped: int = 0
    over_limit: bool = False
    problems: tuple[str, ...] = ()


def targets_of(job: ScrapeJob, groups: Sequence[Group]) -> Found:
    """The targets that groups make by the rules of a job, each once.

    Source: Prometheus' scrape/target.go (PopulateLabels, Target.URL). Addresses stay as they are,
    with or without a port, as they do since Prometheus 3.
    """
    found: dict[str, Target] = {}
    dropped = 0
    problems: dict[str, None] = {}
    for group in groups:
        for own in group.targets:
            labels = relabel(job.relabel, _discovered(job, own, group.labels))
            if labels is None:
                dropped += 1
                continue
            try:
                target = _target(job, labels)
            except ValueError as error:
                problems[f"{group.source}: {error}"[:300]] = None
                continue
            found.setdefault(target.id, target)
    over = 0 < job.target_limit < len(found)
    return Found(tuple(found.values()), dropped, over, tuple(_told(list(problems))))


def _discovered(
    job: ScrapeJob, own: Mapping[str, str], shared: Mapping[str, str]
) -> dict[str, str]:
    """The labels that relabelling sees: a target's own, its group's, then what the job says."""
    defaults = {
        names.JOB: job.name,
        _INTERVAL: show(job.interval_s),
        _TIMEOUT: show(job.timeout_s),
        _PATH: job.path,
        _SCHEME: job.scheme,
        **{f"{_PARAM}{name}": values[0] for name, values in job.params.items() if values},
    }
    told = {**shared, **own}
    return {**defaults, **{name: value for name, value in told.items() if value}}


def _target(job: ScrapeJob, labels: Mapping[str, str]) -> Target:
    """The target of relabelled labels. ValueError says why it can't be one."""
    address, scheme = labels.get(_ADDRESS, ""), labels.get(_SCHEME, "")
    if not address:
        raise ValueError("a target has no __address__")
    if any(char.isspace() or char in _NO_ADDRESS for char in address):
        raise ValueError(f"`{_short(address)}` is no address: host:port, without scheme or path")
    if scheme not in ("http", "https"):
        raise ValueError(f"`{_short(address)}`: `{_short(scheme)}` is no scheme: http or https")
    interval_s, timeout_s = _times(address, labels)
    kept = {name: value for name, value in labels.items() if not name.startswith("__")}
    instance = kept.setdefault(names.INSTANCE, address)
    url = _url(job, scheme, address, labels)
    return Target(
        job=kept.get(names.JOB, ""),
        instance=instance + _distinction(job, url, kept),
        url=url,
        service=kept.get(names.SERVICE) or job.name,
        labels=kept,
        interval_s=interval_s,
        timeout_s=timeout_s,
        body_limit=job.body_limit,
        births=job.births,
        found_by=f"job {job.name}",
        scraping=job.scraping,
        mark=job.mark,
    )


def _times(address: str, labels: Mapping[str, str]) -> tuple[float, float]:
    """Interval and timeout, which relabelling may have changed."""
    try:
        interval_s, timeout_s = parse(labels.get(_INTERVAL, "")), parse(labels.get(_TIMEOUT, ""))
    except ValueError as error:
        raise ValueError(f"`{_short(address)}`: {_short(str(error))}") from error
    if interval_s < MIN_INTERVAL_S or timeout_s <= 0:
        least = show(MIN_INTERVAL_S)
        raise ValueError(f"`{_short(address)}`: the interval must be at least {least}")
    if timeout_s > interval_s:
        raise ValueError(f"`{_short(address)}`: the timeout is above the interval")
    return interval_s, timeout_s


def _url(job: ScrapeJob, scheme: str, address: str, labels: Mapping[str, str]) -> str:
    """The address of the page; a label stands for the first value of its parameter."""
    params = dict(job.params)
    for label, value in labels.items():
        if label.startswith(_PARAM):
            name = label.removeprefix(_PARAM)
            params[name] = (value, *params.get(name, ())[1:])
    return _joined(scheme, address, labels.get(_PATH, ""), params)


def _joined(scheme: str, address: str, path: str, params: Mapping[str, Sequence[str]]) -> str:
    quoted = quote(path, safe=_PATH_SAFE)
    slash = "" if not quoted or quoted.startswith("/") else "/"
    query = urlencode([(name, value) for name in sorted(params) for value in params[name]])
    return f"{scheme}://{address}{slash}{quoted}" + (f"?{query}" if query else "")


def _distinction(job: ScrapeJob, url: str, labels: Mapping[str, str]) -> str:
    """What tells a target from others of its job and instance: nothing for a plain one.

    An id is made of job and instance, and what was counted is kept by id. So it must depend on
    the target alone and not on which others there are, or two targets would take turns at one
    id and count each other's values.
    """
    plain = {names.JOB: job.name, names.INSTANCE: labels[names.INSTANCE]}
    usual = _joined(job.scheme, labels[names.INSTANCE], job.path, job.params)
    if labels == plain and url == usual and "/" not in job.name:
        return ""
    text = "\0".join((job.name, url, *(f"{name}\0{labels[name]}" for name in sorted(labels))))
    return f"~{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"


def _told(problems: list[str]) -> Iterator[str]:
    yield from problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        yield f"and {len(problems) - MOST_PROBLEMS} more"


def _short(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:80])
