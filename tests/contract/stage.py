"""Where the examples are played: their repositories, their org, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.roles import Role
from tests.contract.replay import example
from tests.support.client import Caller, Json, unique
from tests.support.fake_org.org import Org
from tests.support.fake_org.server import FakeSalesforce
from tests.support.running import Api, Installation

REPOSITORIES = ("myorg/myrepo", "myorg/my-salesforce-project")
GIVEN = (
    "repositoryIdentifier", "name", "description", "category", "salesforceUsername",
    "isActive", "isDefault", "metadata", "tags", "branch",
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    api: Api
    salesforce: FakeSalesforce
    org: Org
    owner: Caller
    installation: Installation

    def application(self, name: str | None = None) -> Caller:
        return self.api.caller(Role.APPLICATION, name)

    def put(self, like: Json, **otherwise: Any) -> Json:
        """An environment as the example `like` shows it."""
        return self.owner.environment(**{key: like[key] for key in GIVEN} | otherwise)

    def production(self, *, by_name: bool = False) -> Json:
        """The environment that is locked; each form of the routes has a repository."""
        like = example("create" if by_name else "get").answer
        return self.put(like, name="production")

    def put_first(self, environment: Json) -> None:
        """In its category's order of deployment."""
        self.order(environment, [environment["name"]])

    def order(self, like: Json, names: list[str]) -> None:
        here = {key: like[key] for key in ("repositoryIdentifier", "category")}
        body = {"environmentOrder": names}
        path = "/environments/orchestration-order"
        assert self.owner.ask("PUT", path, body, **here).json() == names

    def developers(self) -> None:
        """The environments of the examples of an order, in no order yet."""
        like = example("list").answer["dev"][0]
        for name in example("order").answer:
            self.put(like, name=name, salesforceUsername=None)

    def fleet(self) -> None:
        """The environments of the list's example, each with an org of its own."""
        for group in example("list").answer.values():
            for theirs in group:
                self.put_locked(theirs)

    def put_locked(self, theirs: Json) -> None:
        org = self.salesforce.org(unique("deploy@acme.example"))
        self.owner.org(org.auth_url, username=org.username)
        ours = self.put(theirs, salesforceUsername=org.username)
        self.lock_as_in(theirs["lockStatus"], ours)
        if theirs["orchestrationOrder"]:
            self.put_first(ours)

    def lock_as_in(self, theirs: Json, ours: Json) -> None:
        if current := theirs["currentLock"]:
            holder = self.application(current["lockedBy"])
            holder.lock(ours).hold(reason=current["lockReason"])
        for waiting in theirs["queuedLocks"]:
            caller = self.application(waiting["requestedBy"])
            caller.lock(ours).ticket(reason=waiting["lockReason"])
