"""Whatever answers in place of Berth is told in a line, and nobody believes it."""

from __future__ import annotations

import json

import pytest

from domain.ids import new_id, new_ticket_id
from tests.support.client import Json
from tests.support.gate import Gate
from tests.support.pipeline import Pipeline

FAILED = 125
ELSEWHERE = b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://x.example/\r\n\r\n"


@pytest.mark.parametrize(
    "says",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>Please log in",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\n\r\n{"status": "ok"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"id": 7, "name": null, "repositoryName": []}',
        b'HTTP/1.1 200 OK\r\n\r\n{"id": "\xff"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"id": "\\u001b", "name": "a", "repositoryName": "b"}',
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 5_000,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n<html>",
        ELSEWHERE,
    ],
    ids=range(11),
)
def test_what_is_no_berth_is_told_at_once(
    gate: Gate, pipeline: Pipeline, prod: Json, says: bytes
) -> None:
    gate.says = says
    gate.shut()
    done = pipeline.run("lock", prod, "--", "echo", "ran")
    assert (done.code, done.printed) == (FAILED, "")
    [line] = done.told.splitlines()
    assert "and not as Berth does" in line
    assert ("--url is where Berth itself is" in line) == (says is ELSEWHERE)


@pytest.mark.parametrize(
    "says", [b'{"message": "a\\nb\\u001b[2J"}', b'{"message": [7]}']
)
def test_it_is_one_line_whatever_it_says(
    gate: Gate, pipeline: Pipeline, prod: Json, says: bytes
) -> None:
    gate.says = b"HTTP/1.1 403 Forbidden\r\n\r\n" + says
    gate.shut()
    done = pipeline.run("lock", prod, "--", "echo", "ran")
    [line] = done.told.splitlines()
    assert line.isprintable()
    assert done.code == FAILED


@pytest.mark.parametrize(
    "said",
    [
        {"ticketId": "ticket_1\N{CONTROL SEQUENCE INTRODUCER}2J"},
        {"ticketId": "ticket_1\nticket_2"},
        {"accessToken": "a\0b"},
    ],
    ids=range(3),
)
def test_what_no_terminal_and_no_variable_can_take_is_not_believed_either(
    gate: Gate, pipeline: Pipeline, prod: Json, said: Json
) -> None:
    """Of a server that answers everything, and as Berth does but for that."""
    good = {
        "id": new_id(),
        "name": "prod",
        "repositoryName": "shop",
        "environmentId": new_id(),
        "environmentName": "prod",
        "ticketId": new_ticket_id(),
        "fence": 1,
        "status": "released",
    }
    gate.says = b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(good | said).encode()
    gate.shut()
    done = pipeline.run("lock", prod, "--wait", "0", "--", "env")
    assert (done.code, done.printed) == (FAILED, "")
    assert "and not as Berth does" in done.told
    assert done.lines == done.told.splitlines()
