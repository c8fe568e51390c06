"""A view is thrown away and built anew while the API serves: nobody notices."""

from __future__ import annotations

from tests.support.client import Caller, Json, made
from tests.support.running import Installation, until

TABLES = (
    "SELECT * FROM environment ORDER BY id",
    "SELECT * FROM lock_ticket ORDER BY id",
)
COMMAND = ("rebuild", "environment_listing")


def test_the_same_rows_come_out_also_of_what_happens_meanwhile(
    owner: Caller, application: Caller, installation: Installation
) -> None:
    quiet = owner.environment(tags=["a"], metadata={"n": 1.5})
    application.lock(quiet).hold()
    application.lock(quiet).ticket(reason="later")
    shown, busy = facts(owner, quiet), application.lock(owner.environment())
    cycles = 0
    with installation.berth(*COMMAND) as command:
        while command.exit_code is None:
            made(busy.release(busy.hold()["ticketId"]))
            assert facts(owner, quiet) == shown
            cycles += 1
    assert (command.exit_code, cycles > 1) == (0, True)

    before = [installation.query(table) for table in TABLES]
    with installation.berth(*COMMAND) as again:
        until(lambda: again.exit_code is not None, 30)
    assert [installation.query(table) for table in TABLES] == before


def facts(owner: Caller, environment: Json) -> Json:
    """What does not change from one look to the next."""
    seen = owner.look(environment)
    lock = seen["lockStatus"]
    tickets = [waiting["ticketId"] for waiting in lock["queuedLocks"]]
    steady = ("id", "name", "tags", "metadata", "lockExpiresAt", "updatedAt")
    return {key: seen[key] for key in steady} | {"tickets": tickets}
