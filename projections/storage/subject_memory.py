"""What one process remembers of people, so that hiding and showing are look-ups."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Raw

from projections.storage.subject_keys import Key, Tally

REMEMBERED_MAX = 50_000
K = TypeVar("K")
V = TypeVar("V")


class Memory:
    """What is remembered as long as nobody is erased."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.keys: dict[int, Key] = {}
        # How each name is stored; None: as it is, for up to the newest key it has none.
        self.names: dict[str, Raw | None] = {}
        # Of those who acted: whether they are people is certain of them alone.
        self.people: dict[str, Key | None] = {}
        self.origins: dict[tuple[str, str | None, str | None], Raw] = {}
        self.shown: dict[bytes, bytes] = {}

    def has_met(self, name: str) -> bool:
        """All that is known of a person; some may have been forgotten, being much."""
        return name in self.people and name in self.names

    def forget_strangers(self) -> None:
        """Who had no key may have been given one."""
        self.names = {n: raw for n, raw in self.names.items() if raw is not None}


def remember(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= REMEMBERED_MAX:
        known.clear()
    known[key] = value
