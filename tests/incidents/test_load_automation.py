"""The kind `Automation`: what is read, and every problem at its place."""

import pytest
from hypothesis import given

from incidents import load_automation
from incidents.automation import Action, Automation, Conditions, Matcher, Window, planned, said
from incidents.load_automation import Known
from incidents.types import Field, Taxonomy, TypeRules, Types
from mutating import mutations
from slo.load.codes import Code
from slo.load.yaml import LoadError, Problems, documents

HEAD = "apiVersion: vigie.dev/v1\nkind: Automation\nmetadata: {name: m}\nspec:\n"
WHEN = "  when: {event: opened}\n"
THEN = "  then: [{comment: {text: a}}]\n"
FULL = """\
  description: b
  when:
    event: [opened, upgraded]
    for: 15m
    conditions:
      services: [shop]
      types: slo-burn
      severity: SEV2
      priority: P3
      urgency: high
      labels: ['team="a b"', 'zone!~eu-.*', "x=", 'y=~"a|b"']
      category: network
      cause: [deploy]
      tier: [L1, L2]
      restricted: false
      detected_by: machine
      state: triage
      time: {weekdays: [sat, sun], hours: "22:00-06:00", time_zone: Europe/Berlin}
      actor: person
  then:
    - assign: {part: l2, to: ada}
    - notify: {channels: desk, text: '${title}'}
    - set: {category: network, field.ticket: T-1, users_affected: 3, affected: [a, b]}
    - add_task: {title: a, due: 4h, check: {kind: run, runbook: look}}
    - start_runbook: {name: look}
    - page: {}
    - comment: {text: a}
    - link: {kind: ticket, to: 'https://a/${number}', title: a}
    - escalate: {tier: L3}
"""


def read(spec: str) -> tuple[Automation | None, list[str]]:
    problems = Problems()
    (node,) = documents(HEAD + spec, "m.yaml", problems)
    return load_automation.read(node, problems), [str(problem) for problem in problems.items]


def test_what_is_written_is_read() -> None:
    found, told = read(FULL)
    assert told == []
    assert found is not None
    assert (found.name, found.events, found.for_s) == ("m", ("opened", "upgraded"), 900.0)
    assert found.conditions == Conditions(
        services=("shop",),
        types=("slo-burn",),
        severity=2,
        priority=3,
        urgency="high",
        labels=(
            Matcher("team", "=", "a b"),
            Matcher("zone", "!~", "eu-.*"),
            Matcher("x", "=", ""),
            Matcher("y", "=~", "a|b"),
        ),
        categories=("network",),
        causes=("deploy",),
        tiers=(1, 2),
        restricted=False,
        detected_by="machine",
        states=("triage",),
        window=Window((5, 6), 22 * 3600, 6 * 3600, "Europe/Berlin"),
        actor="person",
    )
    given = {action.do: action.given for action in found.actions}
    assert tuple(given) == load_automation.ACTIONS
    assert given["notify"] == {"channels": ["desk"], "text": "${title}"}
    assert given["set"]["users_affected"] == 3
    assert given["add_task"]["due_s"] == 14_400.0
    assert given["escalate"] == {"tier": 3, "reason": "automation m asks for it"}


def then(action: str) -> str:
    return f"{WHEN}  then: [{{{action}}}]\n"


def asks(condition: str) -> str:
    return f"  when: {{event: opened, conditions: {{{condition}}}}}\n{THEN}"


