"""The fork server's own process: has imported the handlers, and forks keepers.

    python -I -m workers.running.forking PARENT

Standard input is a socket to the worker. One byte with three descriptors asks for one
task; the end of the socket ends this process. It has one thread: to fork with more
may deadlock.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec

from workers.embedded.launch import die_with_parent
from workers.running.handlers import Handler, Handlers
from workers.running.keepers import Keepers
from workers.running.system import adopt_orphans
from workers.running.task import Loaded, words_of
from workers.running.wire import (
    LENGTH,
    MESSAGE_CHARACTERS_MAX,
    Ready,
    Setting,
    bounded,
    frame,
)


def _load(references: dict[str, str]) -> Loaded:
    """Import every handler; of those that cannot be imported, keep the reason."""
    handlers = Handlers(references)
    loaded: dict[str, Handler | str] = {}
    for name in references:
        try:
            loaded[name] = handlers[name]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the other handlers are not to blame
            words = bounded(words_of(error), MESSAGE_CHARACTERS_MAX)
            loaded[name] = (
                f"its handler cannot be used: {type(error).__name__}: {words}"
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
    Keepers(worker, handlers, setting.root).serve()


if __name__ == "__main__":
    main()
