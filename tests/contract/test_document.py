"""The API document is true: whatever it allows or forbids is sent, by whomever.

`make contract` looks longer. What is found can be sent again with the `curl` command
that the failure shows.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from domain.roles import Role
from tests.contract.attack import (
    AnyCase,
    Attacker,
    Document,
    Operation,
    document_of,
    fill,
    looking,
    operations,
    something,
)
from tests.contract.stage import Stage
from tests.support.running import Api

# Cases of each operation: as many as each kind of caller is good for.
CASES = {Role.OWNER: 5, Role.APPLICATION: 3, Role.MEMBER: 2}
REFUSED_CASES = 4
OPEN = {
    *("/sfp/api/ping", "/sfp/api/health/live", "/sfp/api/health/ready"),
    "/sfp/api/log/keys",
}
CHECKPOINT = "/sfp/api/log/checkpoint"
LEFT_OUT = ("category", "isActive")
SCHEMAS = "/sfp/api/schemas/{eventSchema}"
SNAKE_CASE = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")


@pytest.fixture(scope="module")
def document(api: Api) -> Document:
    return document_of(api)


@pytest.mark.parametrize("role", CASES)
def test_what_is_allowed_is_answered_as_documented(
    document: Document, stage: Stage, role: Role
) -> None:
    caller = stage.api.caller(role)
    attacker = Attacker(caller)
    holder = stage.owner if role is Role.MEMBER else caller
    known = something(stage, holder)
    for operation in operations(document):
        send_allowed(attacker, operation, known, CASES[role])
        if operation.method.upper() != "GET":  # Then it may be there no more.
            known = something(stage, holder)


def send_allowed(
    attacker: Attacker, operation: Operation, known: dict[str, Any], cases: int
) -> None:
    """`is_near`: about what is there, not about what nobody has heard of."""

    @looking(cases)
    @given(operation.as_strategy(), st.booleans())
    def send(case: AnyCase, is_near: bool) -> None:
        if is_near:
            fill(case, known)
        attacker.send(case)

    send()


def test_what_is_not_allowed_is_refused_as_documented(
    document: Document, stage: Stage
) -> None:
    """Each case to every role: to make one up takes longer than to send it."""
    attackers = [Attacker(stage.api.caller(role)) for role in Role]
    for operation in operations(document):

        @looking(REFUSED_CASES)
        @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def send(case: AnyCase) -> None:
            # In a URL, `null` is a tag like any other, and an empty filter is none.
            assume((case.query or {}).get("tags", "") is not None)
            assume("" not in ((case.query or {}).get(name) for name in LEFT_OUT))
            assume(case.body is not None or needs_body(case.operation))
            for attacker in attackers:
                attacker.send(case)

        with suppress(Unsatisfiable):  # Some take nothing, and some take any text.
            send()
    for attacker in attackers:
        assert len(attacker.labels) > len(operations(document)) / 2


def test_without_a_token_nothing_but_the_open_routes_answers(
    document: Document,
) -> None:
    """400, for a URL that is none, comes before anybody is asked who he is."""
    attacker = Attacker()
    for operation in operations(document):

        @looking(2)
        @given(operation.as_strategy())
        def send(case: AnyCase) -> None:
            attacker.send(case)

        send()
        unknown = 404 if operation.path == SCHEMAS else 401
        expected = {200 if operation.path in OPEN else unknown}
        came_to = set(attacker.came_to(operation.label)) - {400}
        if operation.path == CHECKPOINT:  # By whether a worker has sealed anything.
            assert came_to <= {200, 404}
        else:
            assert came_to == expected


def test_every_reference_of_the_document_leads_somewhere(document: Document) -> None:
    components = document.raw_schema["components"]["schemas"]
    referred = set(references(document.raw_schema))
    assert "ErrorBody" in referred
    assert referred <= components.keys()


def test_every_schema_is_of_use(document: Document) -> None:
    """And so are those that only others refer to; no worker's, over NATS, is there."""
    components = document.raw_schema["components"]["schemas"]
    used, found = set(), set(references(document.raw_schema["paths"]))
    while found:
        used |= found
        found = {r for name in found for r in references(components[name])} - used
    assert used == components.keys()


def test_every_example_is_one(document: Document) -> None:
    """Of its own schema, with every field that is always there."""
    components = document.raw_schema["components"]
    examples = [
        (name, example)
        for name, schema in components["schemas"].items()
        for example in schema.get("examples", ())
    ]
    assert len(examples) > 40
    for name, example in examples:
        shape = {"$ref": f"#/components/schemas/{name}", "components": components}
        validator = jsonschema_rs.Draft202012Validator(shape, validate_formats=True)
        assert [str(error) for error in validator.iter_errors(example)] == [], name


