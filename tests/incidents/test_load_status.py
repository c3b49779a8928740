"""The kind `StatusPage`: what is read, and every problem at its place."""

import pytest

from incidents import load_status
from incidents.status_page import Publish, StatusPage
from slo.load.codes import Code
from slo.load.yaml import Problems, documents

HEAD = "apiVersion: vigie.dev/v1\nkind: StatusPage\nmetadata: {name: shop}\nspec:\n"
GROUPS = "  groups: [{title: G, components: [{name: c, title: C, services: [s]}]}]\n"


def read(spec: str) -> tuple[StatusPage | None, list[str]]:
    problems = Problems()
    (node,) = documents(HEAD + spec, "f.yaml", problems)
    page = load_status.read(node, problems)
    return page, [str(one) for one in problems.errors]


def test_a_page_is_private_and_manual_unless_it_says_so() -> None:
    page, told = read("  title: T\n" + GROUPS)
    assert told == []
    assert page is not None
    assert (page.public, page.subscribers, page.publish) == (False, False, Publish.MANUAL)
    assert (page.history_days, page.severities) == (90, (1, 2, 3))
    assert [one.title for one in page.concerned(["s", "x"])] == ["C"]
    assert not page.publishes(1, "slo-burn")


def test_an_automatic_page_takes_its_severities_and_types() -> None:
    page, _ = read("  title: T\n  publish: auto\n  severities: [SEV1]\n  types: [a]\n" + GROUPS)
    assert page is not None
    assert page.publishes(1, "a")
    assert not page.publishes(2, "a")
    assert not page.publishes(1, "b")


@pytest.mark.parametrize(
    ("spec", "place", "said"),
    [
        (GROUPS, "f.yaml:5:", "missing key `spec.title`"),
        ("  title: T\n", "f.yaml:5:", "missing key `spec.groups`"),
        ("  title: T\n  history_days: 91\n" + GROUPS, "f.yaml:6:", "at most 90"),
        ("  title: T\n  subscribers: true\n  public: true\n" + GROUPS, "f.yaml:6:", "`email`"),
        ("  title: T\n  subscribers: true\n  email: m\n" + GROUPS, "f.yaml:6:", "`public: true`"),
        ("  title: T\n  severities: [SEV9]\n" + GROUPS, "f.yaml:6:", "`SEV9` is no severity"),
        ("  title: T\n  time_zone: Mars/X\n" + GROUPS, "f.yaml:6:", "time_zone"),
        ("  title: T\n  publish: never\n" + GROUPS, "f.yaml:6:", "it must be one of"),
        (f"  title: {'T' * 101}\n" + GROUPS, "f.yaml:5:", "at most 100"),
        ("  title: T\n  state: up\n" + GROUPS, "f.yaml:6:", "unknown key `spec.state`"),
        (
            "  title: T\n  groups:\n  - {title: G, components: [{name: c, title: C, services: [s]},"
            " {name: c, title: D, services: [s]}]}\n",
            "f.yaml:7:",
            "two components are called `c`",
        ),
    ],
)
def test_every_mistake_is_told_at_its_place(spec: str, place: str, said: str) -> None:
    page, told = read(spec)
    assert page is None
    assert any(one.startswith(place) and said in one for one in told), told


def test_over_all_files_names_lead_somewhere() -> None:
    page, _ = read("  title: T\n  public: true\n  subscribers: true\n  email: mial\n" + GROUPS)
    assert page is not None
    problems = Problems()
    load_status.check([page], ["other"], {"mail": "email", "hook": "webhook"}, problems)
    (error,) = problems.errors
    assert error.code is Code.NO_SUCH_THING
    assert "did you mean `mail`" in str(error)
    assert [str(one) for one in problems.in_order() if one.warning and "`s`" in str(one)]
