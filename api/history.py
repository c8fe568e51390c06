"""What happened to an environment: the journal's events about it, oldest first."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.params import QueryParameter

from api.auth import allow
from api.events import (
    JSON,
    LIMIT_MAX,
    NDJSON,
    EventsPage,
    Limit,
    Types,
    check_reached,
    form_of,
    position_in,
    shown,
)
from api.past import From, To, ever, range_of
from api.place import BY_ID, ONCE_BY_NAME, AtPlace
from domain.outward.choice import Choice, tags_of
from domain.roles import Role
from workers.feed import Page
from workers.feed.entry import Entry

AnyRequest = Request[Any, Any, Any]
BYTES_MAX = 1024 * 1024
After = Annotated[
    str | None,
    QueryParameter(
        name="after",
        pattern="^[0-9]{1,20}$",
        description="The `sequence` after which to begin: 0, the default, is the very"
        " first event",
    ),
]


class HistoryRoutes(Controller):
    """The history of one environment, however it was named."""

    tags = ["History"]

    @get(guards=[allow(Role.MEMBER)], summary="What happened to an environment")
    async def get_history(
        self,
        request: AnyRequest,
        place: AtPlace,
        after: After = None,
        limit: Limit = 100,
        types: Types = None,
        from_: From = None,
        to: To = None,
    ) -> EventsPage | Response[bytes]:
        """The events about it, oldest first, with who caused each, from where and when.

        By the `Accept` header a JSON page or NDJSON, as of `/events`. One that was
        deleted is for owners to see.
        """
        services = place.desk.services
        form = form_of(request, [JSON, NDJSON])
        topics = tags_of(types or [])
        begin = position_in(after or "0", "after")
        first, last = await range_of(services.history, from_, to)
        known = await ever(place)
        check_reached(begin, await services.feed.events.tip(), "after")
        begin = max(begin, first - 1)
        limit = min(limit, LIMIT_MAX)
        read = await services.history.positions(
            known.id, after=begin, last=last, limit=limit, topics=topics
        )
        events = await services.feed.events.at(read.found, BYTES_MAX)
        # None is there of those that somebody has removed.
        is_cut = 0 < len(events) < len(read.found)
        until = events[-1].record.position if is_cut else read.until
        installation = await services.feed.events.installation()
        entries = [Entry(event, installation) for event in events]
        await place.desk.note_read(known.id, known.repository)
        seen = [one for one in entries if one.is_for(place.desk.actor, Choice())]
        return shown(Page(seen, until, read.tip), form)


class HistoryById(HistoryRoutes):
    path = "/environments/{environment_id:str}/history"
    dependencies = BY_ID


class HistoryByName(HistoryRoutes):
    path = "/environments/by-name/{name:str}/history"
    dependencies = ONCE_BY_NAME
