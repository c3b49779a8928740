"""What we show a server to be let in: headers, made of what is written or of what files hold."""

import base64
from pathlib import Path
from typing import Final

from collectors.access import HttpAccess
from collectors.errors import AccessError

MAX_SECRET_BYTES: Final = 65_536
AUTHORIZATION: Final = "Authorization"


def is_fixed(access: HttpAccess) -> bool:
    """Whether the headers are the same at any time, for no file says what is in them."""
    files = access.username_file, access.password_file, access.credentials_file
    return not (any(files) or access.header_files)


def headers(access: HttpAccess) -> dict[str, str]:
    """The headers of a request now, but for a token. AccessError names the file at fault."""
    found = dict(access.headers)
    for name, paths in access.header_files.items():
        values = [found[name]] if name in found else []
        # One line of several values: RFC 9110, 5.3.
        found[name] = ", ".join([*values, *map(secret_in, paths)])
    username = access.username or _maybe(access.username_file)
    if username or access.password or access.password_file:
        found[AUTHORIZATION] = basic(username, access.password or _maybe(access.password_file))
    elif access.credentials or access.credentials_file:
        credentials = access.credentials or secret_in(access.credentials_file)
        found[AUTHORIZATION] = f"{access.auth_type} {credentials}"
    return found


def basic(username: str, password: str) -> str:
    """The value of a header of basic authentication (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def secret_in(path: str) -> str:
    """The one line that a file holds. AccessError."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_SECRET_BYTES + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"can't read {path}: {said(error)}") from error
    if not text or len(text) > MAX_SECRET_BYTES or not text.isprintable():
        raise AccessError(f"{path} holds no secret in one line")
    return text


def said(error: Exception) -> str:
    """What is wrong with a file, without what it holds."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()[:120]
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error).partition("\n")[0][:120]


def _maybe(path: str) -> str:
    return secret_in(path) if path else ""
