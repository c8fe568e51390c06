"""Holds as a table: all of the period, with the columns that JSON has as fields."""

from __future__ import annotations

import csv
import io
import json

from api import hold_table
from tests.support.client import Caller, Json, made


def table_of(caller: Caller, path: str, **query: str) -> list[dict[str, str]]:
    answer = caller.get(path, format="csv", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment; filename=" in answer.headers["content-disposition"]
    return [*csv.DictReader(io.StringIO(answer.text, newline=""))]


def in_cells(hold: Json) -> dict[str, str]:
    """As JSON has it, in the words of a table."""
    return {
        name: ""
        if value is None
        else json.dumps(value, separators=(",", ":"))
        if isinstance(value, list)
        else str(value)
        for name, value in hold.items()
    }


def test_a_table_has_the_fields_of_json(owner: Caller, application: Caller) -> None:
    one = owner.environment(salesforceUsername=owner.org())
    other = owner.environment(
        repositoryIdentifier=one["repositoryIdentifier"], name="other"
    )
    lock = application.lock(one)
    ticket = lock.hold(reason="Release 2.1")["ticketId"]
    made(application.publish(one, ticketId=ticket))
    made(lock.release(ticket))
    for place in (one, other, one):
        lock = application.lock(place)
        made(lock.release(lock.hold(reason="+1")["ticketId"]))
    repository = one["repositoryIdentifier"].replace("/", "%2F")
    for path, count in (
        (f"/environments/{one['id']}/holds", 3),
        (f"/repositories/{repository}/holds", 4),
    ):
        expected = [*map(in_cells, made(owner.get(path))["holds"])]
        assert len(expected) == count
        for row in expected:
            row["reason"] = row["reason"].replace("+1", "'+1")
        assert table_of(owner, path, limit="1") == expected
    assert table_of(owner, path, to="2001-01-01T00:00:00Z") == []


def test_a_table_goes_on_until_the_last_hold(
    owner: Caller, application: Caller
) -> None:
    """Also those that had begun before the period; more than one piece of them."""
    one = owner.environment()
    lock = application.lock(one)
    kept = lock.hold()["ticketId"]
    path = f"/environments/{one['id']}/holds"
    since = made(owner.get(path))["summary"]["to"]
    made(lock.release(kept))
    count = hold_table.PIECE_MAX + 3
    for _ in range(count):
        made(lock.release(lock.hold()["ticketId"]))
    rows = table_of(owner, path, **{"from": since})
    assert [int(row["fence"]) for row in rows] == [*range(count + 1, 0, -1)]
