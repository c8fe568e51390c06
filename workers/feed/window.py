"""The newest events in memory, without a gap, up to a bound."""

from __future__ import annotations

from collections.abc import Sequence

from workers.feed.entry import Entry

ENTRIES_MAX = 5_000
BYTES_MAX = 16 * 1024 * 1024


class Window:
    """Begins empty at a position; whoever stands before it must read elsewhere."""

    def __init__(self, tip: int) -> None:
        self.tip = self._start = tip
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
        return position >= self._start

    def after(self, position: int, limit: int, bytes_max: int) -> Sequence[Entry]:
        """At most `limit`, and no more once they are `bytes_max` long."""
        begin = position - self._start
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
        self._start += gone
        del self._entries[:gone]
