"""The holds of locks: who had which, from when to when, why, and how it ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter

from api.attachment import Table
from api.auth import allow
from api.deps import AtDesk
from api.hold_answers import HoldsAnswer, holds_answer
from api.hold_table import hold_table
from api.page_limit import page_limit
from api.past import From, To, ever, period_of, sees_retired
from api.place import BY_ID, ONCE_BY_NAME, AtPlace
from api.projects import as_sent, one
from domain.errors import Invalid
from domain.naming import fold
from domain.roles import Role
from projections.history import ENVIRONMENTS_MAX

LIMIT_MAX = 100
Limit = Annotated[int, page_limit(LIMIT_MAX)]
Offset = Annotated[int, QueryParameter(name="offset", ge=0, le=1_000_000_000)]
Format = Annotated[
    Literal["json", "csv"],
    QueryParameter(
        name="format",
        description="`csv` for a table of all holds in the period, without a summary;"
        " `limit` and `offset` are for JSON",
    ),
]


class HoldRoutes(Controller):
    """The holds of one environment, however it was named."""

    tags = ["History"]

    @get(guards=[allow(Role.MEMBER)], summary="Who held the lock of an environment")
    async def get_holds(
        self,
        place: AtPlace,
        from_: From = None,
        to: To = None,
        limit: Limit = 50,
        offset: Offset = 0,
        format_: Format = "json",
    ) -> HoldsAnswer | Response[Any]:
        """Newest first, and a summary of all in the period: 30 days up to now.

        One that was deleted is for owners to see.
        """
        period = await period_of(place.desk, from_, to)
        known = await ever(place)
        await place.desk.note_read(known.id, known.repository)
        reader = place.desk.services.reader
        if format_ == "csv":
            name = f"berth-{known.id}-holds"
            return Table(hold_table(reader, [known], period), name)
        return await holds_answer(
            reader, [known], period, min(limit, LIMIT_MAX), offset
        )


class HoldsById(HoldRoutes):
    path = "/environments/{environment_id:str}/holds"
    dependencies = BY_ID


class HoldsByName(HoldRoutes):
    path = "/environments/by-name/{name:str}/holds"
    dependencies = ONCE_BY_NAME


class RepositoryHoldsController(Controller):
    """The identifier has slashes of its own, which are decoded by the time we see them.

    Only the last part of a route may have any, so "/holds" is told apart here.
    """

    path = "/repositories"
    tags = ["History"]

    @get(
        "/{repository_identifier:path}",
        guards=[allow(Role.MEMBER)],
        summary="Who held the locks of a repository's environments",
    )
    async def get_repository_holds(
        self,
        desk: AtDesk,
        repository_identifier: FromPath[str],
        from_: From = None,
        to: To = None,
        limit: Limit = 50,
        offset: Offset = 0,
        format_: Format = "json",
    ) -> HoldsAnswer | Response[Any]:
        """Of all that there were in the period; owners also see those deleted since.

        400 if these are more than 500 environments.
        """
        whole = as_sent(desk.request, repository_identifier)
        identifier, _, last = whole.rpartition("/")
        if last != "holds":
            raise NotFoundException
        services = desk.services
        period = await period_of(desk, from_, to)
        retired = sees_retired(desk.actor, identifier)
        known = await services.history.between(
            fold(identifier), period.first, period.last, retired=retired
        )
        if not known:
            await one(services.reader, identifier)  # 404 if it is not registered.
        if len(known) > ENVIRONMENTS_MAX:
            raise Invalid(
                f"there were more than {ENVIRONMENTS_MAX} environments in that time:"
                " ask for a shorter one",
                field="from",
            )
        if format_ == "csv":
            table = hold_table(services.reader, known, period)
            return Table(table, f"berth-{identifier}-holds")
        limit = min(limit, LIMIT_MAX)
        return await holds_answer(services.reader, known, period, limit, offset)
