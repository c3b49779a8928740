"""The kinds `IncidentType` and `Taxonomy`: what is read, and every problem at its place."""

import pytest

from incidents import load_types
from incidents.model import IncidentState, IncidentType
from incidents.types import (
    LIFE,
    ROLES,
    SELF_OPENED,
    STATES,
    Closing,
    Field,
    SubStatus,
    Taxonomy,
    TypeRules,
)
from slo.load.codes import Code
from slo.load.yaml import Problems, documents
from vigie.access import Role

HEAD = "apiVersion: vigie.dev/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"


def read(spec: str, name: str = "outage") -> tuple[TypeRules | None, list[str]]:
    problems = Problems()
    (node,) = documents(HEAD.format("IncidentType", name) + spec, "t.yaml", problems)
    return load_types.read_type(node, problems), [str(problem) for problem in problems.items]


def read_words(spec: str, name: str = "words") -> tuple[Taxonomy | None, list[str]]:
    problems = Problems()
    (node,) = documents(HEAD.format("Taxonomy", name) + spec, "t.yaml", problems)
    return load_types.read_taxonomy(node, problems), [str(problem) for problem in problems.items]


def test_words_that_are_written_twice_are_the_same() -> None:
    assert tuple(IncidentState) == STATES
    assert {IncidentState.CANCELLED, IncidentState.MERGED} == set(STATES) - set(LIFE)
    assert tuple(IncidentType) == SELF_OPENED
    assert tuple(Role) == ROLES


def test_a_type_that_says_nothing_is_the_usual_one() -> None:
    rules, told = read("  {}\n")
    assert told == []
    assert rules is not None
    assert rules._replace(mark=None) == TypeRules("outage", title="outage")


def test_what_is_written_is_read() -> None:
    rules, told = read(
        "  title: An outage\n  description: Users cannot work\n  severity: SEV2\n"
        "  urgency: low\n  restricted: true\n"
        "  statuses:\n    - {name: waiting, title: Waiting for them, state: investigating}\n"
        "    - {name: parked, state: mitigated}\n"
        "  fields:\n    - {name: ticket, title: Ticket, required_at: resolved}\n"
        "    - {name: site, kind: choice, choices: [Bern, Oslo]}\n"
        "  closing: {roles: [desk, admin], required: [cause, ticket], review: [],"
        " confirmed: true}\n"
        "  users: {SEV1: 1000, SEV3: 10}\n  updates: {SEV1: 30m, SEV2: 1h}\n"
        "  tasks: [Tell the desk]\n  reopen_within: 0s\n"
    )
    assert told == []
    assert rules is not None
    assert rules._replace(mark=None) == TypeRules(
        name="outage",
        title="An outage",
        description="Users cannot work",
        severity=2,
        urgency="low",
        restricted=True,
        statuses=(
            SubStatus("waiting", "Waiting for them", "investigating"),
            SubStatus("parked", "parked", "mitigated"),
        ),
        fields=(
            Field("ticket", "Ticket", required_at="resolved"),
            Field("site", "site", "choice", ("Bern", "Oslo")),
        ),
        closing=Closing(("desk", "admin"), ("cause", "ticket"), (), True),
        users={1: 1000, 3: 10},
        updates={1: 1800.0, 2: 3600.0},
        tasks=("Tell the desk",),
        reopen_within_s=0.0,
    )


STATUS = "  statuses: [{{name: a, state: triage}}, {}]\n"
FIELD = "  fields: [{{name: a}}, {}]\n"
CLOSING = "  closing: {{{}}}\n"


