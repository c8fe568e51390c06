"""A handler that cannot be imported is nobody else's trouble."""

from __future__ import annotations

import asyncio

from tests.workers.running.stage import HANDLERS, Ear, assigned
from workers.running import Completed, Failed, FailureKind, ForkServer, Handlers


def test_a_handler_that_cannot_be_imported_fails_its_own_tasks_only() -> None:
    async def run() -> tuple[object, object]:
        quits = "tests.workers.running.quitter:quits"
        bad = {"lost": "nowhere:lost", "quits": quits}
        async with ForkServer(Handlers({**HANDLERS.references, **bad})) as forking:
            assert set(forking.unusable) == set(bad)
            assert "SystemExit: no licence" in forking.unusable["quits"]
            lost = await forking.run(assigned("lost"), Ear())
            return lost, await forking.run(assigned("echo"), Ear())

    lost, other = asyncio.run(run())
    assert isinstance(lost, Failed)
    assert lost.kind == FailureKind.UNKNOWN_TYPE
    assert "No module named 'nowhere'" in lost.message
    assert other == Completed({})


def test_why_it_cannot_is_told_also_if_that_is_not_to_be_told() -> None:
    async def start() -> dict[str, str]:
        bad = {
            name: f"tests.workers.running.{name}:x"
            for name in ("unspeakable", "surrogate")
        }
        async with ForkServer(Handlers({**HANDLERS.references, **bad})) as forking:
            assert await forking.run(assigned("echo"), Ear()) == Completed({})
            return forking.unusable

    assert asyncio.run(start()) == {
        "unspeakable": "its handler cannot be used: Unspeakable: Unspeakable",
        "surrogate": "its handler cannot be used: ImportError: ?",
    }
