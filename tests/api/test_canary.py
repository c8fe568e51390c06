"""Canaries through every route, good and bad: none comes out where it should not.

Credentials are marked, sent everywhere, echoed by a malicious org, and then looked for
in all that Berth says, logs, publishes and keeps, however they may be written there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import httpx2
import nats
import psycopg
import pytest

from tests.support.canaries import (
    Canaries,
    Eavesdropper,
    data_files,
    forms,
    logs,
    tables,
)
from tests.support.canary_walk import MARK, Evidence, Walk, go
from tests.support.client import unique
from tests.support.every_route import BODIES, operations
from tests.support.fake_org.server import FakeSalesforce
from tests.support.flushed import flushed
from tests.support.running import Installation, free_port
from tests.support.salesforce import FULL
from tests.support.servers import Servers, migrated
from workers.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def evidence(
    servers: Servers,
    installation: Installation,
    salesforce: FakeSalesforce,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Evidence]:
    """All of it has happened, and every process of Berth's has ended."""
    folder = tmp_path_factory.mktemp("canary")
    with EmbeddedPostgres(folder / "postgres") as postgres:
        migrated(postgres.url)
        settings = FULL | {"BERTH_SALESFORCE_HOSTS": salesforce.origin}
        own = {"BERTH_DATABASE_URL": postgres.url, "BERTH_NATS_URL": servers.nats_url}
        own |= {"BERTH_LOG_LEVEL": "debug", "BERTH_METRICS_PORT": str(free_port())}
        here = Installation(installation.environment | own | settings, folder)
        evidence = Evidence(here, folder / "postgres")
        evidence.canaries.add("the mark", MARK)
        with (
            Eavesdropper(servers.nats_url) as ear,
            here.api("api") as api,
        ):
            document = httpx2.get(f"{api.url}/sfp/apidocs-json").json()
            evidence.operations = operations(document)
            walk = Walk(api, salesforce, evidence)
            walk.places()
            with here.worker():
                go(walk)
        evidence.heard = ear.heard
        yield evidence


def test_a_canary_that_is_planted_is_found(evidence: Evidence, tmp_path: Path) -> None:
    """However it is written. Else the tests below could not fail."""
    planted = Canaries()
    written = forms(planted.add("planted", unique("planted-secret")))

    def forms_in(places: Iterable[tuple[str, bytes]]) -> set[str]:
        return {place.rpartition(", ")[2] for place in planted.found(places)}

    nats_url = evidence.installation.settings.nats.url
    with Eavesdropper(nats_url) as ear:
        asyncio.run(publish(nats_url, written))
    refusals = Evidence(evidence.installation, evidence.postgres)
    for form, needle in written.items():
        (tmp_path / f"{form}.log").write_bytes(b"{" + needle + b"}")
        refusal = httpx2.Response(400, content=b"{" + needle + b"}")
        refusals.note(form, refusal, may_tell=True)
    for name in "data", "header":
        heard = {k: v for k, v in ear.heard if k.startswith(f"NATS planted.{name}.")}
        assert len(heard) == len(written)
        assert all(planted.found([one]) for one in heard.items())
    with psycopg.connect(evidence.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE planted (content text)")
        for needle in written.values():
            connection.execute("INSERT INTO planted VALUES (%s)", [needle.decode()])
        in_tables = forms_in(tables(evidence.url))
        connection.execute("DELETE FROM planted")
        in_tables_then = forms_in(tables(evidence.url))
        in_files = forms_in(data_files(evidence.url, evidence.postgres))
        connection.execute("DROP TABLE planted")
    assert in_tables == in_files == written.keys()
    assert not in_tables_then
    assert all(planted.found([one]) for one in refusals.answers)
    assert all(planted.found([one]) for one in logs(tmp_path))
    assert forms_in(refusals.answers) == forms_in(logs(tmp_path)) == written.keys()


async def publish(url: str, written: Mapping[str, bytes]) -> None:
    client = await nats.connect(url)
    for n, needle in enumerate(written.values()):
        await client.publish(f"planted.data.{n}", needle)
        headers = {"planted": needle.decode()}
        await client.publish(f"planted.header.{n}", b"", headers=headers)
    await flushed(client)
    await client.close()


def test_every_route_was_asked_well_and_answered(evidence: Evidence) -> None:
    """A new route with a body of its own needs an example in `every_route.BODIES`."""
    known = {one.name for one in evidence.operations if one.schema in {"", *BODIES}}
    assert len(known) > 40
    assert known - evidence.reached == set()


def test_no_answer_that_is_not_meant_to_tells_one(evidence: Evidence) -> None:
    assert evidence.canaries.found(evidence.answers) == []


def test_no_process_logs_one(evidence: Evidence) -> None:
    found = list(logs(evidence.installation.folder))
    assert {place for place, _ in found} == {"log api.log", "log worker.log"}
    assert evidence.canaries.found(found) == []


def test_none_is_published(evidence: Evidence) -> None:
    assert evidence.heard
    assert evidence.canaries.found(evidence.heard) == []


def test_none_is_in_an_event_or_in_any_other_table(evidence: Evidence) -> None:
    found = dict(tables(evidence.url))
    assert {"table berth_events", "table credential"} <= found.keys()
    assert evidence.canaries.found(found.items()) == []


def test_none_is_in_a_file_of_the_database(evidence: Evidence) -> None:
    """Nor is one where a row was that is there no more, or in the log of changes."""
    assert evidence.canaries.found(data_files(evidence.url, evidence.postgres)) == []
