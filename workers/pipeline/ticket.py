"""One lock of one environment, as a pipeline asks for it, keeps it, gives it back.

A third of the lease after it was last known to be extended, it is extended again; for
another third that is tried if it fails; the last third is for what goes on under the
lock to end, before anybody else is given it. All by this machine's own clock, from
before each question was asked, so the lease lasts no longer than is thought here.
"""

from __future__ import annotations

import asyncio
import math
from asyncio import Task
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from domain.ids import new_id
from workers.pipeline.answers import Held, Queued, Renewed, Requested
from workers.pipeline.clock import now, sleep_until, within
from workers.pipeline.place import Place, Wanted, release
from workers.pipeline.server import PipelineError, Refused, Server, Tell, Told

POLL_SECONDS = 30
# How long a server may be away, at most: in a queue, and at the end.
QUEUED_SECONDS_MAX, LAST_SECONDS_MAX = 900.0, 30.0
PATIENCE_SECONDS_MIN = 5.0
# What still runs once somebody else may have been given the lock, or was.
TOO_LATE_SECONDS_MAX = 10.0
NOT_YET, OVER = "LOCK_WAIT_TIMEOUT", {"TICKET_ENDED", "LEASE_OVER"}
EXPIRED, LAPSED = "expired", "lapsed"
NOT_OF_THE_LOCK = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class WaitOver(PipelineError):
    """It was not its turn within the time that it had."""


class LockLost(PipelineError):
    """The lease is over, or cannot be known not to be."""


