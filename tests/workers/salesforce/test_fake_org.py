"""The made-up org by itself: the command that the documents name."""

from __future__ import annotations

import subprocess
import sys

import httpx2

from tests.support.running import free_port
from workers.salesforce import parse_auth_url


def test_it_says_what_to_register_and_answers() -> None:
    words = ["-m", "tests.support.fake_org", "--port", str(free_port())]
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = [process.stdout.readline().split() for _ in range(3)]
        auth_url = parse_auth_url(lines[1][1])
        origin = lines[2][-1].partition("=")[2]
        form = {
            "grant_type": "refresh_token",
            "client_id": auth_url.client_id,
            "refresh_token": auth_url.refresh_token,
        }
        answer = httpx2.post(f"{origin}/services/oauth2/token", data=form)
        process.terminate()
    assert answer.json()["instance_url"] == origin
