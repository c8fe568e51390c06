"""docker-compose.yml and the Dockerfile, as far as can be told without a container."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from api.server import STOPPING_SECONDS_MAX
from tests.support.running import Api, Installation
from workers.embedded.nats import _program
from workers.settings import from_environment

ROOT = Path(__file__).parents[2]
# The Compose Specification's own schema, of compose-spec/compose-spec (Apache-2.0).
SCHEMA = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
OURS = ("api-1", "api-2", "worker", "migrate")
SECRETS = {
    "POSTGRES_PASSWORD": "ab" * 32,
    "NATS_TOKEN": "1e10" * 16,
    "BERTH_SECRET": "s" * 64,
    "BERTH_VAULT_KEYS": f"1:{'A' * 43}=",
}
VARIABLE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")
SECONDS = re.compile(r"(\d+)s")
HEALTH = re.compile(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])")


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """As Compose does it, with the default of what has no value."""

    def value(found: re.Match[str]) -> str:
        return values.get(found[1], (found[2] or "").removeprefix(":-"))

    return VARIABLE.sub(value, text)


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="module")
def compose(text: str) -> Any:
    return yaml.safe_load(filled_in(text, SECRETS))


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_it_is_what_the_specification_allows(compose: Any) -> None:
    validator = jsonschema_rs.validator_for(SCHEMA)
    assert [str(error) for error in validator.iter_errors(compose)] == []


def test_the_schema_can_tell(compose: Any) -> None:
    validator = jsonschema_rs.validator_for(SCHEMA)
    compose = json.loads(json.dumps(compose))
    compose["services"]["worker"]["read_onyl"] = True
    compose["services"]["proxy"]["depends_on"]["api-1"]["condition"] = "whenever"
    assert len(list(validator.iter_errors(compose))) >= 2


@pytest.mark.parametrize("name", OURS)
def test_each_process_is_set_up_as_the_settings_want(compose: Any, name: str) -> None:
    environment = compose["services"][name]["environment"]
    known = (ROOT / "workers" / "settings.py").read_text()
    assert not [key for key in environment if f'"{key}"' not in known]
    settings = from_environment(environment)
    grace = SECONDS.fullmatch(compose["services"][name].get("stop_grace_period", "10s"))
    assert grace
    stops_within = timedelta(seconds=settings.drain_seconds + STOPPING_SECONDS_MAX)
    if name == "worker":
        stops_within += timedelta(seconds=settings.tasks_end_within_seconds)
    assert timedelta(seconds=int(grace[1])) > stops_within


@pytest.mark.parametrize("name", OURS)
def test_each_process_can_do_little_but_its_work(compose: Any, name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert "volumes" not in service
    assert "ports" not in service


def test_only_the_proxy_is_to_be_reached_and_it_is_who_is_trusted(compose: Any) -> None:
    published = [name for name, one in compose["services"].items() if "ports" in one]
    assert published == ["proxy"]
    assert compose["services"]["proxy"]["ports"] == ["127.0.0.1:8080:8080"]
    address = compose["services"]["proxy"]["networks"]["berth"]["ipv4_address"]
    for name in ("api-1", "api-2"):
        environment = compose["services"][name]["environment"]
        assert environment["BERTH_TRUSTED_PROXIES"] == f"{address}/32"


def test_every_part_is_bounded_and_waits_for_what_it_needs(compose: Any) -> None:
    services = compose["services"]
    for service in services.values():
        assert {"cpus", "memory", "pids"} == {*service["deploy"]["resources"]["limits"]}
        assert service["restart"] in {"unless-stopped", "no"}
    for name in ("api-1", "api-2", "worker"):
        condition = services[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"
    assert services["worker"]["deploy"]["replicas"] == 2


def test_no_secret_has_a_default_and_each_is_told_how_to_make(text: str) -> None:
    example = (ROOT / ".env.example").read_text()
    asked = {name: default or "" for name, default in VARIABLE.findall(text)}
    required = {name for name, default in asked.items() if default.startswith(":?")}
    assert required == {*SECRETS}
    assert {*re.findall(r"^(\w+)=", example, re.MULTILINE)} == {*asked}
    for name in required:
        assert re.search(rf"^# .*openssl.*\n{name}=$", example, re.MULTILINE)
    ignored = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_nats_can_read_its_configuration(compose: Any, tmp_path: Path) -> None:
    """The very server: of a configuration that it cannot read, it says so."""
    content = compose["configs"]["nats"]["content"]
    assert nats_reads(tmp_path / "good.conf", content)
    assert not nats_reads(tmp_path / "bad.conf", content + "\njetstream { stor: 1")
    assert re.search(r"^\s*sync_interval: always$", content, re.MULTILINE)


def nats_reads(path: Path, content: str) -> bool:
    path.write_text(content)
    command = [str(_program()), "-t", "-c", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_what_is_run_are_commands_that_there_are(compose: Any, dockerfile: str) -> None:
    words = [sys.executable, "-m", "api", "--help"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    commands = [compose["services"][name]["command"] for name in OURS]
    commands.append(json.loads(dockerfile.rpartition("CMD ")[2]))
    for command in commands:
        assert re.search(rf"^│ {command[0]} ", listed, re.MULTILINE), command


def test_the_image_runs_as_nobody_in_particular(dockerfile: str) -> None:
    assert re.search(r"^USER \d+:\d+$", dockerfile, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    assert len(stages) == 2
    assert len({*stages}) == 1
    assert re.fullmatch(r"python:3\.\d+-slim", stages[0])


def test_the_image_is_made_of_what_there_is(dockerfile: str) -> None:
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for name in shlex.split(line)[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in sent


def test_the_health_check_knows_the_well_from_the_ill(
    dockerfile: str, api: Api
) -> None:
    """Also where one file serves all: each answers where it listens, and not both."""
    found = HEALTH.search(dockerfile)
    assert found
    _, *words = json.loads(found[1])

    def passes(**environment: str) -> bool:
        done = subprocess.run(
            [sys.executable, *words],
            env=os.environ | environment,
            capture_output=True,
            check=False,
        )
        assert not done.stderr
        return done.returncode == 0

    its = str(api.port)
    assert passes(BERTH_PORT=its)
    assert passes(BERTH_PORT=its, BERTH_METRICS_PORT="9")
    assert passes(BERTH_PORT="9", BERTH_METRICS_PORT=its)
    assert not passes(BERTH_PORT="9")
    assert not passes(BERTH_PORT="9", BERTH_METRICS_PORT="9")


def test_a_migration_without_its_database_says_so_in_a_line(
    installation: Installation,
) -> None:
    nowhere = {"BERTH_DATABASE_URL": "postgresql://berth:5Aep861@127.0.0.1:9/berth"}
    words = [sys.executable, "-m", "api", "migrate"]
    environment = installation.environment | nowhere
    done = subprocess.run(
        words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "berth: the database does not answer\n"
