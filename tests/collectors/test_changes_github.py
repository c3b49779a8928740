"""GitHub's deliveries: which are changes, and which are not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.changes import Change, Delivery, Ignored, Integration, Kind, Status, UnknownPayload
from collectors.changes_github import EVENTS, parse

T0 = 1_790_856_000.0  # 2026-10-01 12:00:00 UTC
SHA = "4f0c1a9be2d37c55a1b0f3e6d8c7b6a594837261"
GITHUB = Integration("gh", "github", workflows=("Deploy",))
REPOSITORY = {
    "id": 7, "name": "checkout", "full_name": "acme/checkout", "default_branch": "main",
    "html_url": "https://github.com/acme/checkout", "pushed_at": 1_790_855_990,
}  # fmt: skip
SENDER = {"login": "ann", "id": 1, "type": "User"}
DEPLOYMENT = {
    "id": 1459887, "sha": SHA, "ref": "v1.4.2", "task": "deploy", "environment": "production",
    "description": None, "creator": {"login": "deploy-bot"}, "payload": {},
    "created_at": "2026-10-01T11:58:00Z", "updated_at": "2026-10-01T11:58:00Z",
}  # fmt: skip


def status_payload(state: str, at: str = "2026-10-01T12:00:00Z") -> dict[str, Any]:
    return {
        "action": "created",
        "deployment_status": {
            "id": 2, "state": state, "environment": "production", "created_at": at,
            "updated_at": at, "target_url": "", "environment_url": "https://shop.example",
            "log_url": "https://github.com/acme/checkout/actions/runs/99",
        },
        "deployment": DEPLOYMENT,
        "repository": REPOSITORY,
        "sender": SENDER,
    }  # fmt: skip


RUN = {
    "id": 289782451, "name": "Deploy", "head_branch": "main", "head_sha": SHA, "event": "push",
    "status": "completed", "conclusion": "success", "run_attempt": 2,
    "created_at": "2026-10-01T11:50:00Z", "run_started_at": "2026-10-01T11:55:00Z",
    "updated_at": "2026-10-01T12:00:00Z", "triggering_actor": {"login": "ben"},
    "html_url": "https://github.com/acme/checkout/actions/runs/289782451",
}  # fmt: skip


def run_payload(**changes: Any) -> dict[str, Any]:
    return {
        "action": "completed", "workflow_run": {**RUN, **changes},
        "workflow": {"name": "Deploy"}, "repository": REPOSITORY, "sender": SENDER,
    }  # fmt: skip


PUSH = {
    "ref": "refs/heads/main", "before": "0" * 40, "after": SHA, "deleted": False,
    "compare": "https://github.com/acme/checkout/compare/a...b", "pusher": {"name": "ann"},
    "head_commit": {"id": SHA, "message": "Retry payments\n\nThey fail.",
                    "timestamp": "2026-09-12T09:00:00+02:00"},
    "repository": REPOSITORY, "sender": SENDER,
}  # fmt: skip
RELEASE = {
    "action": "published",
    "release": {
        "id": 17, "tag_name": "v1.4.2", "name": "Autumn", "author": {"login": "ann"},
        "published_at": "2026-10-01T11:59:00Z", "draft": False, "prerelease": False,
        "html_url": "https://github.com/acme/checkout/releases/tag/v1.4.2",
    },
    "repository": REPOSITORY, "sender": SENDER,
}  # fmt: skip


def told(event: str, payload: Any, wanted: Integration = GITHUB) -> Change | Ignored:
    return parse(Delivery(event, "d-1", payload, T0 + 3), wanted)


def test_a_deployment_is_pending_from_when_it_was_created() -> None:
    payload = {
        "action": "created", "deployment": DEPLOYMENT, "repository": REPOSITORY, "sender": SENDER,
    }  # fmt: skip
    assert told("deployment", payload) == Change(
        source="gh",
        id="deployment/acme/checkout/1459887",
        title="acme/checkout: v1.4.2 to production",
        kind=Kind.DEPLOY,
        status=Status.PENDING,
        started_at=T0 - 120,
        stated_at=T0 - 120,
        subject="acme/checkout",
        version=SHA,
        actor="deploy-bot",
        url="https://github.com/acme/checkout",
        environment="production",
        labels={"ref": "v1.4.2", "task": "deploy"},
    )


@pytest.mark.parametrize(
    ("state", "status", "ends"),
    [
        ("queued", Status.PENDING, False), ("waiting", Status.PENDING, False),
        ("in_progress", Status.RUNNING, False), ("success", Status.SUCCEEDED, True),
        ("failure", Status.FAILED, True), ("error", Status.FAILED, True),
    ],
)  # fmt: skip
def test_a_deployment_status_moves_the_same_change(state: str, status: Status, ends: bool) -> None:
    found = told("deployment_status", status_payload(state))
    assert isinstance(found, Change)
    assert found.id == "deployment/acme/checkout/1459887"
    assert (found.status, found.started_at, found.stated_at) == (status, T0 - 120, T0)
    assert found.finished_at == (T0 if ends else None)
    assert found.url == "https://github.com/acme/checkout/actions/runs/99"


def test_a_workflow_run_on_the_default_branch_is_a_change_and_a_deploy_if_named_so() -> None:
    found = told("workflow_run", run_payload())
    assert isinstance(found, Change)
    assert (found.id, found.kind, found.status) == (
        "workflow_run/acme/checkout/289782451/2", Kind.DEPLOY, Status.SUCCEEDED,
    )  # fmt: skip
    assert (found.started_at, found.finished_at, found.actor) == (T0 - 300, T0, "ben")
    tests = told("workflow_run", run_payload(name="Tests"))
    assert isinstance(tests, Change)
    assert tests.kind is Kind.OTHER


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "requested", "conclusion": None}, Status.PENDING),
        ({"status": "in_progress", "conclusion": None}, Status.RUNNING),
        ({"conclusion": "timed_out"}, Status.FAILED),
        ({"conclusion": "cancelled"}, Status.CANCELLED),
    ],
)
def test_a_workflow_run_is_as_far_as_it_says(changes: dict[str, Any], status: Status) -> None:
    found = told("workflow_run", run_payload(**changes))
    assert isinstance(found, Change)
    assert found.status is status
    assert (found.finished_at is None) == (status in (Status.PENDING, Status.RUNNING))


def test_a_push_happened_when_it_was_pushed_not_when_it_was_written() -> None:
    found = told("push", PUSH)
    assert isinstance(found, Change)
    assert (found.id, found.title) == (
        f"push/acme/checkout/main/{SHA}", "acme/checkout: Retry payments",
    )  # fmt: skip
    assert found.started_at == found.finished_at == T0 - 10


def test_a_release_is_one_change_though_github_tells_of_it_twice() -> None:
    found, again = told("release", RELEASE), told("release", {**RELEASE, "action": "released"})
    assert isinstance(found, Change)
    assert found == again
    assert (found.id, found.version, found.started_at) == (
        "release/acme/checkout/17", "v1.4.2", T0 - 60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "payload", "wanted", "reason"),
    [
        ("ping", {"zen": "Keep it.", "hook_id": 1}, GITHUB, "ping"),
        ("deployment_status", status_payload("inactive"), GITHUB, "inactive"),
        ("deployment_status", status_payload("success"),
         replace(GITHUB, environments=("staging",)), "environment production"),
        ("workflow_run", run_payload(head_branch="fix"), GITHUB, "fix, which is not wanted"),
        ("workflow_run", run_payload(event="pull_request"), GITHUB, "pull request"),
        ("push", {**PUSH, "ref": "refs/heads/fix"}, GITHUB, "refs/heads/fix"),
        ("push", {**PUSH, "ref": "refs/tags/main"}, GITHUB, "refs/tags/main"),
        ("push", {**PUSH, "deleted": True, "after": "0" * 40}, GITHUB, "deleted"),
        ("push", PUSH, replace(GITHUB, branches=("release",)), "which is not wanted"),
        ("push", PUSH, replace(GITHUB, events=("deployment",)), "event push"),
        ("release", {**RELEASE, "action": "edited"}, GITHUB, "release edited"),
    ],
)  # fmt: skip
def test_what_is_understood_and_not_wanted_says_why(
    event: str, payload: Any, wanted: Integration, reason: str
) -> None:
    found = told(event, payload, wanted)
    assert isinstance(found, Ignored)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("event", "payload", "seen"),
    [
        ("issues", {"action": "opened", "issue": {}}, "event `issues`, keys `action`, `issue`"),
        ("", {"text": "hello"}, "no event header, keys `text`"),
        ("push", {"ref": "refs/heads/main"}, "event `push`, keys `ref`"),
        ("deployment_status", status_payload("exploded"), "`exploded`"),
        ("workflow_run", run_payload(conclusion="odd"), "`odd`"),
        ("deployment", {"deployment": {}, "repository": REPOSITORY}, "no id"),
    ],
)
def test_what_nobody_knows_is_named(event: str, payload: Any, seen: str) -> None:
    with pytest.raises(UnknownPayload) as error:
        told(event, payload)
    assert seen in str(error.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "ref", "after", "state", "repository", "full_name", "deployment"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from([*EVENTS, "ping", ""]), st.dictionaries(st.text(max_size=6), JSON), JSON)
def test_no_payload_is_an_error_of_ours(event: str, payload: dict[str, Any], odd: Any) -> None:
    whole = {"repository": {"full_name": "a/b"}, event: odd, "release": odd, **payload}
    try:
        found = told(event, whole)
    except UnknownPayload as error:
        found = Ignored(str(error))
    assert isinstance(found, Change) or len(found.reason) < 1_000
