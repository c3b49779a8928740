"""OTLP over gRPC of a whole server: who may call, what starts with it and what is said if not."""

import socket
import subprocess
import sys
from pathlib import Path

import grpc
import grpc.aio
import pytest

from accounts import token, user
from components import free_port
from fleet import Fleet
from serving import SLO
from vigie.access import MAX_FAILURES, Accounts, Gate, Role, Scope
from vigie.access.accounts import LOOK_EVERY_S
from vigie.api.otlp_grpc import refusal
from vigie.app import App, build
from vigie.clock import SetClock
from vigie.settings import load

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
SEND = "Send the token of the server as metadata: `authorization: Bearer <token>`."


@pytest.mark.parametrize(
    ("authorization", "refused"),
    [
        ("Bearer s3cret", None),
        ("bearer s3cret", None),
        ("Bearer wrong", (SEND, 0)),
        ("Bearer ", (SEND, 0)),
        ("Basic s3cret", (SEND, 0)),
        ("s3cret", (SEND, 0)),
        ("Bearer sécret", (SEND, 0)),
        ("", (SEND, 0)),
    ],
)
def test_a_call_shows_the_token_of_the_server(
    authorization: str, refused: tuple[str, int] | None
) -> None:
    assert refusal(Gate(SetClock(0.0), "s3cret"), authorization, "10.0.0.1") == refused


def test_without_a_token_every_call_is_let_in() -> None:
    assert refusal(Gate(SetClock(0.0)), "", "127.0.0.1") is None


def test_who_guesses_too_often_has_to_wait_and_nobody_else_has_to() -> None:
    clock = SetClock(0.0)
    gate = Gate(clock, "s3cret")
    for _ in range(MAX_FAILURES):
        assert refusal(gate, "Bearer wrong", "10.0.0.1") == (SEND, 0)
    waits = ("Too many wrong tokens; try again in 60 s.", 60)
    assert refusal(gate, "Bearer s3cret", "10.0.0.1") == waits
    assert refusal(gate, "Bearer s3cret", "10.0.0.2") is None
    clock.set(60.0)
    assert refusal(gate, "Bearer s3cret", "10.0.0.1") is None


@pytest.mark.parametrize(
    ("role", "scope", "lasts_s", "said"),
    [
        (Role.RESPONDER, Scope.SEND, 60.0, None),
        (Role.RESPONDER, Scope.ALL, 60.0, None),
        (Role.VIEWER, Scope.ALL, 60.0, "not one to send with"),
        (Role.ADMIN, Scope.READ, 60.0, "not one to send with"),
        (Role.ADMIN, Scope.ALL, 0.0, "has expired"),
    ],
)
def test_where_there_are_users_a_call_shows_a_token_to_send_with(
    fleet: Fleet, role: Role, scope: Scope, lasts_s: float, said: str | None
) -> None:
    gate = Gate(fleet.clock, accounts=Accounts(fleet.db, fleet.clock))
    assert refusal(gate, "", "10.0.0.1") is None
    user(fleet)
    fleet.clock.set(fleet.clock.now() + LOOK_EVERY_S)
    assert refusal(gate, "", "10.0.0.1") == (SEND, 0)
    secret = token(fleet, role, scope, lasts_s=lasts_s)
    found = refusal(gate, f"Bearer {secret}", "10.0.0.1")
    assert (found is None) if said is None else (found is not None and said in found[0])


def test_a_call_is_refused_for_now_while_nobody_can_be_looked_up(fleet: Fleet) -> None:
    gate = Gate(fleet.clock, accounts=Accounts(fleet.db, fleet.clock))
    fleet.db.close()
    found = refusal(gate, "Bearer x", "10.0.0.1")
    assert found is not None
    assert "cannot be looked up" in found[0]
    assert found[1] > 0


def app_on(folder: Path, address: str) -> App:
    config = folder / "vigie.yaml"
    config.write_text(f"slice: 1s\nfiles: [slos]\ntoken: s3cret\notlp_grpc: {address}\n")
    (folder / "slos").mkdir(exist_ok=True)
    (folder / "slos/slo.yaml").write_text(SLO.partition("---")[0])
    return build(load(config))


async def status(port: int, token: str) -> grpc.StatusCode:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(EXPORT)(b"", metadata=(("authorization", f"Bearer {token}"),))
        return await call.code()


async def test_a_server_takes_calls_with_its_token_until_it_stops(tmp_path: Path) -> None:
    port = free_port()
    app = app_on(tmp_path, f"127.0.0.1:{port}")
    await app.start()
    assert await status(port, "s3cret") is grpc.StatusCode.OK
    assert await status(port, "wrong") is grpc.StatusCode.UNAUTHENTICATED
    await app.stop()
    assert await status(port, "s3cret") is grpc.StatusCode.UNAVAILABLE


async def test_a_start_on_a_port_that_is_taken_is_refused_and_undone(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=f"`otlp_grpc`: cannot listen on {address}: the port is"):
            await app_on(tmp_path, address).start()
    again = app_on(tmp_path, address)  # nothing of the first holds the database or the port
    await again.start()
    await again.stop()


async def test_without_grpcio_the_extra_is_named_and_nothing_is_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "grpc", None)
        without.delitem(sys.modules, "collectors.otlp.grpc_server", raising=False)
        without.delattr("collectors.otlp.grpc_server", raising=False)
        with pytest.raises(
            OSError, match=r"`otlp_grpc` is 127\.0\.0\.1:0: .+ pip install 'vigie\[grpc\]'"
        ):
            await app_on(tmp_path, "127.0.0.1:0").start()
    app_on(tmp_path, "127.0.0.1:0").close()


def test_nothing_else_asks_for_grpcio() -> None:
    code = "import sys; sys.modules['grpc'] = None; import vigie.app, vigie.cli.entry"
    subprocess.run([sys.executable, "-c", code], check=True)