@pytest.mark.parametrize(
    ("spec", "place", "code", "words"),
    [
        (THEN, "5:3", Code.MISSING_KEY, "spec.when"),
        ("  when: {}\n" + THEN, "5:9", Code.MISSING_KEY, "spec.when.event"),
        ("  when: {event: opend}\n" + THEN, "5:17", Code.NOT_ALLOWED, "did you mean `opened`?"),
        ("  when: {event: automated}\n" + THEN, "5:17", Code.NOT_ALLOWED, "there are opened,"),
        ("  when: {event: clearing}\n" + THEN, "5:17", Code.NOT_ALLOWED, "none that there is"),
        ("  when: {event: opened, fro: 5m}\n" + THEN, "5:25", Code.UNKNOWN_KEY, "when.fro"),
        ("  when: {event: opened, for: 31d}\n" + THEN, "5:30", Code.OUT_OF_BOUNDS, "at most 30d"),
        ("  when: {event: opened, for: 0s}\n" + THEN, "5:30", Code.OUT_OF_BOUNDS, "above 0s"),
        (asks("severty: SEV1"), "5:38", Code.UNKNOWN_KEY, "did you mean `severity`?"),
        (asks("severity: SEV5"), "5:48", Code.NOT_ALLOWED, "SEV5"),
        (asks("labels: [a]"), "5:47", Code.WRONG_TYPE, "write e.g."),
        (asks("labels: ['a=~(']"), "5:47", Code.BAD_PATTERN, "RE2"),
        (asks("labels: ['a=~(?<=x)']"), "5:47", Code.BAD_PATTERN, "RE2"),
        (asks("tier: L4"), "5:44", Code.NOT_ALLOWED, "L4"),
        (asks("restricted: 1"), "5:50", Code.WRONG_TYPE, "true or false"),
        (asks("time: {hours: 9-17}"), "5:52", Code.BAD_TIME, "09:00-17:30"),
        (asks("time: {hours: '09:00-09:00'}"), "5:52", Code.BAD_TIME, "09:00-17:30"),
        (asks("time: {hours: '09:00-24:30'}"), "5:52", Code.BAD_TIME, "09:00-17:30"),
        (asks("time: {time_zone: Europe/Berlni}"), "5:56", Code.BAD_TIME, "Europe/Berlin"),
        (WHEN, "5:3", Code.MISSING_KEY, "spec.then"),
        (WHEN + "  then: []\n", "6:3", Code.EMPTY, "spec.then"),
        (then(""), "6:10", Code.MISSING_KEY, "does nothing"),
        (then("pgae: {}"), "6:11", Code.UNKNOWN_KEY, "did you mean `page`?"),
        (then("page: {}, comment: {text: a}"), "6:10", Code.CONFLICT, "comment"),
        (then("comment: {text: '${titel}'}"), "6:28", Code.NO_SUCH_THING, "mean `title`?"),
        (then("comment: {text: 'a $x'}"), "6:30", Code.NO_SUCH_THING, "`$$`"),
        (then(f"comment: {{text: {'a' * 2001}}}"), "6:27", Code.OUT_OF_BOUNDS, "at most 2000"),
        (then("assign: {part: l4, to: a}"), "6:26", Code.NOT_ALLOWED, "part"),
        (then("assign: {part: l2}"), "6:19", Code.MISSING_KEY, "to"),
        (then("set: {}"), "6:16", Code.MISSING_KEY, "sets nothing"),
        (then("set: {titel: a}"), "6:24", Code.NO_SUCH_THING, "did you mean `title`?"),
        (then("set: {severity: SEV1}"), "6:27", Code.NO_SUCH_THING, "no field `severity`"),
        (then("set: {title: {a: b}}"), "6:24", Code.WRONG_TYPE, "title"),
        (then("set: {users_affected: .nan}"), "6:33", Code.WRONG_TYPE, "a number"),
        (then("set: {title: '${x}'}"), "6:25", Code.NO_SUCH_THING, "placeholder"),
        (then("add_task: {title: a, kind: fix}"), "6:38", Code.NOT_ALLOWED, "fix"),
        (then("add_task: {title: a, check: {kind: x}}"), "6:39", Code.NOT_ALLOWED, "slo, promql"),
        (then("add_task: {title: a, check: b}"), "6:39", Code.NOT_ALLOWED, "slo, promql"),
        (then("link: {kind: ticket, to: a}"), "6:17", Code.MISSING_KEY, "title"),
        (then("link: {kind: run, to: a}"), "6:24", Code.NOT_ALLOWED, "run"),
        (then("escalate: {tier: 2}"), "6:28", Code.NOT_ALLOWED, "L1, L2, L3"),
        (WHEN + "  then:\n" + "    - page: {}\n" * 21, "7:5", Code.OUT_OF_BOUNDS, "at most 20"),
    ],
)
def test_a_mistake_is_told_at_its_place(spec: str, place: str, code: Code, words: str) -> None:
    found, told = read(spec)
    assert found is None
    assert told[0].startswith(f"m.yaml:{place}: error[{code}]"), told
    assert words in told[0]
    assert len(told) == 1


