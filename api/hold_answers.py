"""What callers are told of holds, and the sums of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import field

from api.past import Period
from api.schemas import Answer
from projections.environment_history import environment_history
from projections.history import Known
from projections.holds import Cause, holds, sql
from projections.storage.reader import Reader

REQUESTERS_MAX = 100
# Of what was disclosed or released under one hold.
UNDER_MAX = 100
OPEN = 2**62  # A position and a version beyond all, of a hold that goes on.
Rows = Sequence[Mapping[str, Any]]


class HoldRelease(Answer, frozen=True, kw_only=True, rename="camel"):
    """A release that was recorded with the ticket of the hold."""

    id: str
    name: str
    domain: str
    published_at: datetime
    recorded_at: datetime


class HoldDisclosure(Answer, frozen=True, kw_only=True, rename="camel"):
    """Credentials of the org were about to be told to the holder."""

    at: datetime
    salesforce_username: str


class HoldAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`endedAt` and `cause` are null while it goes on; `endedBy`, if time ended it.

    `waitedSeconds` is from the request to the grant, `heldSeconds` from there to the
    end or to now, `overrunSeconds` how much longer than the lease first asked for it
    was held. Of `releases` and `disclosures`, the first 100 each are told.
    """

    environment_id: str
    environment_name: str
    ticket_id: str
    fence: int
    holder: str
    application: str | None
    reason: str | None
    lease_duration_seconds: int
    requested_at: datetime
    granted_at: datetime
    acquired_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None
    cause: Cause | None
    ended_by: str | None
    waited_seconds: float
    held_seconds: float
    overrun_seconds: float
    releases: list[HoldRelease]
    disclosures: list[HoldDisclosure]


class HoldsSum(Answer, frozen=True, kw_only=True, rename="camel"):
    """`utilisation` is the share of the period in which the lock was held, 0 to 1.

    Of several environments, it is of all their time together.
    """

    holds: int
    held_seconds: float
    utilisation: float
    wait_p50_seconds: float | None = field(name="waitP50Seconds")
    wait_p95_seconds: float | None = field(name="waitP95Seconds")
    lease_expiries: int
    claim_expiries: int


class EnvironmentSum(HoldsSum, frozen=True, kw_only=True, rename="camel"):
    environment_id: str
    environment_name: str


class RequesterSum(HoldsSum, frozen=True, kw_only=True, rename="camel"):
    requested_by: str
    application: str | None


class HoldsSummary(HoldsSum, frozen=True, kw_only=True, rename="camel"):
    """Of all holds between `from` and `to`; the longest come first, of 100 at most."""

    since: datetime = field(name="from")
    until: datetime = field(name="to")
    environments: list[EnvironmentSum]
    requesters: list[RequesterSum]


class HoldsAnswer(Answer, frozen=True, kw_only=True, rename="camel"):
    """`totalCount` is how many there are in the period."""

    holds: list[HoldAnswer]
    total_count: int
    limit: int
    offset: int
    summary: HoldsSummary


class Page(NamedTuple):
    """`earliest` is the position of the first grant among them, if there is one."""

    holds: list[HoldAnswer]
    earliest: int | None


async def holds_answer(
    reader: Reader, known: Sequence[Known], period: Period, limit: int, offset: int
) -> HoldsAnswer:
    """A page of the holds of these environments, newest first, and the sums of all."""
    names = {one.id: one.name for one in known}
    page = await holds_page(reader, names, period, limit, offset)
    values = period._asdict() | {"environment_ids": [*names]}
    sums = await reader.read(holds, sql["summary_of_holds"], values, prepare=False)
    summary = _summary(sums.rows, names, period)
    return HoldsAnswer(
        holds=page.holds,
        total_count=summary.holds,
        limit=limit,
        offset=offset,
        summary=summary,
    )


async def holds_page(
    reader: Reader, names: Mapping[str, str], period: Period, limit: int, offset: int
) -> Page:
    """Newest first; of the environments that are named, by their ids."""
    values = period._asdict() | {"environment_ids": [*names]}
    values |= {"limit": limit, "offset": offset}
    found = await reader.read(holds, sql["holds_between"], values, prepare=False)
    under = await _under(reader, found.rows)
    return Page(
        [_hold(row, names, under[row["ticket_id"]], found.at) for row in found.rows],
        found.rows[-1]["granted_position"] if found.rows else None,
    )


