"""Expressions have the values that Debian's Prometheus computes from the same samples."""

import json
import math
import random
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components import eventually, free_port, need, running
from slo.expression import Series, Unanswerable, values
from slo.promql import QueryError, compile_expression
from slo.selector import Matcher, MatchOp, Selector

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

START = 1_700_000_000
STEP_S, COUNT = 15, 80
# None of them a whole interval after a sample: where a range is open or closed differs by version.
TIMES = (START + 7, START + 601, START + 904.5, START + 1201, START + 1499)
EDGES = ("0.1", "0.5", "1", "5", "+Inf")

Data = dict[str, list[Series]]


def made() -> Data:
    """Gauges with gaps, NaN and infinities, a counter with resets, a histogram; some end early."""
    chance = random.Random(11)
    times = [float(START + STEP_S * i) for i in range(COUNT)]
    data: Data = {"g": [], "h": [], "c_total": [], "lat_bucket": [], "one": []}
    for zone in ("a", "b", "c"):
        for pod in ("1", "2"):
            labels = {"zone": zone, "pod": pod}
            shown = [t for t in times if chance.random() < 0.9]
            if (zone, pod) == ("c", "2"):
                shown = shown[:20]
            odd = [math.nan, math.inf, -math.inf, -1.5, 0.0]
            picked = [
                chance.choice(odd) if chance.random() < 0.1 else chance.random() for _ in shown
            ]
            data["g"].append(Series(labels, shown, picked))
            if zone != "c":
                data["h"].append(Series(labels, times, [chance.randrange(3) / 2 for _ in times]))
            data["c_total"].append(Series(labels, shown, counter(chance, len(shown))))
        data["one"].append(Series({"zone": zone}, times, [chance.random() for _ in times]))
        shares = [counter(chance, COUNT) for _ in EDGES]
        for edge in range(len(EDGES)):
            below = [sum(column) for column in zip(*shares[: edge + 1], strict=True)]
            labels = {"zone": zone, "le": EDGES[edge]}
            data["lat_bucket"].append(Series(labels, times, below))
    return data


def counter(chance: random.Random, size: int) -> list[float]:
    value, shown = float(chance.randrange(50)), []
    for _ in range(size):
        value = 0.0 if chance.random() < 0.03 else value + chance.randrange(5)
        shown.append(value)
    return shown


def openmetrics(data: Data) -> str:
    lines = []
    for metric, shown in data.items():
        kind = "counter" if metric.endswith("_total") else "gauge"
        lines.append(f"# TYPE {metric.removesuffix('_total')} {kind}")
        for series in shown:
            labels = ",".join(f'{name}="{value}"' for name, value in series.labels.items())
            for time, value in zip(series.times, series.values, strict=True):
                lines.append(f"{metric}{{{labels}}} {value} {time}")
    return "\n".join([*lines, "# EOF", ""])


class Asked:
    """A Prometheus that holds the data."""

    def __init__(self, port: int, data: Data) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.data = data

    def ready(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)

    def theirs(self, query: str, at: float) -> list[float] | None:
        """Its values; None when it says that series match ambiguously."""
        asked = urllib.parse.urlencode({"query": query, "time": at})
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=10) as answer:
                found = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["error"]
            assert "many-to-one" in said or "duplicate series" in said or "many-to-many" in said
            return None
        if found["resultType"] == "scalar":
            return [float(found["result"][1])]
        return [float(series["value"][1]) for series in found["result"]]

    def ours(self, query: str, at: float) -> list[float] | None:
        compiled = compile_expression(query)
        series = {selector: named(self.data, selector) for selector in compiled.selectors}
        try:
            return values(compiled, series, at)
        except Unanswerable:
            return None

    def agree(self, query: str, at: float) -> None:
        ours, theirs = self.ours(query, at), self.theirs(query, at)
        assert (ours is None) == (theirs is None), f"{query} at {at}: {ours} {theirs}"
        for own, other in zip(ordered(ours), ordered(theirs), strict=True):
            assert own == pytest.approx(other, rel=1e-9, abs=1e-12, nan_ok=True), f"{query} at {at}"


def ordered(found: list[float] | None) -> list[float]:
    return sorted(found or [], key=lambda value: (math.isnan(value), value))


def named(data: Data, selector: Selector) -> list[Series]:
    return [s for s in data[selector.metric] if all(fits(s.labels, m) for m in selector.matchers)]