@pytest.mark.parametrize(
    ("spec", "place", "code", "words"),
    [
        ("  titel: a\n", "5:3", Code.UNKNOWN_KEY, "did you mean `title`"),
        (f"  title: {'a' * 101}\n", "5:10", Code.OUT_OF_BOUNDS, "one line of at most 100"),
        ('  title: "a\\u202eb"\n', "5:10", Code.OUT_OF_BOUNDS, "`spec.title` must be one line"),
        (f"  description: {'a' * 1001}\n", "5:16", Code.OUT_OF_BOUNDS, "at most 1000"),
        ("  severity: SEV5\n", "5:13", Code.NOT_ALLOWED, "one of SEV1, SEV2, SEV3, SEV4"),
        ("  severity: 1\n", "5:13", Code.NOT_ALLOWED, "`spec.severity` is `1`"),
        ("  urgency: medium\n", "5:12", Code.NOT_ALLOWED, "one of high, low"),
        ("  restricted: yes\n", "5:15", Code.WRONG_TYPE, "true or false"),
        (STATUS.format("{name: b}"), "5:40", Code.MISSING_KEY, "spec.statuses[1].state"),
        (STATUS.format("{state: triage}"), "5:40", Code.MISSING_KEY, "statuses[1].name"),
        (
            STATUS.format("{name: b, state: triaged}"),
            "5:57",
            Code.NOT_ALLOWED,
            "did you mean `triage`?",
        ),
        (STATUS.format("{name: a, state: closed}"), "5:47", Code.DUPLICATE, "`a` stands there"),
        (STATUS.format("{name: closed, state: closed}"), "5:47", Code.NOT_ALLOWED, "is a state"),
        (STATUS.format("{name: a b, state: closed}"), "5:47", Code.BAD_NAME, "`a b` is no name"),
        (FIELD.format("{name: a}"), "5:30", Code.DUPLICATE, "fields[1].name"),
        (FIELD.format("{title: b}"), "5:23", Code.MISSING_KEY, "fields[1].name"),
        (FIELD.format("{name: cause}"), "5:30", Code.NOT_ALLOWED, "every incident has `cause`"),
        (FIELD.format("{name: " + "b" * 61 + "}"), "5:30", Code.OUT_OF_BOUNDS, "at most 60"),
        (FIELD.format("{name: b, kind: date}"), "5:39", Code.NOT_ALLOWED, "text, number, boolean"),
        (FIELD.format("{name: b, kind: choice}"), "5:23", Code.MISSING_KEY, "without choices"),
        (
            FIELD.format("{name: b, kind: choice, choices: []}"),
            "5:56",
            Code.MISSING_KEY,
            "without choices",
        ),
        (
            FIELD.format("{name: b, choices: [x]}"),
            "5:42",
            Code.CONFLICT,
            "a text has none; write `kind: choice`",
        ),
        (
            FIELD.format("{name: b, kind: choice, choices: [x, y, x]}"),
            "5:63",
            Code.DUPLICATE,
            "`x` stands there already",
        ),
        (
            FIELD.format("{name: b, kind: choice, choices: ['']}"),
            "5:57",
            Code.OUT_OF_BOUNDS,
            "one line of 1 to 80",
        ),
        (
            FIELD.format("{name: b, required_at: merged}"),
            "5:46",
            Code.NOT_ALLOWED,
            "one of triage, investigating, identified, mitigated, resolved, review, closed",
        ),
        (
            "  fields: [" + ", ".join(f"{{name: f{i}}}" for i in range(51)) + "]\n",
            "5:11",
            Code.OUT_OF_BOUNDS,
            "51 entries; at most 50",
        ),
        (CLOSING.format("roles: [dsek]"), "5:21", Code.NOT_ALLOWED, "did you mean `desk`?"),
        (CLOSING.format("roles: [boss]"), "5:21", Code.NOT_ALLOWED, "write some of viewer"),
        (CLOSING.format("required: [caus]"), "5:24", Code.NOT_ALLOWED, "did you mean `cause`?"),
        (
            CLOSING.format("required: [cause, ticket]"),
            "5:31",
            Code.NOT_ALLOWED,
            "`ticket` is no field of the record or of `spec.fields`",
        ),
        (CLOSING.format("required: [cause, cause]"), "5:31", Code.DUPLICATE, "`cause` stands"),
        (CLOSING.format("review: [1]"), "5:22", Code.NOT_ALLOWED, "`1` is no severity"),
        (CLOSING.format("confirmed: no"), "5:24", Code.WRONG_TYPE, "true or false"),
        ("  users: {SEV1: 0}\n", "5:17", Code.OUT_OF_BOUNDS, "at least 1"),
        ("  users: {SEV0: 1}\n", "5:11", Code.UNKNOWN_KEY, "SEV0"),
        ("  users: {SEV1: 5, SEV4: 5}\n", "5:10", Code.OUT_OF_BOUNDS, "what is worse hits more"),
        ("  updates: {SEV1: 30}\n", "5:19", Code.BAD_DURATION, "is not a duration"),
        ("  updates: {SEV1: 59s}\n", "5:19", Code.OUT_OF_BOUNDS, "at least 1m"),
        ("  updates: {SEV1: 31d}\n", "5:19", Code.OUT_OF_BOUNDS, "at most 30d"),
        ("  tasks: [a, a]\n", "5:14", Code.DUPLICATE, "`a` stands there already"),
        ("  reopen_within: 367d\n", "5:18", Code.OUT_OF_BOUNDS, "at most 366d"),
        ("  reopen_within: soon\n", "5:18", Code.BAD_DURATION, "is not a duration"),
    ],
)
def test_a_mistake_is_told_at_its_place(spec: str, place: str, code: Code, words: str) -> None:
    rules, told = read(spec)
    assert rules is None
    assert told[0].startswith(f"t.yaml:{place}: error[{code}]"), told
    assert words in told[0]


