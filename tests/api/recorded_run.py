"""A repository where all kinds of things happen, and what it looks like meanwhile."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from domain.ids import new_id
from domain.roles import Role
from tests.support.client import Caller, Json, made
from tests.support.running import Api

NAMES = ("uat", "sit", "prod")
NOW = "SELECT clock_timestamp(), coalesce(max(notification_id), 0) FROM berth_events"
LATEST = """
SELECT convert_from(state, 'UTF8')::json->'origin'->>'at'
FROM berth_events ORDER BY notification_id DESC LIMIT 1
"""


@dataclass
class Run:
    """One pipeline's, an owner's and time's doings in one repository."""

    api: Api
    connection: psycopg.Connection[Any]
    chance: random.Random
    repository: str = ""
    tickets: list[tuple[str, Caller, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.owner = self.api.caller(Role.OWNER)
        self.callers = [self.api.caller(Role.APPLICATION) for _ in range(3)]
        self.repository = self.owner.repository()
        for name in NAMES:
            self.create(name)

    def create(self, name: str) -> None:
        self.owner.post(
            "/environments",
            {
                "repositoryIdentifier": self.repository,
                "name": name,
                "category": "test",
                "isDefault": self.chance.random() < 0.3,
                "claimWindowSeconds": self.chance.randint(1, 2),
                "tags": self.chance.choice([[], ["pool:core"], ["a", "b"]]),
            },
        )

    def path(self, name: str, rest: str = "") -> str:
        return f"/environments/by-name/{name}{rest}"

    def step(self) -> None:
        """Something happens, or is refused: one or two commands."""
        here: Json = {"repositoryIdentifier": self.repository}
        name, caller = self.chance.choice(NAMES), self.chance.choice(self.callers)
        body: Json
        match self.chance.choice("rrrraaaallnfpdoc"):
            case "r":
                body = {"leaseDurationSeconds": self.chance.randint(1, 4)}
                body["maxWaitSeconds"] = self.chance.randint(1, 9)
                asked = caller.post(self.path(name, "/lock"), body, **here)
                if asked.is_success:
                    self.tickets.append((name, caller, asked.json()["ticketId"]))
                    del self.tickets[:-8]
            case "a" | "l" | "n" | "f" | "p" as what if self.tickets:
                self.use(what)
            case "d":
                self.owner.delete(self.path(name), **here)
            case "o":
                names = self.chance.sample(NAMES, self.chance.randint(0, 3))
                path, order = "/environments/orchestration-order", names
                body = {"environmentOrder": order}
                self.owner.ask("PUT", path, body, category="test", **here)
            case _:
                body = {"branch": new_id(), "isDefault": self.chance.random() < 0.5}
                body["category"] = self.chance.choice(["test", "test", "dev"])
                changed = self.owner.patch(self.path(name), body, **here)
                if changed.status_code == 404:
                    self.create(name)

    def use(self, what: str) -> None:
        name, caller, ticket = self.chance.choice(self.tickets)
        here: Json = {"repositoryIdentifier": self.repository}
        lock = self.path(name, f"/lock/{ticket}")
        match what:
            case "a":
                caller.ask("PUT", f"{lock}/acquire", timeoutSeconds=0, **here)
            case "l":
                caller.delete(lock, **here)
            case "n":
                caller.ask("PUT", f"{lock}/renew", {}, **here)
            case "f":
                self.owner.delete(lock, **here)
            case _:
                body = {"name": new_id(), "domain": "core", "ticketId": ticket}
                caller.post(self.path(name, "/releases"), body, **here)

    def now(self) -> tuple[datetime, int]:
        """The database's time, and where the journal ends."""
        [found] = self.connection.execute(NOW).fetchall()
        return found[0], found[1]

    def latest(self) -> datetime:
        """When the latest event happened: to the journal nothing is between that and
        the next one, which may be dated a little before the database's time.
        """
        [(at,)] = self.connection.execute(LATEST).fetchall()
        return datetime.fromisoformat(at)

    def listed(self, **query: Any) -> Json:
        here: Json = {"repositoryIdentifier": self.repository}
        return made(self.owner.get("/environments", **here, **query))
