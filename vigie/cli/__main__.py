"""`python -m vigie.cli`: the same as `vigie`."""

from vigie.cli.entry import main

main()
