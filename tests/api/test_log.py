"""The seal as those outside see it: checkpoints, proofs, bundles, alterations."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from subprocess import run
from typing import Any

import nats
import psycopg
import pytest

from domain.roles import Role
from domain.seal.note import DASH, Checkpoint, Key, decoded, key_of, opened
from domain.seal.tree import is_consistent, is_included
from projections.storage.log.signing import is_signed
from tests.api.test_metrics import Reading, text_of
from tests.support.client import Caller, made, refused
from tests.support.hooks import Hook
from tests.support.loaded import said
from tests.support.running import HOST, SECRET, VAULT_KEYS, Api, Installation, until
from tests.support.servers import Servers, migrated_database
from workers.sealing.file import notes_in
from workers.sealing.nats import subject_of

SEALED_SECONDS_MAX = 60
LOG_PAGE = Path(__file__).parents[2] / "docs" / "log.md"
BY_HAND = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIP = "SELECT max(notification_id) AS tip FROM berth_events"
Said = tuple[int, str]


@pytest.fixture
def own(servers: Servers, tmp_path: Path, hook: Hook) -> Iterator[Installation]:
    with migrated_database(servers) as database_url:
        environment = {
            "BERTH_DATABASE_URL": database_url,
            "BERTH_NATS_URL": servers.nats_url,
            "BERTH_SECRET": SECRET,
            "BERTH_VAULT_KEYS": VAULT_KEYS,
            "BERTH_SALESFORCE_CHECK": "off",
            "BERTH_WEBHOOK_NETWORKS": f"{HOST}/32",
            "BERTH_CHECKPOINT_FILE": str(tmp_path / "checkpoints"),
            "BERTH_CHECKPOINT_URL": hook.url,
        }
        yield Installation(environment, tmp_path)


def checkpoint_of(api: Api, size: int | None = None) -> Checkpoint | None:
    """As it is told to somebody without a token, and checked with the key."""
    query = {} if size is None else {"size": size}
    answer = api.http.get("/log/checkpoint", params=query)
    if answer.status_code == 404:
        return None
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    return opened(answer.text, keys_of(api), is_signed)[0]


def keys_of(api: Api) -> list[Key]:
    return [key_of(key["vkey"]) for key in api.http.get("/log/keys").json()]


def sealed(own: Installation, api: Api) -> int:
    """The size, once all that has happened is sealed."""
    [tip] = [row["tip"] for row in own.query(TIP)]

    def is_sealed() -> bool:
        checkpoint = checkpoint_of(api)
        return checkpoint is not None and checkpoint.size >= tip

    until(is_sealed, SEALED_SECONDS_MAX)
    checkpoint = checkpoint_of(api)
    assert checkpoint
    return checkpoint.size


def hashes(texts: list[str]) -> list[bytes]:
    return [decoded(text, "a hash") for text in texts]


def last_in_nats(url: str, origin: str) -> str:
    async def asking() -> str:
        client = await nats.connect(url)
        message = await client.jetstream().get_last_msg("BERTH_LOG", subject_of(origin))
        await client.close()
        return (message.data or b"").decode()

    return asyncio.run(asking())


def test_what_happened_can_be_proven_without_the_server(
    own: Installation, hook: Hook, tmp_path: Path
) -> None:
    with own.api("api") as api, own.berth("worker"):
        owner = api.caller(Role.OWNER)
        environment = owner.environment()
        first = sealed(own, api)
        lock = owner.lock(environment)
        lock.release(lock.hold()["ticketId"])
        size = sealed(own, api)
        newest, earlier = checkpoint_of(api), checkpoint_of(api, first)
        assert newest
        assert earlier
        vkey = keys_of(api)[0].vkey
        check_proofs(owner, newest, earlier)
        check_refusals(api, owner, size)
        check_outlets(own, hook, newest, tmp_path / "checkpoints")
        bundle = tmp_path / "bundle.ndjson"
        query: dict[str, Any] = {"environmentId": environment["id"], "earlier": first}
        answer = owner.get("/log/export", **query)
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        bundle.write_bytes(answer.content)
        assert len(answer.content.splitlines()) > 6
        exported = tmp_path / "exported.ndjson"
        words = ["export", "--environment", environment["id"], "--out", str(exported)]
        assert said(*words, "--earlier", str(first), **own.environment)[0] == 0
        assert said("verify", str(exported), "--key", vkey)[0] == 0
        told = api.http.get("/health/ready").json()
        assert told["log"] == "ok"
        assert Reading(text_of(api)).value("berth_log_refused") == 0
    check_bundle(bundle, vkey, tmp_path / "checkpoints")


def check_proofs(owner: Caller, newest: Checkpoint, earlier: Checkpoint) -> None:
    for position in (1, earlier.size, newest.size):
        told = made(owner.get("/log/proof/inclusion", position=position))
        [leaf, root] = hashes([told["leafHash"], told["rootHash"]])
        assert (told["size"], root) == (newest.size, newest.root)
        proof = hashes(told["proof"])
        assert is_included(leaf, position - 1, newest.size, proof, newest.root)
    asked: dict[str, Any] = {"from": earlier.size, "to": newest.size}
    told = made(owner.get("/log/proof/consistency", **asked))
    assert (told["from"], told["to"]) == (earlier.size, newest.size)
    assert DASH in told["checkpoint"]
    proof = hashes(told["proof"])
    assert is_consistent(earlier.size, earlier.root, newest.size, newest.root, proof)


def check_refusals(api: Api, owner: Caller, size: int) -> None:
    """What is beyond the tree is named."""
    for path, field in (
        (f"/log/checkpoint?size={size + 999}", "size"),
        (f"/log/proof/inclusion?position={size + 999}", "position"),
        (f"/log/proof/inclusion?position=1&size={size + 999}", "size"),
        (f"/log/proof/consistency?from=1&to={size + 999}", "to"),
        (f"/log/proof/consistency?from={size + 999}", "from"),
        ("/log/proof/consistency?from=3&to=2", "from"),
        (f"/log/export?to={size + 999}", "to"),
        (f"/log/export?from={size + 999}", "from"),
        ("/log/export?from=3&to=2", "from"),
        (f"/log/export?earlier={size + 999}", "earlier"),
    ):
        assert refused(owner.get(path), 400)["field"] == field, path
    unknown = "00000000-0000-4000-8000-000000000000"
    refused(owner.get(f"/log/export?environmentId={unknown}"), 404)
    refused(owner.get("/log/export?repositoryIdentifier=acme/none"), 404)
    refused(api.caller(Role.APPLICATION).get("/log/export"), 403, "FORBIDDEN")


def check_outlets(
    own: Installation, hook: Hook, newest: Checkpoint, file: Path
) -> None:
    """Each has the newest checkpoint, in the same words."""

    def have_it() -> bool:
        text = file.read_text() if file.exists() else ""
        if newest.text not in text:
            return False
        known = [*notes_in(text)]
        told = [request.body.decode() for request in hook.requests]
        in_nats = last_in_nats(own.settings.nats.url, newest.origin)
        return bool(told) and known[-1] == told[-1] == in_nats

    until(have_it, SEALED_SECONDS_MAX)


def check_by_hand(bundle: Path, vkey: str) -> None:
    """As docs/log.md shows it."""
    found = BY_HAND.search(LOG_PAGE.read_text())
    assert found
    script = bundle.with_name("by_hand.py")
    script.write_text(found[1])
    words = [sys.executable, str(script), str(bundle), f"{vkey}  # signs"]
    done = run(words, cwd=bundle.parent, capture_output=True, text=True, check=False)
    assert "events are as they were sealed" in done.stdout, done.stderr
    altered = bundle.with_name("altered.ndjson")
    altered.write_bytes(bundle.read_bytes().replace(b"lock.granted", b"lock.expired"))
    words[2] = str(altered)
    assert run(words, cwd=bundle.parent, capture_output=True, check=False).returncode


def check_bundle(bundle: Path, vkey: str, kept: Path) -> None:
    """Long after Berth has ended, somewhere else."""
    if which("openssl"):
        check_by_hand(bundle, vkey)
    words = ["verify", str(bundle), "--key", vkey]
    code, told = said(*words)
    assert (code, "each is what was sealed" in told) == (0, True), told
    assert "that there is no later one is not proven" in told
    assert "goes on from the checkpoint of" in told
    assert said(*words, "--checkpoint", str(kept))[0] == 0
    whole = bundle.read_bytes()
    bundle.write_bytes(
        whole.replace(b'"topic":"lock.granted"', b'"topic":"lock.expired"')
    )
    code, told = said(*words)
    assert code == 1
    assert told.startswith("TAMPERED: edited: the event at position ")
    bundle.write_bytes(whole[:-40])
    assert said(*words)[0] == 2
    assert said("verify", str(bundle))[0] == 2
    assert said("verify", "nowhere", "--key", vkey)[0] == 2
    assert said("verify", str(bundle), "--key", "nonsense")[0] == 2


def test_whoever_alters_the_journal_is_found_out(
    own: Installation, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    with own.api("api") as api, own.berth("worker", name="worker"):
        owner = api.caller(Role.OWNER)
        for _ in range(3):
            owner.environment()
        size = sealed(own, api)
        until(lambda: kept.exists() and f"\n{size}\n" in kept.read_text())
        vkey = keys_of(api)[0].vkey
        words = ["verify", "--database", "--key", vkey, "--checkpoint", str(kept)]
        code, told = said(*words, **own.environment)
        assert (code, "all is as it was sealed" in told) == (0, True), told
        own_hands(own, "DELETE FROM berth_events WHERE notification_id > %s", size - 2)
        own_hands(
            own,
            "UPDATE berth_events SET state = state || ' ' WHERE notification_id = %s",
            2,
        )
        code, told = said(*words, **own.environment)
        assert code == 1
        assert "TAMPERED: edited: the event at position 2 " in told
        removed = f"removed: the events at positions {size - 1} to {size}."
        assert f"TAMPERED: {removed}" in told
        until(lambda: api.http.get("/health/ready").json()["log"] == "refused")
        health = api.http.get("/health/ready").json()
        why = f"the journal ends at {size - 2}, and {size} events were sealed"
        assert (health["status"], health["logRefused"]) == ("ok", why)
        assert Reading(text_of(api)).value("berth_log_refused") == 1
        assert why in (own.folder / "worker.log").read_text()


def test_a_log_that_was_made_to_forget_is_stopped_by_what_others_remember(
    own: Installation, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    with own.api("api") as api:
        with own.berth("worker", name="first"):
            api.caller(Role.OWNER).environment()
            size = sealed(own, api)
            until(lambda: kept.exists() and f"\n{size}\n" in kept.read_text())
        own_hands(own, "DELETE FROM berth_events WHERE notification_id > %s", size - 1)
        own_hands(own, "TRUNCATE log_tile, log_checkpoint")
        with own.berth("worker", name="second"):
            until(lambda: api.http.get("/health/ready").json()["log"] == "refused")
            why = api.http.get("/health/ready").json()["logRefused"]
            assert f"knows otherwise: {size} events were sealed" in why
            assert checkpoint_of(api) is None


def own_hands(own: Installation, statement: Any, *values: Any) -> None:
    """By somebody who may do everything in the database."""
    with psycopg.connect(own.settings.database_url) as connection:
        connection.execute(statement, values)
