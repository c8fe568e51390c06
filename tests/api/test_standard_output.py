"""What a command writes is written, or it says why not; `head` may read no further."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from signal import SIGTERM

from api.commands.verification import UNREADABLE

WRITING = """
import sys
from api.commands.standard_output import standard_output

with standard_output() as file:
    for _ in range(int(sys.argv[1])):
        file.write(b"an event, and another one\\n")
        sys.stdout.write("")
print("all is written", file=sys.stderr)
"""
TAKING_LONG = """
import sys, time
from pathlib import Path
from api.commands.log_commands import opened

with opened(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    print("begun", flush=True)
    while True:
        time.sleep(1)
"""


def writing(lines: int, stdout: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", WRITING, str(lines)]
    return subprocess.Popen(words, stdout=stdout, stderr=subprocess.PIPE)


def test_a_full_disk_is_told_also_of_what_was_little() -> None:
    """Python itself would notice only at the very end, after all is said."""
    for lines in 1, 100_000:
        with Path("/dev/full").open("wb") as full:
            process = writing(lines, stdout=full.fileno())
            _, told = process.communicate()
        assert process.returncode == 1
        assert b"all is written" not in told
        assert b"Exception ignored" not in told
        assert b"No space left on device" in told.splitlines()[-1]


def test_whoever_reads_no_further_is_told_nothing() -> None:
    with writing(1_000_000, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"an event, and another one\n"
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_what_is_half_written_goes_with_whoever_is_ended(tmp_path: Path) -> None:
    out = tmp_path / "all.ndjson"
    out.write_bytes(b"of yesterday")
    words = [sys.executable, "-c", TAKING_LONG, str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        assert len([*tmp_path.iterdir()]) == 2
        process.send_signal(SIGTERM)
    assert process.returncode == 128 + SIGTERM
    assert [*tmp_path.iterdir()] == [out]
    assert out.read_bytes() == b"of yesterday"


def test_what_is_found_and_cannot_be_told_is_not_taken_for_tampering() -> None:
    """Exit code 1 would say just that."""
    words = [sys.executable, "-m", "api", "verify", "/dev/null"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == UNREADABLE
    assert b"No space left on device" in done.stderr


def test_nor_is_what_nobody_reads_or_could_read() -> None:
    words = [sys.executable, "-m", "api", "verify", "/dev/null"]
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as nobody:
        nobody.wait()
        done = subprocess.run(words, stdout=nobody.stdin, check=False)
    assert done.returncode == UNREADABLE
    closed = ["sh", "-c", '"$@" >&-', "sh", *words]
    done = subprocess.run(closed, stderr=subprocess.PIPE, check=False)
    assert done.returncode == UNREADABLE
    assert done.stderr == b"berth: [Errno 9] Bad file descriptor\n"
