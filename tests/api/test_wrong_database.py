"""Who names another database than he means is told so in a line, by every command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from projections.storage.database import POOLED
from projections.storage.log.signing import new_private_key, public_half
from tests.support.loaded import said
from tests.support.pooler import pooler
from tests.support.running import Installation
from tests.support.servers import Servers, fresh_database, named_database

REFUSES = "PostgreSQL refuses: "
KEY = public_half(new_private_key(), "berth.log/1").vkey


@pytest.fixture(scope="module")
def empty(servers: Servers) -> Iterator[str]:
    with fresh_database(servers.database_url) as url:
        yield url


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["export"], 1),
        (["export", "--format", "csv"], 1),
        (["replay", "prod"], 1),
        (["log", "keys"], 1),
        (["erase", "ada", "--yes"], 1),
        (["rebuild", "audit_log"], 1),
        (["verify", "--database", "--key", KEY], 2),
    ],
)
def test_another_database_than_was_meant_is_a_line(
    installation: Installation, empty: str, words: Sequence[str], code: int
) -> None:
    for url, what in (
        (empty, ("`berth migrate` makes them",)),
        (named_database(empty, "nowhere"), ("the database d", REFUSES)),
        ("secret-nonsense", ("BERTH_DATABASE_URL is no URL",)),
    ):
        variables = installation.environment | {"BERTH_DATABASE_URL": url}
        found, told = said(*words, **variables)
        assert (found, any(it in told for it in what)) == (code, True), told
        assert "secret-nonsense" not in told


@pytest.mark.parametrize("command", ["migrate", "api", "worker"])
def test_what_postgresql_refuses_is_told_in_its_words(
    installation: Installation, empty: str, command: str
) -> None:
    stranger = empty.replace("postgres@", "nobody:5Aep861@")
    for url, why in (
        (named_database(empty, "nowhere"), 'database "nowhere" does not exist'),
        (stranger, 'role "nobody" does not exist'),
    ):
        variables = installation.environment | {"BERTH_DATABASE_URL": url}
        assert said(command, **variables) == (1, f"berth: {REFUSES}{why}\n")


def test_the_schema_takes_no_secret_but_that_of_its_database(servers: Servers) -> None:
    with fresh_database(servers.database_url) as url:
        code, told = said("migrate", BERTH_DATABASE_URL=url)
    assert (code, told.count("applied")) == (0, told.count("\n"))


def test_a_database_that_takes_no_changes_is_a_line(empty: str) -> None:
    """As after a failover, where the URL still names the primary of before."""
    url = f"{empty}&options=-c%20default_transaction_read_only%3Don"
    told = "berth: the database takes no changes: it is a standby, say\n"
    assert said("migrate", BERTH_DATABASE_URL=url) == (1, told)


@pytest.mark.parametrize("command", ["migrate", "api"])
def test_a_password_in_the_name_of_a_database_is_not_told(
    installation: Installation, empty: str, command: str
) -> None:
    """It gets there by a slash too many."""
    url = named_database(empty, "berth:5Aep861@host")
    variables = installation.environment | {"BERTH_DATABASE_URL": url}
    assert said(command, **variables) == (1, "berth: the database does not answer\n")


@pytest.mark.parametrize("words", [["api"], ["worker"], ["rebuild", "audit_log"]])
def test_a_pooler_that_drops_what_berth_asks_for_is_refused(
    installation: Installation, words: Sequence[str]
) -> None:
    """It may as well give one process's session to another."""
    with pooler(installation.environment["BERTH_DATABASE_URL"]) as url:
        variables = installation.environment | {"BERTH_DATABASE_URL": url}
        assert said(*words, **variables) == (1, f"berth: {POOLED}\n")
