"""Builders for Grafana's classic dashboard JSON (schemaVersion 42): panels, variables, layout.

Pure: plain values in, a JSON-able dict out. The JSON is the contract (golden files), not these
functions. A panel's id is given by hand and never reused, since links and annotations name it.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Json: TypeAlias = dict[str, object]

SCHEMA_VERSION: Final = 42
GRID_WIDTH: Final = 24
# Longer gaps between two points are drawn as gaps: what was not measured is unknown. Without it a
# state-timeline draws the last state on to now.
GAP_MS: Final = 300_000
# Every panel asks the data source that the reader picked. A fixed uid is what breaks dashboards
# that others import.
DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; `legend` may hold `{{label}}`. `instant` asks for now only."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` upwards values have this colour; the lowest step has no `at`."""

    colour: str
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One value column of a table: its query, heading and look."""

    title: str
    expr: str
    unit: str
    decimals: int | None = None
    steps: tuple[Step, ...] = ()
    texts: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # value: (text, colour)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every panel has. `width` of 24 and `height` are grid units; `no_value` is the text
    shown where a query returns nothing.
    """

    id: int
    title: str
    description: str
    unit: str
    no_value: str
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel before it has a place."""

    frame: Frame
    body: Json


PLAIN: Final = (Step("text"),)


def stat(frame: Frame, expr: str, steps: Sequence[Step] = PLAIN) -> Panel:
    """One big number, coloured by its thresholds."""
    options: Json = {
        "colorMode": "background_solid" if len(steps) > 1 else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
        "wideLayout": True,
    }
    defaults = _defaults(frame, steps, color={"mode": "thresholds"})
    return Panel(frame, _body("stat", frame, [Query(expr, instant=True)], defaults, options))


def timeseries(
    frame: Frame,
    queries: Sequence[Query],
    *,
    steps: Sequence[Step] = PLAIN,
    stacked: bool = False,
    most: float | None = None,
) -> Panel:
    """Lines over time, drawn up to `most`; with more than one step the thresholds are drawn too."""
    custom: Json = {
        "axisSoftMin": 0,
        "drawStyle": "line",
        "fillOpacity": 20 if stacked else 0,
        "spanNulls": False,
        "insertNulls": GAP_MS,
        "lineWidth": 1,
        "showPoints": "auto",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if len(steps) > 1 else "off"},
    }
    defaults = _defaults(frame, steps, color={"mode": "palette-classic"}, custom=custom)
    if most is not None:
        defaults["max"] = most
    legend = {
        "calcs": ["lastNotNull"],
        "displayMode": "table",
        "placement": "bottom",
        "showLegend": True,
    }
    options: Json = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return Panel(frame, _body("timeseries", frame, queries, defaults, options))


def state_timeline(frame: Frame, query: Query, texts: Mapping[int, tuple[str, str]]) -> Panel:
    """One bar a series, coloured by its state; `texts` gives each value its word and colour."""
    custom: Json = {"fillOpacity": 80, "lineWidth": 0, "insertNulls": GAP_MS, "spanNulls": False}
    defaults = _defaults(frame, PLAIN, color={"mode": "thresholds"}, custom=custom)
    defaults["mappings"] = _mappings(texts)
    options: Json = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return Panel(frame, _body("state-timeline", frame, [query], defaults, options))


def table(frame: Frame, labels: Mapping[str, str], columns: Sequence[Column]) -> Panel:
    """One row for each combination of `labels` (label: heading), one column for each query.

    Every query must be aggregated by exactly these labels, so that their rows merge.
    """
    options: Json = {"cellHeight": "sm", "showHeader": True, "footer": {"show": False}}
    custom: Json = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}
    defaults = _defaults(frame, PLAIN, color={"mode": "thresholds"}, custom=custom)
    queries = [Query(column.expr, instant=True) for column in columns]
    body = _body("table", frame, queries, defaults, options)
    body["targets"] = [{**target, "format": "table"} for target in _targets(queries)]
    body["fieldConfig"] = {"defaults": defaults, "overrides": [_column(c) for c in columns]}
    body["transformations"] = _merged(labels, columns)
    return Panel(frame, body)


def datasource_variable() -> Json:
    """The variable behind `${datasource}`: any Prometheus-compatible source of the reader's."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
    }


