"""Pages for people, on top of the API's app."""

from vigie.web.site import add_pages

__all__ = ["add_pages"]
