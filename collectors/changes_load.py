"""The kind `Integration`: who tells of something, at an address of its own or by being watched."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from collectors import changes_github, changes_gitlab, keys
from collectors.changes import API, EMAIL, KUBERNETES, MAX_PER_HOUR, Integration
from collectors.load_access import beside, http_url
from slo.load.codes import Code
from slo.load.document import Document, opened
from slo.load.yaml import Fields, Mark, Node, Problems, text_of

GITHUB, GITLAB, ARGOCD = "github", "gitlab", "argocd"
TYPES: Final = (GITHUB, GITLAB, ARGOCD, KUBERNETES, EMAIL)
EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    GITHUB: tuple(changes_github.EVENTS),
    GITLAB: tuple(changes_gitlab.EVENTS),
}
_OF_GIT: Final = ("events", "branches", "workflows")
_OF_HOOKS: Final = ("key", "key_file", "secret", "secret_file", "environments", *_OF_GIT)
_OF_CLUSTERS: Final = ("namespaces", "api_server", "kubeconfig_file")
_OF_EMAIL: Final = ("from", "service", "incident_type", "per_hour")
_NOT_OF_EMAIL: Final = ("services", "secret", "secret_file", "environments", *_OF_GIT)
MOST_PER_HOUR: Final = 1_000
# What an address, or all of a domain, is written as.
SENDER: Final = re.compile(
    r"(?:[^@\s<>\"(),:;]{1,64})?@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
)


def read(node: Node, problems: Problems) -> Integration | None:
    """An `Integration` document; files with its secrets are looked for beside it."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        integration = _integration(document)
    return integration if len(problems.errors) == before else None


def check_keys(integrations: Iterable[Integration], problems: Problems) -> None:
    """No two integrations have one key: nobody could tell who speaks."""
    first: dict[str, Integration] = {}
    for one in integrations:
        value = one.key.value()
        other = first.setdefault(value, one) if value is not None else one
        if other is not one:
            message = f"Integration `{one.name}` has the key of `{other.name}`: make another one"
            problems.error(one.mark or Mark("", 1, 1), message, Code.DUPLICATE)


def _integration(document: Document) -> Integration:
    spec = document.spec
    kind = spec.choice("type", TYPES)
    name = _own_name(document, kind)
    if kind == EMAIL:
        return _email(document, name)
    for key in _OF_EMAIL:
        spec.refuse(key, "is of e-mail: remove it, or say `type: email`", Code.CONFLICT)
    if kind == KUBERNETES:
        return _cluster(document, name)
    for key in _OF_CLUSTERS:
        spec.refuse(key, "is of a cluster: remove it, or say `type: kubernetes`", Code.CONFLICT)
    if kind == ARGOCD:
        for key in _OF_GIT:
            spec.refuse(key, "says nothing of Argo CD's syncs: remove it", Code.CONFLICT)
    return Integration(
        name=name,
        type=kind,
        services=_services(spec),
        events=_events(spec, kind),
        environments=tuple(spec.texts("environments")),
        branches=() if kind == ARGOCD else tuple(spec.texts("branches")),
        workflows=() if kind == ARGOCD else tuple(spec.texts("workflows")),
        key=keys.read_key(spec),
        secret=keys.read(spec, "secret"),
        mark=document.mark,
    )


def _email(document: Document, name: str) -> Integration:
    spec = document.spec
    for key in (*_OF_CLUSTERS, *_NOT_OF_EMAIL):
        spec.refuse(key, "says nothing of e-mail: remove it", Code.CONFLICT)
    senders = [sender.lower() for sender in spec.texts("from")]
    for sender in senders:
        if sender and SENDER.fullmatch(sender) is None:
            message = f"`{sender}` is no sender: write an address, or `@example.com` for all of it"
            spec.problems.error(spec.mark("from"), message, Code.NOT_ALLOWED)
    return Integration(
        name=name,
        type=EMAIL,
        key=keys.read_key(spec),
        senders=tuple(dict.fromkeys(senders)),
        service=spec.text("service", ""),
        incident_type=spec.text("incident_type", ""),
        per_hour=spec.integer("per_hour", MAX_PER_HOUR, at_least=1, at_most=MOST_PER_HOUR),
        mark=document.mark,
    )


def _cluster(document: Document, name: str) -> Integration:
    spec = document.spec
    for key in _OF_HOOKS:
        spec.refuse(key, "says nothing of a cluster, which is watched: remove it", Code.CONFLICT)
    server, file = spec.text("api_server", ""), spec.text("kubeconfig_file", "")
    if server:
        http_url(spec, "api_server")
    if server and file:
        spec.refuse("kubeconfig_file", "stands beside `api_server`: keep one", Code.CONFLICT)
    return Integration(
        name=name,
        type=KUBERNETES,
        services=_services(spec),
        namespaces=tuple(dict.fromkeys(spec.texts("namespaces"))),
        api_server=server,
        kubeconfig_file=beside(spec, file),
        mark=document.mark,
    )


def _own_name(document: Document, kind: str) -> str:
    """It is the `source` of its changes, but for those of the API and of clusters."""
    if document.name == API or (document.name == KUBERNETES and kind != KUBERNETES):
        whose = "the API" if document.name == API else "clusters"
        message = (
            f"an Integration can't be called `{document.name}`: changes of {whose} are called so"
        )
        document.spec.problems.error(document.mark, message, Code.NOT_ALLOWED)
    return document.name


def _services(spec: Fields) -> dict[str, tuple[str, ...]]:
    """By repository or application: one service or a list of them."""
    found: dict[str, tuple[str, ...]] = {}
    with spec.maybe_map("services") as services:
        for name in services.names() if services is not None else ():
            assert services is not None
            node = services.node_of(name)
            if node is None:
                continue
            is_list = isinstance(node.raw.value, list)
            found[name] = (
                tuple(services.texts(name))
                if is_list
                else (text_of(node, spec.problems, f"{services.where}.{name}"),)
            )
    return found


def _events(spec: Fields, kind: str) -> tuple[str, ...]:
    if kind == ARGOCD:
        return ()
    wanted, known = spec.texts("events"), EVENTS[kind]
    for word in wanted:
        if word and word not in known:
            message = f"`{word}` is no event that is taken of {kind}: {', '.join(known)} are"
            spec.problems.error(spec.mark("events"), message, Code.NOT_ALLOWED)
    return tuple(wanted)
