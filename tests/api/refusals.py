"""Requests that are refused: of a caller, and of nobody known."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from litestar.connection import ASGIConnection
from msgspec.structs import replace

from api.auth import Caller, Connection
from api.peers import Peers
from domain.event import Actor
from domain.ids import new_id
from domain.roles import Role

MALLORY = Caller(
    Actor("mallory", Role.MEMBER, ip="10.0.0.1"), datetime.max.replace(tzinfo=UTC)
)
PLACE = new_id()


def asking(
    environment_id: str = PLACE, ip: str = "10.0.0.1", application: str | None = None
) -> Connection:
    """A request of Mallory's about the environment, or of an application's."""
    actor = replace(MALLORY.actor, ip=ip, application=application)
    caller = replace(MALLORY, actor=actor)
    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": f"/sfp/api/environments/{environment_id}/lock",
        "path_params": {"environment_id": environment_id},
        "headers": [],
        "state": {"caller": caller},
    }
    return ASGIConnection(scope)


def unknown(ip: str, environment_id: str | None = None) -> Connection:
    """A request without a token, perhaps about an environment."""
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/sfp/api/environments",
        "path_params": {"environment_id": environment_id} if environment_id else {},
        "query_string": b"",
        "headers": [],
        "client": (ip, 1),
        "state": {},
        "litestar_app": SimpleNamespace(state=SimpleNamespace(peers=Peers(()))),
    }
    return ASGIConnection(scope)
