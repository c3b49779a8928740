"""OTLP over gRPC: who may call, and the start of its server where `otlp_grpc` asks for one."""

import os
from collections.abc import Awaitable, Callable
from typing import Final

from collectors.otlp.receiver import Otlp
from vigie.access import Gate, Identity, Permission
from vigie.clock import Clock
from vigie.store.errors import StoreError

RETRY_AFTER_S: Final = 5


async def start(
    address: str, otlp: Otlp, gate: Gate, clock: Clock
) -> Callable[[], Awaitable[None]]:
    """Listen on HOST:PORT; what stops it. OSError with what to do, for grpcio that is missing too.

    Host and Origin, which HTTP asks for, say nothing here: pages of a browser cannot speak gRPC.
    """
    # gRPC writes to stderr beside our log, at the wish of any client; asked for, it still does.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        from collectors.otlp import grpc_server  # noqa: PLC0415 - an extra, and for few
    except ImportError as error:
        raise OSError(f"`otlp_grpc` is {address}: {error}") from error

    def admit(authorization: str, client: str) -> grpc_server.Denial | None:
        denied = refusal(gate, authorization, client)
        return grpc_server.Denial(*denied) if denied is not None else None

    server = grpc_server.GrpcServer(otlp, admit, clock)
    try:
        await server.start(address)
    except grpc_server.CannotListen as error:
        raise OSError(f"`otlp_grpc`: {error}; choose another") from error
    return server.stop


def refusal(gate: Gate, authorization: str, client: str) -> tuple[str, int] | None:
    """Why a call goes no further, and in how many seconds it may be tried again (0: never); None
    lets it in.
    """
    try:
        return _refusal(gate, authorization, client)
    except StoreError as error:
        return f"Who calls cannot be looked up now: {error}", RETRY_AFTER_S


def _refusal(gate: Gate, authorization: str, client: str) -> tuple[str, int] | None:
    if not gate.has_token and (gate.accounts is None or not gate.accounts.look_now()):
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer" and token:
        if seconds := gate.throttle.wait_s(client):
            return f"Too many wrong tokens; try again in {seconds} s.", seconds
        if gate.accepts(token.strip()):
            return None
        found = gate.accounts.by_token_now(token.strip()) if gate.accounts is not None else None
        if isinstance(found, Identity):
            may = found.may(Permission.SEND)
            return None if may else ("This token is not one to send with: `scope` send or all.", 0)
        if found is not None:
            return f"{found}; `vigie token add` makes another.", 0
        gate.throttle.failed(client)
    return "Send the token of the server as metadata: `authorization: Bearer <token>`.", 0
