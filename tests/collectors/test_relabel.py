"""Relabelling as Prometheus documents it: every action, templates, and which rules are refused."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.relabel import Action, Rule, fault_of, problem_of, relabel

NAMES = st.sampled_from(["__name__", "a", "b", "c", "__tmp", "job"])
VALUES = st.sampled_from(["", "x", "y", "x;y", "X-1", "line\nfeed", "É"])
LABELS = st.dictionaries(NAMES, VALUES, max_size=5)
GIVEN = {"a": "foo", "b": "bar", "c": "baz"}


def rule(action: str = "replace", **keys: object) -> Rule:
    sources = keys.pop("source_labels", ())
    assert isinstance(sources, tuple)
    return Rule(Action(action), source_labels=sources, **keys)  # type: ignore[arg-type]  # as given


def replacing(target: str, replacement: str = "$1", regex: str = "(.*)", *sources: str) -> Rule:
    return Rule(
        source_labels=sources or ("a",),
        regex=regex,
        target_label=target,
        replacement=replacement,
    )


A = ("a",)
AB = ("a", "b")
TABLE: dict[str, tuple[tuple[Rule, ...], Mapping[str, str], Mapping[str, str] | None]] = {
    "no rule": ((), GIVEN, GIVEN),
    "replace copies by default": ((replacing("d"),), {"a": "foo"}, {"a": "foo", "d": "foo"}),
    "a pattern fits as a whole": ((replacing("d", "z", "f"),), {"a": "foo"}, {"a": "foo"}),
    "alternatives fit as a whole": ((replacing("d", "z", "f|oo"),), {"a": "foo"}, {"a": "foo"}),
    "groups": (
        (replacing("d", "$2-${1}", "(f)(.*)"),),
        {"a": "foo"},
        {"a": "foo", "d": "oo-f"},
    ),
    "named groups": (
        (replacing("d", "${rest}$head", "(?P<head>f)(?P<rest>.*)"),),
        {"a": "foo"},
        {"a": "foo", "d": "oof"},
    ),
    "$0 is the whole": ((replacing("d", "<$0>", "f.*"),), {"a": "foo"}, {"a": "foo", "d": "<foo>"}),
    "the longest name counts": (
        (replacing("d", "[$1x|${1}x]", "(.*)"),),
        {"a": "foo"},
        {"a": "foo", "d": "[|foox]"},
    ),
    "a group that is not there is empty": (
        (replacing("d", "[$7${nobody}$01]"),),
        {"a": "foo"},
        {"a": "foo", "d": "[]"},
    ),
    "a group that took no part is empty": (
        (replacing("d", "[$2]", "(f.*)|(b.*)"),),
        {"a": "foo"},
        {"a": "foo", "d": "[]"},
    ),
    "two dollars are one": (
        (replacing("d", "$$1 costs $$", "(.*)"),),
        {"a": "foo"},
        {"a": "foo", "d": "$1 costs $"},
    ),
    "a dollar that begins nothing stays": (
        (replacing("d", "$ ${ ${a b} $-", "(.*)"),),
        {"a": "foo"},
        {"a": "foo", "d": "$ ${ ${a b} $-"},
    ),
    "the target is a template": (
        (replacing("${1}_${2}", "v", "(f)(.*)"),),
        {"a": "foo"},
        {"a": "foo", "f_oo": "v"},
    ),
    "a target that comes out empty": ((replacing("$2", "v"),), {"a": "foo"}, {"a": "foo"}),
    "an empty value deletes": ((replacing("b", "", ".*"),), GIVEN, {"a": "foo", "c": "baz"}),
    "an empty group deletes": ((replacing("b", "$1", "foo(.*)"),), GIVEN, {"a": "foo", "c": "baz"}),
    "no source at all sets": (
        (Rule(target_label="d", replacement="v"),),
        {"a": "foo"},
        {"a": "foo", "d": "v"},
    ),
    "sources are joined": (
        (replacing("d", "$2;$1", "(f.*);(.*);", "a", "b", "missing"),),
        {"a": "foo", "b": "bar"},
        {"a": "foo", "b": "bar", "d": "bar;foo"},
    ),
    "by the separator": (
        (
            Rule(source_labels=AB, separator="", target_label="d"),
            Rule(source_labels=AB, separator="||", target_label="e"),
        ),
        {"a": "1", "b": "2"},
        {"a": "1", "b": "2", "d": "12", "e": "1||2"},
    ),
    "a dot is any character": (
        (replacing("d", "z", "a.b"),),
        {"a": "a\nb"},
        {"a": "a\nb", "d": "z"},
    ),
    "rules see what those before them did": (
        (replacing("__tmp", "t", "f.*"), replacing("d", "$1", "(t)", "__tmp")),
        {"a": "foo"},
        {"a": "foo", "__tmp": "t", "d": "t"},
    ),
    "the name is a label": (
        (replacing("__name__", "new_$1", "old_(.*)", "__name__"),),
        {"__name__": "old_total", "x": "1"},
        {"__name__": "new_total", "x": "1"},
    ),
    "a label that is empty is none": ((), {"a": "", "b": "x"}, {"b": "x"}),
    "keep": ((rule("keep", source_labels=A, regex="f.*"),), GIVEN, GIVEN),
    "keep drops the others": ((rule("keep", source_labels=A, regex="f"),), GIVEN, None),
    "keep of what is not there": ((rule("keep", source_labels=("z",), regex="x"),), GIVEN, None),
    "drop": ((rule("drop", source_labels=AB, regex="foo;b.*"),), GIVEN, None),
    "drop keeps the others": ((rule("drop", source_labels=A, regex="oo"),), GIVEN, GIVEN),
    "a rule after a drop is not asked": (
        (rule("drop", source_labels=A, regex=".*"), replacing("d")),
        GIVEN,
        None,
    ),
    "keepequal": (
        (rule("keepequal", source_labels=A, target_label="b"),),
        {"a": "1", "b": "2"},
        None,
    ),
    "keepequal of equals": (
        (rule("keepequal", source_labels=A, target_label="b"),),
        {"a": "1", "b": "1"},
        {"a": "1", "b": "1"},
    ),
    "dropequal": (
        (rule("dropequal", source_labels=A, target_label="b"),),
        {"a": "1", "b": "1"},
        None,
    ),
    "dropequal of two that are missing": (
        (rule("dropequal", source_labels=A, target_label="b"),),
        {"c": "1"},
        None,
    ),
    "dropequal of others": ((rule("dropequal", source_labels=A, target_label="b"),), GIVEN, GIVEN),
    "lowercase": (
        (rule("lowercase", source_labels=AB, target_label="a"),),
        {"a": "FoO", "b": "Éİ\u03a3"},
        {"a": "foo;éi\u03c3", "b": "Éİ\u03a3"},
    ),
    "uppercase": (
        (rule("uppercase", source_labels=A, target_label="d"),),
        {"a": "straßé"},
        {"a": "straßé", "d": "STRAßÉ"},
    ),
    "lowercase of nothing deletes": (
        (rule("lowercase", source_labels=("z",), target_label="a"),),
        GIVEN,
        {"b": "bar", "c": "baz"},
    ),
    "labelmap": (
        (rule("labelmap", regex="meta_(ng.*)", replacement="$1"),),
        {"meta_ng_a": "1", "meta_ng_b": "2", "meta_x": "3", "ng_a": "0"},
        {"meta_ng_a": "1", "meta_ng_b": "2", "meta_x": "3", "ng_a": "1", "ng_b": "2"},
    ),
    "labelmap sees the labels before it": (
        (rule("labelmap", regex="(.*)", replacement="x_$1"),),
        {"a": "1", "x_a": "2"},
        {"a": "1", "x_a": "1", "x_x_a": "2"},
    ),
    "labelmap onto one name: the last stays": (
        (rule("labelmap", regex="[ab]", replacement="z"),),
        {"b": "2", "a": "1"},
        {"a": "1", "b": "2", "z": "2"},
    ),
    "labeldrop": ((rule("labeldrop", regex="[ab]"),), GIVEN, {"c": "baz"}),
    "labelkeep": ((rule("labelkeep", regex="[ab]"),), GIVEN, {"a": "foo", "b": "bar"}),
}


@pytest.mark.parametrize("name", TABLE)
def test_labels_come_out_as_documented(name: str) -> None:
    rules, labels, wanted = TABLE[name]
    before = dict(labels)
    assert relabel(rules, labels) == wanted
    assert labels == before


def test_hashmod_is_that_of_prometheus() -> None:
    # md5("foo") is acbd18db4cc2f85cedef654fccc4a4d8, of which the last eight bytes count.
    shard = rule("hashmod", source_labels=A, target_label="d", modulus=1000)
    after = relabel([shard], {"a": "foo"})
    assert after == {"a": "foo", "d": str(0xEDEF654FCCC4A4D8 % 1000)}


@pytest.mark.parametrize(
    ("bad", "key"),
    [
        (rule("replace"), "target_label"),
        (rule("lowercase", source_labels=A), "target_label"),
        (rule("keepequal", source_labels=A), "target_label"),
        (rule("hashmod", source_labels=A, modulus=3), "target_label"),
        (rule("hashmod", source_labels=A, target_label="d"), "modulus"),
        (rule("labelmap", regex="(.*)", replacement=""), "replacement"),
        (rule("uppercase", source_labels=A, target_label="d", replacement="x"), "replacement"),
        (rule("keepequal", source_labels=A, target_label="d", regex="x"), "regex"),
        (rule("dropequal", source_labels=A, target_label="d", separator=","), "separator"),
        (rule("dropequal", source_labels=A, target_label="d", modulus=2), "modulus"),
        (rule("labeldrop", regex="x", source_labels=A), "source_labels"),
        (rule("labelkeep", regex="x", target_label="d"), "target_label"),
        (rule("labelkeep", regex="x", replacement="d"), "replacement"),
        (rule("keep", source_labels=A, regex="("), "regex"),
        (rule("keep", source_labels=A, regex="(?=x)"), "regex"),
        (rule("keep", source_labels=("",), regex="x"), "source_labels"),
    ],
)
def test_a_rule_that_prometheus_does_not_load_names_the_key(bad: Rule, key: str) -> None:
    fault, problem = fault_of(bad), problem_of(bad)
    assert fault is not None
    assert problem is not None
    assert fault.key == key
    assert problem.startswith(f"`{key}` ")


@pytest.mark.parametrize("name", TABLE)
def test_a_rule_that_works_has_no_fault(name: str) -> None:
    assert [problem_of(one) for one in TABLE[name][0]] == [None] * len(TABLE[name][0])


RULES = st.builds(
    Rule,
    action=st.sampled_from(Action),
    source_labels=st.lists(NAMES, max_size=3).map(tuple),
    separator=st.sampled_from([";", "", "|"]),
    regex=st.sampled_from(["(.*)", "x", "(x).*", "[a-c]", ".+", "", "(?P<n>.)(.*)"]),
    target_label=st.sampled_from(["a", "b", "__tmp", "${1}_z", "$n"]),
    replacement=st.sampled_from(["$1", "", "v", "${n}$2", "$$"]),
    modulus=st.integers(1, 2**53),
)


@given(LABELS, st.lists(RULES, max_size=5))
def test_rules_one_by_one_do_what_all_of_them_do(labels: dict[str, str], rules: list[Rule]) -> None:
    step: dict[str, str] | None = labels
    for one in rules:
        step = relabel([one], step) if step is not None else None
    whole = relabel(rules, labels)
    assert whole == (step if rules else {n: v for n, v in labels.items() if v})
    assert whole is None or "" not in whole.values()


@given(LABELS, NAMES, st.text(max_size=5))
def test_what_keep_keeps_drop_drops(labels: dict[str, str], name: str, text: str) -> None:
    regex = "".join(f"\\x{{{ord(char):x}}}" for char in text)
    kept = relabel([Rule(Action.KEEP, (name,), regex=regex)], labels)
    dropped = relabel([Rule(Action.DROP, (name,), regex=regex)], labels)
    assert (kept is None) != (dropped is None)
    assert (kept is not None) == (labels.get(name, "") == text)


@given(LABELS, st.integers(1, 64))
def test_every_series_falls_to_just_one_of_the_shards(labels: dict[str, str], shards: int) -> None:
    into = rule("hashmod", source_labels=("a", "job"), target_label="__tmp", modulus=shards)
    mine = [
        relabel([into, rule("keep", source_labels=("__tmp",), regex=str(shard))], labels)
        for shard in range(shards)
    ]
    assert sum(one is not None for one in mine) == 1
