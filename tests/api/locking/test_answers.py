"""Whatever answers in place of Berth is told in a line, and nobody believes it."""

from __future__ import annotations

import pytest

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
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 5_000,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n<html>",
        ELSEWHERE,
    ],
    ids=range(10),
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
