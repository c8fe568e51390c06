"""The page for people tells all that the API document does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from tests.support.client import Json
from tests.support.running import Api

OPERATION = re.compile(
    r'<b class="verb (\w+)">\w+</b><code>([^<]+)</code>(.*?)</details>', re.DOTALL
)
ROW = re.compile(
    r"<tr><td><code>([\w-]+)</code><td>([^<]*)<td>([^<]*)<td>(.*?)(?=<tr>|</table>)"
)


@pytest.fixture(scope="module")
def document(api: Api) -> Json:
    document: Json = api.http.get(f"{api.url}/sfp/apidocs-json").json()
    return document


@pytest.fixture(scope="module")
def page(api: Api) -> str:
    return api.http.get(f"{api.url}/sfp/apidocs").text


@pytest.fixture(scope="module")
def told(page: str) -> dict[tuple[str, str], str]:
    return {
        (verb, unescape(path)): text for verb, path, text in OPERATION.findall(page)
    }


def operations(document: Json) -> Iterator[tuple[tuple[str, str], Json]]:
    for path, its in document["paths"].items():
        for verb, operation in its.items():
            yield (verb, path), operation


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    """Of each parameter or field: what it may be, whether it must, and what it is."""
    return {
        name: (kind, need, about)
        for name, kind, need, about in ROW.findall(unescape(text))
    }


def test_every_parameter_and_field_of_a_body_is_told(
    document: Json, told: dict[tuple[str, str], str]
) -> None:
    schemas = document["components"]["schemas"]
    assert told.keys() == dict(operations(document)).keys()
    for name, operation in operations(document):
        expected = {p["name"] for p in operation.get("parameters", ())}
        body = str(operation.get("requestBody", ""))
        for schema in re.findall(r"schemas/(\w+)", body):
            expected |= schemas[schema]["properties"].keys()
        assert expected <= rows(told[name]).keys(), name


def test_it_is_told_what_each_may_be(told: dict[tuple[str, str], str]) -> None:
    listing = rows(told["get", "/sfp/api/environments"])
    categories = '"dev" or "release" or "snapshot" or "test"'
    assert listing["category"] == (categories, "query", "")
    assert listing["tags"][:2] == ("array of string", "query")
    releases = rows(told["get", "/sfp/api/environments/{id}/releases"])
    assert releases["id"][:2] == ("uuid", "path required")
    assert releases["limit"][0] == "integer from 1"
    assert "<code>50</code> unless given" in releases["limit"][2]
    create = rows(told["post", "/sfp/api/environments"])
    assert create["category"] == (categories, "required", "")
    assert create["isActive"] == ("boolean", "", "<code>true</code> unless given")
    tags = "array of string, 255 characters at most, 50 of them at most"
    assert create["tags"][0] == tags
    submit = rows(told["post", "/sfp/api/tasks"])
    assert submit["recurrenceConfig"] == ("RecurrenceBody", "", "")
    assert '<code>"skip"</code> unless given' in submit["overlapPolicy"]
    assert submit["jitter"][0] == "number from 0 to 1"


def test_a_refusal_is_shown_once_and_not_as_that_of_another_status(page: str) -> None:
    assert page.count("ENVIRONMENT_NOT_FOUND") == 1
    assert page.count("LOCK_WAIT_TIMEOUT") == 2


def test_an_answer_without_an_example_shows_its_fields(
    told: dict[tuple[str, str], str],
) -> None:
    path = "/sfp/api/environments/{id}/lock/{ticketId}"
    ticket = rows(told["get", path])
    assert ticket["leaseDurationSeconds"] == ("integer", "required", "")
    assert ticket["expiresAt"] == ("date-time", "required", "")


def test_whoever_has_a_narrow_window_sees_all_links(page: str) -> None:
    """Where nothing is between two, no browser begins a line."""
    assert "</a> <a" in page
    assert "</a><a" not in page


def test_what_stands_between_backticks_is_code_and_all_else_is_escaped(
    page: str,
) -> None:
    assert "`" not in page
    assert "<code>claimWindowSeconds</code>" in page
    assert "<script" not in page
