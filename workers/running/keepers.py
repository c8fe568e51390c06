"""The keepers: as many as tasks run at once, and a few spares."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Final

from workers.running.keeper import DESCRIPTORS, keep
from workers.running.system import children, kill, ring_on_child
from workers.running.task import Loaded

SPARES: Final = 4  # a fork takes milliseconds, which nobody should wait for
_AGAIN_SECONDS: Final = 0.05
_REVIEW_SECONDS: Final = 10
# Together less than the worker waits for when it leaves.
_END_SECONDS_MAX: Final = 3
_KILL_SECONDS_MAX: Final = 1


class Keepers:
    """Processes that have a task each, or stand by for one."""

    def __init__(self, worker: socket.socket, handlers: Loaded, root: str) -> None:
        self._worker = worker
        self._handlers = handlers
        self._root = root
        self._links: dict[int, socket.socket] = {}  # of every keeper
        self._idle: deque[int] = deque()  # first who has been so for the longest
        self._fewest_idle = 0  # since the last review
        self._review_at = time.monotonic() + _REVIEW_SECONDS
        self._bell = ring_on_child()
        self._poll = select.poll()  # of the worker, the bell, and who has a task
        self._poll.register(worker, select.POLLIN)
        self._poll.register(self._bell, select.POLLIN)
        self._polled: dict[int, int] = {}  # a link's descriptor: whose it is

    def serve(self) -> None:
        """Hand each request to a keeper; end with the worker, and they before us."""
        while True:
            short = len(self._idle) < SPARES
            ready = self._poll.poll(0 if short else _REVIEW_SECONDS * 1000)
            for descriptor, _ in ready:
                if descriptor == self._bell:
                    os.read(self._bell, 1024)
                    self._reap()
                elif descriptor in self._polled:
                    self._take_back(descriptor)
                elif descriptor == self._worker.fileno():
                    if not self._idle:  # before we hold what it must not inherit
                        self._fork()
                    word, given, _, _ = socket.recv_fds(self._worker, 1, DESCRIPTORS)
                    if not word:
                        return self._end()
                    self._hand_over(given)
            if short and not ready:
                self._fork()
            if time.monotonic() > self._review_at:
                self._let_go()

    def _hand_over(self, descriptors: list[int]) -> None:
        """If that fails, the worker sees its channel to the keeper closed."""
        if self._idle and len(descriptors) == DESCRIPTORS:
            keeper = self._idle.popleft()
            link = self._links[keeper]
            with suppress(OSError):  # it has ended, of which we shall hear
                socket.send_fds(link, [b"T"], descriptors)
                self._polled[link.fileno()] = keeper
                self._poll.register(link, select.POLLIN)
        self._fewest_idle = min(self._fewest_idle, len(self._idle))
        for descriptor in descriptors:
            os.close(descriptor)

    def _take_back(self, descriptor: int) -> None:
        """It has seen its task to the end, and makes ready for the next; or died."""
        keeper = self._polled.pop(descriptor)
        self._poll.unregister(descriptor)
        with suppress(OSError):
            if self._links[keeper].recv(1):
                self._idle.append(keeper)

    def _fork(self) -> None:
        """One more, unless there is no room for it just now."""
        try:
            self._fork_one()
        except OSError as error:
            sys.stderr.write(f"no process for a task: {error}\n")
            time.sleep(_AGAIN_SECONDS)

    def _fork_one(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                keeper = os.fork()
            except OSError:
                ours.close()
                raise
            if keeper == 0:
                for other in (self._worker, ours, *self._links.values()):
                    other.close()
                keep(self._handlers, theirs, self._root)
        self._links[keeper] = ours
        self._idle.append(keeper)

    def _reap(self) -> None:
        """Forget the keepers that ended. If one was killed, its task came to us."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                self._forget(ended[0])
        with suppress(OSError):  # no more files can be opened to look at them
            for child in set(children()) - self._links.keys():
                kill(child)

    def _forget(self, keeper: int) -> None:
        link = self._links.pop(keeper, None)
        if link:
            if self._polled.pop(link.fileno(), None):
                self._poll.unregister(link)
            link.close()
        with suppress(ValueError):
            self._idle.remove(keeper)

    def _let_go(self) -> None:
        """End those that were spare ever since the last time."""
        for _ in range(self._fewest_idle - SPARES):
            self._links[self._idle.pop()].close()
        self._fewest_idle = len(self._idle)
        self._review_at = time.monotonic() + _REVIEW_SECONDS

    def _end(self) -> None:
        """Each ends its task, which the worker has given up, and then itself."""
        for link in self._links.values():
            link.close()
        self._reap_all(_END_SECONDS_MAX)
        for keeper in self._links:  # it was stopped, or cannot end its task
            kill(keeper)
        self._links.clear()
        self._reap_all(_KILL_SECONDS_MAX)
        if left := children():
            sys.stderr.write(f"processes of tasks that do not end: {left}\n")

    def _reap_all(self, seconds_max: float) -> None:
        """Until none is left, or for so long."""
        until = time.monotonic() + seconds_max
        self._reap()
        while (self._links or children()) and (left := until - time.monotonic()) > 0:
            if select.select([self._bell], [], [], left)[0]:
                os.read(self._bell, 1024)
            self._reap()
