"""Sloth's SLOs: files of `prometheus/v1`, and its Kubernetes resource PrometheusServiceLevel.

The formats: https://github.com/slok/sloth. Both say the same; the file spells its keys with
underscores, the resource in camel case. Sloth drops a key of the wrong spelling without a word.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from slo.load import queries
from slo.load.codes import Code
from slo.load.document import name_in
from slo.load.kubernetes import Metadata, metadata_in
from slo.load.nodes import BOOL
from slo.load.percent import percent
from slo.load.yaml import Fields, Node, Problems
from slo.spec import Alerting, AlertText, ArmKind, BasicSli, ForeignSli, Format, RatioKind, Slo
from slo.windows import UNITS_S

VERSION: Final = "prometheus/v1"
KUBERNETES: Final = "sloth.slok.dev/v1"
KIND: Final = "PrometheusServiceLevel"
# One for all SLOs: Sloth takes it from its command line, 30d by default.
WINDOW_S: Final = 30 * UNITS_S["d"]
_SLIS: Final = ("events", "raw", "plugin")
_INTERVALS: Final = ("all", "slierror", "metadata", "alert")
_WINDOW: Final = re.compile(r"\{\{ *\.window *\}\}")


def read(node: Node, problems: Problems) -> list[Slo] | None:
    """The SLOs of a `version: prometheus/v1` document; None when anything in it is wrong."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("version")
    slos = _slos(fields, _Form(Format.SLOTH, "a prometheus/v1 file", camel=False), Metadata(""))
    fields.close()
    return slos if len(problems.errors) == before else None


def read_kubernetes(node: Node, problems: Problems) -> list[Slo] | None:
    """The SLOs of a `PrometheusServiceLevel` resource; None when anything in it is wrong."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    metadata = metadata_in(fields)
    with fields.map("spec") as spec:
        form = _Form(Format.SLOTH_KUBERNETES, f"a {KIND}", camel=True)
        slos = _slos(spec, form, metadata)
    fields.close()
    return slos if len(problems.errors) == before else None


@dataclass(frozen=True, slots=True)
class _Form:
    """One of the two formats."""

    format: Format
    title: str
    camel: bool

    def key(self, fields: Fields, words: str) -> str:
        """The key for some words. The other form's spelling is an error; it is read all the same,
        so that what else is wrong in it is said in the same run.
        """
        mine, theirs = self._spelt(words)
        if not fields.has(theirs):
            return mine
        reason = f"is spelt `{mine}` in {self.title}: Sloth drops this one and all that it says"
        fields.refuse(theirs, reason, Code.UNKNOWN_KEY)
        return mine if fields.has(mine) else theirs

    def optional(self, fields: Fields, words: str) -> str:
        """The key of what may be left out: Sloth takes the other form's spelling as left out, so
        its own examples have it, and here it is a warning.
        """
        mine, theirs = self._spelt(words)
        if fields.has(theirs):
            fields.ignore(theirs)
            message = (
                f"`{fields.where}.{theirs}` is spelt `{mine}` in {self.title}: this one, and all "
                "that it says, is ignored, as by Sloth"
            )
            fields.problems.warn(fields.mark(theirs), message, Code.IGNORED)
        return mine

    def _spelt(self, words: str) -> tuple[str, str]:
        """How this form spells a key, and how the other one does."""
        head, *rest = words.split("_")
        camel = head + "".join(word.title() for word in rest)
        return (camel, words) if self.camel else (words, camel)

    def labels(self, fields: Fields, key: str) -> dict[str, str]:
        """A mapping of text to text. In a file, not in the resource, Sloth also takes booleans."""
        if self.camel:
            return fields.labels(key)
        with fields.maybe_map(key) as inner:
            return {} if inner is None else {name: _word(inner, name) for name in inner.names()}


def _word(fields: Fields, key: str) -> str:
    node = fields.node_of(key)
    if node is not None and isinstance(node.raw, yaml.ScalarNode) and node.raw.tag == BOOL:
        return str(node.raw.value)
    return fields.text(key) if node is not None else ""


@dataclass(frozen=True, slots=True)
class _Group:
    """What the SLOs of one document share."""

    form: _Form
    metadata: Metadata
    service: str
    labels: Mapping[str, str]


def _slos(spec: Fields, form: _Form, metadata: Metadata) -> list[Slo]:
    """The SLOs that could be read."""
    group = _Group(form, metadata, _name(spec, "service"), form.labels(spec, "labels"))
    _plugins(spec, form.optional(spec, "slo_plugins"))
    slos = [_slo(fields, group) for fields in spec.maps("slos", required=True)]
    return [slo for slo in slos if slo is not None]


def _slo(fields: Fields, group: _Group) -> Slo | None:
    form, metadata = group.form, group.metadata
    name, objective = _name(fields, "name"), percent(fields, "objective", quoted=False)
    labels = {**group.labels, **form.labels(fields, "labels")}
    description = fields.text("description", "")
    _plugins(fields, "plugins")
    _interval(fields)
    sli, alerting = _sli(fields, form), _alerting(fields, form)
    if sli is None:
        return None
    return Slo(
        service=group.service,
        name=name,
        objective=objective,
        window_s=WINDOW_S,
        sli=sli,
        alerting=alerting,
        description=description,
        labels=labels,
        annotations=metadata.annotations,
        format=form.format,
        document=metadata.name,
        namespace=metadata.namespace,
        resource_labels=metadata.labels,
        mark=fields.node.mark,
    )


def _name(fields: Fields, key: str) -> str:
    name = name_in(fields, key)
    if len(name) == 1:
        message = f"`{name}` is too short for Sloth: a name has at least two characters"
        fields.problems.error(fields.mark(key), message, Code.BAD_NAME)
    return name


def _plugins(fields: Fields, key: str) -> None:
    """Plugins of rule generation: they say nothing about the SLO itself."""
    with fields.maybe_map(key) as plugins:
        if plugins is None:
            return
        overrides, names = plugins.flag("overridePrevious", False), []
        for plugin in plugins.maps("chain"):
            names.append(plugin.text("id"))
            plugin.integer("priority", 0)
            plugin.ignore("config")
    if names or overrides:
        message = (
            f"`{plugins.where}` ({', '.join(names) or 'none'}) changes the rules that Sloth "
            "generates: Vigie runs no plugins and ignores it"
        )
        fields.problems.warn(fields.mark(key), message, Code.IGNORED)


def _interval(fields: Fields) -> None:
    """How often rules are evaluated, in a proposal to Sloth that its releases don't read: no key
    of the format, so that schemas don't have it.
    """
    if not fields.has("interval"):
        return
    with fields.map("interval") as interval:
        interval.ignore(*_INTERVALS)
    message = f"`{interval.where}` is about the groups of rules and is ignored, as by Sloth"
    fields.problems.warn(fields.mark("interval"), message, Code.IGNORED)


def _sli(fields: Fields, form: _Form) -> BasicSli | None:
    with fields.map("sli") as sli:
        sli.ignore(*_SLIS)
        stated = [key for key in _SLIS if sli.has(key)]
        if len(stated) > 1:
            message = f"`{sli.where}` states {' and '.join(stated)}: keep one of them"
            sli.problems.error(sli.node.mark, message, Code.CONFLICT)
        elif stated == ["events"]:
            return _events(sli, form)
        elif stated == ["raw"]:
            return _raw(sli, form)
        elif stated == ["plugin"]:
            return _plugin(sli, form)
        elif not sli.names():  # else one of them is misspelt, which is said
            message = f"`{sli.where}` says nothing: write {', '.join(_SLIS[:-1])} or {_SLIS[-1]}"
            sli.problems.error(sli.node.mark, message, Code.MISSING_KEY)
    return None


def _events(sli: Fields, form: _Form) -> BasicSli | None:
    with sli.map("events") as events:
        part = _query(events, form.key(events, "error_query"))
        total = _query(events, form.key(events, "total_query"))
        if part is None or total is None:
            return None
        if part.raw.value.strip() == total.raw.value.strip():
            message = f"`{events.where}` states one query twice: every event would be bad"
            events.problems.error(total.mark, message, Code.CANNOT_MATCH)
            return None
        return queries.pair(part, total, RatioKind.BAD, events.problems)


def _raw(sli: Fields, form: _Form) -> BasicSli | None:
    with sli.map("raw") as raw:
        query = _query(raw, form.key(raw, "error_ratio_query"))
        return None if query is None else queries.ratio(query, RatioKind.BAD, raw.problems)


def _query(fields: Fields, key: str) -> Node | None:
    """The text of a query that can be asked over any window, as Sloth's must."""
    before = len(fields.problems.errors)
    text, node = fields.text(key), fields.node_of(key, required=False)
    if node is None or len(fields.problems.errors) > before:
        return None
    if not _WINDOW.search(text):
        message = (
            f"`{fields.where}.{key}` has no {{{{.window}}}}, which Sloth asks for: write it "
            "in place of a length, such as rate(requests_total[{{.window}}])"
        )
        fields.problems.error(node.mark, message, Code.NOT_PROMQL)
        return None
    return node


