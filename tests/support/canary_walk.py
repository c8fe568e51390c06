"""A way through every route, with marked secrets and an org that echoes them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from httpx2 import Response

from domain.clock import utc_now
from domain.roles import Role
from tests.support.canaries import Canaries
from tests.support.client import Caller, made, unique
from tests.support.every_route import BODIES, Operation, Request
from tests.support.fake_org.org import Org, Reply
from tests.support.fake_org.server import FakeSalesforce
from tests.support.running import Api, Installation
from tests.support.tasks import recurring

MARK = f"canary{secrets.token_hex(8)}"
SECRET_LENGTH = 43  # of an application token
ENDPOINTS = ("token", "userinfo", "identity", "singleaccess", "query", "tooling")
Places = dict[str, str]
Found = tuple[str, bytes]


@dataclass
class Evidence:
    """What is left of it all. `reached` are the routes that have had a success."""

    installation: Installation
    postgres: Path
    canaries: Canaries = field(default_factory=Canaries)
    answers: list[Found] = field(default_factory=list)
    heard: list[Found] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    operations: list[Operation] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.installation.settings.database_url

    def note(self, name: str, answer: Response, *, may_tell: bool = False) -> None:
        """A success that is meant to tell is not looked into."""
        if not (may_tell and answer.status_code < 400):
            head = "\n".join(f"{k}: {v}" for k, v in answer.headers.items())
            self.answers.append((name, head.encode() + answer.content))
        assert answer.status_code < 500, f"{name}: {answer.text}"


class Walk:
    """One owner's way through all routes, each with new things to ask about."""

    def __init__(self, api: Api, fake: FakeSalesforce, evidence: Evidence) -> None:
        self.api = api
        self.evidence = evidence
        self.owner = api.caller(Role.OWNER)
        self._fake = fake
        issued = self._issue({"Idempotency-Key": unique("key")})
        self.application = api.bearing(issued)
        self._issue({})
        evidence.canaries.add("a person's token", self.owner.token.rpartition(".")[2])

    def _issue(self, headers: dict[str, str]) -> str:
        """An application token; the same again if it is asked for with a key."""
        path, body = "/application-tokens", {"name": "ci"}
        answers = [self.owner.ask("POST", path, body, headers=headers)]
        if headers:
            answers.append(self.owner.ask("POST", path, body, headers=headers))
            assert answers[0].content == answers[1].content
        token = str(made(answers[0])["token"])
        known = self.evidence.canaries
        known.add(f"application token {len(known.secrets)}", token[-SECRET_LENGTH:])
        return token

    def org(self, **how: Any) -> Org:
        return self._fake.org(
            unique("deploy@acme.example"),
            refresh_token=f"{MARK}{secrets.token_hex(8)}",
            client_secret=f"{MARK}{secrets.token_hex(8)}",
            mark=MARK,
            **how,
        )

    def places(self, **how: Any) -> tuple[Places, Org]:
        """A repository, an org, an environment of it and a ticket that holds it."""
        org, owner = self.org(**how), self.owner
        owner.org(org.auth_url, username=org.username)
        environment = owner.environment(salesforceUsername=org.username)
        held = owner.lock(environment).hold()
        new = made(owner.post("/application-tokens", {"name": "to be revoked"}))
        repository = environment["repositoryIdentifier"]
        return {
            "id": environment["id"],
            "name": environment["name"],
            "category": environment["category"],
            "repositoryIdentifier": repository,
            "repository": repository,
            "identifier": repository,
            "repositoryName": environment["repositoryName"],
            "ticketId": held["ticketId"],
            "tokenId": new["id"],
            "operationId": self.task(),
            "username": org.username,
            "auth_url": org.auth_url,
            "new": unique("acme/new"),
            "eventSchema": "berth.lock.acquired.v1.json",
            "hook_url": f"http://127.0.0.1:9/hook?key={MARK}{secrets.token_hex(8)}",
            "hook_secret": f"Bearer {MARK}{secrets.token_hex(8)}",
        }, org

    def webhook(self, places: Places) -> str:
        """A new one, whose receiver is not there."""
        config = {
            "url": places["hook_url"],
            "headers": {"authorization": places["hook_secret"]},
        }
        body = {"name": "hook", "event": "lock.*", "config": config}
        told = made(self.owner.post("/webhooks", body))
        self.evidence.canaries.add(f"secret of {told['id']}", told["secret"][6:])
        return str(told["id"])

    def task(self) -> str:
        """A new one, which nobody has begun."""
        body = BODIES["TaskBody"] | {
            "scheduleType": "scheduled",
            "scheduledFor": f"{in_an_hour():%FT%TZ}",
        }
        return str(made(self.owner.post("/tasks", body))["operationId"])

    def _ask(self, operation: Operation, caller: Caller, request: Request) -> None:
        query: dict[str, Any] = dict(request.query)
        answer = caller.ask(
            request.method,
            request.path,
            request.body,
            headers=request.headers,
            **query,
        )
        tells = operation.tells or "authType" in request.query
        self.evidence.note(operation.name, answer, may_tell=tells)
        if answer.status_code < 400:
            self.evidence.reached.add(operation.name)

    def about(self, operation: Operation) -> Places:
        """New places, with whatever else it takes."""
        places, _ = self.places()
        if "{webhookId}" in operation.path:
            places["webhookId"] = self.webhook(places)
        return places | {"from": "1", "position": "1"}

    def well(self, operation: Operation, places: Places) -> None:
        """By whoever may, whoever may not, and nobody; the owner at last."""
        if operation.name == "DELETE /projects/{identifier}":
            places["identifier"] = self.owner.repository()
        elif "recurring" in operation.path:
            places["operationId"] = recurring(self.owner, pattern="0 0 1 1 *")
        elif operation.method == "DELETE" and "/lock/" not in operation.path:
            path = f"/environments/{places['id']}/lock"
            query = {"repositoryName": places["repositoryName"]}
            self.owner.delete(f"{path}/{places['ticketId']}", **query)
        request = operation.good(places, redirect="false", authType="accessToken")
        good = operation.good(places)
        forged = self.owner.token[:-2]
        callers = [
            Caller(self.owner.http, "", ""),
            Caller(self.owner.http, forged, ""),
            Caller(
                self.owner.http, f"sfp_at_{self.application.token[-SECRET_LENGTH:]}", ""
            ),
            self.api.caller(Role.MEMBER),
            self.application,
            self.owner,
        ]
        for caller in callers:
            asked = [good] if caller is self.owner else [request, good]
            for one in asked:
                self._ask(operation, caller, one)

    def badly(self, operation: Operation, places: Places) -> None:
        """By the owner. Some are carried out, since they are bad in nothing else."""
        for request in operation.bad(places, f"{MARK}{secrets.token_hex(4)}"):
            if operation.method == "DELETE" and request.headers:
                continue  # A key means nothing there: it would be a good request.
            self._ask(operation, self.owner, request)

    def maliciously(self, endpoint: str) -> None:
        """The org echoes the secrets that it was sent, in every way it can."""
        places, org = self.places(has_userinfo=endpoint != "identity")
        path = f"/environments/{places['id']}"
        lock = f"{path}/lock/{places['ticketId']}/acquire"
        query: dict[str, Any] = {"repositoryName": places["repositoryName"]}
        body = {"username": org.username, "sfdxAuthUrl": org.auth_url}
        for reply in echoes(f"{org.refresh_token}-{org.client_secret}"):
            org.always[endpoint] = reply
            org.end_sessions()
            asked = [
                self.owner.ask("PUT", lock, **query),
                self.owner.get(path, authType="accessToken"),
                self.owner.get(f"{path}/frontdoor", redirect="false"),
            ]
            for answer in asked:
                self.evidence.note(f"{endpoint} echoes", answer, may_tell=True)
            asked = [
                self.owner.get(f"{path}/artifacts", forceRefresh="true"),
                self.owner.post("/auth/salesforce/register", body),
            ]
            for answer in asked:
                self.evidence.note(f"{endpoint} echoes", answer)


