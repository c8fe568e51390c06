"""How many tasks run at once in a worker; what only waits takes up no slot of it."""

from __future__ import annotations

import asyncio

# A process each, which costs some memory.
WAITING_PER_SLOT_MAX = 8


class Slots:
    """Who goes on after waiting gets no slot back, which might never come.

    Meanwhile more may run than there are slots; no new task is begun until then.
    """

    def __init__(self, at_once: int) -> None:
        self.running = self.waiting = 0
        self._at_once = at_once
        self._freed = asyncio.Event()

    @property
    def is_full_of_waiting(self) -> bool:
        return self.waiting >= self._at_once * WAITING_PER_SLOT_MAX

    def free(self) -> int:
        """Less than none while somebody goes on who had waited."""
        return self._at_once - self.running

    async def one_free(self) -> None:
        while self.free() <= 0:
            self._freed.clear()
            await self._freed.wait()

    def freed(self) -> None:
        self.running -= 1
        self._freed.set()


class Slot:
    """Of one task, from when it came to its end."""

    def __init__(self, slots: Slots) -> None:
        self.is_waiting = self.is_over = False
        self._slots = slots
        slots.running += 1

    def wait(self) -> bool:
        """False if there are too many that wait already."""
        if self._slots.is_full_of_waiting:
            return self.is_waiting
        if not (self.is_waiting or self.is_over):
            self.is_waiting = True
            self._slots.waiting += 1
            self._slots.freed()
        return True

    def go_on(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            self._slots.waiting -= 1
            self._slots.running += 1

    def end(self) -> None:
        self.go_on()
        if not self.is_over:
            self.is_over = True
            self._slots.freed()
