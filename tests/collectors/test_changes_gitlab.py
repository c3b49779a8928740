"""GitLab's deliveries: which are changes, and which are not."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.changes import Change, Delivery, Ignored, Integration, Kind, Status, UnknownPayload
from collectors.changes_gitlab import EVENTS, parse

T0 = 1_790_856_000.0  # 2026-10-01 12:00:00 UTC
SHA = "4f0c1a9be2d37c55a1b0f3e6d8c7b6a594837261"
GITLAB = Integration("gl", "gitlab", workflows=("Ship it",))
PROJECT = {
    "id": 30, "name": "Checkout", "path_with_namespace": "acme/checkout", "default_branch": "main",
    "web_url": "https://gitlab.example/acme/checkout",
}  # fmt: skip
USER = {"id": 1, "name": "Ann Example", "username": "ann", "email": "[REDACTED]"}


def deployment(status: str, **changes: Any) -> dict[str, Any]:
    return {
        "object_kind": "deployment", "status": status,
        "status_changed_at": "2026-10-01 14:00:00 +0200", "deployment_id": 15, "deployable_id": 796,
        "deployable_url": "https://gitlab.example/acme/checkout/-/jobs/796", "ref": "main",
        "environment": "production", "environment_tier": "production", "short_sha": SHA[:8],
        "commit_url": f"https://gitlab.example/acme/checkout/-/commit/{SHA}",
        "commit_title": "Retry payments", "project": PROJECT, "user": USER, **changes,
    }  # fmt: skip


def pipeline(status: str, **changes: Any) -> dict[str, Any]:
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": 31, "iid": 3, "name": "Ship it", "ref": "main", "tag": False, "sha": SHA,
            "source": "push", "status": status, "created_at": "2026-10-01 11:55:00 UTC",
            "finished_at": "2026-10-01 12:00:00 UTC" if status != "running" else None,
            "url": "https://gitlab.example/acme/checkout/-/pipelines/31", **changes,
        },
        "merge_request": None, "user": USER, "project": PROJECT, "builds": [],
    }  # fmt: skip


def push(ref: str = "refs/heads/main", after: str = SHA, kind: str = "push") -> dict[str, Any]:
    return {
        "object_kind": kind, "event_name": kind, "before": "0" * 40, "after": after, "ref": ref,
        "checkout_sha": after, "user_name": "Ann Example", "user_username": "ann",
        "project": PROJECT, "total_commits_count": 2,
        "commits": [{"id": "b" * 40, "title": "Older"}, {"id": after, "title": "Retry payments"}],
    }  # fmt: skip


RELEASE = {
    "object_kind": "release", "id": 9, "action": "create", "name": "Autumn", "tag": "v1.4.2",
    "released_at": "2026-10-01 11:59:00 UTC", "project": PROJECT,
    "url": "https://gitlab.example/acme/checkout/-/releases/v1.4.2",
}  # fmt: skip
FLAG = {
    "object_kind": "feature_flag", "project": PROJECT, "user": USER,
    "object_attributes": {"id": 6, "name": "new-payments", "active": True},
}  # fmt: skip


def told(payload: Any, wanted: Integration = GITLAB, id: str = "d-1") -> Change | Ignored:
    return parse(Delivery("Some Hook", id, payload, T0 + 3), wanted)


def change(payload: Any, **more: Any) -> Change:
    found = told(payload, **more)
    assert isinstance(found, Change)
    return found


def test_a_deployment_is_a_deploy_of_its_commit_to_its_environment() -> None:
    assert told(deployment("success")) == Change(
        source="gl",
        id="deployment/acme/checkout/15",
        title="acme/checkout: Retry payments to production",
        kind=Kind.DEPLOY,
        status=Status.SUCCEEDED,
        started_at=T0,
        stated_at=T0,
        finished_at=T0,
        subject="acme/checkout",
        version=SHA,
        actor="ann",
        url="https://gitlab.example/acme/checkout/-/jobs/796",
        environment="production",
        labels={"ref": "main", "tier": "production"},
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("created", Status.PENDING), ("blocked", Status.PENDING), ("running", Status.RUNNING),
        ("failed", Status.FAILED), ("canceled", Status.CANCELLED), ("skipped", Status.CANCELLED),
    ],
)  # fmt: skip
def test_deployments_and_pipelines_are_as_far_as_they_say(status: str, expected: Status) -> None:
    assert change(deployment(status)).status is expected
    assert change(pipeline(status)).status is expected


def test_a_deployment_by_the_api_has_no_job_to_link_to() -> None:
    found = change(deployment("running", deployable_url=None))
    assert found.url == f"https://gitlab.example/acme/checkout/-/commit/{SHA}"
    assert found.finished_at is None


def test_a_pipeline_on_the_default_branch_or_of_a_tag_is_a_change() -> None:
    found = change(pipeline("success"))
    assert (found.id, found.kind) == ("pipeline/acme/checkout/31", Kind.DEPLOY)
    assert (found.started_at, found.finished_at, found.version) == (T0 - 300, T0, SHA)
    assert change(pipeline("success", name=None)).kind is Kind.OTHER
    assert change(pipeline("success", ref="v1", tag=True)).labels["ref"] == "v1"


def test_pushes_and_tags_happened_when_they_were_told() -> None:
    pushed, tagged = change(push()), change(push("refs/tags/v1.4.2", kind="tag_push"))
    assert (pushed.title, pushed.version) == ("acme/checkout: Retry payments", SHA)
    assert pushed.started_at == pushed.finished_at == T0 + 3
    assert (tagged.id, tagged.version) == (f"tag/acme/checkout/v1.4.2/{SHA}", "v1.4.2")


def test_a_release_is_a_change_of_when_it_was_released() -> None:
    found = change(RELEASE)
    assert (found.version, found.started_at, found.kind) == ("v1.4.2", T0 - 60, Kind.OTHER)


def test_a_flag_turned_twice_is_two_changes_and_one_delivered_twice_is_one() -> None:
    on, off = change(FLAG), change(FLAG | {"object_attributes": {"id": 6, "name": "x"}}, id="d-2")
    assert (on.kind, on.title) == (Kind.FLAG, "acme/checkout: flag new-payments turned on")
    assert off.title.endswith("turned off")
    assert on.id == change(FLAG).id != off.id


@pytest.mark.parametrize(
    ("payload", "wanted", "reason"),
    [
        (deployment("success"), replace(GITLAB, environments=("staging",)), "environment"),
        (pipeline("success", ref="fix"), GITLAB, "fix, which is not wanted"),
        (pipeline("success", source="merge_request_event"), GITLAB, "merge request"),
        (push("refs/heads/fix"), GITLAB, "refs/heads/fix"),
        (push(after="0" * 40), GITLAB, "deleted"),
        (push("refs/tags/v1", "0" * 40, "tag_push"), GITLAB, "deleted"),
        ({**RELEASE, "action": "delete"}, GITLAB, "release delete"),
        ({**RELEASE, "released_at": "2027-01-01 00:00:00 UTC"}, GITLAB, "later"),
        (push(), replace(GITLAB, events=("deployment",)), "event push"),
    ],
)
def test_what_is_understood_and_not_wanted_says_why(
    payload: Any, wanted: Integration, reason: str
) -> None:
    found = told(payload, wanted)
    assert isinstance(found, Ignored)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("payload", "seen"),
    [
        ({"object_kind": "issue", "project": PROJECT}, "object_kind `issue`"),
        ({"hello": 1}, "event `Some Hook`, keys `hello`, no object_kind"),
        ({"object_kind": "push"}, "object_kind `push`"),
        (deployment("exploded"), "`exploded`"),
        (deployment("success", deployment_id=None), "no deployment_id"),
    ],
)
def test_what_nobody_knows_is_named(payload: Any, seen: str) -> None:
    with pytest.raises(UnknownPayload) as error:
        told(payload)
    assert seen in str(error.value)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "ref", "status", "name", "title"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)
NAMES = ["object_attributes", "commits", "ref", "after", "status", "deployment_id", "released_at"]


@given(st.sampled_from([*EVENTS]), st.dictionaries(st.sampled_from(NAMES), ODD))
def test_no_payload_is_an_error_of_ours(kind: str, payload: dict[str, Any]) -> None:
    try:
        found = told({**payload, "object_kind": kind, "project": PROJECT})
    except UnknownPayload as error:
        found = Ignored(str(error))
    assert isinstance(found, Change) or len(found.reason) < 1_000
