"""The log: a JSON object a line, each of the request that it is about."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.roles import Role
from tests.support.client import Json, unique
from tests.support.running import Installation


def lines(path: Path) -> Sequence[Json]:
    """All that was logged; each line must be JSON by itself."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def own(installation: Installation, tmp_path: Path) -> Installation:
    """The same, with logs of its own."""
    return Installation(installation.environment, tmp_path)


def test_each_request_has_a_line_that_says_whose_it_was_and_how_long(
    own: Installation,
) -> None:
    request_id = unique("request")
    with own.api("told") as api:
        ci = api.caller(Role.APPLICATION)
        headers = {"X-Request-Id": request_id, "Authorization": f"Bearer {ci.token}"}
        api.http.get("/environments?secret=5Aep861", headers=headers)
        api.http.get("/environments")
    told = lines(own.folder / "told.log")
    [mine] = [line for line in told if line.get("request_id") == request_id]
    assert mine.pop("duration_ms") > 0
    assert mine.pop("timestamp").endswith("Z")
    assert mine == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "route": "/sfp/api/environments",
        "status": 200,
        "request_id": request_id,
        "actor": ci.name,
    }
    [refused] = [line for line in told if line.get("status") == 401]
    assert "actor" not in refused
    assert refused["request_id"]
    assert "5Aep861" not in (own.folder / "told.log").read_text()


def test_a_line_for_each_request_can_be_turned_off(own: Installation) -> None:
    with own.api("quiet", BERTH_ACCESS_LOG="off") as api:
        api.caller(Role.OWNER).repository()
    assert not [x for x in lines(own.folder / "quiet.log") if x["event"] == "request"]


def test_what_libraries_log_is_json_too_with_exceptions_but_no_local_variables() -> (
    None
):
    told = logged(
        "def fail(password):\n    raise OSError('no such thing')\n"
        "try:\n    fail('5Aep861')\n"
        "except OSError:\n    logging.getLogger('uvicorn.error').exception('failed')\n"
        "logging.getLogger('httpx2').info('GET /?otp=5Aep861')\n"
        "logging.getLogger('httpcore2').debug('5Aep861')\n"
        "logging.getLogger('nats').debug('connected')\n"
        "structlog.get_logger().debug('half', of='\\ud800', at=Path('x'))\n"
    )
    assert [line["event"] for line in told] == ["failed", "connected", "half"]
    [raised] = told[0]["exception"]
    assert (raised["exc_type"], raised["exc_value"]) == ("OSError", "no such thing")
    assert [frame["name"] for frame in raised["frames"]] == ["<module>", "fail"]
    assert told[0]["logger"] == "uvicorn.error"
    assert told[2]["of"] == "\ud800"
    assert "5Aep861" not in json.dumps(told)


def test_below_the_level_nothing_is_told() -> None:
    told = logged(
        "structlog.get_logger().info('no')\n"
        "teller()({'event': 'no', 'level': 'info'})\n"
        "logging.getLogger('uvicorn.error').info('no')\n"
        "structlog.get_logger().warning('yes')\n"
        "logging.getLogger('nats').warning('yes')\n",
        level="warning",
    )
    assert [line["event"] for line in told] == ["yes", "yes"]


def test_the_short_way_to_a_line_is_the_same_line() -> None:
    """That of who answers a request: nothing but its instant is new."""
    long, short = logged(
        "from workers.logs import ASKED\n"
        "ASKED.set({'request_id': 'r1'})\n"
        "structlog.get_logger().info('request', status=200)\n"
        "teller()({'status': 200, 'event': 'request', 'level': 'info'})\n"
    )
    assert long.pop("timestamp") <= short.pop("timestamp")
    assert short == long


def logged(code: str, level: str = "debug") -> Sequence[Json]:
    """What a process of its own logs that runs `code`."""
    prelude = (
        "import logging, structlog\nfrom pathlib import Path\n"
        "from workers.logs import configure_logs, teller\n"
        f"configure_logs({level!r})\n"
    )
    words = [sys.executable, "-c", prelude + code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]