async def _under(reader: Reader, rows: Rows) -> Mapping[str, Rows]:
    values = {
        "ticket_ids": [row["ticket_id"] for row in rows],
        "environment_ids": [row["environment_id"] for row in rows],
        "granted_versions": [row["granted_version"] for row in rows],
        "ended_versions": [row["ended_version"] or OPEN for row in rows],
        "granted_positions": [row["granted_position"] for row in rows],
        "ended_positions": [row["ended_position"] or OPEN for row in rows],
        "most": UNDER_MAX,
    }
    found = await reader.read(
        environment_history, sql["under_holds"], values, prepare=False
    )
    under: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in found.rows:
        under[row["ticket_id"]].append(row)
    return under


def _hold(
    row: Mapping[str, Any], names: Mapping[str, str], under: Rows, now: datetime
) -> HoldAnswer:
    over_at, acquired_at = row["over_at"], row["acquired_at"]
    until = over_at or now
    lasted = (until - (acquired_at or row["granted_at"])).total_seconds()
    return HoldAnswer(
        environment_id=row["environment_id"],
        environment_name=names[row["environment_id"]],
        ticket_id=row["ticket_id"],
        fence=row["fence"],
        holder=row["requested_by"],
        application=row["application"],
        reason=row["reason"],
        lease_duration_seconds=row["lease_seconds"],
        requested_at=row["requested_at"],
        granted_at=row["granted_at"],
        acquired_at=acquired_at,
        expires_at=row["expires_at"],
        ended_at=over_at,
        cause=row["why"] and Cause(row["why"]),
        ended_by=row["ended_by"],
        waited_seconds=_between(row["requested_at"], row["granted_at"]),
        held_seconds=_between(row["granted_at"], until),
        overrun_seconds=round(max(0.0, lasted - row["lease_seconds"]), 3),
        releases=[
            HoldRelease(
                id=one["event"]["release_id"],
                name=one["event"]["name"],
                domain=one["event"]["domain"],
                published_at=one["event"]["published_at"],
                recorded_at=one["at"],
            )
            for one in under
            if one["topic"] == "release.published"
        ],
        disclosures=[
            HoldDisclosure(
                at=one["at"], salesforce_username=one["event"]["salesforce_username"]
            )
            for one in under
            if one["topic"] != "release.published"
        ],
    )


def _between(start: datetime, end: datetime) -> float:
    return round(max(0.0, (end - start).total_seconds()), 3)


def _summary(rows: Rows, names: Mapping[str, str], period: Period) -> HoldsSummary:
    seconds = (period.until - period.since).total_seconds()
    total: dict[str, Any] = _sum({}, seconds * len(names))
    environments: list[EnvironmentSum] = []
    requesters: list[RequesterSum] = []
    for row in rows:
        if id_ := row["environment_id"]:
            its = _sum(row, seconds)
            environments.append(
                EnvironmentSum(**its, environment_id=id_, environment_name=names[id_])
            )
        elif row["requested_by"] is not None:
            its = _sum(row, seconds * len(names))
            by, application = row["requested_by"], row["application"]
            requesters.append(
                RequesterSum(**its, requested_by=by, application=application)
            )
        else:
            total = _sum(row, seconds * len(names))
    return HoldsSummary(
        **total,
        since=period.since,
        until=period.until,
        environments=environments,
        requesters=requesters[:REQUESTERS_MAX],
    )


def _sum(row: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The fields of a sum; `seconds` is all the time there was."""
    held = row.get("held_seconds", 0.0)
    return {
        "holds": row.get("holds", 0),
        "held_seconds": round(held, 3),
        "utilisation": round(min(1.0, held / seconds), 6) if seconds else 0.0,
        "wait_p50_seconds": _rounded(row.get("wait_p50")),
        "wait_p95_seconds": _rounded(row.get("wait_p95")),
        "lease_expiries": row.get("lease_expiries", 0),
        "claim_expiries": row.get("claim_expiries", 0),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(0.0, seconds), 3)
