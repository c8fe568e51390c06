"""README's walk is pasted into a shell as it stands, beside a fresh Berth."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import free_port

ROOT = Path(__file__).parents[2]
WALK = re.compile(r"^## A walk.*?(?=^## )", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
WALK_SECONDS_MAX = 90
# What README calls `curl` says, besides, whether the answer was a success.
CURL = """
curl() { command curl --fail-with-body "$@" || echo "$*" >> refused; }
touch refused
"""
STARTS = (
    "make org",
    "BERTH_SALESFORCE_HOSTS=http://127.0.0.1:9090 make up",
)


@contextmanager
def started(folder: Path, ready: str, *words: str, **settings: str) -> Iterator[None]:
    """A command that has said `ready`; it ends with the block."""
    command = [sys.executable, "-m", *words]
    with (folder / f"{words[0]}.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=log
        )
        assert process.stdout
        try:
            assert any(ready in line.decode() for line in process.stdout)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def test_every_command_of_the_walk_succeeds(tmp_path: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("the walk takes curl")
    walk = WALK.search((ROOT / "README.md").read_text())
    assert walk
    starts, *blocks = BLOCK.findall(walk[0])
    assert [line.split("  ")[0] for line in starts.splitlines()] == list(STARTS)
    port, org_port = free_port(), free_port()
    said = ports(CURL + "".join(blocks), port, org_port)
    hosts = f"http://127.0.0.1:{org_port}"
    with (
        started(tmp_path, "run Berth", "tests.support.fake_org", *of("port", org_port)),
        started(
            tmp_path,
            "Berth is ready",
            "api",
            "up",
            *of("data-dir", tmp_path / ".berth"),
            *of("port", port),
            BERTH_SALESFORCE_HOSTS=hosts,
        ),
    ):
        answers = walked(tmp_path, said)
    assert (tmp_path / "refused").read_text() == ""
    check_proof(answers)
    check_tasks(answers)


def ports(script: str, port: int, org_port: int) -> str:
    return script.replace(":8080", f":{port}").replace(":9090", f":{org_port}")


def of(name: str, value: object) -> tuple[str, str]:
    return f"--{name}", str(value)


def walked(folder: Path, script: str) -> list[Any]:
    """What the commands printed: JSON each, those at once in any order."""
    shell = subprocess.run(
        ["bash", "-u"],
        cwd=folder,
        input=script,
        capture_output=True,
        text=True,
        timeout=WALK_SECONDS_MAX,
        check=True,
    )
    assert shell.stderr == ""
    return list(documents(shell.stdout))


def documents(text: str) -> Iterator[Any]:
    decoder, end = json.JSONDecoder(), 0
    while rest := text[end:].lstrip():
        document, length = decoder.raw_decode(rest)
        end = len(text) - len(rest) + length
        yield document


def check_proof(answers: list[Any]) -> None:
    """Credentials, and one fence in the lock, the release and the audit."""
    first, second = [a for a in answers if "sfdxAuthUrl" in a]
    assert first["sfdxAuthUrl"].startswith("force://PlatformCLI::")
    assert all(first[key] for key in ("accessToken", "instanceUrl", "frontDoorUrl"))
    assert second["fence"] == first["fence"] + 1
    [published] = [a for a in answers if "publishedBy" in a]
    records = [
        r for a in answers if isinstance(a, list) for r in a if "access_type" in r
    ]
    told = [(r["access_details"], r["accessed_by"]) for r in records]
    [(release, by)] = [t for t in told if t[0]["action"] == "release_published"]
    grants = [t for t, _ in told if t["action"] == "lock_granted"]
    assert by == "ci-pipeline"
    assert published["fence"] == release["fence"] == first["fence"]
    holders = {t["fence"]: t["ticket_id"] for t in grants}
    assert holders[release["fence"]] == release["ticket_id"] == first["ticketId"]
    assert len(holders) == 2


def check_tasks(answers: list[Any]) -> None:
    """One cancelled, one given back, and a look taken five times."""
    [cancelled] = [a for a in answers if said(a, "state") == "cancelled"]
    assert cancelled["type"] == "fetchReviewEnvironment"
    [stopped] = [a for a in answers if "stoppedAt" in a]
    assert stopped["totalExecutions"] == 5
    [instances] = [
        a for a in answers if isinstance(a, list) and any("scheduleId" in i for i in a)
    ]
    results = [i["result"] for i in instances if i["status"] == "completed"]
    assert len(instances) == 5
    assert results


def said(answer: Any, name: str) -> Any:
    return answer.get(name) if isinstance(answer, dict) else None
