"""The kinds `IncidentType` and `Taxonomy`: what teams call things, and what they ask for."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from incidents.matrix import SEVERITIES, URGENCIES
from incidents.templates import AUDIENCES, MAX_TEMPLATE, refused
from incidents.types import (
    DEFAULT,
    FIELD_KINDS,
    LIFE,
    OF_RECORD,
    ROLES,
    SELF_OPENED,
    STATES,
    Closing,
    Field,
    Section,
    SubStatus,
    Taxonomy,
    TypeRules,
    Types,
)
from slo.load.codes import Code
from slo.load.document import name_in, opened
from slo.load.yaml import Fields, Mark, Node, Problems, did_you_mean
from slo.windows import show

SEVERITY_WORDS: Final = tuple(f"SEV{severity}" for severity in SEVERITIES)
CLOSABLE: Final = ("category", "subcategory", "cause", "resolution", "users_affected")
MAX_WORD: Final = 80  # of the taxonomy, of a choice
MAX_TITLE: Final = 100
MAX_TEXT: Final = 1_000
MAX_NAME: Final = 60
MOST: Final = 50  # statuses, fields and tasks of a type
MOST_WORDS: Final = 500  # choices of a field, words of each kind of the taxonomy
MOST_USERS: Final = 2**53 - 1
LEAST_UPDATE_S: Final = 60.0
MAX_UPDATE_S: Final = 30 * 86_400.0
MAX_REOPEN_S: Final = 366 * 86_400.0
SECTION_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)
_USUAL: Final = TypeRules("")


def read_type(node: Node, problems: Problems) -> TypeRules | None:
    """An `IncidentType` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        fields = _fields(spec)
        rules = TypeRules(
            name=document.name,
            title=_line(spec, "title", document.name),
            description=_line(spec, "description", "", MAX_TEXT),
            severity=_severity(spec.choice("severity", SEVERITY_WORDS, "SEV3")),
            urgency=spec.choice("urgency", URGENCIES, _USUAL.urgency),
            restricted=spec.flag("restricted", _USUAL.restricted),
            statuses=_statuses(spec),
            fields=fields,
            closing=_closing(spec, fields),
            users=_users(spec),
            updates=_updates(spec),
            templates=_templates(spec),
            tasks=_words(spec, "tasks", MAX_TITLE, MOST),
            reopen_within_s=_reopen_within(spec),
            review=_review(spec),
            mark=document.mark,
        )
    return rules if len(problems.errors) == before else None