def test_who_is_told_less_often_of_what_is_worse_is_a_warning() -> None:
    rules, (told,) = read("  updates: {SEV1: 2h, SEV2: 1h}\n")
    assert rules is not None
    assert told.startswith(f"t.yaml:5:12: warning[{Code.OUT_OF_ORDER}]")


def test_a_taxonomy_is_read() -> None:
    words, told = read_words(
        "  categories:\n    network: [dns, vpn]\n    power:\n  causes: [deploy, load]\n"
    )
    assert told == []
    assert words is not None
    assert words.categories == {"network": ("dns", "vpn"), "power": ()}
    assert words.causes == ("deploy", "load")
    assert read_words("  {}\n")[0] is not None


@pytest.mark.parametrize(
    ("spec", "place", "code", "words"),
    [
        ("  causes: [a, a]\n", "5:15", Code.DUPLICATE, "`spec.causes`: `a` stands there"),
        ("  causes: a\n", "5:11", Code.WRONG_TYPE, "must be a list"),
        (f"  causes: [{'a' * 81}]\n", "5:12", Code.OUT_OF_BOUNDS, "1 to 80 characters"),
        ("  categories: {a: [b, b]}\n", "5:23", Code.DUPLICATE, "`spec.categories.a`: `b`"),
        ("  categories: {a: [], a: []}\n", "5:23", Code.DUPLICATE_KEY, "duplicate key `a`"),
        ("  categories: {'': []}\n", "5:20", Code.OUT_OF_BOUNDS, "must be one line"),
        (f"  categories: {{{'a' * 81}: []}}\n", "5:99", Code.OUT_OF_BOUNDS, "at most 80"),
        ("  categories: [a]\n", "5:15", Code.WRONG_TYPE, "must be a mapping"),
        ("  cause: [a]\n", "5:3", Code.UNKNOWN_KEY, "did you mean `causes`?"),
    ],
)
def test_a_mistake_in_a_taxonomy_is_told(spec: str, place: str, code: Code, words: str) -> None:
    found, told = read_words(spec)
    assert found is None
    assert told[0].startswith(f"t.yaml:{place}: error[{code}]"), told
    assert words in told[0]


def test_there_is_one_taxonomy() -> None:
    problems = Problems()
    first, second = read_words("  {}\n", "a")[0], read_words("  {}\n", "b")[0]
    assert first is not None
    assert second is not None
    types = load_types.joined((), (first, second), problems)
    (problem,) = problems.items
    assert (problem.code, problem.warning, problem.mark) == (Code.CONFLICT, False, second.mark)
    assert "`b`: there is one already, `a` (t.yaml:1:1)" in problem.message
    assert types.taxonomy is first


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("slo-burn", "default", "security"), []),
        (("slo-brun",), ["did you mean `slo-burn`?"]),
        (("defualt", "slo-burn"), ["did you mean `default`?"]),
        (("slo-burns", "slo-burn"), []),  # the other one is there: this one is meant
    ],
)
def test_a_type_called_almost_like_one_that_vigie_opens_is_a_warning(
    names: tuple[str, ...], told: list[str]
) -> None:
    problems = Problems()
    types = load_types.joined(map(TypeRules, names), (), problems)
    assert [p.code for p in problems.items] == [Code.MISSPELT] * len(told)
    assert all(p.warning and w in p.message for p, w in zip(problems.items, told, strict=True))
    assert set(types.rules) == set(names)


def test_rules_are_those_of_the_type_else_of_default_else_the_usual() -> None:
    types = load_types.joined(map(TypeRules, ("default", "security")), (), Problems())
    assert types.of("security").name == "security"
    assert types.of("slo-burn").name == "default"
    assert load_types.joined((), (), Problems()).of("slo-burn") == TypeRules("slo-burn")


def test_templates_are_read_and_what_they_may_not_name_is_found_at_its_place() -> None:
    rules, told = read("  templates:\n    customer: |\n      $service\n      $progress\n")
    assert told == []
    assert rules is not None
    assert rules.templates == {"customer": "$service\n$progress\n"}
    bad = "  templates:\n    customer: |\n      $service\n      we: $number\n    press: x\n"
    _, told = read(bad)
    assert [one.partition(": write")[0] for one in told] == [
        "t.yaml:8:11: error[V105] `spec.templates.customer`: `$number` is not for customers",
        "t.yaml:9:5: error[V101] unknown key `spec.templates.press`",
    ]
    _, told = read(f"  templates: {{internal: '{'x' * 5_001}'}}\n")
    assert "has 1 to 5,000 characters" in told[0]
