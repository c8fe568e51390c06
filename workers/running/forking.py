"""The fork server's own process: has imported the handlers, and forks keepers.

    python -I -m workers.running.forking PARENT

Standard input is a socket to the worker. One byte with three descriptors asks for one
task; the end of the socket ends this process. It has one thread: to fork with more
may deadlock.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from workers.embedded.launch import die_with_parent
from workers.running.handlers import Handler, Handlers
from workers.running.keeper import DESCRIPTORS, stand_by
from workers.running.system import adopt_orphans, children, kill, ring_on_child
from workers.running.task import Loaded
from workers.running.wire import LENGTH, Ready, Setting, frame

_AGAIN_SECONDS: Final = 0.05
SPARES: Final = 4  # a fork takes milliseconds, which nobody should wait for


class Forking:
    """Keepers that stand by for a task, and those that have one."""

    def __init__(self, worker: socket.socket, handlers: Loaded, root: str) -> None:
        self._worker = worker
        self._handlers = handlers
        self._root = root
        self._spares: list[tuple[int, socket.socket]] = []
        self._keepers: set[int] = set()

    def serve(self) -> None:
        """Hand each request to a keeper; end with the worker."""
        worker, bell = self._worker.fileno(), ring_on_child()
        while True:
            patience = 0 if len(self._spares) < SPARES else None
            ready, _, _ = select.select([worker, bell], [], [], patience)
            if bell in ready:
                os.read(bell, 1024)
                self._reap()
            if worker in ready:
                word, descriptors, _, _ = socket.recv_fds(self._worker, 1, DESCRIPTORS)
                if not word:
                    return
                self._hand_over(descriptors)
            elif not ready:
                self._fork()

    def _hand_over(self, descriptors: list[int]) -> None:
        """If that fails, the worker sees its channel to the keeper closed."""
        if not self._spares:
            self._fork()
        if self._spares and len(descriptors) == DESCRIPTORS:
            _, link = self._spares.pop(0)
            with link, suppress(OSError):
                socket.send_fds(link, [b"T"], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self) -> None:
        # After days of waiting, whatever tidies /tmp may have taken it away.
        Path(self._root).mkdir(mode=0o700, exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                keeper = os.fork()
            except OSError as error:
                ours.close()
                sys.stderr.write(f"no process for a task: {error}\n")
                time.sleep(_AGAIN_SECONDS)
                return
            if keeper == 0:
                self._worker.close()
                ours.close()
                for _, link in self._spares:
                    link.close()
                stand_by(self._handlers, theirs, self._root)
        self._keepers.add(keeper)
        self._spares.append((keeper, ours))

    def _reap(self) -> None:
        """Forget the keepers that ended. If one was killed, its task came to us."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                self._keepers.discard(ended[0])
        for keeper, link in self._spares:
            if keeper not in self._keepers:
                link.close()
        self._spares = [one for one in self._spares if one[0] in self._keepers]
        for child in set(children()) - self._keepers:
            kill(child)


def _load(references: dict[str, str]) -> Loaded:
    """Import every handler; of those that cannot be imported, keep the reason."""
    handlers = Handlers(references)
    loaded: dict[str, Handler | str] = {}
    for name in references:
        try:
            loaded[name] = handlers[name]
        except Exception as error:  # noqa: BLE001 - the other handlers are not to blame
            loaded[name] = (
                f"its handler cannot be used: {type(error).__name__}: {error}"
            )
    return loaded


def _threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def main() -> None:
    die_with_parent(signal.SIGKILL, int(sys.argv[1]))
    adopt_orphans()
    worker = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    with worker.makefile("rb") as reading:
        (length,) = LENGTH.unpack(reading.read(LENGTH.size))
        setting = msgspec.json.decode(reading.read(length), type=Setting)
    handlers = _load(setting.references)
    unusable = {name: why for name, why in handlers.items() if isinstance(why, str)}
    timeouts = {
        name: handler.timeout_seconds
        for name, handler in handlers.items()
        if isinstance(handler, Handler)
    }
    worker.sendall(frame(Ready(timeouts, unusable, _threads())))
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, every page
    Forking(worker, handlers, setting.root).serve()


if __name__ == "__main__":
    main()