def read_taxonomy(node: Node, problems: Problems) -> Taxonomy | None:
    """A `Taxonomy` document."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        taxonomy = Taxonomy(
            name=document.name,
            categories=_categories(spec),
            causes=_words(spec, "causes", MAX_WORD, MOST_WORDS),
            mark=document.mark,
        )
    return taxonomy if len(problems.errors) == before else None


def joined(types: Iterable[TypeRules], taxonomies: Sequence[Taxonomy], problems: Problems) -> Types:
    """Over all files: the types by name, and the one taxonomy. A second one is an error; a type
    called almost like one that Vigie opens is a warning.
    """
    for other in taxonomies[1:]:
        message = (
            f"Taxonomy `{other.name}`: there is one already, `{taxonomies[0].name}` "
            f"({taxonomies[0].mark}): put their words into one"
        )
        problems.error(_mark(other.mark), message, Code.CONFLICT)
    rules = {one.name: one for one in types}
    for one in rules.values():
        _warn_of_misspelt(one, rules, problems)
    return Types(rules, taxonomies[0] if taxonomies else Taxonomy())


def _warn_of_misspelt(one: TypeRules, rules: Collection[str], problems: Problems) -> None:
    known = (*SELF_OPENED, DEFAULT)
    hint = did_you_mean(one.name, [name for name in known if name not in rules])
    if one.name not in known and hint:
        message = f"no incident that Vigie opens has the type `{one.name}`{hint}"
        problems.warn(_mark(one.mark), message, Code.MISSPELT)


# -- IncidentType -------------------------------------------------------------------------------


def _statuses(spec: Fields) -> tuple[SubStatus, ...]:
    found: list[SubStatus] = []
    for fields in spec.maps("statuses"):
        name = _name(fields, [status.name for status in found])
        if name in STATES:
            message = f"`{fields.where}.name`: `{name}` is a state; a status stands within one"
            fields.problems.error(fields.mark("name"), message, Code.NOT_ALLOWED)
        title = _line(fields, "title", name)
        found.append(SubStatus(name, title, fields.choice("state", STATES)))
    _bound(spec, "statuses", len(found), MOST)
    return tuple(found)


def _fields(spec: Fields) -> tuple[Field, ...]:
    found: list[Field] = []
    for fields in spec.maps("fields"):
        name = _name(fields, [field.name for field in found])
        if name in OF_RECORD:
            message = f"`{fields.where}.name`: every incident has `{name}`: choose another name"
            fields.problems.error(fields.mark("name"), message, Code.NOT_ALLOWED)
        title = _line(fields, "title", name)
        kind = fields.choice("kind", FIELD_KINDS, "text")
        required_at = fields.choice("required_at", LIFE) if fields.has("required_at") else None
        found.append(Field(name, title, kind, _choices(fields, kind), required_at))
    _bound(spec, "fields", len(found), MOST)
    return tuple(found)


def _choices(fields: Fields, kind: str) -> tuple[str, ...]:
    choices = _words(fields, "choices", MAX_WORD, MOST_WORDS)
    if kind == "choice" and not choices:
        message = f"`{fields.where}` is a choice without choices: write `choices`"
        fields.problems.error(fields.mark("choices"), message, Code.MISSING_KEY)
    elif kind != "choice" and fields.has("choices"):
        message = f"`{fields.where}.choices`: a {kind} has none; write `kind: choice`"
        fields.problems.error(fields.mark("choices"), message, Code.CONFLICT)
    return choices


def _closing(spec: Fields, declared: Sequence[Field]) -> Closing:
    with spec.maybe_map("closing") as fields:
        if fields is None:
            return Closing()
        known = (*CLOSABLE, *(field.name for field in declared))
        review = _listed(fields, "review", SEVERITY_WORDS, "severity")
        return Closing(
            roles=_listed(fields, "roles", ROLES, "role"),
            required=_listed(fields, "required", known, "field of the record or of `spec.fields`"),
            review=(
                tuple(_severity(word) for word in review)
                if fields.has("review")
                else Closing().review
            ),
            confirmed=fields.flag("confirmed", Closing().confirmed),
            after_s=fields.duration("after") if fields.has("after") else None,
        )


def _review(spec: Fields) -> tuple[Section, ...]:
    """The sections of a review, in their order; the usual ones where none is written."""
    found: list[Section] = []
    for fields in spec.maps("review"):
        name = fields.text("name")
        if name and not SECTION_NAME.fullmatch(name):
            message = f"`{fields.where}.name`: `{name}` is no name: write e.g. `went_well`"
            fields.problems.error(fields.mark("name"), message, Code.NOT_ALLOWED)
        if name and any(section.name == name for section in found):
            message = f"`{fields.where}.name`: `{name}` stands there already: rename or remove one"
            fields.problems.error(fields.mark("name"), message, Code.DUPLICATE)
        title = _line(fields, "title", name.replace("_", " ").capitalize())
        hint = _line(fields, "hint", "", MAX_TEXT)
        found.append(Section(name, title, hint, fields.flag("required", False)))
    _bound(spec, "review", len(found), MOST)
    return tuple(found)


def _users(spec: Fields) -> Mapping[int, int]:
    found: dict[int, int] = {}
    with spec.maybe_map("users") as fields:
        for severity, word in zip(SEVERITIES, SEVERITY_WORDS, strict=True):
            if fields is not None and fields.has(word):
                found[severity] = fields.integer(word, at_least=1, at_most=MOST_USERS)
    for worse, other in pairwise(found):
        if found[worse] <= found[other]:
            message = (
                f"`{spec.where}.users`: SEV{worse} is meant from {found[worse]} users on, and "
                f"SEV{other} from {found[other]}: what is worse hits more of them"
            )
            spec.problems.error(spec.mark("users"), message, Code.OUT_OF_BOUNDS)
    return found


def _updates(spec: Fields) -> Mapping[int, float]:
    found: dict[int, float] = {}
    with spec.maybe_map("updates") as fields:
        for severity, word in zip(SEVERITIES, SEVERITY_WORDS, strict=True):
            if fields is not None and fields.has(word):
                found[severity] = fields.duration(word, above_s=0.0)
                _within(fields, word, found[severity], MAX_UPDATE_S, LEAST_UPDATE_S)
    for worse, other in pairwise(found):
        if found[worse] > found[other]:
            message = f"`{spec.where}.updates`: SEV{worse} is told less often than SEV{other}"
            spec.problems.warn(spec.mark("updates"), message, Code.OUT_OF_ORDER)
    return found


def _templates(spec: Fields) -> Mapping[str, str]:
    found: dict[str, str] = {}
    with spec.maybe_map("templates") as fields:
        for audience in AUDIENCES if fields is not None else ():
            assert fields is not None
            if (text := fields.maybe_text(audience)) is None:
                continue
            node = fields.node_of(audience)
            for offset, why in refused(audience, text):
                mark = node.mark_at(offset) if node is not None else fields.mark(audience)
                fields.problems.error(mark, f"`{fields.where}.{audience}`: {why}", Code.NOT_ALLOWED)
            if len(text) > MAX_TEMPLATE or not text.strip():
                message = f"`{fields.where}.{audience}` has 1 to {MAX_TEMPLATE:,} characters"
                fields.problems.error(fields.mark(audience), message, Code.OUT_OF_BOUNDS)
            found[audience] = text
    return found


def _reopen_within(spec: Fields) -> float:
    seconds = spec.duration("reopen_within", _USUAL.reopen_within_s, above_s=-1.0)
    _within(spec, "reopen_within", seconds, MAX_REOPEN_S)
    return seconds


# -- Taxonomy -----------------------------------------------------------------------------------


def _categories(spec: Fields) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    with spec.maybe_map("categories") as fields:
        for name in fields.names() if fields is not None else ():
            assert fields is not None
            said = f"category `{name}` of `{fields.where}`"
            _check_line(fields, name, name, said, MAX_WORD)
            found[name.strip()] = _words(fields, name, MAX_WORD, MOST_WORDS)
    _bound(spec, "categories", len(found), MOST_WORDS)
    return found


# -- what both are made of ----------------------------------------------------------------------


def _name(fields: Fields, before: Sequence[str]) -> str:
    """The name of one of a list, of which no two are called the same."""
    name = name_in(fields, "name")
    if len(name) > MAX_NAME:
        message = f"`{fields.where}.name` has {len(name)} characters; at most {MAX_NAME}"
        fields.problems.error(fields.mark("name"), message, Code.OUT_OF_BOUNDS)
    if name and name in before:
        message = f"`{fields.where}.name`: `{name}` stands there already: rename or remove one"
        fields.problems.error(fields.mark("name"), message, Code.DUPLICATE)
    return name


def _line(fields: Fields, key: str, default: str, most: int = MAX_TITLE) -> str:
    """One line that can be shown as it is."""
    text = fields.text(key, default).strip() or default
    _check_line(fields, key, text, f"`{fields.where}.{key}`", most, empty=True)
    return text


def _words(fields: Fields, key: str, longest: int, most: int) -> tuple[str, ...]:
    """A list of lines, each there once."""

    def check(text: str, mark: Mark) -> str:
        word, said = text.strip(), f"`{fields.where}.{key}`"
        if not word or len(word) > longest or not word.isprintable():
            message = f"{said}: each is one line of 1 to {longest} characters"
            fields.problems.error(mark, message, Code.OUT_OF_BOUNDS)
        return word

    return _each(fields, key, check, most)


def _listed(fields: Fields, key: str, known: Sequence[str], what: str) -> tuple[str, ...]:
    """A list of words that are known, each there once."""

    def check(word: str, mark: Mark) -> str:
        if word not in known:
            rule = f"write some of {', '.join(known)}"
            message = f"`{fields.where}.{key}`: `{word}` is no {what}"
            hint = did_you_mean(word, known) or f"; {rule}"
            fields.problems.error(mark, message + hint, Code.NOT_ALLOWED)
        return word

    return _each(fields, key, check, len(known))


def _each(
    fields: Fields, key: str, check: Callable[[str, Mark], str], most: int
) -> tuple[str, ...]:
    found: dict[str, None] = {}
    nodes = fields.items(key)
    for node, text in zip(nodes, fields.texts(key), strict=True):
        word = check(text, node.mark)
        if word and word in found:
            message = f"`{fields.where}.{key}`: `{word}` stands there already: remove one"
            fields.problems.error(node.mark, message, Code.DUPLICATE)
        found[word] = None
    _bound(fields, key, len(nodes), most)
    return tuple(found)


def _check_line(
    fields: Fields, key: str, text: str, said: str, most: int, *, empty: bool = False
) -> None:
    if (text or empty) and len(text) <= most and text.isprintable():
        return
    message = f"{said} must be one line of at most {most} characters"
    fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)


def _within(fields: Fields, key: str, seconds: float, most_s: float, least_s: float = 0.0) -> None:
    if seconds > most_s:
        message = f"`{fields.where}.{key}` is at most {show(most_s)}"
        fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)
    elif 0.0 < seconds < least_s:
        message = f"`{fields.where}.{key}` is at least {show(least_s)}"
        fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)


def _bound(fields: Fields, key: str, count: int, most: int) -> None:
    if count > most:
        message = f"`{fields.where}.{key}` has {count} entries; at most {most} are read"
        fields.problems.error(fields.mark(key), message, Code.OUT_OF_BOUNDS)


def _severity(word: str) -> int:
    return SEVERITY_WORDS.index(word) + 1 if word in SEVERITY_WORDS else _USUAL.severity


def _mark(mark: Mark | None) -> Mark:
    return mark or Mark("?", 1, 1)
