"""Sealed events to take away: bundles with proofs, or tables (docs/log.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter
from litestar.response import Stream

from api.attachment import Table, attachment
from api.auth import allow
from api.bounds import EITHER, bound_of
from api.deps import AtDesk
from api.event_table import Form, event_table
from api.log import POSITION_MAX
from domain.errors import Invalid
from domain.ids import parse_id
from domain.roles import Role
from projections.storage.log.export import Bundle
from projections.storage.log.selection import Question

NDJSON = "application/x-ndjson"
NO_PROOFS = "a table has no proofs: earlier is for format=ndjson"

Format = Annotated[
    Form,
    QueryParameter(
        name="format",
        description="`ndjson`, a bundle for `berth verify`; or `csv`, a table for"
        " people, without proofs",
    ),
]
First = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="The position, or the instant, to begin at",
        schema_extra={"pattern": EITHER},
    ),
]
Last = Annotated[
    str | None,
    QueryParameter(
        name="to",
        description="The last position, or an instant; default, and at most, the"
        " newest checkpoint",
        schema_extra={"pattern": EITHER},
    ),
]
EarlierSize = Annotated[
    int | None,
    QueryParameter(
        name="earlier",
        ge=1,
        le=POSITION_MAX,
        description="The size of a checkpoint from which the log must be proven to go"
        " on",
    ),
]
EnvironmentId = Annotated[
    str | None,
    QueryParameter(
        name="environmentId",
        description="Only what is about this environment, also if it was deleted",
    ),
]
Repository = Annotated[
    str | None,
    QueryParameter(
        name="repositoryIdentifier",
        min_length=1,
        max_length=255,
        description="Only what is of this repository",
    ),
]


class LogExportController(Controller):
    path = "/log"
    tags = ["Log"]

    @get(
        "/export",
        guards=[allow(Role.OWNER)],
        media_type=NDJSON,
        summary="Events with the proof that each was sealed, or as a table",
    )
    async def export_log(
        self,
        desk: AtDesk,
        format_: Format = "ndjson",
        from_: First = None,
        to: Last = None,
        environment_id: EnvironmentId = None,
        repository_identifier: Repository = None,
        earlier: EarlierSize = None,
    ) -> Stream:
        """All of the journal up to the newest checkpoint, or what is about an
        environment, or of a repository; all of it, or of some time.

        A bundle for `berth verify` is NDJSON: a header, the events as they are stored,
        the end. As CSV, an event is a row, and what happened is told in a sentence.
        """
        if environment_id is not None:
            environment_id = parse_id(environment_id, "environmentId")
            if repository_identifier is not None:
                raise Invalid(
                    "give environmentId or repositoryIdentifier, not both",
                    field="repositoryIdentifier",
                )
        question = Question(
            environment_id,
            repository_identifier,
            1 if from_ is None else bound_of(from_, "from"),
            None if to is None else bound_of(to, "to"),
            earlier,
        )
        name = f"berth-{environment_id or repository_identifier or 'log'}"
        if format_ == "csv":
            if earlier is not None:
                raise Invalid(NO_PROOFS, field="earlier")
            events = desk.services.sealed_events
            asked = await events.asked(question)
            return Table(event_table(events, asked), name)
        bundle = await desk.services.log.bundle(question)
        headers = attachment(f"{name}.ndjson")
        return Stream(_pieces(bundle), media_type=NDJSON, headers=headers)


async def _pieces(bundle: Bundle) -> AsyncIterator[bytes]:
    """Each made in a thread when the one before has been taken."""
    lines = bundle.lines()
    while piece := await asyncio.to_thread(next, lines, b""):
        yield piece
