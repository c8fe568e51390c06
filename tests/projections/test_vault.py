"""Credentials at rest: each under a key of its own, put under others, erased."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain.errors import JournalUnavailable, VaultClosed
from projections.storage import rotation
from projections.storage.answers import Answers
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.rotation import rotate
from projections.storage.sealing import Seal
from projections.storage.vault import Vault, wrap
from projections.storage.vault_use import Use, VaultUse

FIRST, SECOND, THIRD = ({n: secrets.token_bytes(32)} for n in (1, 2, 3))
NUMBER = 450  # More than two batches.


@pytest.fixture
def database(own_journal_url: str) -> Iterator[Database]:
    database = Database(own_journal_url, pool_max=4)
    yield database
    database.close()


def filled(database: Database, keys: Mapping[int, bytes] = FIRST) -> Mapping[str, str]:
    """Many credentials under `keys`, by their ids."""
    vault = Vault(database, Keyring(keys))
    secrets_by_id = {f"{max(keys)}-{n:04}": f"secret {n}" for n in range(NUMBER)}

    async def put() -> None:
        for credential_id, secret in secrets_by_id.items():
            await vault.put(credential_id, secret)

    asyncio.run(put())
    return secrets_by_id


def opened(database: Database, keys: Keyring, ids: Any) -> dict[str, str | None]:
    vault = Vault(database, keys)

    async def get() -> dict[str, str | None]:
        return {credential_id: await vault.get(credential_id) for credential_id in ids}

    return asyncio.run(get())


def test_a_credential_is_leased_to_one_at_a_time(database: Database) -> None:
    vault = Vault(database, Keyring(FIRST))

    async def test() -> None:
        await vault.put("one", "secret")
        until = await vault.lease("one", 60)
        assert until
        assert await vault.lease("one", 60) is None
        await vault.give_back("one", until)
        over = await vault.lease("one", 0)
        assert over
        now = await vault.lease(
            "one", 60
        )  # Whoever had it before may have been killed.
        assert now
        await vault.give_back("one", over)
        assert await vault.lease("one", 60) is None
        assert await vault.lease("gone", 60) is None

    asyncio.run(test())


def test_of_many_those_that_can_be_opened_are_told_at_once(database: Database) -> None:
    known = filled(database, FIRST)
    filled(database, SECOND)
    vault = Vault(database, Keyring(FIRST))
    asked = ["1-0001", "1-0007", "2-0001", "none"]
    told = asyncio.run(vault.opened(asked))
    assert told == {id_: known[id_] for id_ in asked[:2]}


def silent(_: int) -> None:
    pass


def test_after_a_rotation_everything_opens_without_the_old_key(
    database: Database, own_journal_url: str
) -> None:
    known = filled(database)
    told: list[int] = []
    rotated = rotate(own_journal_url, Keyring(FIRST | SECOND), told.append)
    assert (rotated.number, rotated.left) == (NUMBER, [])
    assert told == [200, 400, NUMBER]
    assert opened(database, Keyring(SECOND), known) == known
    assert VaultUse(database).now() == {2: Use(credentials=NUMBER)}
    again = rotate(own_journal_url, Keyring(FIRST | SECOND), silent)
    assert (again.number, again.left) == (0, [])


def test_a_rotation_that_was_cut_off_goes_on_where_it_was(
    database: Database, own_journal_url: str
) -> None:
    known = filled(database)

    def cut_off(number: int) -> None:
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'berth-vault-rotate'"
            )
        assert number == 200

    keys = Keyring(FIRST | SECOND)
    with pytest.raises(JournalUnavailable):
        rotate(own_journal_url, keys, cut_off)
    assert VaultUse(database).now() == {
        1: Use(credentials=NUMBER - 200),
        2: Use(credentials=200),
    }
    assert opened(database, keys, known) == known
    assert rotate(own_journal_url, keys, silent).number == NUMBER - 200
    assert opened(database, Keyring(SECOND), known) == known


def test_two_at_once_do_it_once(
    database: Database, own_journal_url: str, pool: ThreadPoolExecutor
) -> None:
    known = filled(database)
    keys = Keyring(FIRST | SECOND)
    both = [pool.submit(rotate, own_journal_url, keys, silent) for _ in range(2)]
    assert sum(one.result().number for one in both) == NUMBER
    assert opened(database, Keyring(SECOND), known) == known


def test_what_is_replaced_or_erased_meanwhile_stays_so(
    database: Database, own_journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a row and its update, by a process with the old key."""
    known = filled(database)
    vault = Vault(database, Keyring(FIRST))
    replaced, erased, *others = known

    def meanwhile(keys: Keyring, credential_id: str, data_key: bytes) -> bytes:
        if credential_id == replaced and opened(database, keys, [erased])[erased]:
            asyncio.run(vault.replace(replaced, "newer"))
            asyncio.run(vault.forget(erased))
        return wrap(keys, credential_id, data_key)

    monkeypatch.setattr(rotation, "wrap", meanwhile)
    rotated = rotate(own_journal_url, Keyring(FIRST | SECOND), silent)
    assert (rotated.number, rotated.left) == (NUMBER - 1, [])
    found = opened(database, Keyring(SECOND), known)
    assert found.pop(replaced) == "newer"
    assert found.pop(erased) is None
    assert found == {credential_id: known[credential_id] for credential_id in others}


