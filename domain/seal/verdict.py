"""Goes through a bundle line by line, and says what it proves, or what is wrong first.

It needs a key that is trusted, and nothing else: no server, no network, no database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import get_args

from msgspec import Struct
from msgspec.json import encode

from domain.catalog import tag
from domain.environment.events import EnvironmentEvent
from domain.hidden import hides, tells
from domain.naming import fold
from domain.project_events import ProjectEvent
from domain.seal.bundle import (
    END,
    Asked,
    End,
    EventLine,
    Header,
    read_line,
    readable,
)
from domain.seal.findings import Tampered, Unreadable
from domain.seal.note import Check, Checkpoint, Key, key_of, opened
from domain.seal.tree import is_consistent, is_included
from domain.task.events import TaskEvent
from domain.task.schedule_events import ScheduleEvent

# Their streams belong to one repository as a whole, which their first event names.
WHOLE_STREAMS = frozenset(
    tag(event)
    for events in (EnvironmentEvent, ProjectEvent, TaskEvent, ScheduleEvent)
    for event in get_args(events)
)


class Proven(Struct, frozen=True):
    """What is certain, if the key is.

    `streams` has the last version of each stream of which no event before that one is
    missing. `earlier` is the checkpoint that this history goes on from, if one is told.
    Of people, it is certain which cipher was sealed: in `hiding` events there is one.
    """

    checkpoint: Checkpoint
    signers: Sequence[Key]
    asked: Asked
    events: int
    streams: Mapping[str, int]
    earlier: Checkpoint | None
    hiding: int


class Verdict:
    """Is given each line with its newline, then asked what all of it proves.

    Each step raises `Tampered` for what was altered, and `Unreadable` for what is no
    bundle.
    """

    def __init__(
        self,
        keys: Collection[Key],
        check: Check,
        known: Sequence[Checkpoint] = (),
    ) -> None:
        """`known` are checkpoints kept elsewhere: the bundle may contradict none."""
        self._keys = keys
        self._check = check
        self._known = known
        self._header: Header | None = None
        self._checkpoint = Checkpoint("", 0, b"")
        self._signers: Sequence[Key] = ()
        self._earlier: Checkpoint | None = None
        self._versions: dict[str, int] = {}
        self._position = 0
        self._events = self._hiding = 0
        self._is_over = False
        self._digest = sha256()

    def line(self, line: bytes) -> None:
        """The next one."""
        if self._is_over:
            raise Tampered("there is more after the end of the bundle")
        if self._header is None:
            self._begin(read_line(line, Header, "the header"))
        elif line.startswith(END):
            self._end(read_line(line, End, "the last line"))
        else:
            after = f"the line after position {self._position}"
            self._event(self._header, read_line(line, EventLine, after))
        self._digest.update(line)

    def proven(self) -> Proven:
        """Once every line was given."""
        if self._header is None:
            raise Unreadable("the bundle is empty")
        if not self._is_over:
            raise Tampered(
                f"the bundle breaks off after position {self._position}: what came"
                " then was removed"
            )
        return Proven(
            self._checkpoint,
            self._signers,
            self._header.asked,
            self._events,
            self._versions,
            self._earlier,
            self._hiding,
        )

    def _begin(self, header: Header) -> None:
        self._checkpoint, self._signers = self._opened(header.checkpoint)
        told = self._checkpoint
        if (header.origin, header.size) != (told.origin, told.size):
            raise Tampered("the header is not of the checkpoint that is in it")
        if any(key_of(vkey).name != told.origin for vkey in header.keys):
            raise Tampered("the header has keys of another log")
        asked = header.asked
        if asked.first < 1 or asked.last > told.size:
            raise Tampered("the header tells of positions beyond the checkpoint")
        for known in self._known:
            self._compare(known)
        if header.earlier is not None:
            self._earlier, _ = self._opened(header.earlier.checkpoint)
            self._go_on_from(self._earlier, header.earlier.proof)
        self._header, self._position = header, asked.first - 1

    def _opened(self, note: str) -> tuple[Checkpoint, Sequence[Key]]:
        checkpoint, signers = opened(note, self._keys, self._check)
        if any(signer.name != checkpoint.origin for signer in signers):
            raise Tampered("the checkpoint is of another log than its key")
        return checkpoint, signers

    def _compare(self, known: Checkpoint) -> None:
        if known.origin != self._checkpoint.origin:
            raise Tampered(f"the checkpoint kept elsewhere is of {known.origin}")
        is_same_size = known.size == self._checkpoint.size
        if is_same_size and known.root != self._checkpoint.root:
            raise Tampered(
                f"forked: two histories of {known.size} events are signed, this one"
                " and the one kept elsewhere"
            )

    def _go_on_from(self, earlier: Checkpoint, proof: Sequence[bytes]) -> None:
        now = self._checkpoint
        for known in self._known:
            if known.size == earlier.size and known.root != earlier.root:
                raise Tampered(
                    f"forked: two histories of {known.size} events are signed, the"
                    " earlier one here and the one kept elsewhere"
                )
        if not is_consistent(earlier.size, earlier.root, now.size, now.root, proof):
            raise Tampered(
                f"forked: the history of {now.size} events does not go on from that"
                f" of {earlier.size}"
            )

    def _event(self, header: Header, line: EventLine) -> None:
        """In this order, so that what is named is the first that is wrong."""
        where = f"the event at position {line.position}"
        if line.position <= self._position:
            if self._events:
                raise Tampered(f"reordered: {where} comes after {self._position}")
            raise Tampered(f"{where} was not asked for")
        if line.position > header.asked.last:
            raise Tampered(f"{where} was not asked for")
        if header.asked.is_everything and line.position != self._position + 1:
            raise Tampered(f"removed: the event at position {self._position + 1}")
        if not tells(bytes(line.event), readable(line.state)):
            raise Tampered(f"edited: {where} is told otherwise than it was sealed")
        size, root = self._checkpoint.size, self._checkpoint.root
        leaf, index = line.leaf.hash(), line.position - 1
        if not is_included(leaf, index, size, line.proof, root):
            raise Tampered(
                f"edited: {where} (version {line.version} of {line.stream}) is not"
                " what was sealed there"
            )
        self._is_asked_for(header.asked, line, where)
        self._position = line.position
        self._events += 1
        self._hiding += hides(line.state)

    def _is_asked_for(self, asked: Asked, line: EventLine, where: str) -> None:
        """And goes on where its stream was, if all of that must be there."""
        if asked.is_everything:
            return
        if asked.environment is not None:
            is_whole = line.stream == asked.environment
            if not is_whole and asked.environment.encode() not in line.state:
                raise Tampered(f"{where} is not about the environment asked for")
        else:
            # What comes later in such a stream may be new to whoever reads it.
            is_whole = line.topic in WHOLE_STREAMS or line.stream in self._versions
            if is_whole and line.version == 1 and not _names(line, asked.repository):
                raise Tampered(f"{where} is not of the repository asked for")
        if is_whole:
            self._follow(line, asked, where)

    def _follow(self, line: EventLine, asked: Asked, where: str) -> None:
        # What is asked for from a later position on begins in the middle of a stream.
        begins = 1 if asked.first == 1 else line.version
        expected = self._versions.get(line.stream, begins - 1) + 1
        if line.version != expected:
            raise Tampered(
                f"removed: version {expected} of {line.stream}, before {where}"
            )
        self._versions[line.stream] = line.version

    def _end(self, end: End) -> None:
        assert self._header is not None
        asked = self._header.asked
        if asked.is_everything and self._position < asked.last:
            raise Tampered(f"removed: the event at position {self._position + 1}")
        if asked.environment and asked.first == 1 and not self._versions:
            raise Tampered("removed: every event of the environment's own stream")
        if end.events != self._events:
            raise Tampered(
                f"removed: there are {self._events} events and not {end.events}, up to"
                f" position {self._position}"
            )
        if end.sha256 != self._digest.hexdigest():
            raise Tampered(
                "the bundle is not as it was written, though each event in it is as it"
                " was sealed"
            )
        self._is_over = True


def _names(line: EventLine, repository: str | None) -> bool:
    as_written = encode(repository or "").decode()[1:-1]
    return fold(as_written) in fold(line.state.decode(errors="replace"))
