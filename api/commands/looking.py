"""`berth locks`: who has which environment, and who waits for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from api.commands.elsewhere import Said, repository_of, tell, with_server
from api.commands.standard_output import standard_output
from workers.one_line import short
from workers.pipeline.answers import Standing
from workers.pipeline.place import SECONDS_MAX, look
from workers.pipeline.server import Server
from workers.pipeline.ticket import in_words

HEAD = ("ENVIRONMENT", "LOCKED BY", "AT MOST", "QUEUE", "REASON")
HEAD_OF_ONE = ("PLACE", "TICKET", "WHO", "AT MOST", "REASON")
CELL_LENGTH_MAX = 60
NOT_ACTIVE = "not active"  # Nobody can lock it.
Row = Sequence[str]


def locks(
    environment: Said | None = None,
    *,
    repository: Said | None = None,
    url: Said | None = None,
) -> int:
    """Tell who has which environment, for how long at most, and how many wait.

    Of one environment, who has it and who waits for it, each with the ticket that
    `berth unlock` takes. In whose name: BERTH_TOKEN. Exits with 125 if Berth failed.

    Parameters
    ----------
    environment
        Its name, or its id; else all.
    repository
        Where the name is, such as acme/shop; else BERTH_REPOSITORY, or what GitHub
        and GitLab call the job's own; else all.
    url
        Where Berth is; else BERTH_URL, or http://127.0.0.1:8080.
    """
    where = repository_of(repository)

    async def looking(server: Server) -> int:
        if environment is None:
            listed = await _listed(server, where)
            if not listed:
                tell("there is no environment" + (f" in {where}" if where else ""))
            rows = [HEAD, *_all(listed, where)]
        else:
            found = await look(server, environment, where, Standing)
            rows = [HEAD_OF_ONE, *_of_one(found)]
        with standard_output() as out:
            out.writelines(f"{line}\n".encode() for line in _in_columns(rows))
        return 0

    return with_server(url, looking)


async def _listed(server: Server, repository: str | None) -> Sequence[Standing]:
    query = {} if repository is None else {"repositoryIdentifier": repository}
    groups = await server.ask(
        "GET",
        "/environments",
        dict[str, list[Standing]],
        query=query,
        patience=SECONDS_MAX,
    )
    return [environment for group in groups.values() for environment in group]


def _all(found: Sequence[Standing], repository: str | None) -> Iterator[Row]:
    for one in found:
        name = one.name if repository else f"{one.repository_identifier} {one.name}"
        lock, queued = one.lock_status.current_lock, len(one.lock_status.queued_locks)
        if lock is None:
            yield name, "-" if one.is_active else NOT_ACTIVE
        else:
            left, reason = in_words(lock.expires_in_seconds), lock.lock_reason or ""
            yield name, lock.locked_by, left, str(queued), reason


def _of_one(found: Standing) -> Iterator[Row]:
    status = found.lock_status
    if lock := status.current_lock:
        left, reason = in_words(lock.expires_in_seconds), lock.lock_reason or ""
        yield "has it", lock.ticket_id, lock.locked_by, left, reason
    else:
        yield ("nobody has it" if found.is_active else NOT_ACTIVE,)
    for waits in status.queued_locks:
        left, reason = in_words(waits.estimated_wait_seconds), waits.lock_reason or ""
        yield str(waits.position), waits.ticket_id, waits.requested_by, left, reason


def _in_columns(rows: Sequence[Row]) -> Iterator[str]:
    """Each as wide as what is widest in it."""
    table = [[short(cell, CELL_LENGTH_MAX) for cell in row] for row in rows]
    columns = range(max(map(len, table)))
    widths = [max(cell_len(r[n]) for r in table if n < len(r)) for n in columns]
    for row in table:
        cells = (c + " " * (widths[n] - cell_len(c)) for n, c in enumerate(row))
        yield "  ".join(cells).rstrip()