def fits(labels: Mapping[str, str], matcher: Matcher) -> bool:
    equal = labels.get(matcher.label, "") in matcher.value.split("|")
    return equal is (matcher.op in (MatchOp.EQUAL, MatchOp.MATCH))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("prometheus")
    data = made()
    (folder / "data.om").write_text(openmetrics(data))
    (folder / "prometheus.yml").write_text("{}")
    blocks = ["tsdb", "create-blocks-from", "openmetrics", "data.om", "tsdb"]
    subprocess.run([need("promtool"), *blocks], cwd=folder, check=True, capture_output=True)
    port = free_port()
    argv = [
        need("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(argv, folder / "log"):
        asked = Asked(port, data)
        eventually(asked.ready)
        yield asked


QUERIES = [
    "g",
    'g{zone="a"}',
    'g{zone!="a",pod=~"1|2"}',
    'g{zone!~"a|b"}',
    "nothing_here",
    "-g",
    "1 / 0",
    "-1 / 0 + 1",
    "0 / 0",
    "2 > bool 1",
    "g / 0",
    "g * -2 + 1 - 0.5",
    "1 - g",
    "sum(g)",
    'sum(g{zone="b"})',
    "max(sum by (zone) (h) * on(zone) one)",
    "avg(h)",
    "min(g)",
    "max(g)",
    "count(g)",
    "count(g < 0.75)",
    "count(g < -9)",
    "count(g < -9) or vector(0)",
    "count(g < 0.75) or on() vector(0)",
    "nothing_here or vector(0)",
    "h or vector(0)",
    "h or on() vector(0)",
    "g > 0.5",
    "0.5 > g",
    "g > bool 0.5",
    "g == g",
    "g != g",
    "h >= bool 0.5",
    "g + h",
    "g / h",
    "g > h",
    "g <= bool h",
    "h == on(zone, pod) g",
    "one - on(zone) h",
    "h - on(zone) one",
    "g - ignoring(pod) one",
    "one * ignoring(pod) g",
    'one + ignoring(pod) h{pod="1"}',
    'h{pod="1"} + on(zone) one',
    "sum(h) / count(h)",
    "sum(g > 0) / on() count(h)",
    "sum(min by (zone) (h)) + max(avg without (pod) (one))",
    "count(count by (zone) (g))",
    "sum(count without (zone) (g))",
    "sum_over_time(h[2m])",
    "avg_over_time(g[5m])",
    "min_over_time(g[5m])",
    "max_over_time(g[1m])",
    "count_over_time(g[10m])",
    "sum(min_over_time(g[2m]))",
    "rate(c_total[5m])",
    "increase(c_total[2m])",
    "rate(c_total[20s])",
    "sum(rate(c_total[5m])) / sum(rate(lat_bucket[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(lat_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le) (rate(lat_bucket[10m])))",
    "histogram_quantile(0, sum by (le) (lat_bucket))",
    "histogram_quantile(1, sum by (le) (lat_bucket))",
    "histogram_quantile(-1, sum by (le) (lat_bucket))",
    "histogram_quantile(2, sum by (le) (lat_bucket))",
    "histogram_quantile(0.5, rate(lat_bucket[2m]))",
    'histogram_quantile(0.5, sum by (le) (lat_bucket{le!="+Inf"}))',
    'histogram_quantile(0.5, sum by (le) (lat_bucket{le="+Inf"}))',
    "histogram_quantile(0.5, sum by (le) (nothing_here))",
]


@pytest.mark.parametrize("query", QUERIES)
def test_an_expression_has_the_values_of_prometheus(prometheus: Asked, query: str) -> None:
    prometheus.data.setdefault("nothing_here", [])
    for at in TIMES:
        prometheus.agree(query, at)


def test_the_table_asks_for_what_is_there(prometheus: Asked) -> None:
    """Else two empty answers would agree about nothing."""
    prometheus.data.setdefault("nothing_here", [])
    answered = [query for query in QUERIES if any(prometheus.theirs(query, at) for at in TIMES)]
    assert len(answered) >= len(QUERIES) - 8
    assert any(math.isnan(v) for v in prometheus.theirs("g", TIMES[2]) or [])


atoms = st.sampled_from(
    ["g", "h", "one", 'g{zone="a"}', 'h{pod="1"}', "avg_over_time(g[1m])", "0.5", "-1", "0"]
)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    ops = st.sampled_from(["+", "-", "*", "/", ">", "<=", "==", "!=", "> bool", "== bool"])
    matchings = st.sampled_from(["", "", " on(zone)", " ignoring(pod)", " on()"])
    makers = st.sampled_from(["sum", "avg", "min", "max", "count"])
    groupings = st.sampled_from(["", " by (zone)", " without (pod)"])
    return (
        st.builds("({} {}{} {})".format, inner, ops, matchings, inner)
        | st.builds("{}{} ({})".format, makers, groupings, inner)
        | st.builds("-({})".format, inner)
        | st.builds("({} or vector(0))".format, inner)
    )


@given(st.recursive(atoms, grown, max_leaves=5), st.sampled_from(TIMES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_expression_has_the_values_of_prometheus(
    prometheus: Asked, query: str, at: float
) -> None:
    try:
        compile_expression(query)
    except QueryError:
        return  # a grouping outermost, a comparison of numbers without bool, ...
    prometheus.agree(query, at)
