"""The newest events in memory, without a gap, up to a bound."""

from __future__ import annotations

from collections.abc import Sequence

from domain.record import Recorded
from workers.feed.entry import Entry

ENTRIES_MAX = 5_000
BYTES_MAX = 16 * 1024 * 1024


class Window:
    """Begins empty at a position; whoever stands before it must read elsewhere."""

    def __init__(self, start: int) -> None:
        self.tip = self.start = start
        self._entries: list[Entry] = []
        self._bytes = 0

    def add(self, entries: Sequence[Entry]) -> None:
        """Those that come next, all of them."""
        self._entries += entries
        self._bytes += sum(entry.size_bytes for entry in entries)
        self.tip += len(entries)
        if len(self._entries) > 2 * ENTRIES_MAX or self._bytes > BYTES_MAX:
            self._forget()

    def covers(self, position: int) -> bool:
        """Whether it has all there is after `position`."""
        return position >= self.start

    @property
    def last(self) -> Entry | None:
        """The newest of those that it has."""
        return self._entries[-1] if self._entries else None

    def has(self, record: Recorded) -> bool:
        """Whether it has this very event, and not another one at its position."""
        number = record.position - self.start - 1
        is_there = 0 <= number < len(self._entries)
        return is_there and self._entries[number].id == record.id

    def after(self, position: int, limit: int, bytes_max: int) -> Sequence[Entry]:
        """At most `limit`, and no more once they are `bytes_max` long."""
        begin = position - self.start
        found, size = self._entries[begin : begin + limit], 0
        for number, entry in enumerate(found, start=1):
            size += entry.size_bytes
            if size >= bytes_max:
                return found[:number]
        return found

    def _forget(self) -> None:
        """The oldest, so many that it need not be done again for a while."""
        gone, left = 0, len(self._entries)
        while left - gone > ENTRIES_MAX or self._bytes > BYTES_MAX // 2:
            self._bytes -= self._entries[gone].size_bytes
            gone += 1
        self.start += gone
        del self._entries[:gone]