def test_clients_can_be_generated_for_every_route(document: Document) -> None:
    """To some generators, a field with a default is not optional.

    Others pass over a route for a default that is an object beside null. And of an
    object must be said that it may have anything in it.
    """
    components = document.raw_schema["components"]["schemas"]
    bodies = [s for s in components.values() if s.get("additionalProperties") is False]
    assert len(bodies) > 15
    for schema in bodies:
        for field in schema["properties"].values():
            assert "default" not in field, schema["title"]
    anything = {"$ref": "#/components/schemas/JsonObject"}
    assert components["JsonObject"]["additionalProperties"] == {}
    assert components["TaskBody"]["properties"]["data"] == anything
    told = components["EnvironmentBody"]["properties"]
    assert told["metadata"]["anyOf"] == [anything, {"type": "null"}]
    assert told["claimWindowSeconds"]["description"] == "`90` unless given"
    assert "description" not in told["branch"]


def test_every_object_has_a_name(document: Document) -> None:
    """Else it has a name that its generator makes up, and in each place another one."""
    components = document.raw_schema["components"]["schemas"]
    fields = [s.get("properties", {}) for s in components.values()]
    assert '"type": "object"' not in json.dumps(fields)
    assert components["WebhookConfigBodyHeaders"]["maxProperties"] == 32


def test_a_body_that_may_be_absent_is_not_said_to_be_null_as_well(
    document: Document,
) -> None:
    """Some generated clients would then send what stands for nothing, as JSON."""
    bodies = [
        operation["requestBody"]
        for its in document.raw_schema["paths"].values()
        for operation in its.values()
        if "requestBody" in operation
    ]
    assert {body["required"] for body in bodies} == {True, False}
    assert "null" not in json.dumps(bodies)


def test_an_id_is_told_as_what_it_is_asked_for_with(document: Document) -> None:
    """What an answer has must be of the type that the next request takes."""
    components = document.raw_schema["components"]["schemas"]
    assert components["EnvironmentAnswer"]["properties"]["id"]["format"] == "uuid"
    for schema in components.values():
        for name, field in schema.get("properties", {}).items():
            if name in {"environmentId", "environment_id"}:
                assert "'format': 'uuid'" in str(field), schema["title"]


def test_what_an_answer_means_is_told(document: Document) -> None:
    components = document.raw_schema["components"]["schemas"]
    assert (
        "refuse whatever carries a lower"
        in (components["LockAcquiredAnswer"]["description"])
    )
    described = [n for n, schema in components.items() if "description" in schema]
    assert len(described) > 60
    for name in "LockReleasedAnswer", "TicketAnswer", "LockWaitTimeout":
        status = components[name]["properties"]["status"]
        assert status == {"$ref": "#/components/schemas/TicketStatus"}


def test_fields_are_called_as_they_are_sent(document: Document) -> None:
    """Not as Python calls them: a body with `expires_in` in it is refused."""
    components = document.raw_schema["components"]["schemas"]
    fields = {name for its in components.values() for name in its.get("properties", ())}
    told = set(SNAKE_CASE.findall(json.dumps(document.raw_schema)))
    assert "accessed_by" in told
    assert told <= fields


def test_each_operation_says_whether_it_takes_a_token(document: Document) -> None:
    """Not all generators look at what is said for all of them."""
    for path, its in document.raw_schema["paths"].items():
        is_open = path in OPEN | {CHECKPOINT, SCHEMAS}
        for operation in its.values():
            assert operation["security"] == ([] if is_open else [{"bearer": []}])


def test_no_parameter_is_null(document: Document) -> None:
    """In a URL, there is no such thing."""
    schemas = [
        parameter["schema"]
        for operations in document.raw_schema["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
    ]
    assert len(schemas) > 100
    assert [schema for schema in schemas if "null" in str(schema)] == []


def test_the_document_is_the_same_each_time_and_said_to_be_json(api: Api) -> None:
    answers = [api.http.get(f"{api.url}/sfp/apidocs-json") for _ in range(2)]
    [told] = {(a.headers["content-type"], a.text) for a in answers}
    assert told[0] == "application/json"
    page = api.http.get(f"{api.url}/sfp/apidocs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"


def needs_body(operation: Operation) -> bool:
    """Where none will do, so will null, though no client is to know."""
    return any(body.is_required for body in operation.body)


def references(part: object) -> list[str]:
    """The name of each schema that `part` refers to."""
    if isinstance(part, dict):
        here = [part["$ref"].rpartition("/")[2]] if "$ref" in part else []
        return here + [name for value in part.values() for name in references(value)]
    if isinstance(part, list):
        return [name for value in part for name in references(value)]
    return []
