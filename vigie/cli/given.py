"""What many commands are given alike: the settings file, the server, who does it."""
# ruff: noqa: PLC0415 - imports inside functions: see vigie.cli.entry

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vigie.cli.ending import CannotRun

if TYPE_CHECKING:
    from vigie.settings import Settings

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The vigie.yaml to use.", show_default=True)
]
DEFAULT_CONFIG: Final = Path("vigie.yaml")

# Read by typer, so that --help shows them: the variables of clients are not the server's settings.
UrlOption = Annotated[str, typer.Option("--url", envvar="VIGIE_URL", help="The server.")]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="VIGIE_TOKEN", help="Its token, if it has one.", metavar="T"),
]
ActorOption = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Who does it; default: the login name.")
]
DEFAULT_URL: Final = "http://127.0.0.1:8080"
API_TOKEN: Final = "vgt_"  # noqa: S105 - how tokens of `vigie token add` begin


def settings_of(config: Path, listen: str | None = None) -> "Settings":
    """The settings; LoadError for what the file says, CannotRun for everything else."""
    from vigie.settings import SettingsError, load

    try:
        return load(config, listen=listen)
    except SettingsError as error:
        raise CannotRun(str(error)) from error


def actor_of(given: str | None, token: str | None) -> str:
    """Who does it: as given, else whose token it is, else who runs this program."""
    if given is not None or (token or "").startswith(API_TOKEN):
        return given or "api"  # the server knows whose token it is
    return login_name()


def login_name() -> str:
    """Who runs this program, for what is done without a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container with a user id that has no name
        return f"uid {os.getuid()}"
