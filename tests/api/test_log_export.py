"""The log as a table for people, and what commands exit with when asked wrongly."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from domain.roles import Role
from tests.api.test_log import keys_of, sealed
from tests.support.client import Caller, Json, made, refused
from tests.support.loaded import said
from tests.support.running import SECRET, VAULT_KEYS, Api, Installation, until
from tests.support.servers import Servers, migrated_database

EVIL = "=HYPERLINK(1);=2+2"


@pytest.fixture
def own(servers: Servers, tmp_path: Path) -> Iterator[Installation]:
    with migrated_database(servers) as database_url:
        environment = {
            "BERTH_DATABASE_URL": database_url,
            "BERTH_NATS_URL": servers.nats_url,
            "BERTH_SECRET": SECRET,
            "BERTH_VAULT_KEYS": VAULT_KEYS,
            "BERTH_SALESFORCE_CHECK": "off",
        }
        yield Installation(environment, tmp_path)


def rows_of(table: bytes) -> list[dict[str, str]]:
    assert table.endswith(b"\r\n")
    return [*csv.DictReader(io.StringIO(table.decode(), newline=""))]


def table_of(answer: Response, name: str) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    said = f'attachment; filename="{name}.csv"'
    assert answer.headers["content-disposition"] == said
    return rows_of(answer.content)


def named(rows: list[dict[str, str]], type_: str) -> dict[str, str]:
    return next(row for row in rows if row["type"] == type_)


def test_what_happened_is_a_table_over_http_and_by_the_command(
    own: Installation, tmp_path: Path
) -> None:
    with own.api("api") as api, own.berth("worker"):
        owner, ann = api.caller(Role.OWNER), api.caller(Role.APPLICATION)
        place = owner.environment()
        path = f"/environments/{place['id']}"
        lock = ann.lock(place)
        ticket = lock.hold(reason=EVIL, leaseDurationSeconds=600)["ticketId"]
        owner_patch = {"name": "staging", "metadata": {"note": "x;=1+1"}}
        made(owner.patch(path, owner_patch))
        made(owner.lock(place).release(ticket))
        token = made(owner.post("/application-tokens", {"name": "ci"}))
        size = sealed(own, api)
        about = table_of(
            owner.get("/log/export", format="csv", environmentId=place["id"]),
            f"berth-{place['id']}",
        )
        check_rows(about, place, ann.name, owner.name, ticket)
        whole = table_of(owner.get("/log/export", format="csv"), "berth-log")
        assert [int(row["sequence"]) for row in whole] == [*range(1, size + 1)]
        issued = named(whole, "token.issued")
        assert "secret" not in issued["data"]
        assert issued["subject"] == f"tokens/{token['id']}"
        check_times(owner, whole)
        check_command(own, tmp_path, about, place)
        refused(ann.get("/log/export", format="csv"), 403, "FORBIDDEN")
        bundle = owner.get("/log/export")
        assert bundle.headers["content-disposition"].endswith('"berth-log.ndjson"')
        check_usage(keys_of(api)[0].vkey)
        check_what_is_verified(keys_of(api)[0].vkey, tmp_path)
        check_erased(own, api, owner, api.caller(Role.OWNER))


def check_rows(
    rows: list[dict[str, str]], place: Json, ann: str, owner: str, ticket: str
) -> None:
    asked, revised = named(rows, "lock.requested"), named(rows, "environment.revised")
    assert (asked["environment"], revised["environment"]) == ("uat", "staging")
    assert (asked["who"], asked["role"]) == (ann, "application")
    assert asked["repository"] == place["repositoryIdentifier"]
    assert (asked["ticketId"], asked["ip"]) == (ticket, "127.0.0.1")
    assert asked["requestId"]
    assert asked["userAgent"]
    assert asked["reason"] == "'=HYPERLINK(1);'=2+2"
    assert asked["what"].startswith(f"{ann} asks for the lock for 10 min")
    assert json.loads(asked["data"])["lease_seconds"] == 600
    assert json.loads(revised["data"])["metadata"] == {"note": "x;=1+1"}
    assert ";=" not in revised["data"]
    released = named(rows, "lock.released")
    assert (released["fence"], released["who"]) == ("1", owner)
    assert released["what"] == f"released by {owner} by force: it was {ann}'s"


def check_times(owner: Caller, whole: list[dict[str, str]]) -> None:
    """From one instant to another, from one position to another, or mixed."""
    first, last = whole[2], whole[5]
    since, until = first["time"], last["time"]
    in_time = [row for row in whole if since <= row["time"] <= until]
    until_then = [row for row in whole[2:] if row["time"] <= until]
    for from_, to, expected in (
        (since, until, in_time),
        (first["sequence"], last["sequence"], whole[2:6]),
        (first["sequence"], until, until_then),
    ):
        query: Json = {"format": "csv", "from": from_, "to": to}
        assert table_of(owner.get("/log/export", **query), "berth-log") == expected
    swapped: Json = {"format": "csv", "from": last["time"], "to": first["time"]}
    assert refused(owner.get("/log/export", **swapped), 400)["field"] == "from"
    future: Json = {"from": "2200-01-01T00:00:00Z"}
    assert refused(owner.get("/log/export", **future), 400)["field"] == "from"
    ahead: Json = {"format": "csv", "to": "2200-01-01T00:00:00Z"}
    assert len(table_of(owner.get("/log/export", **ahead), "berth-log")) >= len(whole)


def check_command(
    own: Installation, folder: Path, about: list[dict[str, str]], place: Json
) -> None:
    file = folder / "uat.csv"
    file.touch(mode=0o644)
    words = ["export", "--format", "csv", "--out", str(file)]
    words += ["--environment", place["id"]]
    code, told = said(*words, "--from", "1", **own.environment)
    assert (code, place["id"] in told) == (0, True)
    assert file.stat().st_mode & 0o777 == 0o600
    rows = rows_of(file.read_bytes())
    assert rows[: len(about)] == about
    since, until = about[1]["time"], about[2]["time"]
    code, _ = said(*words, "--from", since, "--to", until, **own.environment)
    assert code == 0
    found = [row["sequence"] for row in rows_of(file.read_bytes())]
    assert found == [row["sequence"] for row in about if since <= row["time"] <= until]
    assert said(*words, "--earlier", "1", **own.environment)[0] == 1


def check_usage(vkey: str) -> None:
    """1 says that something was altered: a mistake in the command never does."""
    for words in (
        ["verify", "--no-such-option"],
        ["verify", "a", "b", "c"],
        ["verify", "--key"],
        ["verify", "--checkpoint"],
        ["verify", "--key", vkey],
        ["verify", "--database", "--key", vkey],
        ["verify", ".", "--key", vkey],
        ["export", "--out", "x", "--from", "yesterday"],
        ["export", "--out", "x", "--to", "0"],
        ["export", "--out", "x", "--to", "2026-01-31T12:00:00"],
        ["export", "--out", "x", "--format", "xlsx"],
    ):
        assert said(*words)[0] == 2, words


def check_what_is_verified(vkey: str, folder: Path) -> None:
    """A bundle or a journal, and --data-dir alone says that it is the latter."""
    where = str(folder)
    code, told = said("verify", "--data-dir", where, "--key", vkey)
    assert (code, f"{where} has no PostgreSQL" in told) == (2, True), told
    for journal in ["--data-dir", where], ["--database"]:
        code, told = said("verify", "a.ndjson", *journal, "--key", vkey)
        assert (code, "give a bundle, or a journal" in told) == (2, True), told


def check_erased(own: Installation, api: Api, owner: Caller, person: Caller) -> None:
    """Who was erased is told as that, and from nowhere."""
    place = person.environment()
    sealed(own, api)
    code, _ = said("erase", person.name, "--yes", "--force", **own.environment)
    assert code == 0

    def registered() -> dict[str, Any]:
        query = {"format": "csv", "environmentId": place["id"]}
        rows = table_of(owner.get("/log/export", **query), f"berth-{place['id']}")
        return named(rows, "environment.registered")

    # Another process hears of it within a second.
    until(lambda: registered()["who"].startswith("erased:"))
    row = registered()
    assert (row["ip"], row["userAgent"]) == ("erased", "erased")
    assert person.name not in str(row)
