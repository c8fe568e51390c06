"""Every route that the OpenAPI document lists, asked well and asked badly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.support.client import Json, unique

PREFIX = "/sfp/api"
BRACES = re.compile(r"{(\w+)}")
# What a caller is told there on purpose.
TELLING = re.compile(
    r"PUT .*/acquire|GET .*/frontdoor|POST /application-tokens|POST /webhooks"
    r"|POST .*/rotate-secret"
)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Operation:
    """One method of one route. `fields` are those of its body, with their schemas."""

    method: str
    path: str
    schema: str
    fields: Mapping[str, Json]
    required: tuple[str, ...]
    optional: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def tells(self) -> bool:
        """Whether a success may carry a secret."""
        return bool(TELLING.fullmatch(self.name))

    def good(self, places: Mapping[str, str], **query: str) -> Request:
        """As it should be asked; what `places` do not know is something unknown."""

        def fill(found: re.Match[str]) -> str:
            return quote(places.get(found[1], unique("unknown")), safe="")

        known = {name: places.get(name, "unknown") for name in self.required}
        path = BRACES.sub(fill, self.path)
        body = self._body(places)
        return Request(self.method, path, known | query, body)

    def bad(self, places: Mapping[str, str], canary: str) -> Iterator[Request]:
        """With `canary` wherever a careless caller may put a secret."""
        good = self.good(places)
        for name in (*self.required, *self.optional, "unheardOf"):
            yield self.good(places, **{name: canary})
        for key in (f"{canary} {canary}", canary * 20):
            yield Request(
                self.method,
                good.path,
                good.query,
                good.body,
                {"Idempotency-Key": key},
            )
        if self.schema:
            for body in self._bad_bodies(good.body or {}, canary):
                yield Request(self.method, good.path, good.query, body)

    def _body(self, places: Mapping[str, str]) -> Json | None:
        return _filled(BODIES.get(self.schema, {}), places) if self.schema else None

    def _bad_bodies(self, good: Json, canary: str) -> Iterator[bytes]:
        yield canary.encode()
        yield b'"%s"' % canary.encode()
        yield b'{"%s' % canary.encode()
        yield b'{"a": "%s' % canary.encode()
        yield b'{"a": "%s\xff"}' % canary.encode()
        yield b'{"a": %s}' % canary.encode()
        yield json.dumps([canary]).encode()
        yield json.dumps(good | {"unheardOf": canary}).encode()
        for name, schema in self.fields.items():
            accepted = json.dumps(schema)
            values: list[Any] = [{"a": {"b": canary}, "c\0": canary}]
            if '"array"' not in accepted:
                values.append([canary])
            if '"string"' not in accepted or '"enum"' in accepted:
                values.append(canary)
            if name == "sfdxAuthUrl":
                values += [url.format(canary) for url in AUTH_URLS]
            for value in values:
                yield json.dumps(good | {name: value}).encode()
            yield f'{{"{name}": "{canary}'.encode()


PLACES = (
    *("$repository", "$username", "$ticketId", "$auth_url", "$new"),
    *("$hook_url", "$hook_secret"),
)
BODIES: dict[str, dict[str, Any]] = {
    "EnvironmentBody": {
        "repositoryIdentifier": "$repository",
        "name": "new",
        "category": "dev",
    },
    "EnvironmentPatch": {"description": "described"},
    "LockBody": {"reason": "a release"},
    "AcquireBody": {"timeoutSeconds": 0},
    "RenewBody": {"leaseDurationSeconds": 600},
    "ReleaseBody": {"name": "v1", "domain": "core", "ticketId": "$ticketId"},
    "OrderBody": {"environmentOrder": []},
    "ProjectBody": {"identifier": "$new", "remoteUrl": "https://github.com/acme/new"},
    "ProjectPatch": {"remoteUrl": "https://github.com/acme/moved"},
    "OrgBody": {"username": "$username", "sfdxAuthUrl": "$auth_url"},
    "TokenBody": {"name": "ci"},
    "WebhookBody": {
        "name": "hook",
        "event": "lock.*",
        "config": {"url": "$hook_url", "headers": {"authorization": "$hook_secret"}},
        "status": "inactive",
    },
    "WebhookPatch": {
        "config": {"url": "$hook_url", "headers": {"x-key": "$hook_secret"}}
    },
    "RotateBody": {"overlapSeconds": 60},
    "DeliverBody": {"position": 1},
    "TaskBody": {
        "type": "listAssignedReviewEnvironments",
        "data": {"repoId": "acme/shop", "pool": "core", "issue": "ISSUE-1"},
    },
}
# An auth URL that somebody has got wrong still has the secrets in it.
AUTH_URLS = (
    "{}",
    "force://{}",
    "force://PlatformCLI::{}",
    "force://PlatformCLI::{}@",
    "force://PlatformCLI::{}@evil.example",
    "force://PlatformCLI:{}@login.salesforce.com",
    "force://PlatformCLI:secret:{}:more@login.salesforce.com",
    "force://PlatformCLI::login.salesforce.com@{}",
    "force://PlatformCLI::5Aep861@login.salesforce.com/{}",
    "force://PlatformCLI::5Aep861@https://{}.example",
    "https://PlatformCLI:{}@login.salesforce.com",
    "force:// PlatformCLI::{}@login.salesforce.com",
)


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    """What `places` know, in the place of its name."""
    if isinstance(value, dict):
        return {name: _filled(inner, places) for name, inner in value.items()}
    return places[value[1:]] if isinstance(value, str) and value in PLACES else value


def operations(document: Json) -> list[Operation]:
    """All of them, in the order of the document."""
    schemas = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            name = _schema_of(described)
            parameters = [
                one for one in described.get("parameters", ()) if one["in"] == "query"
            ]
            found.append(
                Operation(
                    method.upper(),
                    path.removeprefix(PREFIX),
                    name,
                    schemas.get(name, {}).get("properties", {}),
                    tuple(one["name"] for one in parameters if one["required"]),
                    tuple(one["name"] for one in parameters if not one["required"]),
                )
            )
    return found


def _schema_of(described: Json) -> str:
    """The name of the body's schema; nothing if the route takes no body."""
    content = json.dumps(described.get("requestBody", {}))
    found = re.search(r"#/components/schemas/(\w+)", content)
    return found[1] if found else ""
