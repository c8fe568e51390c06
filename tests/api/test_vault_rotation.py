"""Another key for the vault while two processes serve, and then without the old one."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.roles import Role
from tests.support.client import Json, made, refused, unique
from tests.support.loaded import said
from tests.support.running import Api, Installation, until
from tests.support.servers import Servers, migrated_database

ORGS = 30
ROUNDS_AROUND = 3


def key(version: int) -> str:
    return f"{version}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


FIRST, SECOND = key(1), key(2)
BOTH = f"{FIRST},{SECOND}"


@pytest.fixture
def own(
    installation: Installation, servers: Servers, tmp_path: Path
) -> Iterator[Installation]:
    """A database of its own, with the first key."""
    with migrated_database(servers) as url:
        changed = {"BERTH_DATABASE_URL": url, "BERTH_VAULT_KEYS": FIRST}
        yield Installation(installation.environment | changed, tmp_path)


def rotate(own: Installation, *arguments: str, **settings: str) -> tuple[int, str]:
    """The exit code of `berth vault rotate`, and what it says."""
    return said("vault", "rotate", *arguments, **own.environment | settings)


def log_of(own: Installation, name: str) -> str:
    return (own.folder / f"{name}.log").read_text()


class Traffic:
    """Registers orgs, locks their environments, and looks what the holder is told."""

    def __init__(self, processes: list[Api]) -> None:
        self.rounds = 0
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._callers = [api.caller(Role.OWNER, "olga") for api in processes]

    def add(self) -> Json:
        """An environment with an org of its own, whose secret goes with it."""
        owner, secret = self._callers[0], unique("secret")
        org = owner.org(auth_url(secret))
        environment = owner.environment(salesforceUsername=org)
        return environment | {"secret": secret}

    def run(self, environments: list[Json]) -> None:
        while not self._stop.is_set():
            for number, environment in enumerate(environments):
                self.once(environment, number)
            self.rounds += 1

    def once(self, environment: Json, number: int) -> None:
        """Registered anew through one process; acquired through the other, or here."""
        here, there = self._callers[number % 2], self._callers[(number + 1) % 2]
        environment["secret"] = unique("secret")
        here.org(
            auth_url(environment["secret"]), username=environment["salesforceUsername"]
        )
        for caller in (here, there):
            lock = caller.lock(environment)
            held = lock.acquire(lock.ticket(), 20)
            if not held.is_success or environment["secret"] not in held.text:
                self.wrong.append(held.text)
            made(lock.release(held.json()["ticketId"]))
        keys = {"Idempotency-Key": unique("key")}
        first, again = (
            caller.ask("POST", "/application-tokens", {"name": "ci"}, headers=keys)
            for caller in (here, there)
        )
        if not first.is_success or first.content != again.content:
            self.wrong.append(first.text + again.text)

    def stop(self) -> None:
        self._stop.set()


def auth_url(secret: str) -> str:
    return f"force://PlatformCLI::{secret}@acme.my.salesforce.com"


def test_while_the_key_is_changed_no_answer_is_wrong(
    own: Installation, pool: ThreadPoolExecutor
) -> None:
    with own.api("one") as one, own.api("two") as two:
        resting = Traffic([one, two])
        environments = [resting.add() for _ in range(ORGS)]
    busy = environments[: ORGS // 3]
    # One process has been told to encrypt with the new key, and one not yet: it can
    # read what is under it.
    staged = {"BERTH_VAULT_KEYS": BOTH, "BERTH_VAULT_VERSION": "1"}
    with (
        own.api("one", BERTH_VAULT_KEYS=BOTH) as one,
        own.api("two", **staged) as two,
    ):
        traffic = Traffic([one, two])
        running = pool.submit(traffic.run, busy)

        def further() -> Callable[[], bool]:
            goal = traffic.rounds + ROUNDS_AROUND
            return lambda: running.done() or traffic.rounds >= goal

        try:
            until(further())
            code, said = rotate(own, BERTH_VAULT_KEYS=BOTH)
            until(further())
        finally:
            traffic.stop()
        running.result()
        assert traffic.wrong == []
        assert code == 0, said
    code, said = rotate(own, BERTH_VAULT_KEYS=BOTH)
    assert code == 0
    assert f"Version 2 is in use: {ORGS} credentials" in said
    # Its kept answers are good for a day: until then, the first key is wanted.
    assert "Version 1 is in use: 0 credentials, " in said
    assert not [log for log in ("one", "two") if "vault" in log_of(own, log)]

    with own.api("one", BERTH_VAULT_KEYS=SECOND) as one:
        holder = one.caller(Role.OWNER)
        for environment in environments:
            held = holder.lock(environment).hold()
            assert held["sfdxAuthUrl"] == auth_url(environment["secret"])
        missing = "a vault key in use is missing"
        until(lambda: missing in log_of(own, "one"))
        assert '"key_version":1' in log_of(own, "one")


def test_without_the_key_a_process_says_so_and_which(own: Installation) -> None:
    with own.api("one") as one:
        environment = Traffic([one, one]).add()
    other = {"BERTH_VAULT_KEYS": SECOND, "BERTH_CREDENTIALS": "all"}
    with own.api("two", **other) as two, own.api("one") as one:
        path = f"/environments/{environment['id']}"
        owner = two.caller(Role.OWNER, "olga")
        ticket = one.caller(Role.OWNER, "olga").lock(environment).ticket()
        lock = owner.lock(environment)
        answers = [
            lock.request(),
            lock.acquire(ticket, 0),
            owner.get(path, authType="sfdxAuthUrl"),
            owner.get(path, authType="accessToken"),
            owner.get(f"{path}/frontdoor"),
            owner.get(f"{path}/artifacts"),
        ]
        for answer in answers:
            said = refused(answer, 503, "VAULT_CLOSED")
            assert said["message"] == "this process lacks version 1 of the vault's keys"
            assert answer.headers["retry-after"] == "5"
        # Whoever has the key tells the rest: the lock is the caller's since.
        held = made(one.caller(Role.OWNER, "olga").lock(environment).acquire(ticket, 0))
        assert held["sfdxAuthUrl"] == auth_url(environment["secret"])
    log = log_of(own, "two")
    assert log.count('"event":"vault closed"') == len(answers)
    assert log.count('"key_version":1') == len(answers) + 1
    assert "Traceback" not in log


def test_an_answer_under_a_key_that_is_still_to_come_is_not_lost(
    own: Installation,
) -> None:
    headers = {"Idempotency-Key": unique("key")}
    body = {"name": "ci"}
    with own.api("one", BERTH_VAULT_KEYS=BOTH) as one, own.api("two") as two:
        owner, late = one.caller(Role.OWNER, "olga"), two.caller(Role.OWNER, "olga")
        first = owner.ask("POST", "/application-tokens", body, headers=headers)
        answer = late.ask("POST", "/application-tokens", body, headers=headers)
        assert "version 2" in refused(answer, 503, "VAULT_CLOSED")["message"]
        again = owner.ask("POST", "/application-tokens", body, headers=headers)
        assert again.content == first.content
    assert '"key_version":2' in log_of(own, "two")


def test_a_key_that_is_missing_keeps_the_rotation_from_being_complete(
    own: Installation,
) -> None:
    with own.api("one") as one:
        Traffic([one, one]).add()
    code, said = rotate(own, BERTH_VAULT_KEYS=SECOND)
    assert code == 1
    assert "Left as it is: this process lacks version 1" in said
    assert "Traceback" not in said
    code, said = rotate(own, BERTH_VAULT_KEYS=BOTH)
    assert code == 0
    assert "1 credential put under version 2." in said
    assert "Version 1 is not in use: remove it from BERTH_VAULT_KEYS" in said


def test_the_folder_of_berth_up_is_given_a_key_and_loses_the_old_one(
    own: Installation, tmp_path: Path
) -> None:
    code, said = rotate(own, "--data-dir", str(tmp_path / "nowhere"))
    assert (code, "has no vault-key" in said) == (1, True)
    assert not (tmp_path / "nowhere").exists()
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    file = data_dir / "vault-key"
    file.write_text(FIRST.partition(":")[2])  # as `berth up` makes it up at first
    with own.api("one") as one:
        environment = Traffic([one, one]).add()
    for version in (2, 3):
        code, said = rotate(own, "--data-dir", str(data_dir))
        assert code == 0, said
        assert f"1 credential put under version {version}." in said
        assert f"Version {version - 1} was not in use, and is gone." in said
        keys = file.read_text().strip()
        assert keys.startswith(f"{version}:")
        assert "," not in keys
        assert file.stat().st_mode & 0o777 == 0o600
    with own.api("one", BERTH_VAULT_KEYS=keys) as one:
        held = one.caller(Role.OWNER).lock(environment).hold()
        assert held["sfdxAuthUrl"] == auth_url(environment["secret"])
