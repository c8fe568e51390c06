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
from pathlib import Path
from typing import Final

import msgspec

from workers.embedded.launch import die_with_parent
from workers.running.handlers import Handler, Handlers
from workers.running.keeper import keep
from workers.running.system import adopt_orphans, children, kill, ring_on_child
from workers.running.task import Loaded
from workers.running.wire import LENGTH, Ready, Setting, frame

DESCRIPTORS: Final = 3  # the keeper's channel, the task's line and its output


def serve(worker: socket.socket, handlers: Loaded, root: str) -> None:
    """Fork a keeper for each request, and end with the worker."""
    bell = ring_on_child()
    keepers: set[int] = set()
    while True:
        ready, _, _ = select.select([worker.fileno(), bell], [], [])
        if bell in ready:
            os.read(bell, 1024)
            _reap(keepers)
        if worker.fileno() in ready:
            word, descriptors, _, _ = socket.recv_fds(worker, 1, DESCRIPTORS)
            if not word:
                return
            if len(descriptors) == DESCRIPTORS:
                _fork(keepers, worker, handlers, descriptors, root)
            for descriptor in descriptors:
                os.close(descriptor)


def _fork(
    keepers: set[int],
    worker: socket.socket,
    handlers: Loaded,
    descriptors: list[int],
    root: str,
) -> None:
    try:
        keeper = os.fork()
    except OSError as error:  # too many processes: the worker sees its channel closed
        sys.stderr.write(f"no process for a task: {error}\n")
        return
    if keeper:
        keepers.add(keeper)
        return
    worker.close()
    channel, line, output = descriptors
    keep(handlers, socket.socket(fileno=channel), line, output, root)


def _reap(keepers: set[int]) -> None:
    """Forget the keepers that ended. If one was killed, its task came to us."""
    try:
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            keepers.discard(ended[0])
    except ChildProcessError:
        return
    for child in set(children()) - keepers:
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
    serve(worker, handlers, setting.root)


if __name__ == "__main__":
    main()
