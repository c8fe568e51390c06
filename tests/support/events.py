"""A reader of Berth's events: page by page, or from a stream as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from httpx2 import Response

from tests.support.client import Caller, Json, made
from tests.support.running import Api

STREAM = "text/event-stream"


@dataclass(frozen=True)
class Frame:
    """One block of a stream. A comment has only an `id`, if anything."""

    id: str
    event: str
    data: Json


class Stream:
    """What comes through one open stream."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def frames(self) -> Iterator[Frame]:
        """All of them, until the stream ends."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            data = json.loads(fields.get("data", "{}"))
            yield Frame(fields.get("id", ""), fields.get("event", ""), data)
            fields = {}

    def take(self, count: int) -> list[Frame]:
        """The next so many events; comments are passed over."""
        named = (frame for frame in self.frames() if frame.event)
        return [next(named) for _ in range(count)]


@contextmanager
def stream(
    caller: Caller, headers: Mapping[str, str] | None = None, **query: Any
) -> Iterator[Stream]:
    bearer = {"authorization": f"Bearer {caller.token}", "accept": STREAM}
    with caller.http.stream(
        "GET", "/events", params=query or None, headers=bearer | dict(headers or {})
    ) as answer:
        if answer.status_code != 200:
            answer.read()
        yield Stream(answer)


def page(caller: Caller, **query: Any) -> Json:
    return made(caller.get("/events", **query))


def tip(caller: Caller) -> str:
    """The position of the last event there is."""
    return str(page(caller, limit=1)["tip"])


def tags(events: list[Json]) -> list[str]:
    return [e["type"].removeprefix("berth.").removesuffix(".v1") for e in events]


def following(api: Api) -> int:
    """How many follow the events of this process."""
    return int(api.http.get("/health/live").json()["following"])
