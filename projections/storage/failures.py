"""How a database fails for those who named another one than they meant."""

from __future__ import annotations

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, PersistenceError
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import InsufficientPrivilege, UndefinedTable

SILENT = "the database did not answer"
FAILURES = (PersistenceError, psycopg.Error)
REASONS: dict[type[BaseException], str] = {
    UndefinedTable: "the database lacks tables of Berth's: `berth migrate` makes them",
    InsufficientPrivilege: "the database does not let this role do that",
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


def is_url(text: str) -> bool:
    """Whether libpq can read it."""
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        return False
    return True
