"""What is told of the past, to whomever and however, does not tell who was erased."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from domain.clock import utc_now
from projections.storage import time_travel
from projections.storage.time_travel import LATEST
from tests.api.erasing_scene import IP, Scene, caught_up, own, scene, traces
from tests.api.test_log import keys_of, sealed
from tests.support.client import made
from tests.support.hooks import Hook
from tests.support.loaded import said
from tests.support.running import until
from workers.wiring import running

__all__ = ["own", "scene"]
EVENTS_MAX = 1000


def erase(scene: Scene) -> str:
    """By somebody else; what is shown in the name's place."""
    return str(made(scene.bob.delete(f"/subjects/{scene.name}"))["erasedAs"])


def told(scene: Scene) -> Mapping[str, str]:
    """All that the API says of the environment's past, by how it is asked."""
    bob, here = scene.bob, scene.environment
    path = f"/environments/{here['id']}"
    holds = made(bob.get(f"{path}/holds"))["holds"]
    held_at = min(hold["acquiredAt"] for hold in holds if hold["acquiredAt"])
    repository = {"repositoryIdentifier": here["repositoryIdentifier"]}
    asked = {
        "history": bob.get(f"{path}/history", limit=EVENTS_MAX),
        "holds": bob.get(f"{path}/holds"),
        "then": bob.get(path, at=held_at),
        "the list of then": bob.get("/environments", at=held_at, **repository),
    }
    assert all(answer.is_success for answer in asked.values())
    return {how: answer.text for how, answer in asked.items()}


def test_no_route_to_the_past_tells_who_it_was(scene: Scene) -> None:
    before = told(scene)
    assert {how for how, text in before.items() if scene.name in text} == {*before}
    shown = erase(scene)
    after = told(scene)
    for trace in scene.name, scene.agent, IP:
        assert {how for how, text in after.items() if trace in text} == set()
    assert {how for how, text in after.items() if shown in text} == {*after}
    assert {
        how for how in after if before[how].count(scene.name) != after[how].count(shown)
    } == set()


def test_the_story_on_the_command_line_does_not_tell(scene: Scene) -> None:
    words, where = ("replay", scene.environment["id"]), scene.here.environment
    code, before = said(*words, "--json", **where)
    assert (code, scene.name in before) == (0, True)
    shown = erase(scene)
    code, after = said(*words, "--json", **where)
    assert (code, scene.name in after, shown in after) == (0, False, True)
    now = f"{utc_now():%FT%T.%fZ}"
    code, lines = said(*words, "--until", now, **where)
    assert (code, scene.name in lines, shown[:15] in lines) == (0, False, True)


def test_no_table_tells_also_of_what_was_folded_and_sealed(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a bundle of before proves what it did, as does one of afterwards."""
    monkeypatch.setattr(time_travel, "SNAPSHOT_EVERY", 1)

    async def fold() -> None:
        async with running(scene.here.settings) as services:
            await services.history.listed([scene.environment["id"]], LATEST, utc_now())

    asyncio.run(fold())
    where, exported = scene.here.environment, ("export", "--environment")
    old, new = tmp_path / "old.ndjson", tmp_path / "new.ndjson"
    with scene.here.worker():
        sealed(scene.here, scene.api)
        vkey = keys_of(scene.api)[0].vkey
        words = (*exported, scene.environment["id"], "--out")
        assert said(*words, str(old), **where)[0] == 0
        found = " ".join(traces(scene))
        for table in "history_snapshot", "hold", "audit_record", "lock_ticket":
            assert f"table {table}:" in found
        shown = erase(scene)
        sealed(scene.here, scene.api)
        assert said(*words, str(new), **where)[0] == 0
    asyncio.run(fold())
    caught_up(scene)
    assert traces(scene) == []
    for bundle, names in (old, (True, False)), (new, (False, True)):
        code, proven = said("verify", str(bundle), "--key", vkey)
        assert (code, "people were sealed in cipher" in proven) == (0, True)
        text = bundle.read_text()
        assert (scene.name in text, shown in text) == names
    assert said("verify", "--database", "--key", vkey, **where)[0] == 0


def test_a_webhook_that_is_told_again_is_not_told_who(scene: Scene, hook: Hook) -> None:
    bob = scene.bob
    made_one = hook.webhook(bob)
    history = made(bob.get(f"/environments/{scene.environment['id']}/history"))
    first = int(history["events"][0]["sequence"])
    replay = f"/webhooks/{made_one['id']}/replay"

    def told_by_replay() -> str:
        hook.requests.clear()
        number = made(bob.post(replay, None, **{"from": first}))["number"]
        assert number > 3
        until(lambda: len(hook.requests) >= number)
        return str([request.body for request in hook.requests])

    with scene.here.worker():
        assert scene.name in told_by_replay()
        shown = erase(scene)
        until(lambda: scene.name not in told_by_replay())
        assert shown in told_by_replay()
