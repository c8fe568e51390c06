"""A worker's loop never ends, and says of a failure what it was and where."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from domain.errors import JournalUnavailable
from workers import loop
from workers.loop import run_forever


class Enough(BaseException):
    """Ends the loop, as nothing but a cancellation does."""


def failing(*errors: BaseException, every: float = 0.5) -> list[dict[str, Any]]:
    """What is logged by a loop whose passes fail with these."""
    left = [*errors, Enough()]

    async def fail() -> int:
        raise left.pop(0)

    with capture_logs() as logs, pytest.raises(Enough):
        asyncio.run(run_forever("a", fail, every))
    return [dict(line) for line in logs]


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF_SECONDS_MAX", 0.0)


def test_of_an_error_its_kind_and_its_place_are_told() -> None:
    [line] = failing(KeyError("x"))
    assert (line["worker"], line["error"], line["kind"]) == ("a", "'x'", "KeyError")
    *_, place = line["where"]
    file, _, function = place.partition(" ")
    assert file.split(":")[0] == __file__
    assert function.endswith("fail")


def test_of_a_group_what_is_in_it_is_told() -> None:
    def deep() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError) as lost:
        deep()
    away = JournalUnavailable("away")
    inner = ExceptionGroup("inner", [lost.value, away])
    [line] = failing(ExceptionGroup("outer", [away, inner]))
    assert line["kind"] == "JournalUnavailable, LookupError"
    assert line["where"][-1].endswith("deep")


def test_what_led_to_an_error_is_not_told() -> None:
    """It may quote what was asked or written."""
    error = ValueError("ours")
    error.__cause__ = RuntimeError("a secret")
    [line] = failing(error)
    assert "secret" not in repr(line)


def test_of_what_postgresql_refuses_no_row_is_told(journal_url: str) -> None:
    """Its details quote all that was in it."""
    with (
        psycopg.connect(journal_url) as connection,
        pytest.raises(psycopg.errors.NotNullViolation) as refused,
    ):
        connection.execute("INSERT INTO environment (id) VALUES ('ada@example.org')")
    assert "ada@example.org" in str(refused.value)
    [line] = failing(refused.value)
    assert "violates not-null constraint" in line["error"]
    assert "ada" not in str(line)


def test_that_the_database_is_away_has_no_place() -> None:
    [line] = failing(JournalUnavailable("away"))
    assert (line["kind"], line["error"]) == ("JournalUnavailable", "away")
    assert "where" not in line


def test_it_goes_on_however_often_it_failed() -> None:
    """A pass that ends by nothing but a failure: all the failures are in a row."""
    assert len(failing(*[JournalUnavailable("away")] * 1_100)) == 1_100


def test_what_is_done_once_a_minute_is_not_tried_four_times_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "SLOW_BACKOFF_SECONDS_MAX", 0.01)
    [line] = failing(JournalUnavailable("away"), every=60)
    assert line["again_in"] == 0.01
