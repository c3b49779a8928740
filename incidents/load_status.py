"""The kind `StatusPage`: what customers see, and who may be mailed about it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from incidents.matrix import SEVERITIES
from incidents.status_page import MAX_HISTORY_DAYS, Component, Group, Publish, StatusPage
from slo.load.codes import Code
from slo.load.document import Document, name_in, opened
from slo.load.times import time_zone
from slo.load.yaml import Fields, Mark, Node, Problems, did_you_mean

ROWS: Final = tuple(f"SEV{severity}" for severity in SEVERITIES)
MAX_TITLE: Final = 100
MAX_DESCRIPTION: Final = 500
MAX_COMPONENTS: Final = 200


def read(node: Node, problems: Problems) -> StatusPage | None:
    """A `StatusPage` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        page = _page(document)
        _check_components(page, document.spec)
        _check_mailing(page, document.spec)
    return page if len(problems.errors) == before else None


def check(
    pages: Sequence[StatusPage],
    services: Collection[str],
    channels: Mapping[str, str],
    problems: Problems,
) -> None:
    """Over all files: what is mailed goes through a Channel of type email (an error), and the
    services of components are there (a warning). `channels` are the types by name.
    """
    for page in pages:
        mark = page.mark or Mark("?", 1, 1)
        if page.email and channels.get(page.email) != "email":
            hint = did_you_mean(page.email, [n for n, kind in channels.items() if kind == "email"])
            message = f"status page `{page.name}` mails through `{page.email}`, which is no Channel"
            problems.error(mark, f"{message} of type email{hint}", Code.NO_SUCH_THING)
        for name in sorted(page.services - set(services)):
            hint = did_you_mean(name, services)
            message = f"status page `{page.name}` shows service `{name}`, which no file"
            problems.warn(mark, f"{message} names{hint}", Code.NO_SUCH_THING)


def _page(document: Document) -> StatusPage:
    spec = document.spec
    return StatusPage(
        name=document.name,
        title=_line(spec, "title"),
        description=_words(spec, "description"),
        zone=time_zone(spec, "time_zone", "UTC"),
        groups=tuple(_group(fields) for fields in spec.maps("groups", required=True)),
        publish=Publish(spec.choice("publish", [one.value for one in Publish], Publish.MANUAL)),
        severities=_severities(spec),
        types=tuple(spec.texts("types")),
        public=spec.flag("public", default=False),
        subscribers=spec.flag("subscribers", default=False),
        email=spec.text("email", ""),
        history_days=spec.integer(
            "history_days", MAX_HISTORY_DAYS, at_least=1, at_most=MAX_HISTORY_DAYS
        ),
        mark=document.mark,
    )


def _group(fields: Fields) -> Group:
    title = _line(fields, "title")
    return Group(title, tuple(_component(one) for one in fields.maps("components", required=True)))


def _component(fields: Fields) -> Component:
    return Component(
        name=name_in(fields, "name"),
        title=_line(fields, "title"),
        services=tuple(fields.texts("services", required=True)),
        description=_words(fields, "description"),
    )


def _severities(spec: Fields) -> tuple[int, ...]:
    said = spec.texts("severities")
    for word in said:
        if word not in ROWS:
            message = f"`{word}` is no severity: {', '.join(ROWS)} are"
            spec.problems.error(spec.mark("severities"), message, Code.NOT_ALLOWED)
    found = tuple(ROWS.index(word) + 1 for word in said if word in ROWS)
    return found or StatusPage("", "", ()).severities


def _line(fields: Fields, key: str) -> str:
    text = fields.text(key).strip()
    if len(text) > MAX_TITLE or not text.isprintable():
        message = f"`{fields.where}.{key}` must be one line of at most {MAX_TITLE} characters"
        fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)
    return text


def _words(fields: Fields, key: str) -> str:
    text = fields.text(key, "").strip()
    if len(text) > MAX_DESCRIPTION:
        message = f"`{fields.where}.{key}` is over {MAX_DESCRIPTION} characters"
        fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)
    return text


def _check_components(page: StatusPage, spec: Fields) -> None:
    """Names tell components apart, and a page ends."""
    names: set[str] = set()
    for one in page.components:
        if one.name in names:
            message = f"two components are called `{one.name}`: rename one"
            spec.problems.error(spec.mark("groups"), message, Code.DUPLICATE)
        names.add(one.name)
    if len(page.components) > MAX_COMPONENTS:
        message = f"a page shows at most {MAX_COMPONENTS} components: make two of it"
        spec.problems.error(spec.mark("groups"), message, Code.OUT_OF_BOUNDS)


def _check_mailing(page: StatusPage, spec: Fields) -> None:
    """Who subscribes has no account: the links in their mails must open without one."""
    if not page.subscribers:
        return
    if not page.email:
        message = "`spec.subscribers` needs `email`: the name of a Channel of type email"
        spec.problems.error(spec.mark("subscribers"), message, Code.MISSING_KEY)
    if not page.public:
        message = "`spec.subscribers` needs `public: true`: nobody could open the links in mails"
        spec.problems.error(spec.mark("subscribers"), message, Code.CONFLICT)
