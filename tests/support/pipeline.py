"""Whoever runs `berth lock` and `berth unlock` against a Berth, as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.client import Caller, Json

# Whoever runs the tests in the background, as a shell's `&`, ignores these two.
MAIN = """
from signal import *
signal(SIGINT, default_int_handler)
signal(SIGQUIT, SIG_DFL)
from api.__main__ import main
main()
"""
# Says its ticket, and goes on until it is told to end.
ENDLESS = """
trap 'echo told; exit 9' TERM
echo $BERTH_TICKET_ID
while :; do sleep 0.05; done
"""


class Pipeline:
    """Whoever runs `berth lock` against a Berth."""

    def __init__(self, url: str, caller: Caller, folder: Path) -> None:
        self.caller = caller
        self.url = url
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self, command: str, place: Json, *words: str, streams: str = "", **more: str
    ) -> Run:
        """`streams` is how a shell redirects them, `more` goes into the environment.

        A `place` without a name is whatever there is in its repository.
        """
        named = [place["name"]] if "name" in place else []
        told = self._folder / f"{len(self._started)}.told"
        environment = {
            "PATH": os.environ["PATH"],
            "BERTH_URL": self.url,
            "BERTH_TOKEN": self.caller.token,
            "BERTH_REPOSITORY": place["repositoryIdentifier"],
        }
        shell = ["sh", "-c", f'exec "$@" {streams}', "sh"]
        with told.open("w") as log:
            process = subprocess.Popen(
                [*shell, sys.executable, "-c", MAIN, command, *named, *words],
                env=environment | more,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._started.append(process)
        return Run(process, told)

    def run(
        self, command: str, place: Json, *words: str, streams: str = "", **more: str
    ) -> Done:
        return self.start(command, place, *words, streams=streams, **more).done()

    def close(self) -> None:
        """What a command has left behind may hold its output open."""
        for process in self._started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


class Run:
    """One that goes on."""

    def __init__(self, process: subprocess.Popen[str], told: Path) -> None:
        self.process = process
        self._told = told

    @property
    def told(self) -> str:
        """What it said to whoever runs it."""
        return self._told.read_text()

    def ticket(self) -> str:
        """That of `ENDLESS`, once that has begun."""
        ticket = self.line().strip()
        assert ticket, self.told
        return ticket

    def line(self) -> str:
        """What its command says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def signalled(self, number: int) -> Run:
        self.process.send_signal(number)
        return self

    def done(self) -> Done:
        printed, _ = self.process.communicate(timeout=60)
        return Done(self.process.returncode, printed, self.told)


class Done:
    """How it ended, and what it and its command wrote."""

    def __init__(self, code: int, printed: str, told: str) -> None:
        self.code = code
        self.printed = printed
        self.told = told

    @property
    def lines(self) -> list[str]:
        """Berth's own."""
        return [n for n in self.told.splitlines() if n.startswith("berth: ")]

    @property
    def variables(self) -> Mapping[str, str]:
        lines = (line.partition("=") for line in self.printed.splitlines())
        return {name: value for name, _, value in lines}
