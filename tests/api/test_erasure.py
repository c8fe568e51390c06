"""What is removed is erased: the credential's row, its data key and what came of it."""

from __future__ import annotations

import asyncio
from typing import Any, LiteralString

import psycopg

from domain.roles import Role
from tests.support.canaries import tables
from tests.support.client import Caller, made
from tests.support.running import Installation
from tests.support.salesforce import Site
from workers.credential_sweep import CredentialSweep
from workers.wiring import running

LATEST: LiteralString = "SELECT * FROM credential ORDER BY ctid DESC"
FILE: LiteralString = (
    "SELECT pg_read_binary_file(pg_relation_filepath('credential')) AS content"
)


def stored(installation: Installation) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in installation.query(LATEST)}


def registered(caller: Caller, installation: Installation) -> tuple[str, Any]:
    """A new org's username, and the one row that came with it."""
    before = stored(installation).keys()
    username = caller.org()
    [row] = (row for id, row in stored(installation).items() if id not in before)  # noqa: A001
    return username, row


def is_anywhere(row: Any, installation: Installation) -> bool:
    """In any table, or still in the table's file once that has been written anew."""
    url = installation.settings.database_url
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM FULL credential")
        connection.execute("CHECKPOINT")
    content = installation.query(FILE)[0]["content"]
    places = [*tables(url), ("file", content)]
    parts = (bytes(row["wrapped_key"]), bytes(row["ciphertext"]))
    needles = [n for part in parts for n in (part, part.hex().encode())]
    return any(needle in content for _, content in places for needle in needles)


def test_removing_an_org_erases_its_row_and_its_data_key(
    owner: Caller, installation: Installation
) -> None:
    username, row = registered(owner, installation)
    assert is_anywhere(row, installation)
    assert owner.delete("/auth/salesforce/org", username=username).status_code == 204
    assert not is_anywhere(row, installation)
    assert row["id"] not in stored(installation)


def test_registering_again_erases_the_one_before(
    owner: Caller, installation: Installation
) -> None:
    username, row = registered(owner, installation)
    owner.org("force://PlatformCLI::another@acme.my.salesforce.com", username=username)
    assert not is_anywhere(row, installation)
    assert row["id"] not in stored(installation)


def test_what_a_killed_process_left_behind_is_erased_a_day_later(
    owner: Caller, installation: Installation
) -> None:
    """A removal or a registration may have ended between the journal and the vault."""
    _, used = registered(owner, installation)
    settings = installation.settings
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(
            "INSERT INTO credential (id, key_version, wrapped_key, ciphertext)"
            " SELECT unnest(%s::text[]), key_version, wrapped_key, ciphertext"
            " FROM credential WHERE id = %s",
            [["left behind", "about to be used"], used["id"]],
        )
        connection.execute(
            "UPDATE credential SET created_at = created_at - interval '26 hours'"
            " WHERE id = ANY(%s)",
            [["left behind", used["id"]]],
        )

    async def sweep() -> list[int]:
        async with running(settings) as services:
            sweeping = CredentialSweep(
                services.journal, services.vault, services.reader
            )
            return [await sweeping.run_once() for _ in range(2)]

    assert asyncio.run(sweep()) == [1, 0]
    left = stored(installation)
    assert "left behind" not in left
    assert {used["id"], "about to be used"} <= left.keys()
    installation.query(
        "DELETE FROM credential WHERE id = 'about to be used' RETURNING id"
    )


def test_what_an_org_told_goes_with_its_credential(
    here: Site, installation: Installation
) -> None:
    caller = here.caller(Role.OWNER)
    made(caller.get(f"{here.path}/artifacts"))
    cached = "SELECT count(*) AS number FROM artifact_cache"
    before = installation.query(cached)[0]["number"]
    caller.delete("/auth/salesforce/org", username=here.org.username)
    assert installation.query(cached)[0]["number"] == before - 1