def test_what_no_key_opens_is_told_and_keeps_the_others_from_nothing(
    database: Database, own_journal_url: str
) -> None:
    known, lost = filled(database), filled(database, THIRD)
    wrong = {1: FIRST[1], 3: secrets.token_bytes(32)}
    for keys, why in ((FIRST | SECOND, "lacks version 3"), (wrong | SECOND, "here")):
        rotated = rotate(own_journal_url, Keyring(keys, 2), silent)
        assert len(rotated.left) == NUMBER
        assert all(why in reason for reason in rotated.left)
    assert opened(database, Keyring(SECOND), known) == known
    assert opened(database, Keyring(THIRD), lost) == lost


@pytest.mark.parametrize("keys", [SECOND, {1: secrets.token_bytes(32)}])
def test_without_its_key_a_credential_stays_closed_and_the_version_is_named(
    database: Database, keys: dict[int, bytes]
) -> None:
    vault = Vault(database, Keyring(FIRST))
    asyncio.run(vault.put("a", "hush"))
    with pytest.raises(VaultClosed, match="version 1") as closed:
        opened(database, Keyring(keys), ["a"])
    assert closed.value.version == 1
    assert "hush" not in str(closed.value)


def test_a_key_can_be_known_before_it_encrypts(database: Database) -> None:
    asyncio.run(Vault(database, Keyring(FIRST | SECOND, 1)).put("a", "hush"))
    assert opened(database, Keyring(FIRST), ["a"]) == {"a": "hush"}
    asyncio.run(Vault(database, Keyring(FIRST | SECOND)).put("b", "hush"))
    assert opened(database, Keyring(FIRST | SECOND, 1), ["b"]) == {"b": "hush"}


def test_a_row_copied_over_another_opens_nothing(database: Database) -> None:
    filled(database)
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE credential SET (wrapped_key, ciphertext) = (SELECT wrapped_key,"
            " ciphertext FROM credential WHERE id = '1-0000') WHERE id = '1-0001'"
        )
    with pytest.raises(VaultClosed):
        opened(database, Keyring(FIRST), ["1-0001"])


def test_kept_answers_count_as_use(database: Database) -> None:
    for keys in (FIRST, FIRST | SECOND):
        kept = Answers(database, database, Seal(Keyring(keys)))
        asyncio.run(kept.take(b"%d" % max(keys), b"what"))
    use = VaultUse(database).now()
    assert {version: one.answers for version, one in use.items()} == {1: 1, 2: 1}
    assert all(one.answers_until for one in use.values())
