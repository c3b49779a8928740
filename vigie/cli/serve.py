"""`vigie serve`: the server."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

from typing import Annotated

import typer

from vigie.cli.ending import CannotRun
from vigie.cli.given import DEFAULT_CONFIG, ConfigOption, settings_of

ListenOption = Annotated[
    str | None,
    typer.Option("--listen", metavar="HOST:PORT", help="Where to listen, over `listen:`."),
]


def serve(config: ConfigOption = DEFAULT_CONFIG, listen: ListenOption = None) -> None:
    """Watch, page and show. SIGHUP reads the files again; SIGTERM and Ctrl-C stop cleanly."""
    settings = settings_of(config, listen)

    import uvloop

    from vigie import app, faults
    from vigie.store.errors import StoreError
    from vigie.telemetry import setup_logs

    try:
        faults.arm(settings.crash_at)
    except ValueError as error:
        raise CannotRun(f"VIGIE_CRASH_AT: error: {error}") from error
    setup_logs(settings.logs)
    try:
        uvloop.run(app.serve(settings))
    except StoreError as error:
        raise CannotRun(f"{settings.database}: error: {error}") from error
    except OSError as error:  # the folder of the data cannot be written
        raise CannotRun(f"cannot serve on {settings.listen}: {error}") from error
    except SystemExit as error:  # uvicorn's way to say that it cannot listen; its log says why
        raise CannotRun(f"cannot listen on {settings.listen}: choose another `listen`") from error