def in_an_hour() -> datetime:
    return utc_now() + timedelta(hours=1)


def echoes(secret: str) -> Iterator[Reply]:
    for status in (200, 400, 401, 500):
        yield Reply(status, {"error": secret, "error_description": secret})
        yield Reply(status, [{"errorCode": secret, "message": secret}])
        yield Reply(status, raw=secret.encode())
    yield Reply(400, {"error": "invalid_grant", "error_description": secret})
    yield Reply(200, {"preferred_username": secret, "username": secret})
    yield Reply(200, {"preferred_username": f"{secret}@acme.example"})
    yield Reply(200, {"frontdoor_uri": f"https://{secret}.example/"})
    yield Reply(200, {"frontdoor_uri": secret})
    for instance in (secret, f"https://{secret}.example", f"https://a/{secret}"):
        yield Reply(200, {"access_token": secret, "instance_url": instance})
    yield Reply(302, headers=(("location", f"http://127.0.0.1:9/{secret}"),))


def go(walk: Walk) -> None:
    with ThreadPoolExecutor() as pool:  # Berth asks orgs again, after some time.
        running = [pool.submit(walk.maliciously, endpoint) for endpoint in ENDPOINTS]
        for operation in walk.evidence.operations:
            places = walk.about(operation)
            walk.badly(operation, places)
            walk.well(operation, places)
        for done in running:
            done.result()
