"""GitLab's webhooks as changes: deployments, pipelines, pushes, tags, releases, feature flags.

Names of kinds and keys are those of GitLab's "Webhook events".
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

_STATUS: Final = {
    "created": Status.PENDING,
    "waiting_for_resource": Status.PENDING,
    "preparing": Status.PENDING,
    "waiting_for_callback": Status.PENDING,
    "pending": Status.PENDING,
    "blocked": Status.PENDING,
    "manual": Status.PENDING,
    "scheduled": Status.PENDING,
    "running": Status.RUNNING,
    "canceling": Status.RUNNING,
    "success": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "canceled": Status.CANCELLED,
    "skipped": Status.CANCELLED,
}


def parse(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    """The change that a delivery tells of. UnknownPayload."""
    payload = delivery.payload
    kind = word(payload, "object_kind")
    reader = EVENTS.get(kind)
    if reader is None or not word(payload, "project", "path_with_namespace"):
        known, what = ", ".join(EVENTS), f"object_kind `{kind}`" if kind else "no object_kind"
        raise UnknownPayload(f"{_seen(delivery)}, {what}; of GitLab these are taken: {known}")
    if wanted.events and kind not in wanted.events:
        return Ignored(f"event {kind} is none of the wanted ones")
    return reader(delivery, wanted)


def _deployment(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, place = delivery.payload, word(delivery.payload, "environment")
    if wanted.environments and place not in wanted.environments:
        return Ignored(f"environment {place or '(none)'} is none of the wanted ones")
    said = moment(payload, "status_changed_at") or delivery.at
    number, ref = word(payload, "deployment_id"), word(payload, "ref")
    if not number:
        raise UnknownPayload(f"{_seen(delivery)}; the deployment has no deployment_id")
    what = word(payload, "commit_title") or ref or word(payload, "short_sha")
    # The whole id of the commit stands only in its address.
    commit = link(payload, ("commit_url",)).rpartition("/")[2] or word(payload, "short_sha")
    title = f"{_project(payload)}: {what} to {place}" if place else f"{_project(payload)}: {what}"
    return _change(
        delivery,
        wanted,
        id=f"deployment/{_project(payload)}/{number}",
        title=title,
        kind=Kind.DEPLOY,
        status=_status(delivery, word(payload, "status")),
        began=said,
        said=said,
        version=commit,
        url=link(payload, ("deployable_url",), ("commit_url",), ("project", "web_url")),
        environment=place,
        labels={"ref": ref, "tier": word(payload, "environment_tier")},
    )


def _pipeline(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, run = delivery.payload, inner(delivery.payload, "object_attributes")
    ref, default = word(run, "ref"), word(payload, "project", "default_branch")
    if word(run, "source") == "merge_request_event" or inner(payload, "merge_request"):
        return Ignored("pipeline of a merge request")
    if run.get("tag") is not True and not wanted.wants_branch(ref, default):
        return Ignored(f"pipeline on {ref or 'no branch'}, which is not wanted")
    began = moment(run, "created_at") or delivery.at
    status, name = _status(delivery, word(run, "status")), word(run, "name")
    said = moment(run, "finished_at") if has_ended(status) else None
    where = link(payload, ("object_attributes", "url"))
    project = link(payload, ("project", "web_url"))
    if not where and project:
        where = f"{project}/-/pipelines/{word(run, 'id')}"
    return _change(
        delivery,
        wanted,
        id=f"pipeline/{_project(payload)}/{word(run, 'id')}",
        title=f"{_project(payload)}: {name or 'pipeline'} on {ref}",
        kind=Kind.DEPLOY if name in wanted.workflows else Kind.OTHER,
        status=status,
        began=began,
        said=said or delivery.at,
        version=word(run, "sha"),
        url=where,
        labels={"ref": ref, "workflow": name},
    )


def _push(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, ref = delivery.payload, word(delivery.payload, "ref")
    branch, after = ref.removeprefix("refs/heads/"), word(delivery.payload, "after")
    if not is_commit(after):
        return Ignored(f"{ref} was deleted")
    if not wanted.wants_branch(branch, word(payload, "project", "default_branch")):
        return Ignored(f"push to {ref}, which is not wanted")
    return _pushed(delivery, wanted, "push", branch, _title_of(payload, after))


def _tag_push(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    ref = word(delivery.payload, "ref")
    tag = ref.removeprefix("refs/tags/")
    if not is_commit(word(delivery.payload, "after")):
        return Ignored(f"{ref} was deleted")
    return _pushed(delivery, wanted, "tag", tag, f"tag {tag}")


def _pushed(delivery: Delivery, wanted: Integration, what: str, ref: str, title: str) -> Change:
    payload, after = delivery.payload, word(delivery.payload, "after")
    project = link(payload, ("project", "web_url"))
    return _change(
        delivery,
        wanted,
        id=f"{what}/{_project(payload)}/{ref}/{after}",
        title=f"{_project(payload)}: {title}",
        kind=Kind.OTHER,
        status=Status.SUCCEEDED,
        began=delivery.at,  # a commit's own time is when it was written
        said=delivery.at,
        version=ref if what == "tag" else word(payload, "checkout_sha") or after,
        url=f"{project}/-/commit/{after}" if project else "",
        labels={"ref": ref},
    )


def _release(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, action = delivery.payload, word(delivery.payload, "action")
    if action != "create":
        return Ignored(f"release {action}")
    tag, at = word(payload, "tag"), moment(payload, "released_at") or delivery.at
    if at > delivery.at:
        return Ignored("release that is planned for later")
    return _change(
        delivery,
        wanted,
        id=f"release/{_project(payload)}/{word(payload, 'id') or tag}",
        title=f"{_project(payload)}: release {word(payload, 'name') or tag}",
        kind=Kind.OTHER,
        status=Status.SUCCEEDED,
        began=at,
        said=at,
        version=tag,
        url=link(payload, ("url",)),
    )


def _feature_flag(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    payload, flag = delivery.payload, inner(delivery.payload, "object_attributes")
    turned = "on" if flag.get("active") is True else "off"
    # A flag is turned again and again, and only the delivery tells one time from another.
    once = delivery.id or str(delivery.at)
    return _change(
        delivery,
        wanted,
        id=f"feature_flag/{_project(payload)}/{word(flag, 'id')}/{once}",
        title=f"{_project(payload)}: flag {word(flag, 'name')} turned {turned}",
        kind=Kind.FLAG,
        status=Status.SUCCEEDED,
        began=delivery.at,
        said=delivery.at,
        url=link(payload, ("project", "web_url")),
        labels={"flag": word(flag, "name"), "turned": turned},
    )


EVENTS: Final[Mapping[str, Callable[[Delivery, Integration], Change | Ignored]]] = {
    "deployment": _deployment,
    "pipeline": _pipeline,
    "push": _push,
    "tag_push": _tag_push,
    "release": _release,
    "feature_flag": _feature_flag,
}


def _change(
    delivery: Delivery,
    wanted: Integration,
    *,
    id: str,
    title: str,
    kind: Kind,
    status: Status,
    began: float,
    said: float,
    version: str = "",
    url: str = "",
    environment: str = "",
    labels: Mapping[str, str] | None = None,
) -> Change:
    payload = delivery.payload
    actor = word(payload, "user", "username") or word(payload, "user_username")
    return Change(
        source=wanted.name,
        id=id,
        title=line(title, MAX_TITLE),
        kind=kind,
        status=status,
        started_at=min(began, said),
        finished_at=said if has_ended(status) else None,
        stated_at=said,
        subject=_project(payload),
        version=version,
        actor=actor or word(payload, "user_name"),
        url=url,
        environment=environment,
        labels={name: value for name, value in (labels or {}).items() if value},
    )


def _status(delivery: Delivery, word_: str) -> Status:
    if word_ not in _STATUS:
        raise UnknownPayload(f"{_seen(delivery)}; its status is `{line(word_, 60)}`")
    return _STATUS[word_]


def _project(payload: Payload) -> str:
    return word(payload, "project", "path_with_namespace")


def _title_of(payload: Payload, after: str) -> str:
    """What the newest commit of a push says."""
    commits = payload.get("commits")
    for commit in reversed(commits if isinstance(commits, list) else []):
        if isinstance(commit, Mapping) and word(commit, "id") == after:
            return word(commit, "title") or word(commit, "message") or after[:12]
    return after[:12]


def _seen(delivery: Delivery) -> str:
    return seen(delivery.event, delivery.payload)
