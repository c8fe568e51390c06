"""Makes the environments and the clients that a run needs, through the API itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from api.person_tokens import Signer
from domain.roles import Role
from tests.faults.clients import REPOSITORY, Client, World
from tests.faults.cluster import Cluster
from tests.faults.history import Stopwatch
from tests.faults.wire import Wire

HOT, COLD = 8, 50
VALID_FOR = timedelta(days=1)
PATIENCE_SECONDS = 30


class Owner:
    """Whoever sets up an installation."""

    def __init__(self, signer: Signer, port: int) -> None:
        self._wire = Wire(signer.issue("owner", Role.OWNER, VALID_FOR))
        self._port = port

    async def post(self, path: str, **body: Any) -> Any:
        status, content = await self._wire.ask(
            self._port,
            "POST",
            f"/sfp/api{path}",
            msgspec.json.encode(body),
            PATIENCE_SECONDS,
        )
        if status != 201:
            raise RuntimeError(f"{path}: {status} {content.decode()}")
        return msgspec.json.decode(content)

    async def environments(self, count: int, *, hot: bool) -> Sequence[str]:
        """Their ids. A hot one has credentials to tell, and soon calls the next."""
        return [await self._environment(number, hot=hot) for number in range(count)]

    async def _environment(self, number: int, *, hot: bool) -> str:
        name = f"{'hot' if hot else 'cold'}-{number}"
        username = f"{name}@example.org"
        if hot:
            await self.post(
                "/auth/salesforce/register",
                username=username,
                sfdxAuthUrl="force://client:secret:token@example.my.salesforce.com",
            )
        made = await self.post(
            "/environments",
            repositoryIdentifier=f"acme/{REPOSITORY}",
            name=name,
            category="test",
            claimWindowSeconds=1 + number % 2,
            **({"salesforceUsername": username} if hot else {}),
        )
        return str(made["id"])

    async def close(self) -> None:
        await self._wire.close()


async def prepare(cluster: Cluster, watch: Stopwatch, count: int) -> World:
    """The environments, and so many clients with a bearer token each."""
    signer = Signer(cluster.secret.encode())
    ports = list(cluster.apis)
    owner = Owner(signer, ports[0])
    remote = f"https://github.com/acme/{REPOSITORY}"
    await owner.post("/projects", identifier=f"acme/{REPOSITORY}", remoteUrl=remote)
    names = [f"client-{number}" for number in range(count)]
    bearers = {n: signer.issue(n, Role.APPLICATION, VALID_FOR) for n in names}
    for name in names[::2]:
        bearers[name] = (await owner.post("/application-tokens", name=name))["token"]
    world = World(
        ports=ports,
        hot=await owner.environments(HOT, hot=True),
        cold=await owner.environments(COLD, hot=False),
        bearers=bearers,
        watch=watch,
    )
    await owner.close()
    return world


async def sail(world: World, is_over: Callable[[], bool], seed: str) -> None:
    """Let the clients loose until then; `world` remembers what they saw."""
    clients = [Client(name, world, is_over, seed) for name in world.bearers]
    await asyncio.gather(*(client.run() for client in clients))