def label_variable(name: str, title: str, selector: str) -> Json:
    """A multi-choice of the values that the label `name` has on the selected series."""
    query = f"label_values({selector}, {name})"
    return {
        "name": name,
        "label": title,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor"},
        "allValue": ".+",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "includeAll": True,
        "multi": True,
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }


def dashboard(
    uid: str,
    title: str,
    description: str,
    *,
    rows: Sequence[Sequence[Panel]],
    variables: Sequence[Json],
    tags: Sequence[str] = ("vigie",),
) -> Json:
    """The whole dashboard. Panels of a row stand side by side; rows follow each other."""
    return {
        "annotations": {"list": []},
        "description": description,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "panels": _placed(rows),
        "refresh": "30s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": list(tags),
        "templating": {"list": list(variables)},
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "timezone": "utc",
        "title": title,
        "uid": uid,
        "weekStart": "",
    }


def queries(dashboard: Json) -> list[str]:
    """Every PromQL expression of a dashboard as it stands there, in panel order."""
    panels = dashboard["panels"]
    assert isinstance(panels, list)
    return [target["expr"] for panel in panels for target in panel["targets"]]


def expressions(dashboard: Json, values: Mapping[str, str] | None = None) -> list[str]:
    """`queries` as a server is asked them: the variables filled in, with every service and SLO."""
    filled = {
        "service": ".+",
        "slo": ".+",
        "__range": "1h",
        "__rate_interval": "5m",
        **(values or {}),
    }
    return [string.Template(expr).substitute(filled) for expr in queries(dashboard)]


def _body(type: str, frame: Frame, queries: Sequence[Query], defaults: Json, options: Json) -> Json:
    return {
        "type": type,
        "title": frame.title,
        "description": frame.description,
        "datasource": DATASOURCE,
        "targets": _targets(queries),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "transparent": False,
    }


def _targets(queries: Sequence[Query]) -> list[Json]:
    return [
        {
            "refId": ref,
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": query.instant,
            "range": not query.instant,
        }
        for ref, query in zip(string.ascii_uppercase[: len(queries)], queries, strict=True)
    ]


def _defaults(frame: Frame, steps: Sequence[Step], **more: Json) -> Json:
    return {
        "unit": frame.unit,
        "noValue": frame.no_value,
        "mappings": [],
        "thresholds": _thresholds(steps),
        **more,
    }


def _thresholds(steps: Sequence[Step]) -> Json:
    return {
        "mode": "absolute",
        "steps": [{"color": step.colour, "value": step.at} for step in steps],
    }


def _mappings(texts: Mapping[int, tuple[str, str]]) -> list[Json]:
    shown = {
        str(value): {"text": text, "color": colour, "index": place}
        for place, (value, (text, colour)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": shown}] if shown else []


def _merged(labels: Mapping[str, str], columns: Sequence[Column]) -> list[Json]:
    """The transformations that make one table of the answers, `Value #A` being the first's."""
    refs = string.ascii_uppercase[: len(columns)]
    values = {f"Value #{ref}": c.title for ref, c in zip(refs, columns, strict=True)}
    headings = {**labels, **values}
    organised: Json = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(headings)},
        "renameByName": headings,
    }
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organised}]


def _column(column: Column) -> Json:
    """The override that gives one column of a table its unit, colours and words."""
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.steps:
        properties.append({"id": "thresholds", "value": _thresholds(column.steps)})
    if column.texts:
        properties.append({"id": "mappings", "value": _mappings(column.texts)})
    if column.steps or column.texts:
        look = {"type": "color-background", "mode": "basic"}
        properties.append({"id": "custom.cellOptions", "value": look})
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _placed(rows: Sequence[Sequence[Panel]]) -> list[Json]:
    """The panels with their places; ValueError when a row is too wide or an id stands twice."""
    ids = [panel.frame.id for row in rows for panel in row]
    if len(ids) != len(set(ids)):
        raise ValueError(f"panel ids must be unique: {sorted(ids)}")
    placed: list[Json] = []
    top = 0
    for row in rows:
        left = 0
        for panel in row:
            frame = panel.frame
            place = {"x": left, "y": top, "w": frame.width, "h": frame.height}
            placed.append({"id": frame.id, "gridPos": place, **panel.body})
            left += frame.width
        if left > GRID_WIDTH:
            raise ValueError(f"a row is {left} wide, of {GRID_WIDTH}: {row[0].frame.title}")
        top += max(panel.frame.height for panel in row)
    return placed
