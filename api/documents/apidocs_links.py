"""Which request an answer leads to, as the OpenAPI document's links.

Whoever creates an environment learns what every route of it is called with; whoever
asks for a lock, the ticket of every route of that lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
API = "/sfp/api"
BY_ID = f"{API}/environments/{{id}}"
BY_NAME = f"{API}/environments/by-name/{{name}}"
PROJECT = f"{API}/projects/{{identifier}}"
TICKET = "{ticketId}"
# Where a parameter's value is in the answer to the creation of an environment.
OF_ENVIRONMENT = {
    "id": "id",
    "name": "name",
    "repositoryName": "repositoryName",
    "repositoryIdentifier": "repositoryIdentifier",
    "category": "category",
}
RECURRING = ("/stop-recurring", "/recurring-instances")
# What creates something, and the routes of that thing.
SOURCES = {
    (f"{API}/projects", "identifier", "identifier"): (PROJECT,),
    (f"{API}/projects", "repositoryIdentifier", "identifier"): (
        f"{API}/environments/repository/{{repositoryIdentifier}}/audit",
        f"{API}/repositories/{{repositoryIdentifier}}/holds",
    ),
    (f"{API}/application-tokens", "tokenId", "id"): (
        f"{API}/application-tokens/{{tokenId}}",
    ),
    (f"{API}/tasks", "operationId", "operationId"): tuple(
        f"{API}/tasks/{{operationId}}{rest}"
        for rest in ("", "/status", "/result", "/logs", *RECURRING)
    ),
    (f"{API}/webhooks", "webhookId", "id"): tuple(
        f"{API}/webhooks/{{webhookId}}{rest}"
        for rest in (
            "",
            "/rotate-secret",
            "/test",
            "/deliver",
            "/replay",
            "/deliveries",
        )
    ),
    (f"{API}/auth/salesforce/register", "username", "username"): (
        f"{API}/auth/salesforce/org",
    ),
}


def add_links(paths: Document) -> None:
    """Written into the 201 of each POST, by the operations' ids."""
    for path, operation in list(_operations(paths)):
        for source, link in _sources(path, operation):
            answers = paths[source]["post"]["responses"]["201"]
            answers.setdefault("links", {})[operation["operationId"]] = link
    create = paths[f"{API}/environments"]["post"]["operationId"]
    paths[f"{API}/projects"]["post"]["responses"]["201"]["links"]["addEnvironment"] = {
        "operationId": create,
        "requestBody": {"repositoryIdentifier": "$response.body#/identifier"},
    }

    for place in BY_ID, BY_NAME:
        _link_release(paths, place)


def _link_release(paths: Document, place: str) -> None:
    """Who has acquired a lock may publish under it."""
    publish = paths[f"{place}/releases"]["post"]
    acquired = paths[f"{place}/lock/{TICKET}/acquire"]["put"]["responses"]["200"]
    acquired.setdefault("links", {})["publishRelease"] = _link(
        publish, _as_requested(publish)
    ) | {"requestBody": {"ticketId": "$response.body#/ticketId"}}


def _operations(paths: Document) -> Iterator[tuple[str, Document]]:
    for path, operations in paths.items():
        for operation in operations.values():
            yield path, operation


def _sources(path: str, operation: Document) -> Iterator[tuple[str, Document]]:
    """What leads to this operation, and how."""
    place = next((p for p in (BY_ID, BY_NAME) if path.startswith(p)), None)
    if place and TICKET in path:
        values = _as_requested(operation)
        values["ticketId"] = "$response.body#/ticketId"
        yield f"{place}/lock", _link(operation, values)
    elif place or path.endswith("/orchestration-order"):
        values = {
            name: f"$response.body#/{OF_ENVIRONMENT[name]}"
            for name in _places(operation)
        }
        yield f"{API}/environments", _link(operation, values)
    for (source, parameter, field), targets in SOURCES.items():
        if path in targets:
            values = {parameter: f"$response.body#/{field}"}
            yield source, _link(operation, values)


def _as_requested(operation: Document) -> dict[str, str]:
    """The same environment, named as the request before it was."""
    places = _places(operation).items()
    return {name: f"$request.{where}.{name}" for name, where in places}


def _places(operation: Document) -> dict[str, str]:
    """The parameters that tell of which environment it is, and where they stand."""
    taken = operation.get("parameters", ())
    return {p["name"]: p["in"] for p in taken if p["name"] in OF_ENVIRONMENT}


def _link(operation: Document, values: dict[str, str]) -> Document:
    return {"operationId": operation["operationId"], "parameters": values}
