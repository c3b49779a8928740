"""GitHub's webhooks as changes: deployments, releases, workflow runs, pushes.

Names of events and keys are those of GitHub's "Webhook events and payloads".
"""

from collections.abc import Callable, Mapping
from typing import Final

from collectors.changes import (
    Change,
    Delivery,
    Ignored,
    Integration,
    Kind,
    Status,
    UnknownPayload,
    has_ended,
)
from collectors.changes_payload import (
    MAX_TITLE,
    Payload,
    inner,
    is_commit,
    line,
    link,
    moment,
    seen,
    word,
)

_DEPLOYMENT: Final = {
    "queued": Status.PENDING,
    "pending": Status.PENDING,
    "waiting": Status.PENDING,
    "in_progress": Status.RUNNING,
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "error": Status.FAILED,
}
_CONCLUSION: Final = {
    "success": Status.SUCCEEDED,
    "neutral": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "timed_out": Status.FAILED,
    "startup_failure": Status.FAILED,
    "cancelled": Status.CANCELLED,
    "skipped": Status.CANCELLED,
    "stale": Status.CANCELLED,
    "action_required": Status.CANCELLED,
}
_RELEASED: Final = ("published", "released")


def parse(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    """The change that a delivery tells of. UnknownPayload."""
    if delivery.event == "ping":
        return Ignored("ping: the address and the secret are right")
    reader = EVENTS.get(delivery.event)
    if reader is None or not word(delivery.payload, "repository", "full_name"):
        known = ", ".join(EVENTS)
        raise UnknownPayload(f"{_seen(delivery)}; of GitHub these events are taken: {known}")
    if wanted.events and delivery.event not in wanted.events:
        return Ignored(f"event {delivery.event} is none of the wanted ones")
    return reader(delivery, wanted)


def _deployment(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload = delivery.payload
    action = word(payload, "action")
    if action not in ("", "created"):
        return Ignored(f"deployment {action}")
    at = moment(payload, "deployment", "created_at") or delivery.at
    return _deployed(delivery, wanted, Status.PENDING, at)


def _deployment_status(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload = delivery.payload
    state = word(payload, "deployment_status", "state")
    if state == "inactive":
        return Ignored("deployment inactive: a later one took its place")
    if state not in _DEPLOYMENT:
        raise UnknownPayload(f"{_seen(delivery)}; deployment_status.state is `{state}`")
    said = moment(payload, "deployment_status", "updated_at")
    said = said or moment(payload, "deployment_status", "created_at") or delivery.at
    return _deployed(delivery, wanted, _DEPLOYMENT[state], said)


def _deployed(
    delivery: Delivery, wanted: Integration, status: Status, said: float
) -> Change | Ignored:
    payload, deployment = delivery.payload, inner(delivery.payload, "deployment")
    number = word(deployment, "id")
    if not number:
        raise UnknownPayload(f"{_seen(delivery)}; the deployment has no id")
    place = word(payload, "deployment_status", "environment") or word(deployment, "environment")
    if wanted.environments and place not in wanted.environments:
        return Ignored(f"environment {place or '(none)'} is none of the wanted ones")
    repository, ref = word(payload, "repository", "full_name"), word(deployment, "ref")
    started = min(moment(deployment, "created_at") or said, said)
    return Change(
        source=wanted.name,
        id=f"deployment/{repository}/{number}",
        title=line(
            f"{repository}: {ref} to {place}" if place else f"{repository}: {ref}", MAX_TITLE
        ),
        kind=Kind.DEPLOY,
        status=status,
        started_at=started,
        finished_at=said if has_ended(status) else None,
        stated_at=said,
        subject=repository,
        version=word(deployment, "sha"),
        actor=word(deployment, "creator", "login") or word(payload, "sender", "login"),
        url=link(
            payload,
            ("deployment_status", "log_url"),
            ("deployment_status", "target_url"),
            ("workflow_run", "html_url"),
            ("deployment_status", "environment_url"),
            ("repository", "html_url"),
        ),
        environment=place,
        labels=_labels(ref=ref, task=word(deployment, "task")),
    )


def _release(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, action = delivery.payload, word(delivery.payload, "action")
    if action not in _RELEASED:
        return Ignored(f"release {action}")
    repository, tag = word(payload, "repository", "full_name"), word(payload, "release", "tag_name")
    at = moment(payload, "release", "published_at") or delivery.at
    return Change(
        source=wanted.name,
        id=f"release/{repository}/{word(payload, 'release', 'id') or tag}",
        title=line(f"{repository}: release {word(payload, 'release', 'name') or tag}", MAX_TITLE),
        kind=Kind.OTHER,
        status=Status.SUCCEEDED,
        started_at=at,
        finished_at=at,
        stated_at=at,
        subject=repository,
        version=tag,
        actor=word(payload, "release", "author", "login") or word(payload, "sender", "login"),
        url=link(payload, ("release", "html_url")),
    )


def _workflow_run(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, run = delivery.payload, inner(delivery.payload, "workflow_run")
    branch, default = word(run, "head_branch"), word(payload, "repository", "default_branch")
    if word(run, "event").startswith("pull_request"):
        return Ignored("workflow run of a pull request")
    if not wanted.wants_branch(branch, default):
        return Ignored(f"workflow run on {branch or 'no branch'}, which is not wanted")
    name = word(run, "name") or word(payload, "workflow", "name")
    status = _run_status(delivery, run)
    began = moment(run, "run_started_at") or moment(run, "created_at") or delivery.at
    said = moment(run, "updated_at") or began
    repository, attempt = word(payload, "repository", "full_name"), word(run, "run_attempt")
    return Change(
        source=wanted.name,
        id=f"workflow_run/{repository}/{word(run, 'id')}/{attempt or 1}",
        title=line(f"{repository}: {name} on {branch}", MAX_TITLE),
        kind=Kind.DEPLOY if name in wanted.workflows else Kind.OTHER,
        status=status,
        started_at=min(began, said),
        finished_at=said if has_ended(status) else None,
        stated_at=said,
        subject=repository,
        version=word(run, "head_sha"),
        actor=word(run, "triggering_actor", "login") or word(payload, "sender", "login"),
        url=link(payload, ("workflow_run", "html_url")),
        labels=_labels(workflow=name, ref=branch),
    )


def _push(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload = delivery.payload
    ref, after = word(payload, "ref"), word(payload, "after")
    repository = word(payload, "repository", "full_name")
    branch = ref.removeprefix("refs/heads/")
    if payload.get("deleted") is True or not is_commit(after):
        return Ignored(f"{ref} was deleted")
    if branch == ref or not wanted.wants_branch(
        branch, word(payload, "repository", "default_branch")
    ):
        return Ignored(f"push to {ref}, which is not wanted")
    # A commit's own time is when it was written, perhaps weeks before it was pushed.
    at = min(moment(payload, "repository", "pushed_at") or delivery.at, delivery.at)
    message = word(payload, "head_commit", "message") or after[:12]
    return Change(
        source=wanted.name,
        id=f"push/{repository}/{branch}/{after}",
        title=line(f"{repository}: {message}", MAX_TITLE),
        kind=Kind.OTHER,
        status=Status.SUCCEEDED,
        started_at=at,
        finished_at=at,
        stated_at=at,
        subject=repository,
        version=after,
        actor=word(payload, "sender", "login") or word(payload, "pusher", "name"),
        url=link(payload, ("compare",), ("head_commit", "url")),
        labels=_labels(ref=branch),
    )


EVENTS: Final[Mapping[str, Callable[[Delivery, Integration], Change | Ignored]]] = {
    "deployment": _deployment,
    "deployment_status": _deployment_status,
    "release": _release,
    "workflow_run": _workflow_run,
    "push": _push,
}


def _run_status(delivery: Delivery, run: Payload) -> Status:
    said, conclusion = word(run, "status"), word(run, "conclusion")
    if said != "completed" and not (conclusion and not said):
        return Status.RUNNING if said == "in_progress" else Status.PENDING
    if conclusion not in _CONCLUSION:
        raise UnknownPayload(f"{_seen(delivery)}; workflow_run.conclusion is `{conclusion}`")
    return _CONCLUSION[conclusion]


def _seen(delivery: Delivery) -> str:
    return seen(delivery.event, delivery.payload)


def _labels(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
