"""DataSources: polled for what is new, read back for what was before."""

from vigie.sources.polling import Sources

__all__ = ["Sources"]
