"""One event for those who follow: encoded once, however many they are."""

from __future__ import annotations

import msgspec

from domain.catalog import tag
from domain.event import Actor
from domain.outward.choice import Choice
from domain.outward.cloud_event import cloud_event, sequence_of, type_of
from domain.outward.sight import may_see
from domain.outward.subject import ENVIRONMENT, subject_of
from projections.storage.events_read import Found


class Entry:
    __slots__ = ("_found", "_frame", "_installation", "_json", "_tag")

    def __init__(self, found: Found, installation: str) -> None:
        self._found = found
        self._installation = installation
        self._tag = tag(type(found.record.event))
        self._json = self._frame = b""

    @property
    def position(self) -> int:
        return self._found.record.position

    @property
    def id(self) -> str:
        return self._found.record.id

    @property
    def size_bytes(self) -> int:
        return self._found.bytes

    @property
    def json(self) -> bytes:
        """The CloudEvent, in one line."""
        if not self._json:
            self._json = encode(cloud_event(self._found.record, self._installation))
        return self._json

    @property
    def frame(self) -> bytes:
        """The same as a server-sent event."""
        if not self._frame:
            named = type_of(type(self._found.record.event))
            head = f"id: {sequence_of(self.position)}\nevent: {named}\n"
            self._frame = head.encode() + b"data: %s\n\n" % self.json
        return self._frame

    def is_for(self, actor: Actor, choice: Choice) -> bool:
        """Whether it is one of the chosen, and for `actor` to see."""
        if choice.tags is not None and self._tag not in choice.tags:
            return False
        record = self._found.record
        if choice.environment_id is not None:
            subject = subject_of(record)
            if (subject.kind, subject.id) != (ENVIRONMENT, choice.environment_id):
                return False
        return may_see(actor, record.event, self._found.whose)


encode = msgspec.json.Encoder().encode
