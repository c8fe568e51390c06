"""`berth up` says where all is that one needs, and none of the secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.bench.installation import free_port

LAST = "Ctrl-C stops it."
OURS = ("BERTH_DATABASE_URL", "BERTH_NATS_URL")


def test_it_says_where_the_url_of_nats_is_and_not_what(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "api", "up", "--data-dir", str(folder)]
    settings = {name: of for name, of in os.environ.items() if name not in OURS}
    with subprocess.Popen(
        [*command, "--port", str(free_port())],
        env=settings,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said = ""
        while LAST not in said and (line := process.stdout.readline()):
            said += line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    [path] = [
        Path(line.partition(":")[2].strip())
        for line in said.splitlines()
        if line.startswith("URL of NATS:")
    ]
    url = path.read_text().strip()
    assert url.startswith("nats://")
    assert url not in said
    assert path.stat().st_mode & 0o777 == 0o600
