"""How a database fails: it is silent, another than was meant, or altered."""

from __future__ import annotations

import re

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, PersistenceError
from msgspec import DecodeError
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import (
    InsufficientPrivilege,
    InvalidTextRepresentation,
    ReadOnlySqlTransaction,
    UndefinedTable,
)

SILENT = "the database did not answer"
AWAY = "the database does not answer"
REFUSED = re.compile("FATAL: +(.+)")
# What libpq says of a server that is none of those which `target_session_attrs` asks
# for: "session is read-only", "server is not in hot standby mode", ...
UNMATCHED = re.compile(r" failed: ((?:session|server) is .+)")
# What libpq says once it has reached a server: of certificates and their keys.
UNSECURED = re.compile(r"port \d+ failed: (.*(?:SSL|certificate|private key).*)")
ALTERED = "an event is not as Berth has written it: `berth verify` tells which"
FAILURES = (PersistenceError, psycopg.Error)
# What decoding raises for what Berth has not written.
UNDECODABLE = (DecodeError, UnicodeDecodeError)
REASONS: dict[type[BaseException], str] = {
    UndefinedTable: "the database lacks tables of Berth's: `berth migrate` makes them",
    InvalidTextRepresentation: ALTERED,
    InsufficientPrivilege: "the database does not let this role do that",
    ReadOnlySqlTransaction: "the database takes no changes: it is a standby, say",
    psycopg.OperationalError: SILENT,
    OperationalError: SILENT,
    InterfaceError: SILENT,
}


def reason(failure: BaseException) -> str | None:
    """In words for a person; None if it is nothing that a person could mend."""
    cause = failure.__cause__ if isinstance(failure, PersistenceError) else None
    for error in (cause, failure):
        for kind, why in REASONS.items():
            if isinstance(error, kind):
                return why
    return None


def is_silence(failure: BaseException | None) -> bool:
    """Whether the database did not answer; else it has, with a refusal."""
    return isinstance(failure, (OperationalError, InterfaceError))


def unconnected(failure: psycopg.OperationalError) -> str:
    """Why there is no connection, for whoever sets Berth up.

    What PostgreSQL says to that names roles and databases: it is for no caller.
    """
    if refused := REFUSED.search(str(failure)):
        # A URL with a `/` too many has its password in the name of the database.
        return AWAY if "@" in refused[1] else f"PostgreSQL refuses: {refused[1]}"
    if unmatched := UNMATCHED.search(str(failure)):
        return f"no PostgreSQL is as target_session_attrs asks: {unmatched[1]}"
    if unsecured := UNSECURED.search(str(failure)):
        return f"no TLS to PostgreSQL: {unsecured[1]}"
    return AWAY


def kind_of(failure: BaseException) -> str:
    """What may be logged of it; what it says may quote what was asked or written."""
    return type(failure.__cause__ or failure).__name__


def words_of(failure: BaseException) -> str:
    """What it says, but for what PostgreSQL quotes below: rows, values, statements."""
    return str(failure).partition("\n")[0]


def is_url(text: str) -> bool:
    """Whether libpq can read it."""
    try:
        conninfo_to_dict(text)
    except (psycopg.ProgrammingError, UnicodeEncodeError):
        return False
    return True
