"""A client in this process, and an org whose auth URL is in the vault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from domain.ids import new_id
from projections.storage.artifact_cache import ArtifactCache
from projections.storage.database import Database
from projections.storage.vault import Vault
from tests.support.fake_org.org import Org
from tests.support.running import Installation
from workers.salesforce import Salesforce
from workers.salesforce.inventory import Inventory
from workers.salesforce_hosts import hosts_from


@dataclass
class Setting:
    salesforce: Salesforce
    inventory: Inventory
    vault: Vault
    org: Org
    credential_id: str


Test = Callable[[Setting], Awaitable[None]]
Run = Callable[[Test], None]


def run(test: Test, installation: Installation, org: Org) -> None:
    database = Database(
        installation.settings.database_url, name="test-salesforce", pool_max=4
    )
    vault = Vault(database, installation.settings.vault_keys)

    async def running() -> None:
        client = Salesforce(hosts_from(f"http://{org.host}"), vault)
        inventory = Inventory(client, ArtifactCache(database))
        one = Setting(client, inventory, vault, org, new_id())
        await vault.put(one.credential_id, org.auth_url)
        await test(one)
        await client.close()

    try:
        asyncio.run(running())
    finally:
        database.close()
