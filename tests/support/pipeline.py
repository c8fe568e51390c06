"""Whoever runs `berth lock` and `berth unlock` against a Berth, as a program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from tests.support.client import Caller, Json
from tests.support.loaded import Request, begun

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
        self._started: list[Run] = []

    def start(
        self, command: str, place: Json, *words: str, shell: str = "", **more: str
    ) -> Run:
        """`more` goes into the environment. `shell` is how one redirects the streams of
        a program that begins anew; without it there is a fork, as in `loaded`.

        A `place` without a name is whatever there is in its repository.
        """
        named = [place["name"]] if "name" in place else []
        told = self._folder / f"{len(self._started)}.told"
        environment = {
            "PATH": os.environ["PATH"],
            "BERTH_URL": self.url,
            "BERTH_TOKEN": self.caller.token,
            "BERTH_REPOSITORY": place["repositoryIdentifier"],
        } | more
        words = (command, *named, *words)
        reading, writing = os.pipe()
        with told.open("w") as log, os.fdopen(writing, "w") as output:
            if shell:
                berth = [sys.executable, "-m", "api"]
                process = subprocess.Popen(
                    ["sh", "-c", f'exec "$@" {shell}', "sh", *berth, *words],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                )
            else:
                request = Request(words, environment)
                process = begun(request, output.fileno(), log.fileno())
        run = Run(process, os.fdopen(reading), told)
        self._started.append(run)
        return run

    def run(
        self, command: str, place: Json, *words: str, shell: str = "", **more: str
    ) -> Done:
        return self.start(command, place, *words, shell=shell, **more).done()

    def close(self) -> None:
        """What a command has left behind may hold its output open."""
        for run in self._started:
            run.process.kill()
            run.process.wait()
            run.output.close()


class Run:
    """One that goes on."""

    def __init__(
        self, process: subprocess.Popen[bytes], output: TextIO, told: Path
    ) -> None:
        self.process = process
        self.output = output
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
        return self.output.readline()

    def signalled(self, number: int) -> Run:
        self.process.send_signal(number)
        return self

    def done(self) -> Done:
        code = self.process.wait(timeout=60)
        return Done(code, self.output.read(), self.told)


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
