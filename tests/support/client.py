"""A client of the API: whoever bears a token, and the lock of one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2
from httpx2 import Response

from domain.ids import new_id

Json = dict[str, Any]
AUTH_URL = "force://PlatformCLI::5Aep861@berth.my.salesforce.com"


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, and what they may ask for."""

    http: httpx2.Client
    token: str
    name: str

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Response:
        """`body` as JSON; bytes as they are."""
        if isinstance(body, bytes):
            sent: Json = {"content": body}
        else:
            sent = {} if body is None else {"json": body}
        kind = {"content-type": "application/json"} if sent else {}
        bearer = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return self.http.request(
            method,
            path,
            params=query or None,
            headers=bearer | kind | dict(headers or {}),
            **sent,
        )

    def get(self, path: str, **query: Any) -> Response:
        return self.ask("GET", path, **query)

    def post(self, path: str, body: Any = None, **query: Any) -> Response:
        return self.ask("POST", path, body, **query)

    def patch(self, path: str, body: Any = None, **query: Any) -> Response:
        return self.ask("PATCH", path, body, **query)

    def delete(self, path: str, **query: Any) -> Response:
        return self.ask("DELETE", path, **query)

    def repository(self) -> str:
        """A new one; its identifier."""
        name = unique("acme/shop")
        body = {"identifier": name, "remoteUrl": f"https://github.com/{name}"}
        made(self.post("/projects", body))
        return name

    def org(self, auth_url: str = AUTH_URL, **details: Any) -> str:
        """A new one; its username."""
        body = {"username": unique("deploy@acme.example"), "sfdxAuthUrl": auth_url}
        answer = made(self.post("/auth/salesforce/register", body | details))
        return str(answer["username"])

    def environment(self, **details: Any) -> Json:
        """A new one, in a new repository unless `details` name one."""
        if "repositoryIdentifier" not in details:
            details["repositoryIdentifier"] = self.repository()
        body = {"name": "uat", "category": "test"} | details
        return made(self.post("/environments", body))

    def lock(self, environment: Json) -> Lock:
        """The lock of `environment`, reached by its id."""
        query = {"repositoryName": environment["repositoryName"]}
        return Lock(self, f"/environments/{environment['id']}/lock", query)

    def lock_by_name(self, environment: Json) -> Lock:
        name = quote(environment["name"], safe="")
        query = {"repositoryIdentifier": environment["repositoryIdentifier"]}
        return Lock(self, f"/environments/by-name/{name}/lock", query)

    def look(self, environment: Json) -> Json:
        return made(self.get(f"/environments/{environment['id']}"))

    def publish(self, environment: Json, **body: Any) -> Response:
        """The release v1 of core, unless `body` names another."""
        path = f"/environments/{environment['id']}/releases"
        return self.post(path, {"name": "v1", "domain": "core"} | body)

    def releases(self, environment: Json, **query: Any) -> Json:
        """A page of them, newest first."""
        return made(self.get(f"/environments/{environment['id']}/releases", **query))

    def audit(self, environment: Json, **query: Any) -> list[Json]:
        """Newest first."""
        answer = self.get(f"/environments/{environment['id']}/audit", **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json())


@dataclass(frozen=True)
class Lock:
    """One environment's lock in one caller's hands."""

    caller: Caller
    path: str
    query: Json

    def request(self, **body: Any) -> Response:
        return self.caller.ask("POST", self.path, body, **self.query)

    def ticket(self, **body: Any) -> str:
        """The id of a new one."""
        return str(made(self.request(**body))["ticketId"])

    def acquire(self, ticket: str, seconds: int | None = None) -> Response:
        query = (
            self.query if seconds is None else self.query | {"timeoutSeconds": seconds}
        )
        return self.caller.ask("PUT", f"{self.path}/{ticket}/acquire", **query)

    def hold(self, **body: Any) -> Json:
        """Asked for and acquired at once: what the holder is told."""
        return made(self.acquire(self.ticket(**body), 0))

    def renew(self, ticket: str, **body: Any) -> Response:
        return self.caller.ask("PUT", f"{self.path}/{ticket}/renew", body, **self.query)

    def look(self, ticket: str) -> Response:
        return self.caller.get(f"{self.path}/{ticket}", **self.query)

    def release(self, ticket: str) -> Response:
        return self.caller.delete(f"{self.path}/{ticket}", **self.query)


def unique(name: str) -> str:
    return f"{name}-{new_id()[-12:]}"


def made(answer: Response) -> Json:
    """What a success says."""
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    said: Json = answer.json()
    return said


def refused(answer: Response, status: int, code: str | None = None) -> Json:
    """What a refusal says: always in the one shape (DESIGN section 4)."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    body: Json = answer.json()
    assert body["statusCode"] == status
    assert body["error"] == answer.reason_phrase
    assert body["message"]
    assert body["requestId"] == answer.headers["x-request-id"]
    assert code in (None, body["code"]), body
    more = {"field", "status"} if status == 400 else set()
    if body["code"] == "TICKET_ENDED":
        more = {"status"}
    assert body.keys() <= REFUSAL | more, body
    return body


REFUSAL = {"statusCode", "error", "message", "code", "requestId"}