def _plugin(sli: Fields, form: _Form) -> ForeignSli:
    """An SLI that a program gives. What it would say can't be known without running it."""
    with sli.map("plugin") as plugin:
        name, options = plugin.text("id"), form.labels(plugin, "options")
    reason = (
        f"the SLI plugin `{name}` is a program of Sloth's: write the query that it gives "
        f"in `{sli.where}.raw`"
    )
    sli.problems.warn(
        sli.mark("plugin"), f"{reason}; until then the SLO is unknown", Code.UNMEASURED
    )
    document = {"plugin": {"id": name, **({"options": options} if options else {})}}
    return ForeignSli(reason, json.dumps(document, sort_keys=True))


def _alerting(fields: Fields, form: _Form) -> Alerting:
    """Sloth's arms for 30d are Vigie's own, so none are stated here."""
    with fields.map("alerting") as alerting:
        name = alerting.text("name", "")
        both = _text(alerting, form)
        page, page_off = _alert(alerting, form, ArmKind.PAGE)
        ticket, ticket_off = _alert(alerting, form, ArmKind.TICKET)
        if not name and not (page_off and ticket_off):
            message = (
                f"missing key `{alerting.where}.name`: Sloth needs it unless page and ticket "
                "are both disabled"
            )
            alerting.problems.error(alerting.node.mark, message, Code.MISSING_KEY)
    off = {ArmKind.PAGE: page_off, ArmKind.TICKET: ticket_off}
    without = frozenset(kind for kind, disabled in off.items() if disabled)
    return Alerting(without=without, name=name, both=both, page=page, ticket=ticket)


def _alert(alerting: Fields, form: _Form, kind: ArmKind) -> tuple[AlertText, bool]:
    """What one kind of alert carries, and whether it is switched off."""
    with alerting.maybe_map(form.optional(alerting, f"{kind}_alert")) as alert:
        if alert is None:
            return AlertText(), False
        text = _text(alert, form)
        if "disable" in text.labels:
            message = (
                f"`{alert.where}.labels.disable` is a label and disables nothing: "
                f"write `{alert.where}.disable`"
            )
            alert.problems.warn(alert.mark("labels"), message, Code.MISSPELT)
        return text, alert.flag("disable", False)


def _text(fields: Fields, form: _Form) -> AlertText:
    return AlertText(form.labels(fields, "labels"), form.labels(fields, "annotations"))
