"""The kind Integration: what it says, and what it may not say."""

from pathlib import Path

import pytest

from collectors.changes import Integration
from collectors.changes_load import check_keys, read
from collectors.keys import Secret
from slo.load.yaml import Problems, documents

KEY = "0123456789abcdef0123"
FULL = f"""\
apiVersion: vigie.dev/v1
kind: Integration
metadata: {{name: acme}}
spec:
  type: github
  key: {KEY}
  secret_file: secret
  services:
    acme/checkout: checkout
    acme/mono: [orders, payments]
  environments: [production]
  events: [deployment_status, push]
  branches: [main, release]
  workflows: [Deploy]
"""


def loaded(text: str, path: str = "i.yaml") -> tuple[Integration | None, list[str]]:
    problems = Problems()
    (node,) = documents(text, path, problems)
    found = read(node, problems)
    return found, [str(problem) for problem in problems.errors]


def test_an_integration_is_read_with_all_that_it_says(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    found, problems = loaded(FULL, str(tmp_path / "i.yaml"))
    assert problems == []
    assert found is not None
    assert found == Integration(
        name="acme",
        type="github",
        services={"acme/checkout": ("checkout",), "acme/mono": ("orders", "payments")},
        events=("deployment_status", "push"),
        environments=("production",),
        branches=("main", "release"),
        workflows=("Deploy",),
        key=Secret(KEY),
        secret=Secret(path=str(tmp_path / "secret")),
        mark=found.mark,
    )
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"type: jenkins, key: {KEY}", "one of github, gitlab, argocd, kubernetes, email"),
        ("type: github", "missing key `spec.key`"),
        (f"type: argocd, key: {KEY}, branches: [main]", "says nothing of Argo CD's syncs"),
        (f"type: github, key: {KEY}, events: [issues]", "no event that is taken of github"),
        (f"type: gitlab, key: {KEY}, events: [deployment_status]", "taken of gitlab"),
        (f"type: gitlab, key: {KEY}, secret: a, secret_file: b", "are both set"),
        (f"type: gitlab, key: {KEY}, services: {{a/b: {{c: d}}}}", "must be a list"),
        (f"type: gitlab, key: {KEY}, token: a", "unknown key"),
        (f"type: github, key: {KEY}, namespaces: [a]", "is of a cluster"),
        (f"type: kubernetes, key: {KEY}", "says nothing of a cluster"),
        ("type: kubernetes, branches: [main]", "says nothing of a cluster"),
        ("type: kubernetes, api_server: here", "api_server"),
        ('type: kubernetes, api_server: "http://a", kubeconfig_file: b', "keep one"),
        (f"type: github, key: {KEY}, per_hour: 3", "is of e-mail"),
        ("type: kubernetes, from: ['@a.b']", "is of e-mail"),
        (f"type: email, key: {KEY}, services: {{a: b}}", "says nothing of e-mail"),
        (f"type: email, key: {KEY}, from: [example.com]", "`example.com` is no sender"),
        (f"type: email, key: {KEY}, per_hour: 0", "per_hour"),
        ("type: email", "missing key `spec.key`"),
    ],
)
def test_what_makes_no_sense_is_a_problem(text: str, problem: str) -> None:
    head = "apiVersion: vigie.dev/v1\nkind: Integration\nmetadata: {name: acme}\n"
    found, problems = loaded(f"{head}spec: {{{text}}}")
    assert found is None
    assert problem in problems[0]


CLUSTER = """\
apiVersion: vigie.dev/v1
kind: Integration
metadata: {name: kubernetes}
spec:
  type: kubernetes
  namespaces: [shop, pay, shop]
  kubeconfig_file: config
  services: {web: shop, pay/web: [pay, till]}
"""


def test_a_cluster_is_watched_without_a_key() -> None:
    found, problems = loaded(CLUSTER, "folder/i.yaml")
    assert problems == []
    assert found is not None
    assert found == Integration(
        name="kubernetes",
        type="kubernetes",
        services={"web": ("shop",), "pay/web": ("pay", "till")},
        namespaces=("shop", "pay"),
        kubeconfig_file="folder/config",
        mark=found.mark,
    )
    check_keys([found, found], Problems())


def test_e_mail_comes_from_those_that_are_named() -> None:
    spec = (
        f"{{type: email, key: {KEY}, from: ['@Example.com', Ann@b.c], service: shop, per_hour: 5}}"
    )
    head = "apiVersion: vigie.dev/v1\nkind: Integration\nmetadata: {name: desk}\n"
    found, problems = loaded(f"{head}spec: {spec}\n")
    assert problems == []
    assert found is not None
    assert (found.service, found.incident_type, found.per_hour) == ("shop", "", 5)
    senders = ("eve@example.com", "ann@b.c", "bob@b.c", "eve@sub.example.com", "a@notexample.com")
    assert [found.takes_from(one) for one in senders] == [True, True, False, False, False]
    assert Integration("desk", "email").takes_from("eve@b.c")


@pytest.mark.parametrize("name", ["api", "kubernetes"])
def test_its_name_is_not_the_source_of_what_others_tell(name: str) -> None:
    head = f"apiVersion: vigie.dev/v1\nkind: Integration\nmetadata: {{name: {name}}}\n"
    _, problems = loaded(f"{head}spec: {{type: argocd, key: {KEY}}}")
    assert f"can't be called `{name}`" in problems[0]


def test_two_integrations_of_one_key_are_told_by_name() -> None:
    problems = Problems()
    check_keys([Integration(name, "github", key=Secret(KEY)) for name in "ab"], problems)
    (problem,) = [str(error) for error in problems.errors]
    assert "Integration `b` has the key of `a`" in problem
