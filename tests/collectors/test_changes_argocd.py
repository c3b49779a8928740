"""Argo CD's notifications, in the shapes that people's templates have."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.changes import Change, Delivery, Ignored, Integration, Kind, Status, UnknownPayload
from collectors.changes_argocd import parse

T0 = 1_790_856_000.0  # 2026-10-01 12:00:00 UTC
SHA = "4f0c1a9be2d37c55a1b0f3e6d8c7b6a594837261"
ARGO = Integration("argo", "argocd")


def application(phase: str = "Succeeded", **status: Any) -> dict[str, Any]:
    """An Application as `{{toJson .app}}` writes it, without its resources."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "checkout", "namespace": "argocd"},
        "spec": {
            "project": "shop",
            "source": {"repoURL": "https://github.com/acme/deploy", "path": "checkout"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
        "status": {
            "sync": {"status": "Synced", "revision": SHA},
            "health": {"status": "Progressing"},
            "operationState": {
                "phase": phase,
                "startedAt": "2026-10-01T11:59:00Z",
                "finishedAt": "2026-10-01T12:00:00Z" if phase != "Running" else None,
                "operation": {"initiatedBy": {"username": "ann"}, "sync": {"revision": SHA}},
                "syncResult": {"revision": SHA},
            },
            **status,
        },
    }


FLAT = {
    "app": "checkout", "revision": SHA, "phase": "Succeeded", "syncStatus": "Synced",
    "healthStatus": "Healthy", "startedAt": "2026-10-01T11:59:00Z",
    "finishedAt": "2026-10-01T12:00:00Z", "url": "https://argo.example/applications/checkout",
}  # fmt: skip
SLACK = {
    "attachments": [
        {
            "title": "checkout",
            "title_link": "https://argo.example/applications/checkout",
            "color": "#18be52",
            "fields": [
                {"title": "Sync Status", "value": "Synced", "short": True},
                {"title": "Repository", "value": "https://github.com/acme/deploy", "short": True},
                {"title": "Revision", "value": SHA, "short": True},
            ],
        }
    ]
}
COMMIT_STATUS = {
    "state": "success",
    "description": "ArgoCD",
    "target_url": "https://argo.example/applications/checkout",
    "context": "continuous-delivery/checkout",
}


def told(payload: Any, wanted: Integration = ARGO) -> Change | Ignored:
    return parse(Delivery("", "", payload, T0 + 3), wanted)


def change(payload: Any) -> Change:
    found = told(payload)
    assert isinstance(found, Change)
    return found


@pytest.mark.parametrize("payload", [application(), {"app": application()}])
def test_a_sync_of_an_application_is_a_deploy_of_its_revision(payload: Any) -> None:
    assert told(payload) == Change(
        source="argo",
        id=f"sync/checkout/{SHA}/{T0 - 60:.3f}",
        title="checkout: sync to 4f0c1a9be2d3",
        kind=Kind.DEPLOY,
        status=Status.SUCCEEDED,
        started_at=T0 - 60,
        stated_at=T0,
        finished_at=T0,
        subject="checkout",
        version=SHA,
        actor="ann",
        environment="shop",
        labels={"sync": "Synced", "health": "Progressing"},
    )


def test_running_and_ended_syncs_are_one_change_and_a_second_sync_is_another() -> None:
    running, done = change(application("Running")), change(application("Failed"))
    assert (running.status, running.finished_at) == (Status.RUNNING, None)
    assert (done.status, done.finished_at) == (Status.FAILED, T0)
    assert running.id == done.id
    again = application()
    again["status"]["operationState"]["startedAt"] = "2026-10-01T12:30:00Z"
    assert change(again).id != done.id


def test_an_application_of_several_sources_is_known_by_the_first_revision() -> None:
    several = application()
    several["status"]["sync"] = {"status": "Synced", "revisions": [SHA, "b" * 40]}
    several["status"]["operationState"]["syncResult"] = {"revision": "", "revisions": [SHA]}
    assert change(several).version == SHA


def test_flat_bodies_say_the_same() -> None:
    whole, flat = change(application()), change(FLAT)
    assert flat == replace(
        whole, actor="", environment="", url=FLAT["url"],
        labels={"sync": "Synced", "health": "Healthy"},
    )  # fmt: skip
    other = {"application": "checkout", "commit": SHA, "sync_status": "Synced"}
    assert (change(other).version, change(other).started_at) == (SHA, T0 + 3)


def test_the_bodies_of_argo_cds_own_page_are_read() -> None:
    slack = change(SLACK)
    assert (slack.subject, slack.version, slack.status) == ("checkout", SHA, Status.SUCCEEDED)
    assert slack.url == "https://argo.example/applications/checkout"
    commit = change(COMMIT_STATUS)
    assert (commit.subject, commit.status, commit.url) == (
        "checkout", Status.SUCCEEDED, COMMIT_STATUS["target_url"],
    )  # fmt: skip
    assert change({**COMMIT_STATUS, "state": "pending"}).status is Status.RUNNING


@pytest.mark.parametrize(
    ("payload", "wanted", "reason"),
    [
        ({**FLAT, "phase": "", "syncStatus": "OutOfSync"}, ARGO, "OutOfSync"),
        (application(operationState=None, sync={"status": "Unknown"}), ARGO, "Unknown"),
        (application(), replace(ARGO, environments=("staging",)), "environment shop"),
    ],
)
def test_what_is_no_sync_or_not_wanted_says_why(
    payload: Any, wanted: Integration, reason: str
) -> None:
    found = told(payload, wanted)
    assert isinstance(found, Ignored)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("payload", "seen"),
    [
        ({}, "keys none; no application is named"),
        ({"text": "checkout is synced"}, "keys `text`; no application is named"),
        ({"app": "checkout"}, "no `phase` and no `syncStatus` of checkout"),
        ({**FLAT, "phase": "Exploded"}, "the phase is `exploded`"),
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
        | st.dictionaries(st.sampled_from(["name", "sync", "status", "fields", "title"]), inner)
    ),
    max_leaves=10,
)
NAMES = ["app", "metadata", "status", "attachments", "phase", "sync", "startedAt", "context"]


@given(st.dictionaries(st.sampled_from(NAMES), ODD))
def test_no_payload_is_an_error_of_ours(payload: dict[str, Any]) -> None:
    try:
        found = told(payload)
    except UnknownPayload as error:
        found = Ignored(str(error))
    assert isinstance(found, Change) or len(found.reason) < 1_000
