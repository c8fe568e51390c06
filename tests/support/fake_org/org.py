"""One made-up org with one user: what it has, how it behaves, what it was asked."""

from __future__ import annotations

import secrets
import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer out of turn. `endless` goes on and on; `hang_up` ends in the middle."""

    status: int = 200
    content: Any = None
    raw: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    endless: bool = False
    hang_up: bool = False


# What those of OAuth's own endpoints answer that take an access token: a bare word.
BAD_TOKEN = Reply(403, raw=b"Bad_OAuth_Token")
INVALID_SCOPE = Reply(403, raw=b"Invalid_Scope")


BUSY = "token request is already being processed"


def artifact(name: str, version: str, commit: str, tag: str = "source") -> Record:
    return {
        "Name": name,
        "Version__c": version,
        "CommitId__c": commit,
        "Tag__c": tag,
    }


def package(name: str, id: str, kind: str = "Unlocked") -> Record:  # noqa: A002
    """Its version is always 1.2.0.7."""
    version = {
        "Id": id,
        "MajorVersion": 1,
        "MinorVersion": 2,
        "PatchVersion": 0,
        "BuildNumber": 7,
        "Package2ContainerOptions": kind,
        "IsOrgDependent": "No",
    }
    return {"SubscriberPackage": {"Name": name}, "SubscriberPackageVersion": version}


@dataclass(eq=False)
class Org:
    """Change any of it while it runs.

    `gate`, while closed, keeps every answer back. `scripted` are answers out of turn by
    endpoint: `token`, `userinfo`, `identity`, `singleaccess`, `query`, `tooling`.
    `mark` is in every secret that it makes up. `exchanging` counts the requests for a
    token that it is at: as Salesforce, it takes one at a time.
    """

    host: str
    username: str
    client_id: str = "PlatformCLI"
    client_secret: str = ""
    refresh_token: str = field(default_factory=secrets.token_urlsafe)
    artifacts: list[Record] = field(
        default_factory=lambda: [
            artifact("core", "2.1.0-7", "0a51640"),
            artifact("billing", "1.2.0.7", "53cb98f", "unlocked"),
        ]
    )
    packages: list[Record] = field(
        default_factory=lambda: [
            package("billing", "04t000000000001"),
            package("Charts", "04t000000000002", "Managed"),
        ]
    )
    page_size: int = 2_000
    rotates: bool = False
    is_expired: bool = False
    has_artifact_object: bool = True
    has_userinfo: bool = True
    has_single_access: bool = True
    is_api_only: bool = False
    instance_url: str = ""
    expires_in: int | None = None
    mark: str = ""
    slow_seconds: float = 0
    exchanging: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    asked: Counter[str] = field(default_factory=Counter)
    cookies: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    past_tokens: set[str] = field(default_factory=set)
    scripted: defaultdict[str, deque[Reply]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    always: dict[str, Reply] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate.set()
        self.instance_url = self.instance_url or f"http://{self.host}"

    @property
    def auth_url(self) -> str:
        credentials = f"{self.client_id}:{self.client_secret}:{self.refresh_token}"
        return f"force://{credentials}@{self.host}"

    def knows(self, refresh_token: str) -> bool:
        """Whether it is, or ever was, this org's."""
        return refresh_token in {self.refresh_token, *self.past_tokens}

    def gave(self, token: str) -> bool:
        return token in self.given

    def script(self, endpoint: str, *replies: Reply) -> None:
        self.scripted[endpoint].extend(replies)

    def end_sessions(self) -> None:
        """No access token given out so far is good any more."""
        self.tokens.clear()

    def out_of_turn(self, endpoint: str) -> Reply | None:
        if self.scripted[endpoint]:
            return self.scripted[endpoint].popleft()
        return self.always.get(endpoint)

    def exchange(self, form: dict[str, str]) -> Reply:
        if form.get("grant_type") != "refresh_token":
            return oauth_error("unsupported_grant_type", "grant type not supported")
        if form.get("client_id") != self.client_id:
            return oauth_error("invalid_client_id", "client identifier invalid")
        if form.get("client_secret", "") != self.client_secret:
            return oauth_error("invalid_client", "invalid client credentials")
        if self.rotates and form.get("refresh_token") in self.past_tokens:
            self.is_expired = True  # It may have been stolen, and all that came of it.
            self.end_sessions()
        if self.is_expired or form.get("refresh_token") != self.refresh_token:
            return oauth_error("invalid_grant", "expired access/refresh token")
        token = f"00D000000000001!{self._secret()}"
        self.tokens.add(token)
        self.given.add(token)
        answer: Record = {
            "access_token": token,
            "instance_url": self.instance_url,
            "id": f"http://{self.host}/id/00D000000000001/005{self.refresh_token}",
            "token_type": "Bearer",
            "issued_at": "1700000000000",
            "signature": "c2lnbmF0dXJl",
        }
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if self.rotates:
            self.past_tokens.add(self.refresh_token)
            self.refresh_token = self._secret()
            answer["refresh_token"] = self.refresh_token
        return Reply(content=answer)

    def userinfo(self) -> Reply:
        if not self.has_userinfo:
            return INVALID_SCOPE
        return Reply(content={"preferred_username": self.username, "active": True})

    def single_access(self, form: dict[str, str]) -> Reply:
        if not self.has_single_access:
            return INVALID_SCOPE
        if self.is_api_only:
            return BAD_TOKEN
        ticket = self._secret(16)
        url = f"{self.instance_url}/secur/frontdoor.jsp?otp={ticket}"
        return Reply(
            content={"frontdoor_uri": f"{url}&startURL={form['redirect_uri']}"}
        )

    def _secret(self, length_bytes: int = 32) -> str:
        return self.mark + secrets.token_urlsafe(length_bytes)

    def query(self, records: list[Record], path: str, start: int) -> Reply:
        page = records[start : start + self.page_size]
        done = start + len(page) >= len(records)
        answer: Record = {"totalSize": len(records), "done": done, "records": page}
        if not done:
            answer["nextRecordsUrl"] = f"{path}/01g-{start + len(page)}"
        return Reply(content=answer)


def oauth_error(error: str, described: str) -> Reply:
    return Reply(400, {"error": error, "error_description": described})


def rest_error(status: int, code: str) -> Reply:
    return Reply(status, [{"errorCode": code, "message": "told by the org"}])
