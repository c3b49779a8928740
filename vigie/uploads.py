"""Reading a file that is sent: bounded, in memory, and nothing of it on the disk.

A form's file would be spooled to a temporary file by Starlette; a HAR must not be, with its
secrets still in it.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from incidents.attachments import MAX_BYTES, MAX_HAR_BYTES, begins_an_object
from vigie.access import Forbidden, current, needs_of, proofs
from vigie.access.routes import CSRF_FIELD, CSRF_HEADER, check, look
from vigie.commands.errors import Invalid, TooLarge

MAX_AT_ONCE: Final = 4
IDLE_S: Final = 20.0  # between two parts of a body
WHOLE_S: Final = 300.0
RETRY_AFTER_S: Final = 5
AROUND: Final = 65_536  # of a form, beside its file
MAX_FIELDS: Final = 10
_PATH: Final = re.compile(r"(/api/v1)?/incidents/[0-9]{1,16}/attachments")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def is_upload(path: str) -> bool:
    """Whether bodies that are sent here have the limits of this module."""
    return _PATH.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, the name that was given for it (empty: none), and the fields beside it."""

    name: str
    content: bytes
    fields: dict[str, str]


class UploadRoute(APIRoute):
    """`vigie.access.routes.Guarded` for these bodies: who may is checked before anything is read;
    that a form is ours once `Uploads` has read it, which Guarded would do with a file on the disk.
    """

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        asked = needs_of(self.endpoint)
        assert asked is not None, "an upload says whom it is for"

        async def guarded(request: Request) -> Response:
            check(current(), asked, request.path_params)
            await look(request, asked, self.path)
            return await handler(request)

        return guarded


class Uploads:
    """Takes a few at once, each no longer than WHOLE_S and no larger than is kept."""

    def __init__(self) -> None:
        self._under_way = 0

    @contextlib.asynccontextmanager
    async def reading(self, request: Request) -> AsyncIterator[Upload]:
        """The file that a request sends, as its body (`?name=`) or in a form's field `file`; its
        place is kept until the block ends.

        TooLarge as soon as more came than is kept; Invalid, Forbidden (a form that is not ours);
        HTTPException 503 where others are being read, 408 and 400 where the sender does not go on.
        """
        if self._under_way >= MAX_AT_ONCE:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MAX_AT_ONCE} uploads are under way; try again in {RETRY_AFTER_S} s.",
                {"Retry-After": str(RETRY_AFTER_S)},
            )
        self._under_way += 1
        try:
            yield await _read(request)
        finally:
            self._under_way -= 1


async def _read(request: Request) -> Upload:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MAX_HAR_BYTES + AROUND:
        raise _too_large(int(declared))
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    try:
        async with asyncio.timeout(WHOLE_S):
            upload = await (_form(request) if is_form else _body(request))
    except TimeoutError:
        detail = (
            f"The file did not come: nothing for {IDLE_S:.0f} s, or not all in {WHOLE_S:.0f} s."
        )
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail) from None
    except ClientDisconnect:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The sender hung up.") from None
    _require_ours(request, upload)
    return upload


async def _body(request: Request) -> Upload:
    content = bytearray()
    async with contextlib.aclosing(_parts(request, MAX_HAR_BYTES)) as parts:
        async for part in parts:
            content += part
            if len(content) > MAX_BYTES and not begins_an_object(bytes(content[:4096])):
                raise _too_large(len(content))
    return Upload(request.query_params.get("name", ""), bytes(content), {})


class _InMemory(MultiPartParser):
    spool_max_size = MAX_HAR_BYTES + AROUND + 1  # never reached: the stream ends before


async def _form(request: Request) -> Upload:
    async with contextlib.aclosing(_parts(request, MAX_HAR_BYTES + AROUND)) as parts:
        parser = _InMemory(
            request.headers, parts, max_files=1, max_fields=MAX_FIELDS, max_part_size=AROUND
        )
        try:
            form = await parser.parse()
        except MultiPartException as error:
            raise Invalid(f"the form cannot be read: {error.message}") from error
    file = form.get("file")
    try:
        if not isinstance(file, UploadFile):
            raise Invalid("the form has no file: send it as the field `file`")
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return Upload(file.filename or "", await file.read(), fields)
    finally:
        await form.close()


async def _parts(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async with contextlib.aclosing(request.stream()) as stream:
        while True:
            async with asyncio.timeout(IDLE_S):
                part = await anext(stream, None)
            if part is None:
                return
            size += len(part)
            if size > most:
                raise _too_large(size)
            yield part


def _require_ours(request: Request, upload: Upload) -> None:
    """Forbidden unless a browser's write holds what only a page of ours knows."""
    expected = current().csrf
    if expected is None:
        return
    shown = request.headers.get(CSRF_HEADER) or upload.fields.get(CSRF_FIELD, "")
    if not proofs.same(shown, expected):
        raise Forbidden("The form is out of date: load its page again, then send it again.")


def _too_large(size: int) -> TooLarge:
    return TooLarge(
        f"The file is too large: {size} bytes came or were announced; at most {MAX_BYTES} are "
        f"taken, {MAX_HAR_BYTES} of a HAR."
    )
