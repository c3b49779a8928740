"""Exposition pages of every odd form, with what they say: for whoever reads pages."""

from collections.abc import Mapping

from hypothesis import strategies as st

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
METRICS = ("a_total", "a_total_more", "my_a_total", "requests_total", "requests", "b")

label_values = st.text(
    st.sampled_from('\\"\n}{,= #abn0é\u2028\x85\t') | st.characters(exclude_categories=["Cs"]),
    max_size=8,
)
labels = st.dictionaries(st.sampled_from(["code", "le", "a", "_b2", "Z"]), label_values, max_size=3)
numbers = st.integers(0, 2**62) | st.floats(0, 1e18)
gaps = st.sampled_from(["", " ", "\t", "  \t"])
wide = st.sampled_from([" ", "\t", "  ", " \t "])


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


Series = tuple[str, frozenset[tuple[str, str]]]


def series_of(metric: str, page_labels: Mapping[str, str]) -> Series:
    return metric, frozenset((name, value) for name, value in page_labels.items() if value)


@st.composite
def text_pages(draw: st.DrawFn) -> tuple[str, dict[Series, float]]:
    """A page in the text format, as loosely written as it allows, and what it says."""
    model: dict[Series, float] = {}
    lines: list[str] = []
    end = draw(st.sampled_from(["\n", "\r\n"]))
    for _ in range(draw(st.integers(0, 12))):
        metric, own = draw(st.sampled_from(METRICS)), draw(labels)
        series = series_of(metric, own)
        if series in model:
            continue
        number = draw(numbers)
        model[series] = float(number)
        gap, value = draw(gaps), repr(number)
        pairs = [f'{n}{draw(gaps)}={draw(gaps)}"{escaped(v)}"{gap}' for n, v in own.items()]
        inner = f",{gap}".join(pairs) + ("," if draw(st.booleans()) and pairs else "")
        braces = f"{gap}{{{gap}{inner}{gap}}}" if draw(st.booleans()) or pairs else ""
        stamp = draw(st.sampled_from(["", " 1700000000000", "\t-5"]))
        lines.append(f"{draw(gaps)}{metric}{braces}{draw(wide)}{value}{stamp}{draw(gaps)}")
        comments = ["", "  ", "#", f"# TYPE {metric} counter", "# HELP a_total a", "#a_total 5"]
        lines += draw(st.lists(st.sampled_from(comments), max_size=2))
    return end.join(lines) + draw(st.sampled_from(["", end])), model


@st.composite
def openmetrics_pages(draw: st.DrawFn) -> tuple[str, dict[Series, float], dict[Series, float]]:
    """An OpenMetrics page of counters, what it says, and the creation times in it."""
    model: dict[Series, float] = {}
    created: dict[Series, float] = {}
    lines: list[str] = []
    for family in draw(st.lists(st.sampled_from(["a", "requests", "my_a"]), unique=True)):
        metric = f"{family}_total"
        lines.append(f"# TYPE {family} counter")
        for own in draw(st.lists(labels, max_size=4, unique_by=lambda own: series_of("", own))):
            number = draw(numbers)
            pairs = ",".join(f'{name}="{escaped(value)}"' for name, value in own.items())
            braces = f"{{{pairs}}}" if pairs else ""
            stamp = draw(st.sampled_from(["", " 1700000000", " 1700000000.25"]))
            exemplars = ["", ' # {t="x"} 1', " # {} 0.5 1700000000.5", ' # {t=" # } {"} 2.5']
            exemplar = draw(st.sampled_from(exemplars))
            lines.append(f"{metric}{braces} {number!r}{stamp}{exemplar}")
            model[series_of(metric, own)] = float(number)
            if draw(st.booleans()):
                lines.append(f"{family}_created{braces} 1700000000.125{stamp}")
                created[series_of(metric, own)] = 1700000000.125
    return "\n".join([*lines, "# EOF"]) + draw(st.sampled_from(["", "\n"])), model, created


PIECES = [
    *(b"\n", b" ", b"\t", b"\r", b"{", b"}", b'"', b"\\", b",", b"=", b"#", b" # ", b"_", b"0"),
    *(b"NaN", b"\xff", b"\x00", b"\xc2\xa0", b"\xe2\x80\xa8", b"\x0b", b"\x1c", b"# EOF\n"),
    *(b"a_total", b"requests_total 1", b'b{a="b"} 5\n', b'{"b"} 6\n', b"# TYPE b counter\n"),
]
mutations = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 4), st.sampled_from(PIECES)), min_size=1, max_size=4
)


def mutated(body: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, drop, piece in changes:
        at = int(where * len(body))
        body = body[:at] + piece + body[at + drop :]
    return body
