"""The API document calls everything as the reference document does, and tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.contract.replay import NAMES, example
from tests.support.client import Json
from tests.support.running import Api

REFERENCE = {"id", "name", "ticketId", "repositoryIdentifier", "operationId"}
# Functions and types of clients that others have: none may be called otherwise.
OPERATIONS, SCHEMAS = (
    (Path(__file__).parent / f"{names}.txt").read_text().splitlines()
    for names in ("operations", "schemas")
)
OURS = {"identifier", "tokenId", "eventSchema", "webhookId", "subject"}


@pytest.fixture(scope="module")
def document(api: Api) -> Json:
    document: Json = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    return document


@pytest.fixture(scope="module")
def paths(document: Json) -> Json:
    paths: Json = document["paths"]
    return paths


def operations(paths: Json) -> Iterator[tuple[str, Any]]:
    for path, known in paths.items():
        for method, operation in known.items():
            yield f"{method.upper()} {path}", operation


def names(operation: Any, where: str) -> set[str]:
    return {p["name"] for p in operation.get("parameters", ()) if p["in"] == where}


@pytest.mark.parametrize("name", NAMES)
def test_a_route_and_its_parameters_are_spelled_as_in_the_reference(
    paths: Json, name: str
) -> None:
    its = example(name)
    operation = dict(operations(paths))[its.line]
    asked = its.request.removesuffix(" HTTP/1.1").partition("?")[2]
    assert parse_qs(asked).keys() <= names(operation, "query")


def test_what_is_in_a_path_has_one_name_everywhere(paths: Json) -> None:
    for label, operation in operations(paths):
        said = {part[1:-1] for part in label.split("/") if part.startswith("{")}
        assert said == names(operation, "path") <= REFERENCE | OURS, label


def test_the_names_of_operations_and_schemas_stay(document: Json) -> None:
    """What is new is one line more of the two lists."""
    told = [operation["operationId"] for _, operation in operations(document["paths"])]
    assert sorted(told) == OPERATIONS
    assert sorted(document["components"]["schemas"]) == SCHEMAS


def test_every_operation_is_described(paths: Json) -> None:
    missing = [
        label
        for label, operation in operations(paths)
        if not operation.get("summary") or not operation.get("description")
    ]
    assert missing == []
