"""The bodies of OTLP/HTTP: unpacked within a limit, and read from protobuf or from JSON.

JSON is read by the descriptors of the messages, into the same messages. protobuf's own reader of
JSON takes ids for base64, which OTLP writes as hex, and returns other ids without a word.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import orjson
from google.protobuf.descriptor import (  # type: ignore[import-untyped]  # theirs
    Descriptor,
    FieldDescriptor,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # theirs
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.otlp import bounds

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
MAX_BODY_BYTES: Final = 20 * 1024 * 1024  # after decompression; as OTLP's specification recommends
MAX_MEMBERS: Final = 100  # of a gzip body; exporters write one
MAX_DEPTH: Final = 64  # of nested messages; protobuf itself refuses more than 100
_HEX_IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_GZIP: Final = zlib.MAX_WBITS | 16


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """What a request is answered with instead: an HTTP status and the reason for people."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def media_type(content_type: str) -> str:
    """PROTOBUF or JSON. Refused (415) when it is neither."""
    name = content_type.partition(";")[0].strip().lower()
    if name not in {PROTOBUF, JSON}:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the Content-Type is `{name[:60]}`: send {PROTOBUF} or {JSON}",
        )
    return name


def unpacked(body: bytes, encoding: str, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body without its Content-Encoding, never more than `limit` bytes of it.

    Refused: 413 over the limit, 415 for another encoding than gzip, 400 when it is no gzip.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        if len(body) > limit:
            raise too_large(limit)
        return body
    if name != "gzip":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the Content-Encoding is `{name[:60]}`: send gzip or nothing",
        )
    return _gunzipped(body, limit)


def too_large(limit: int) -> Refused:
    """The refusal of a body over `limit` bytes."""
    return over(f"{limit} bytes")


def over(limit: str) -> Refused:
    """The refusal of a body over a limit."""
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {limit}: send smaller batches"
    )


def read_traces(body: bytes, media: str) -> ExportTraceServiceRequest:
    """The spans of a body. Refused: 400 when it is none, 413 over a limit of `bounds`."""
    request = ExportTraceServiceRequest()
    _read(request, body, media)
    return request


def read_metrics(body: bytes, media: str) -> ExportMetricsServiceRequest:
    """The metrics of a body. Refused: 400 when it is none, 413 over a limit of `bounds`."""
    request = ExportMetricsServiceRequest()
    _read(request, body, media)
    return request


def status(code: int, message: str) -> bytes:
    """A `google.rpc.Status`, the body of an error: code is its field 1, message its field 2."""
    text = message.encode()[:120].decode(errors="ignore").encode()  # its length takes one byte
    return bytes((0x08, code, 0x12, len(text))) + text


def _gunzipped(body: bytes, limit: int) -> bytes:
    """All members of a gzip body, which may be MAX_MEMBERS: each costs a copy of what follows."""
    parts: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            if len(parts) == MAX_MEMBERS:
                raise over(f"{MAX_MEMBERS} members of gzip")
            member = zlib.decompressobj(_GZIP)
            part = member.decompress(rest, limit - size + 1)
            size += len(part)
            if size > limit:
                raise too_large(limit)
            if not member.eof:
                raise Refused(HTTPStatus.BAD_REQUEST, "the gzip body is cut short")
            parts.append(part)
            rest = member.unused_data
    except zlib.error as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is no gzip: {error}") from error
    return b"".join(parts)


def _read(message: Any, body: bytes, media: str) -> None:
    try:
        if media == PROTOBUF:
            bounds.check_protobuf(body, message.DESCRIPTOR)
            message.ParseFromString(body)
            return
        bounds.check_json(body)
        document = orjson.loads(body)
    except bounds.TooMany as error:
        raise over(str(error)) from error
    except (bounds.Malformed, DecodeError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"malformed protobuf: {error}") from error
    except orjson.JSONDecodeError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"malformed JSON: {error}") from error
    _fill(message, document, message.DESCRIPTOR.name, 0)


# -- JSON -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message as JSON has it; `read` is None of nested messages."""

    name: str
    repeated: bool
    read: Callable[[Any], Any] | None


def _fill(message: Any, document: object, where: str, depth: int) -> None:
    """Set the fields of a message from its JSON object. Unknown keys are passed over."""
    if not isinstance(document, dict):
        raise _malformed(where, "is no object")
    if depth > MAX_DEPTH:
        raise _malformed(where, f"is nested more than {MAX_DEPTH} deep")
    fields = _fields(message.DESCRIPTOR)
    for key, value in document.items():
        field = fields.get(key)
        if field is not None and value is not None:
            _set(message, field, value, f"{where}.{key}", depth)


def _set(message: Any, field: _Field, value: Any, where: str, depth: int) -> None:
    if field.repeated:
        if not isinstance(value, list):
            raise _malformed(where, "is no array")
        into = getattr(message, field.name)
        if field.read is None:
            for one in value:
                _fill(into.add(), one, where, depth + 1)
        else:
            into.extend([_value(field.read, one, where) for one in value])
    elif field.read is None:
        nested = getattr(message, field.name)
        nested.SetInParent()  # an empty object is there all the same: it is an empty value
        _fill(nested, value, where, depth + 1)
    else:
        try:
            setattr(message, field.name, _value(field.read, value, where))
        except ValueError as error:  # protobuf's own: out of the range of the field
            raise _malformed(where, str(error)) from error


def _value(read: Callable[[Any], Any], value: Any, where: str) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise _malformed(where, str(error)) from error


def _malformed(where: str, fault: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, f"malformed OTLP/JSON: {where[-200:]} {fault[:200]}")


def _fields(descriptor: Descriptor) -> Mapping[str, _Field]:
    return _fields_of(descriptor.full_name, descriptor)


@lru_cache(maxsize=256)
def _fields_of(_name: str, descriptor: Descriptor) -> Mapping[str, _Field]:
    return {
        field.json_name: _Field(field.name, bool(field.is_repeated), _reader(field))
        for field in descriptor.fields
    }


def _reader(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    """How the JSON value of a field is read; None: it is a message."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return None
    if field.name in _HEX_IDS:
        return _hex
    others: dict[int, Callable[[Any], Any]] = {
        FieldDescriptor.TYPE_BYTES: _base64,
        FieldDescriptor.TYPE_STRING: _text,
        FieldDescriptor.TYPE_BOOL: _boolean,
        FieldDescriptor.TYPE_DOUBLE: _number,
        FieldDescriptor.TYPE_FLOAT: _number,
        FieldDescriptor.TYPE_ENUM: _enum,
    }
    found: Callable[[Any], Any] = others.get(int(field.type), _integer)
    return found


def _hex(value: Any) -> bytes:
    try:
        return bytes.fromhex(_text(value))
    except ValueError:
        raise ValueError("is no hex id") from None


def _base64(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error:
        raise ValueError("is no base64") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("is no string")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("is no boolean")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("is no number")
    return float(value)  # strings too: "NaN", "Infinity", "-Infinity"


def _enum(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("is no integer: OTLP/JSON writes enums as integers only")
    return value


def _integer(value: Any) -> int:
    """64-bit integers are strings or numbers; a float that is whole is one too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("is no integer")
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError("is no integer")
        return int(value)
    return int(value)
