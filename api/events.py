"""The events of the journal, in pages or as a stream: docs/events.md."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from api import event_stream
from api.auth import Caller, allow
from api.deps import AtDesk, Desk
from api.event_stream import MEDIA, EventStream, EventStreamResponse
from api.page_limit import page_limit
from api.waiting import wait_for_turn
from domain.errors import (
    EnvironmentNotFound,
    Invalid,
    JournalUnavailable,
    PositionAhead,
)
from domain.ids import parse_id
from domain.outward.choice import Choice, tags_of
from domain.outward.cloud_event import CloudEvent, sequence_of
from domain.roles import Role
from workers.feed import Feed, Page, Wanted

AnyRequest = Request[Any, Any, Any]
POSITION = re.compile(r"[0-9]{1,20}", re.ASCII)
JSON, NDJSON = "application/json", "application/x-ndjson"
LAST_EVENT_ID = "Last-Event-ID"
NEXT, TIP = "x-next-after", "x-tip"
WAIT_SECONDS_MAX = 60

After = Annotated[
    str | None,
    QueryParameter(
        name="after",
        pattern="^[0-9]{1,20}$",
        description="The `sequence` after which to begin: 0, the default, is the very"
        " first event; of a stream, the default is what comes from now on",
    ),
]
LIMIT_MAX = 1_000
Limit = Annotated[int, page_limit(LIMIT_MAX, "The most events of a page")]
Types = Annotated[
    list[str] | None,
    QueryParameter(
        name="types",
        description="Only these, such as `lock.acquired` or `lock.*`; several with"
        " commas, or by repeating the parameter",
    ),
]
EnvironmentId = Annotated[
    str | None,
    QueryParameter(
        name="environmentId",
        description="Only what is about this environment, also if it was deleted",
    ),
]
Wait = Annotated[
    int,
    QueryParameter(
        name="wait",
        ge=0,
        le=WAIT_SECONDS_MAX,
        description="How many seconds to wait for the first event of a page",
    ),
]
LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name=LAST_EVENT_ID, description="In place of `after`, to go on with a stream"
    ),
]


class EventsPage(Struct, frozen=True):
    """`next` goes into `after` of the next request, also when no event is here.

    It is past what was not asked for, or is not for the caller. There is more at once
    if it is before `tip`, the position of the journal's last event.
    """

    events: list[CloudEvent]
    next: str
    tip: str


class EventsController(Controller):
    path = "/events"
    tags = ["Events"]

    @get(guards=[allow(Role.MEMBER)], summary="Read the events, or follow them")
    async def read_events(
        self,
        request: AnyRequest,
        desk: AtDesk,
        after: After = None,
        limit: Limit = 100,
        types: Types = None,
        environment_id: EnvironmentId = None,
        wait: Wait = 0,
        last_event_id: LastEventId = None,
    ) -> EventsPage | Response[bytes]:
        """In their order, each as a CloudEvent, those that the caller may see.

        By the `Accept` header: a JSON page, the same as NDJSON (`next` and `tip` are
        then in the headers X-Next-After and X-Tip), or a stream of server-sent events,
        to which `limit` and `wait` mean nothing.
        """
        feed = desk.services.feed
        choice = await _choice(feed, types or [], environment_id)
        wanted = Wanted(desk.actor, choice)
        form = form_of(request, [JSON, NDJSON, MEDIA])
        if form == MEDIA:
            field = LAST_EVENT_ID if last_event_id else "after"
            return await _stream(request, desk, wanted, field, last_event_id or after)
        begin = position_in(after or "0", "after")
        reading = _page(feed, wanted, begin, min(limit, LIMIT_MAX), wait)
        if wait:
            page = await wait_for_turn(reading, desk.actor, request)
            await desk.require_to_read(Role.MEMBER)
        else:
            page = await reading
        return shown(page, form)


def form_of(request: AnyRequest, forms: list[str]) -> str:
    """Which of `forms` the caller likes best, or JSON; `Invalid` names `Accept`."""
    try:
        return request.accept.best_match(forms, default=JSON)
    except OverflowError:  # Litestar reads a quality as any number, such as 1e999.
        raise Invalid("Accept has a quality that is none", field="Accept") from None


async def _choice(feed: Feed, types: list[str], environment_id: str | None) -> Choice:
    if environment_id is not None:
        environment_id = parse_id(environment_id, "environmentId")
        if not await feed.events.knows(environment_id):
            raise EnvironmentNotFound("there never was such an environment")
    return Choice(tags_of(types), environment_id)


async def _page(
    feed: Feed, wanted: Wanted, after: int, limit: int, wait_seconds: int
) -> Page:
    page = await feed.page(wanted, after, limit)
    check_reached(after, page.tip, "after")
    if page.entries or not wait_seconds:
        return page
    lost = feed.lost
    async with feed.following():
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_seconds):
                while not page.entries:
                    if page.is_last:
                        await feed.beyond(page.until, lost)
                    if feed.is_closing:
                        raise JournalUnavailable("this process is stopping; ask again")
                    if feed.lost is not lost:
                        check_reached(page.until, feed.lost.after, "after")
                    page = await feed.newest(wanted, page.until, limit)
    return page


async def _stream(
    request: AnyRequest, desk: Desk, wanted: Wanted, field: str, after: str | None
) -> EventStreamResponse:
    state, feed = request.app.state, desk.services.feed
    tip = await feed.events.tip()
    begin = tip if after is None else position_in(after, field)
    check_reached(begin, tip, field)

    async def again() -> Caller:
        caller: Caller = await state.authenticator.again(request)
        return caller

    async def check_token(caller: Caller) -> None:
        await _check_token(desk, caller)

    stream = EventStream(
        feed,
        wanted,
        begin,
        desk.caller,
        again,
        check_token,
        state.streams,
        ping_seconds=event_stream.PING_SECONDS,
        patience_seconds=event_stream.PATIENCE_SECONDS,
    )
    return EventStreamResponse(stream)


async def _check_token(desk: Desk, caller: Caller) -> None:
    """An application's is looked at in the journal."""
    if caller.guard:
        await desk.journal.execute(*caller.guard)


def position_in(text: str, field: str) -> int:
    """The position that a `sequence` tells; `Invalid` names `field` if it is none."""
    if POSITION.fullmatch(text):
        return int(text)
    raise Invalid(f"{field} is not the sequence of an event", field=field)


def check_reached(position: int, tip: int, field: str) -> None:
    """`PositionAhead` if the journal, which ends at `tip`, is not there yet."""
    if position > tip:
        ends = f"the journal ends at {tip}"
        raise PositionAhead(f"{field} is {position}, but {ends}", field=field)


def shown(page: Page, form: str) -> Response[bytes]:
    """As JSON, or as NDJSON with the rest in headers."""
    events = [entry.json for entry in page.entries]
    after, tip = sequence_of(page.until), sequence_of(page.tip)
    if form == NDJSON:
        body = b"".join(event + b"\n" for event in events)
        return Response(body, media_type=NDJSON, headers={NEXT: after, TIP: tip})
    raw = [msgspec.Raw(event) for event in events]
    body = msgspec.json.encode({"events": raw, "next": after, "tip": tip})
    return Response(body, media_type=JSON)
