"""Answers of the receiver."""

import gzip
import threading

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from collectors.otlp.receiver import Otlp, Receiving, full
from collectors.otlp.wire import JSON, MAX_BODY_BYTES, PROTOBUF
from collectors.targets import By

T0 = 1_790_000_000.0


def request(service: str = "shop", spans: int = 3, first: int = 1) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    of = made.resource_spans.add()
    if service:
        of.resource.attributes.add(key="service.name").value.string_value = service
    into = of.scope_spans.add().spans
    for number in range(first, first + spans):
        into.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name="GET /")
    return made


@pytest.mark.parametrize("media", [PROTOBUF, JSON])
def test_an_empty_request_is_a_success(media: str) -> None:
    body = b"" if media == PROTOBUF else b"{}"
    for take in (Otlp(T0).traces, Otlp(T0).metrics):
        reply = take(body, media, "", T0)
        assert (reply.status, reply.content_type, reply.body) == (200, media, body)


def test_what_was_left_out_is_a_partial_success() -> None:
    reply = Otlp(T0).traces(request("").SerializeToString(), PROTOBUF, "", T0)
    answer = ExportTraceServiceResponse.FromString(reply.body)
    assert answer.partial_success.rejected_spans == 3
    assert answer.partial_success.error_message == "the resource has no service.name (3)"
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}'
    told = orjson.loads(Otlp(T0).traces(body, JSON, "", T0).body)["partialSuccess"]
    assert told == {"rejectedSpans": "1", "errorMessage": "the resource has no service.name (1)"}


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "status"),
    [
        (b"\xff\xff", PROTOBUF, "", 400),
        (b"{", JSON, "", 400),
        (b"[]", JSON, "", 400),
        (b"{}", "text/plain", "", 415),
        (b"{}", "", "", 415),
        (b"{}", JSON, "br", 415),
        (b"{}", JSON, "gzip", 400),
        (gzip.compress(bytes(MAX_BODY_BYTES + 1), mtime=0), PROTOBUF, "gzip", 413),
    ],
)
def test_a_refusal_says_why_in_the_words_of_otlp(
    body: bytes, content_type: str, encoding: str, status: int
) -> None:
    otlp = Otlp(T0)
    reply = otlp.traces(body, content_type, encoding, T0)
    assert reply.status == status
    if content_type == PROTOBUF:
        # google.rpc.Status: code is field 1, message field 2.
        assert (reply.content_type, reply.body[:3]) == (PROTOBUF, b"\x08\x03\x12")
        assert len(reply.body) == 4 + reply.body[3]
    else:
        assert orjson.loads(reply.body)["message"]
    assert (otlp.counts().requests, otlp.counts().refused) == (1, 1)


def test_charset_and_case_of_a_content_type_do_not_matter() -> None:
    assert Otlp(T0).traces(b"{}", "Application/JSON; charset=utf-8", "", T0).status == 200


def test_while_every_place_is_taken_the_sender_shall_try_again() -> None:
    otlp = Otlp(T0, Receiving(max_waiting=2))
    assert (otlp.enter(), otlp.enter(), otlp.enter()) == (True, True, False)
    reply = full()
    assert (reply.status, reply.headers) == (429, {"Retry-After": "1"})
    otlp.leave()
    assert otlp.enter()
    assert otlp.counts().full == 1


def test_a_target_stands_for_the_spans_of_a_service() -> None:
    otlp = Otlp(T0)
    otlp.traces(request().SerializeToString(), PROTOBUF, "", T0)
    (target,) = otlp.targets()
    assert (target.id, target.service, target.by) == ("shop/spans", "shop", By.SPANS)
    assert target.labels == {"job": "shop", "instance": "spans", "service": "shop"}
    assert (target.found_by, target.births) == ("spans", "zero")


def test_many_threads_lose_no_span() -> None:
    otlp = Otlp(T0)
    bodies = [request(spans=50, first=1 + 50 * n).SerializeToString() for n in range(40)]

    def work(some: list[bytes]) -> None:
        for body in some:
            otlp.traces(body, PROTOBUF, "", T0)
            otlp.pages(T0, {"shop/spans": T0})

    threads = [threading.Thread(target=work, args=(bodies[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert otlp.counts().spans == 2000
    (page,) = otlp.pages(T0 + 1, {"shop/spans": T0})
    assert b'status_code="STATUS_CODE_UNSET"} 2000\n' in page.body