def test_a_name_is_short_enough_to_act_under() -> None:
    problems = Problems()
    text = (HEAD + WHEN + THEN).replace("name: m", f"name: {'m' * 81}")
    (node,) = documents(text, "m.yaml", problems)
    assert load_automation.read(node, problems) is None
    assert problems.errors[0].code is Code.BAD_NAME


TYPES = Types(
    {"a": TypeRules("a", fields=(Field("ticket", "Ticket"),))},
    Taxonomy("t", {"network": ()}, ("deploy",)),
)
KNOWN = Known(("desk",), ("look",), ("shop",), TYPES)


def test_what_is_there_may_be_named() -> None:
    found, _ = read(FULL)
    assert found is not None
    problems = Problems()
    load_automation.check([found], KNOWN, problems)
    assert problems.items == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("channels: desk", "channels: desc", "channel `desc` stands in no file; did you mean"),
        ("{name: look}", "{name: lok}", "runbook `lok`"),
        ("field.ticket", "field.tickt", "field `field.tickt` stands in no file; did you mean"),
        ("set: {category: network", "set: {category: netwrk", "category `netwrk`"),
        ("category: network\n", "category: power\n", "the taxonomy has no category `power`"),
        ("cause: [deploy]", "cause: [deplyo]", "no cause `deplyo`; did you mean `deploy`?"),
        ("services: [shop]", "services: [shpo]", "service `shpo`, which no file names; did you"),
    ],
)
def test_what_is_not_there_is_told(old: str, new: str, words: str) -> None:
    found, told = read(FULL.replace(old, new, 1))
    assert told == []
    assert found is not None
    problems = Problems()
    load_automation.check([found], KNOWN, problems)
    (problem,) = problems.items
    assert words in problem.message
    assert problem.code is Code.NO_SUCH_THING
    assert problem.warning == ("service" in words)


def test_nothing_is_said_of_kinds_that_could_not_be_read() -> None:
    found, _ = read(FULL)
    assert found is not None
    problems = Problems()
    load_automation.check([found], KNOWN._replace(channels=None, runbooks=None), problems)
    assert problems.items == []


RECORD = {"severity": 1, "priority": 1, "tier": 1}
ENTRY = {"kind": "opened", "actor": "ada", "text": "a"}
WORDS = (
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "'",
    '"',
    "$",
    "${",
    "~",
    ".inf",
    "2026-01-01",
    "&a",
    "*a",
    "0x1",
)


@given(text=mutations((HEAD + FULL).splitlines(), WORDS))
def test_no_file_makes_the_loader_fail_and_what_it_takes_can_be_done(text: str) -> None:
    problems = Problems()
    try:
        nodes = documents(text, "m.yaml", problems)
    except LoadError:
        return
    for node in nodes:
        found = load_automation.read(node, problems)
        assert (found is None) == bool(problems.errors)
        if found is not None:
            load_automation.check([found], KNOWN, problems)
            for what in planned(found, RECORD, ENTRY):
                assert said(what)
                assert isinstance(Action(what.do, what.given).given, dict)
        problems = Problems()
