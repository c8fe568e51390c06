"""A command that runs while it alone has an environment; or the lock alone, kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from workers.pipeline.answers import Held
from workers.pipeline.command import Command
from workers.pipeline.place import Wanted, find
from workers.pipeline.server import PipelineError, Server, Tell
from workers.pipeline.signals import Interrupted, Signals, ending_signals
from workers.pipeline.ticket import LockLost, Ticket

# What the command finds in its environment, of what the holder is told.
TOLD = {
    "BERTH_ENVIRONMENT_ID": "environment_id",
    "BERTH_ENVIRONMENT": "environment_name",
    "BERTH_TICKET_ID": "ticket_id",
    "BERTH_FENCE": "fence",
    "BERTH_SALESFORCE_USERNAME": "salesforce_username",
    "BERTH_SFDX_AUTH_URL": "sfdx_auth_url",
    "BERTH_ACCESS_TOKEN": "access_token",
    "BERTH_INSTANCE_URL": "instance_url",
    "BERTH_FRONT_DOOR_URL": "front_door_url",
}


async def lock_alone(
    server: Server, wanted: Wanted, hand_out: Callable[[str], object], tell: Tell
) -> None:
    """Who is handed the ticket has the lock from then on, for as long as its lease."""
    with ending_signals() as signals:
        ticket, _ = await _acquired(server, wanted, signals, tell)
        try:
            hand_out(ticket.id)
        except OSError as error:
            await _give_back(ticket, tell)
            raise PipelineError(f"the ticket cannot be printed: {error}") from None


async def run_locked(
    server: Server,
    wanted: Wanted,
    words: Sequence[str],
    environment: Mapping[str, str],
    tell: Tell,
) -> int:
    """The command's exit code. `LockLost` if it did not have the lock to its end."""
    with ending_signals() as signals:
        ticket, told = await _acquired(server, wanted, signals, tell)
        try:
            variables = _variables(environment, told)
            return await _run(ticket, words, variables, signals, tell)
        finally:
            if not ticket.is_over:
                await _give_back(ticket, tell)


async def _acquired(
    server: Server, wanted: Wanted, signals: Signals, tell: Tell
) -> tuple[Ticket, Held]:
    """Whatever goes wrong, nothing is left in the queue."""
    place = await signals.unless(find(server, wanted.environment, wanted.repository))
    ticket = Ticket(server, place, wanted, tell)
    try:
        told = await signals.unless(ticket.acquired())
    except (Interrupted, PipelineError):
        await ticket.leave()
        raise
    tell(f"locked {place.name}, fence {told.fence}")
    return ticket, told


def _variables(environment: Mapping[str, str], told: Held) -> dict[str, str]:
    """Without what is there of another lock, around this one."""
    around = {name: value for name, value in environment.items() if name not in TOLD}
    ours = {name: getattr(told, field) for name, field in TOLD.items()}
    return around | {name: str(value) for name, value in ours.items() if value}


async def _run(
    ticket: Ticket,
    words: Sequence[str],
    environment: Mapping[str, str],
    signals: Signals,
    tell: Tell,
) -> int:
    """Until it has ended, or has to because the lock is lost."""
    command = await Command.start(words, environment, tell)
    keeping = asyncio.create_task(ticket.keep())
    both = {command.ending, keeping}
    with signals.going_to(command.pass_on):
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not command.ending.done():
            tell("the lock is lost: ending the command")
            await command.end(ticket.seconds_left)
            keeping.result()
    keeping.cancel()
    await asyncio.wait({keeping})
    code = command.ending.result()
    try:
        await ticket.vouch()
    except LockLost as error:
        if not code:
            raise
        tell(str(error))
    return code


async def _give_back(ticket: Ticket, tell: Tell) -> None:
    """Also if the server is away; then the lease comes to its end by itself."""
    try:
        status = await ticket.give_back()
    except PipelineError as error:
        tell(f"not given back, so it is locked until its lease is over: {error}")
    else:
        tell(f"given back: {status}")
