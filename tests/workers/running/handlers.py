"""Handlers that do what handlers should, and all that they should not."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from msgspec import Struct

from workers.running import Context, Refused, task
from workers.running.wire import Asked

Data = dict[str, Any]


class Greeting(Struct, forbid_unknown_fields=True):
    name: str
    times: int = 1


def greet(_context: Context, data: Greeting) -> list[str]:
    return [f"Hello {data.name}"] * data.times


@task(timeout_seconds=0.2, concurrency_key=lambda data: data.name, at_most=3)
def forgetful(_context: Context, _data: Greeting) -> None:
    while True:
        pass


def echo(_context: Context, data: Data) -> Any:
    return data


async def tell(context: Context, _data: Data) -> Data:
    context.progress(50, "half\0way")
    await asyncio.sleep(0)
    context.progress(1000)
    return {"operation": context.operation_id, "attempt": context.attempt}


def look_around(context: Context, _data: Data) -> Data:
    (context.folder / "file").write_text("x")
    return {
        "environment": dict(os.environ),
        "initial": Path("/proc/self/environ").read_text().split("\0"),
        "folder": str(context.folder),
        "here": str(Path.cwd()),
        "temporary": tempfile.gettempdir(),
        "descriptors": sorted(int(p.name) for p in Path("/proc/self/fd").iterdir())[
            :-1
        ],
        "leader": os.getsid(0) == os.getpid(),
        "threads": threading.active_count(),
        "pid": os.getpid(),
    }


def close_folder(context: Context, _data: Data) -> str:
    (context.folder / "inner").mkdir()
    (context.folder / "inner" / "file").touch()
    (context.folder / "inner").chmod(0)
    return str(context.folder)


def put_in_its_place(context: Context, data: Data) -> str:
    """A link in place of its folder, or a file if it is to lead nowhere."""
    context.folder.rmdir()
    if data["target"]:
        context.folder.symlink_to(data["target"])
    else:
        context.folder.touch()
    return str(context.folder)


def dig(context: Context, data: Data) -> str:
    """One folder in the other, each closed once there is another one in it."""
    for _ in range(data["levels"]):
        Path("inner").mkdir()
        Path("file").touch()
        os.chdir("inner")
        Path("..").chmod(0o500)
    return str(context.folder)


def fail(_context: Context, data: Data) -> None:
    raise LookupError(data.get("message", "no such thing"))


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def fail_unspeakably(_context: Context, _data: Data) -> None:
    raise Unspeakable


def leave(_context: Context, data: Data) -> None:
    sys.exit(data["code"])


def vanish(_context: Context, data: Data) -> None:
    os._exit(data["code"])


def crash(_context: Context, _data: Data) -> None:
    ctypes.string_at(0)


def hang(_context: Context, _data: Data) -> None:
    print("hanging")
    while True:
        signal.pause()


def tidy(_context: Context, _data: Data) -> None:
    try:
        hang(_context, _data)
    finally:
        print("tidied up")


async def tidy_async(_context: Context, _data: Data) -> None:
    try:
        print("hanging")
        await asyncio.Event().wait()
    finally:
        print("tidied up")


@task(heeds_cancel=True)
def heed(context: Context, _data: Data) -> str:
    print("hanging")
    while not context.is_cancelled:
        signal.pause()
    print("stopped by itself")
    return "as if nothing were the matter"


def ignore(_context: Context, _data: Data) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang(_context, _data)


def leave_children(context: Context, _data: Data) -> list[int]:
    """One in the task's group, one in a session of its own, one whose parent ended."""
    sleep = ["sleep", "600"]
    near = subprocess.Popen(sleep).pid
    far = subprocess.Popen(sleep, start_new_session=True).pid
    script = "setsid sleep 600 >/dev/null 2>&1 & echo $!"
    orphan = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    context.log(f"pids {os.getpid()} {near} {far} {int(orphan.stdout)}")
    return [near, far, int(orphan.stdout)]


def leave_children_and_hang(context: Context, data: Data) -> None:
    leave_children(context, data)
    hang(context, data)


def multiply(_context: Context, _data: Data) -> str:
    for _ in range(6):
        os.fork()
    return "each of them returns"


def close_all(_context: Context, _data: Data) -> str:
    os.closerange(0, 1024)
    return "nobody hears it"


def babble(_context: Context, data: Data) -> None:
    os.write(3, bytes.fromhex(data["hex"]))
    signal.pause()


def kill_keeper(context: Context, data: Data) -> None:
    leave_children(context, data)
    (context.folder / "left").touch()
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()


def stop_keeper(context: Context, data: Data) -> None:
    """As good as a process that cannot be ended: its keeper hears of nothing."""
    os.kill(os.getppid(), signal.SIGSTOP)
    leave_children_and_hang(context, data)


def write(_context: Context, data: Data) -> None:
    chunk = bytes.fromhex(data["hex"]) * data.get("times", 1)
    for _ in range(data.get("chunks", 1)):
        written = 0
        while written < len(chunk):
            written += os.write(1, chunk[written:])


def give(_context: Context, data: Data) -> Any:
    nested: list[Any] = []
    for _ in range(500):
        nested = [nested]
    endless: list[Any] = []
    endless.append(endless)
    return {
        "object": object(),
        "surrogate": "\ud800",
        "endless": endless,
        "nul": ["a\0b"],
        "nested": nested,
        "large": "x" * (100 << 20 if data["what"] == "large" else 0),
    }[data["what"]]


def ask(context: Context, data: Data) -> Any:
    try:
        return context.ask("weather", place=data["place"])
    except Refused as refused:
        return {"code": refused.code, "message": str(refused)}


def wait_for_answer(context: Context, _data: Data) -> None:
    try:
        context.ask("never")
    finally:
        context.log(context.ask("weather", place="port"))


def ask_and_leave(context: Context, _data: Data) -> str:
    """As when a thread asks, and nobody waits for it."""
    context.progress(100)
    context._line.say(Asked(1, "never", {}))
    return "done"


def spill(context: Context, data: Data) -> Any:
    told = context.credentials(environment_id="e1")
    print(repr(told), told, told["accessToken"], json.dumps(told))
    context.progress(1, told["accessToken"])
    match data["how"]:
        case "raise":
            raise ValueError(told["accessToken"] + told["sfdxAuthUrl"])
        case "at length":  # so that a secret lies where it is cut, and again
            said = "." * data["before"] + told["accessToken"] * 10_000
            context.progress(2, said)
            raise ValueError(said)
        case "exit":
            sys.exit(told["accessToken"])
        case _:
            return {"token": told["accessToken"], "user": told["username"]}


def stand_by(context: Context, _data: Data) -> str:
    with context.waiting():
        return str(context.ask("weather", place="port"))


def report_pid(_context: Context, _data: Data) -> int:
    return os.getpid()
