"""Reports: read from the ledger, shown as HTML, Markdown, JSON or CSV."""
