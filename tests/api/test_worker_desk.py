"""What a worker is told over NATS when nobody can say: the same as over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from api.worker_desk import WorkerDesk
from domain.errors import IssuerUnavailable, JournalUnavailable, Stopping, VaultClosed

WAYS = [
    (JournalUnavailable("it does not answer"), "UNAVAILABLE"),
    (Stopping("about to end"), "STOPPING"),
    (IssuerUnavailable("nor does it", retry_after_seconds=30), "ISSUER_UNAVAILABLE"),
    (VaultClosed("key 7 is not here", version=7), "VAULT_CLOSED"),
]


class Failing:
    """Cannot tell whose a token is."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def bearing(self, *_: str) -> Any:
        raise self._error


@pytest.mark.parametrize(("error", "code"), WAYS, ids=[code for _, code in WAYS])
def test_who_cannot_be_answered_now_is_told_to_ask_again(
    error: Exception, code: str
) -> None:
    nothing = cast("Any", None)
    desk = WorkerDesk(nothing, cast("Any", Failing(error)), nothing)
    with capture_logs() as logged:
        told = json.loads(asyncio.run(desk.answer("start", {}, b"{}")))
    assert (told["statusCode"], told["code"]) == (503, code)
    assert told["message"] == str(error)
    of_the_vault = [line["key_version"] for line in logged]
    assert of_the_vault == ([7] if isinstance(error, VaultClosed) else [])
