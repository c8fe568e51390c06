"""The parent of one task after another: ends each and all that it started.

It listens to the worker on `channel`: T asks the task's process group to stop, K ends
it, and so does the end of the worker. It says its own process id; the task's wait
status, once all processes have ended; and closes it when the folder is gone.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from workers.running.folders import made, remove
from workers.running.held import hold
from workers.running.system import adopt_orphans, children, kill, ring_on_child
from workers.running.task import Loaded, carry_out

TERMINATE: Final = b"T"
KILL: Final = b"K"
AGAIN: Final = b"A"
NUMBER: Final = struct.Struct("=i")
DESCRIPTORS: Final = 3  # the channel, the task's line to the worker, and its output
_AGAIN_SECONDS: Final = 0.05


def keep(handlers: Loaded, link: socket.socket, root: str) -> NoReturn:
    """See to one task after another, until `link` to the fork server ends.

    The fork server passes on the descriptors of a task when this process has none.
    Whatever the task's descendants do (new sessions, orphans), they come to this
    process, and so it is known whose they were. It runs no handler itself: what it
    forks is always as new.
    """
    adopt_orphans()
    bell = ring_on_child()
    try:
        while _see_to_one(handlers, link, root, bell):
            link.sendall(AGAIN)
    except (ConnectionError, FileNotFoundError):  # its worker, or it, has ended
        pass
    except OSError as error:  # of which there will be fewer in a moment
        sys.stderr.write(f"no process for a task: {error}\n")
        time.sleep(_AGAIN_SECONDS)
    finally:
        with suppress(OSError):  # the last to go; else there are the others' folders
            Path(root).rmdir()
        os._exit(0)


def _see_to_one(handlers: Loaded, link: socket.socket, root: str, bell: int) -> bool:
    """Have a process ready for the next task, and see that to its end.

    False if there is none, for the fork server has ended or needs us no more.
    """
    folder = made(root)
    holding = hold(Path(folder).parent)
    keeper = os.getpid()
    try:
        to_task, from_keeper = socket.socketpair()
        with to_task, from_keeper:
            task = os.fork()
            if task == 0:
                link.close()
                to_task.close()
                carry_out(handlers, keeper, from_keeper, folder)
            from_keeper.close()
            channel = _pass_on(link, to_task)
        if channel:
            _obey(channel, bell, task)
        status = _end(task)
        if channel:
            _tell(channel, status)
    finally:
        remove(Path(folder))
        os.close(holding)
    if channel:
        channel.close()
    return channel is not None


def _tell(channel: socket.socket, number: int) -> bool:
    """Whether anybody is left to hear it."""
    try:
        channel.sendall(NUMBER.pack(number))
    except OSError:
        return False
    return True


def _pass_on(link: socket.socket, to_task: socket.socket) -> socket.socket | None:
    """Give the task what is its, and return the channel to its worker.

    None if there will be no task.
    """
    try:
        _, descriptors, _, _ = socket.recv_fds(link, 1, DESCRIPTORS)
    except ConnectionResetError:  # it ended before it read what we last said
        return None
    if len(descriptors) != DESCRIPTORS:
        return None
    line, output = descriptors[1:]
    channel = socket.socket(fileno=descriptors[0])
    if is_wanted := _tell(channel, os.getpid()):
        with suppress(OSError):  # it has ended already, which will be seen
            socket.send_fds(to_task, [b"T"], [line, output])
    else:  # its worker has given it up
        channel.close()
    os.close(line)
    os.close(output)
    return channel if is_wanted else None


def _obey(channel: socket.socket, bell: int, task: int) -> None:
    """Pass on what the worker says, until the task has ended or is to end."""
    while not _has_ended(task):
        ready, _, _ = select.select([channel.fileno(), bell], [], [])
        if bell in ready:
            os.read(bell, 1024)
        if channel.fileno() in ready:
            said = _heard(channel)
            if not said or KILL in said:
                return
            _signal(task, signal.SIGTERM)


def _heard(channel: socket.socket) -> bytes:
    """What the worker says; nothing once it has ended."""
    try:
        return channel.recv(64)
    except ConnectionResetError:  # it ended before it read what we last said
        return b""


def _has_ended(task: int) -> bool:
    """Left unreaped, so that its number stays its own, and its group's."""
    return os.waitid(os.P_PID, task, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(task: int) -> int:
    """End the task's group, then whoever had left it; return the task's status."""
    ended = _has_ended(task)
    _signal(task, signal.SIGKILL)
    if not ended:
        kill(task)
    _, status = os.waitpid(task, 0)
    while True:  # whose parent ends becomes our child, so there may be more each time
        for child in children():
            kill(child)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return status


def _signal(task: int, number: signal.Signals) -> None:
    try:
        os.killpg(task, number)
    except ProcessLookupError:  # it is about to make that group
        with suppress(ProcessLookupError):
            os.kill(task, number)
    except PermissionError:  # macOS says so of a group that has ended
        pass
