"""What is asked again under its key is answered again, but to who may still see it."""

from collections.abc import Iterator
from typing import Any

import pytest

from fleet import Answer
from machine_client import Client
from machine_world import ACTORS, World


@pytest.fixture
def client() -> Iterator[Client]:
    world = World()
    with Client() as client:
        client.serve(world.fleet)
        yield client
    world.close()


def post(client: Client, who: str, where: str, body: dict[str, Any]) -> Answer:
    headers = {**ACTORS[who].headers, "Idempotency-Key": "k"}
    return client.ask("POST", f"/api/v1/incidents{where}", headers, body)


def restrict(client: Client, number: int) -> None:
    body = {"reason": "a breach"}
    answer = client.ask(
        "POST", f"/api/v1/incidents/{number}/restrict", ACTORS["rosa"].headers, body
    )
    assert answer.status == 200


def test_a_split_that_is_asked_again_shows_nothing_of_what_was_restricted_since(
    client: Client,
) -> None:
    assert post(client, "remy", "", {"title": "one"}).status == 201
    split = {"title": "two", "reason": "another matter"}
    made = post(client, "remy", "/1/split", split)
    assert (made.status, made.json["number"]) == (200, 2)
    assert post(client, "remy", "/1/split", split).json["number"] == 2
    restrict(client, 2)
    again = post(client, "remy", "/1/split", split)
    assert (again.status, "two" in again.text) == (404, False)


def test_a_report_that_is_sent_again_shows_nothing_to_who_has_left_it_since(
    client: Client,
) -> None:
    report = {"title": "one"}
    assert post(client, "remy", "", report).status == 201
    assert post(client, "remy", "", report).status == 201
    restrict(client, 1)
    left = {"part": "requester"}
    gone = client.ask("POST", "/api/v1/incidents/1/leave", ACTORS["remy"].headers, left)
    assert gone.status == 200
    again = post(client, "remy", "", report)
    assert (again.status, "one" in again.text) == (404, False)


def test_a_restricted_report_is_taken_only_if_somebody_sees_it(client: Client) -> None:
    report: dict[str, Any] = {"title": "one", "restricted": True}
    refused = post(client, "token/ci", "", report)
    assert (refused.status, "name a requester who is a user" in refused.text) == (422, True)
    made = post(client, "token/ci", "", report | {"requester": "Remy"})
    assert made.status == 201
    seen = client.ask("GET", "/api/v1/incidents/1", ACTORS["remy"].headers, None)
    assert (seen.status, seen.json["title"]) == (200, "one")