class Ticket:
    """From its request on. Its `id` is another once it expired unseen."""

    def __init__(
        self, server: Server, place: Place, wanted: Wanted, tell: Tell
    ) -> None:
        self.id = ""
        self.is_over = False  # As the server says.
        self._server = server
        self._place = place
        self._wanted = wanted
        self._tell = tell
        self._until = now() + wanted.wait_seconds
        self._requesting: Task[str] | None = None
        self._known_at = 0.0  # By `now`: the lease was extended after that.

    async def acquired(self) -> Held:
        """What the server tells the holder, with the whole lease ahead.

        `WaitOver` if that took too long.
        """
        while True:
            self._requesting = self._requesting or asyncio.create_task(self._request())
            self.id = await asyncio.shield(self._requesting)
            try:
                answer = await self._turn()
                await self.renew(self._patience())
            except Refused as refusal:
                self._check_is_expired(refusal)
                self._tell(
                    f"the turn passed unseen: in the queue of {self._place.name} again"
                )
                self._requesting = None
            else:
                return answer

    async def renew(self, patience: float) -> None:
        """The whole lease from now on."""
        asked_at = now()
        await self._renew(self._wanted.lease_seconds, patience)
        self._known_at = asked_at

    async def keep(self) -> None:
        """Renew it until cancelled. `LockLost` once there is a third left at most."""
        third = self._wanted.lease_seconds / 3
        while True:
            await sleep_until(self._known_at + third)
            left = self._check_is_left()
            try:
                # Less than that third if this process, or the machine, stood still.
                await self.renew(max(left - third, left / 2))
            except PipelineError as error:
                raise self._lost(error) from None

    async def vouch(self) -> None:
        """`LockLost` unless it was its own up to now, as far as anybody can tell."""
        left = self._check_is_left()
        try:
            # No lease is shorter than the one that goes on, so none is extended.
            await self._renew(1, min(left, PATIENCE_SECONDS_MIN))
        except PipelineError as error:
            if _is_of_its_end(error):
                raise self._lost(error) from None

    @property
    def seconds_left(self) -> float:
        """Until somebody else may be given the lock."""
        return self._known_at + self._wanted.lease_seconds - now()

    def _check_is_left(self) -> float:
        if (left := self.seconds_left) <= 0:
            raise self._lost("its lease was over before it could be renewed")
        return left

    def _lost(self, why: object) -> LockLost:
        if _is_of_its_end(why):
            self.is_over = True
            end = now() + min(TOO_LATE_SECONDS_MAX, self.seconds_left)
            self._known_at = end - self._wanted.lease_seconds
        return LockLost(f"lost the lock of {self._place.name}: {why}")

    async def leave(self) -> None:
        """Give back whatever there is, as well as that can be done."""
        if self._requesting is None:
            return
        try:
            async with within(LAST_SECONDS_MAX):
                self.id = await self._requesting
                await self.give_back()
        except (TimeoutError, PipelineError) as error:
            if self.id or not isinstance(error, Refused):
                why = str(error) or "no answer in time"
                self._tell(f"a ticket of {self._place.name} may be left: {why}")

    async def give_back(self) -> str:
        """Release it, or leave the queue; what became of it."""
        return await release(self._server, self._place, self.id)

    async def _renew(self, lease_seconds: int, patience: float) -> None:
        path, lease = f"/{self.id}/renew", {"leaseDurationSeconds": lease_seconds}
        await self._ask("PUT", path, Renewed, patience=patience, body=lease)

    async def _request(self) -> str:
        wanted = self._wanted
        body: dict[str, Any] = {"leaseDurationSeconds": wanted.lease_seconds}
        if wanted.reason is not None:
            body["reason"] = wanted.reason
        if wanted.wait_seconds < math.inf:
            # Should nobody be left here to leave the queue.
            body["maxWaitSeconds"] = max(1, math.ceil(self._until - now()))
        key, patience = new_id(), self._patience()
        answer = await self._ask(
            "POST", "", Requested, patience=patience, body=body, key=key
        )
        return answer.ticket_id

    def _check_is_expired(self, refusal: Refused) -> None:
        """Asked for too late: nobody meant it, and another may be had."""
        status = refusal.fields.get("status")
        if status == LAPSED:
            raise self._wait_over()
        if refusal.code not in OVER or status not in (EXPIRED, None):
            raise refusal

    async def _turn(self) -> Held:
        """The first look tells where in the queue it is; then it waits."""
        seconds, told = 0, 0
        while True:
            query = {"timeoutSeconds": seconds}
            path, patience = f"/{self.id}/acquire", self._patience() + seconds
            try:
                return await self._ask(
                    "PUT", path, Held, patience=patience, query=query
                )
            except Refused as refusal:
                if refusal.code != NOT_YET:
                    raise
                told = self._tell_place(refusal.fields, told)
            if (left := self._until - now()) <= 0:
                raise self._wait_over()
            seconds = math.ceil(min(left, POLL_SECONDS))

    def _tell_place(self, fields: Mapping[str, Any], told: int) -> int:
        """Where it is in the queue; nothing, if that was told already."""
        try:
            place = msgspec.convert(fields, Queued)
        except msgspec.ValidationError:
            return told
        if place.position != told:
            at_most = in_words(place.estimated_wait_seconds)
            self._tell(
                f"{self._place.name} is locked: place {place.position} in the queue,"
                f" {at_most} to wait if every lease is used up"
            )
        return place.position

    def _wait_over(self) -> WaitOver:
        waited = f"{self._wanted.wait_seconds:.0f} s"
        return WaitOver(f"{self._place.name} was not free within {waited}")

    def _patience(self) -> float:
        return max(PATIENCE_SECONDS_MIN, min(self._until - now(), QUEUED_SECONDS_MAX))

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[Told],
        *,
        patience: float,
        query: Mapping[str, int] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Told:
        return await self._server.ask(
            method,
            self._place.path + path,
            kind,
            query={**self._place.query, **(query or {})},
            body=body,
            key=key,
            patience=patience,
        )


def _is_of_its_end(why: object) -> bool:
    """The server says that it is over, or that there was never such a ticket.

    Of a token that is no longer good it knows nothing of the kind.
    """
    return isinstance(why, Refused) and why.status not in NOT_OF_THE_LOCK


def in_words(seconds: int) -> str:
    """For people, who wait for hours: in minutes once there are two."""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes > 1 else f"{seconds} s"
