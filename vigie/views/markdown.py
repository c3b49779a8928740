"""Comments as HTML: Markdown of people, of which nothing runs, loads or pretends."""

import re
from functools import lru_cache
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

# No headings: a comment stands within a page that has its own. No pictures: they would be fetched
# from elsewhere by everybody who looks.
_TAGS: Final = frozenset(
    {"p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
    | {"table", "thead", "tbody", "tr", "th", "td"}
)
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_ADDRESS: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_CACHED: Final = 1_024  # comments; the page of an incident is drawn anew at every event


def _validated(url: str) -> bool:
    return _ADDRESS.match(url) is not None


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "typographer": False})
    parser.enable(["table", "strikethrough"])
    parser.disable(["image", "heading", "lheading", "reference"])
    # As its documentation has it; a plain assignment is none that a type checker allows.
    setattr(parser, "validateLink", _validated)  # noqa: B010 - typed as a method of the class
    return parser


_PARSER: Final = _parser()


@lru_cache(_CACHED)
def html(text: str) -> Markup:
    """A text in Markdown as HTML that is safe within a page: parsed with HTML off, then cleaned to
    a short list of elements. Links are http, https and mailto.
    """
    cleaned = nh3.clean(
        _PARSER.render(text),
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        url_schemes=set(_SCHEMES),
        link_rel="noopener nofollow ugc",
        strip_comments=True,
    )
    return Markup(cleaned)  # noqa: S704 - cleaned above
