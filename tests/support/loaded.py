"""Berth, imported once: each command that is asked for is a fork of this.

    python -m tests.support.loaded FD

A new interpreter takes longer to import it all than most tests take. (On Linux: who
asked adopts the fork, which is then a child like any other. Elsewhere there is a new
interpreter.)
"""

from __future__ import annotations

import atexit
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import CDLL
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from signal import SIGKILL
from tempfile import NamedTemporaryFile
from typing import NoReturn

import msgspec

from workers.embedded.launch import die_with_parent
from workers.supervisor import Command

REQUEST_BYTES_MAX = 200_000
PR_SET_CHILD_SUBREAPER = 36
ROOT = Path(__file__).parents[2]


class Request(msgspec.Struct):
    """A command of the command line, and its environment."""

    arguments: Sequence[str]
    environment: Mapping[str, str]


class Loaded:
    """The process that forks, from outside."""

    def __init__(self) -> None:
        self._line, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._turn = threading.Lock()
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(its.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                cwd=ROOT,
            )

    def fork(self, request: Request, output: int, errors: int) -> int:
        """The id of the process that carries it out, a child of this one by then."""
        told = msgspec.json.encode(request)
        with self._turn:
            adopt_orphans(True)
            try:
                socket.send_fds(self._line, [told], [output, errors])
                return int(self._line.recv(20))
            finally:
                adopt_orphans(False)


def adopt_orphans(yes: bool) -> None:
    CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes))


@cache
def loaded() -> Loaded:
    """The one of this process; it ends with it."""
    return Loaded()


class Forked(subprocess.Popen[bytes]):
    """A child that somebody else has started."""

    def __init__(self, pid: int) -> None:
        self.pid, self.returncode = pid, None
        self.args: list[str] = []
        self.stdin = self.stdout = self.stderr = None
        self._waitpid_lock = threading.Lock()
        self._child_created = True


def begun(request: Request, output: int, errors: int) -> subprocess.Popen[bytes]:
    """A child that carries it out, and writes to these."""
    if sys.platform == "linux":
        return Forked(loaded().fork(request, output, errors))
    else:
        return subprocess.Popen(
            [sys.executable, "-m", "api", *request.arguments],
            env=dict(request.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )


class LoadedCommand(Command):
    """`berth` with these arguments, as a fork."""

    def launch(self) -> None:
        assert self.log
        request = Request(self._arguments, self._environment)
        with self.log.open("ab") as log:
            self._process = begun(request, log.fileno(), log.fileno())
        self._group = self._process.pid


def said(*words: str, **environment: str) -> tuple[int, str]:
    """The exit code, and all that a command has written, of the command line.

    It knows of no installation unless it is told of one.
    """
    known = {k: v for k, v in os.environ.items() if not k.startswith("BERTH_")}
    with NamedTemporaryFile() as log:
        request = Request(words, known | environment)
        code = begun(request, log.fileno(), log.fileno()).wait()
        log.seek(0)  # Whoever wrote has moved on, and we with it.
        told = log.read().decode()
    assert "Traceback" not in told
    return code, told


def wait_for_requests(line: socket.socket) -> None:
    """Until nobody is left who could ask."""
    asking = os.getppid()
    gc.collect()
    gc.freeze()
    while (asked := socket.recv_fds(line, REQUEST_BYTES_MAX, 2))[0]:
        told, outputs, *_ = asked
        if os.fork() == 0:
            if os.fork():
                os._exit(0)  # So that the other one is adopted.
            while os.getppid() != asking:
                if not Path(f"/proc/{asking}").exists():
                    os._exit(1)  # It was ended before it could adopt anybody.
                time.sleep(0.001)
            os.setsid()
            line.send(str(os.getpid()).encode())
            line.close()
            carry_out(msgspec.json.decode(told, type=Request), outputs, asking)
        for output in outputs:
            os.close(output)
        os.wait()


def carry_out(request: Request, outputs: Iterable[int], asking: int) -> NoReturn:
    """What a new interpreter would do with it."""
    from api.__main__ import main  # noqa: PLC0415 - tests import this module, too

    die_with_parent(SIGKILL, asking)
    for stream, output in zip((sys.stdout, sys.stderr), outputs, strict=True):
        os.dup2(output, stream.fileno())
        os.close(output)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv[1:] = request.arguments
    code = exit_code_of(main)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in sys.stdout, sys.stderr:
        stream.flush()
    # To take all of the interpreter apart costs as much as to start a server.
    os._exit(code)


def exit_code_of(command: Callable[[], None]) -> int:
    """What its process would end with; it has said what an interpreter would say."""
    try:
        command()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - nobody else would show it
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    from litestar import Litestar

    from api.__main__ import app

    for name in app:
        app[name]  # Which loads it: what this is all about.
    Litestar()  # Much of it is loaded by the first application.
    for task in entry_points(group="berth.tasks"):
        task.load()
    wait_for_requests(socket.socket(fileno=int(sys.argv[1])))
