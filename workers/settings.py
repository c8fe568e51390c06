"""What an installation can set, each from one environment variable."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from domain.errors import Invalid
from domain.task.events import LOCAL
from projections.storage.failures import is_url
from projections.storage.keyring import Keyring
from workers.events.limits import StreamLimits
from workers.listening import ONLY_HERE, host_from
from workers.nats_servers import NatsServers, UnusableFile, servers_from
from workers.nats_urls import nats_servers_from
from workers.networks import Network, networks_from
from workers.salesforce_hosts import Hosts, hosts_from
from workers.sealing.outlet import CheckpointOutlets
from workers.trust import Issuer, TrustError, load_trust

SECRET_LENGTH_MIN = 32
KEY_BYTES = 32
DIGITS_MAX = 9
DAYS = range(1, 366)
PORTS = range(1, 65_536)
# So long may what does not heed its being stopped take to be killed.
LEAVING_SECONDS_MAX = 15.0
TASK_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
Choice = TypeVar("Choice", bound=StrEnum)


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message names it."""


class Credentials(StrEnum):
    """What the holder of a lock is told of the environment's org."""

    ALL = "all"
    ACCESS_TOKEN = "accessToken"  # noqa: S105 - the name of one
    AUTH_URL = "sfdxAuthUrl"


class LogLevel(StrEnum):
    """How much is logged: from this on."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(Struct, frozen=True):
    """`secret` signs the tokens; `vault_keys` encrypt credentials.

    `issuers` are those whose OIDC tokens are believed; `trusted_proxies`, the networks
    of those whose X-Forwarded-For is; `webhook_networks`, those that webhooks may reach
    though they are not public, and without TLS.
    `task_types` are those that workers in other languages take; `task_slots`, how many
    tasks one worker runs at once; `task_grace_seconds`, how long it lets them go on
    when it has to stop. What tasks come to is kept for `task_result_days`, and for
    `task_failure_days` if they fail.
    `events` bounds the stream of events in NATS; `checkpoints` go to NATS, and there.
    `drain_seconds` is how long an API that is stopped answers on; `metrics_port`, where
    a worker tells its metrics, if anywhere. `log_level` and `access_log` say how much
    is logged.
    `salesforce_check`: an org must prove to be its username's before it is registered.
    """

    database_url: str
    nats: NatsServers
    secret: bytes
    vault_keys: Keyring
    host: str = ONLY_HERE
    port: int = 8080
    issuers: Sequence[Issuer] = ()
    trusted_proxies: Sequence[Network] = ()
    webhook_networks: Sequence[Network] = ()
    salesforce_hosts: Hosts = Hosts()
    salesforce_check: bool = True
    credentials: Credentials = Credentials.ALL
    task_types: Sequence[str] = ()
    task_result_days: int = 7
    task_failure_days: int = 30
    task_slots: int = 16
    task_grace_seconds: float = 20.0
    events: StreamLimits = StreamLimits()
    checkpoints: CheckpointOutlets = CheckpointOutlets()
    drain_seconds: float = 0.0
    metrics_port: int | None = None
    log_level: LogLevel = LogLevel.INFO
    access_log: bool = True

    @property
    def tasks_end_within_seconds(self) -> float:
        """Those that run in a worker, once it is told to stop."""
        return self.task_grace_seconds + LEAVING_SECONDS_MAX

    def __repr__(self) -> str:
        return f"Settings(host={self.host!r}, port={self.port})"


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check everything at once; `SettingsError` names what is wrong."""
    result_days, failure_days = task_days_from(environment)
    return Settings(
        database_url=database_url_from(environment),
        nats=_nats(environment),
        secret=secret_from(environment),
        vault_keys=keyring_from(environment),
        host=host_from(environment),
        port=_whole(environment, "BERTH_PORT", 8080, PORTS),
        issuers=_issuers(environment),
        trusted_proxies=_networks(environment, "BERTH_TRUSTED_PROXIES"),
        webhook_networks=_networks(environment, "BERTH_WEBHOOK_NETWORKS"),
        salesforce_hosts=_salesforce_hosts(environment),
        salesforce_check=_is_on(environment, "BERTH_SALESFORCE_CHECK"),
        credentials=_one_of(environment, "BERTH_CREDENTIALS", Credentials.ALL),
        task_types=_task_types(environment),
        task_result_days=result_days,
        task_failure_days=failure_days,
        task_slots=_whole(environment, "BERTH_TASK_SLOTS", 16, range(1, 1_001)),
        task_grace_seconds=_whole(
            environment, "BERTH_TASK_GRACE_SECONDS", 20, range(3_601)
        ),
        events=StreamLimits(
            _whole(environment, "BERTH_EVENTS_MAX_AGE_DAYS", 0, range(36_501)),
            _whole(environment, "BERTH_EVENTS_MAX_MIB", 0, range(10**DIGITS_MAX)),
            _whole(environment, "BERTH_EVENTS_REPLICAS", 1, range(1, 6)),
        ),
        checkpoints=_checkpoints(environment),
        drain_seconds=_whole(environment, "BERTH_DRAIN_SECONDS", 0, range(61)),
        metrics_port=_metrics_port(environment),
        log_level=_one_of(environment, "BERTH_LOG_LEVEL", LogLevel.INFO),
        access_log=_is_on(environment, "BERTH_ACCESS_LOG"),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    if value := environment.get(name):
        return value
    raise SettingsError(f"{name} is not set")


def database_url_from(environment: Mapping[str, str] = os.environ) -> str:
    """`SettingsError` if it is missing, or no URL. It may have a password in it."""
    url = _required(environment, "BERTH_DATABASE_URL")
    if not is_url(url):
        raise SettingsError("BERTH_DATABASE_URL is no URL such as postgresql://...")
    return url


def _nats(environment: Mapping[str, str]) -> NatsServers:
    """`nats://token@one:4222,nats://token@two:4222`, and files for TLS."""
    url = _required(environment, "BERTH_NATS_URL")
    try:
        nats_servers_from(url)
    except ValueError as error:
        raise SettingsError(f"BERTH_NATS_URL {error}") from None
    try:
        return servers_from(url, environment)
    except UnusableFile as error:
        raise SettingsError(str(error)) from None


def task_days_from(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """How long completed tasks are kept, and the others. `SettingsError`."""
    result_days = _whole(environment, "BERTH_TASK_RESULT_DAYS", 7, DAYS)
    return result_days, _whole(environment, "BERTH_TASK_FAILURE_DAYS", 30, DAYS)


def secret_from(environment: Mapping[str, str] = os.environ) -> bytes:
    """Its bytes, which need not be text. `SettingsError` if they are too few."""
    secret = os.fsencode(_required(environment, "BERTH_SECRET"))
    if len(secret) < SECRET_LENGTH_MIN:
        raise SettingsError(f"BERTH_SECRET has fewer than {SECRET_LENGTH_MIN} bytes")
    return secret


def keyring_from(environment: Mapping[str, str] = os.environ) -> Keyring:
    """`BERTH_VAULT_VERSION` is the one that encrypts, while not all know the next."""
    keys = vault_keys_from(_required(environment, "BERTH_VAULT_KEYS"))
    chosen = environment.get("BERTH_VAULT_VERSION")
    if chosen is None:
        return Keyring(keys)
    if chosen not in map(str, keys):
        raise SettingsError("BERTH_VAULT_VERSION is none of those in BERTH_VAULT_KEYS")
    return Keyring(keys, int(chosen))


def vault_keys_from(text: str) -> dict[int, bytes]:
    """`1:<base64>,2:<base64>`: versions from 1, and 32 bytes each."""
    keys: dict[int, bytes] = {}
    for part in text.split(","):
        version, _, key = part.strip().partition(":")
        is_number = version.isascii() and version.isdecimal()
        if not is_number or not 0 < len(version) <= DIGITS_MAX:
            raise _not_keys("must look like 1:<base64>,2:<base64>")
        if int(version) in keys or int(version) == 0:
            raise _not_keys(f"has version {version} twice, or it is 0")
        try:
            keys[int(version)] = base64.b64decode(key, validate=True)
        except (ValueError, binascii.Error):
            raise _not_keys(f"has no base64 for version {version}") from None
        if len(keys[int(version)]) != KEY_BYTES:
            raise _not_keys(f"has a version {version} that is not {KEY_BYTES} bytes")
    return keys


def _not_keys(what: str) -> SettingsError:
    return SettingsError(f"BERTH_VAULT_KEYS {what}")


def _issuers(environment: Mapping[str, str]) -> Sequence[Issuer]:
    """`BERTH_OIDC` is the path of a TOML file; without it there are none."""
    path = environment.get("BERTH_OIDC")
    try:
        return load_trust(Path(path)) if path else ()
    except TrustError as error:
        raise SettingsError(f"BERTH_OIDC: {path}: {error}") from None


def _networks(environment: Mapping[str, str], name: str) -> Sequence[Network]:
    """`10.0.0.0/8,fd00::/8`; without it there are none."""
    try:
        return networks_from(environment.get(name, ""))
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def _checkpoints(environment: Mapping[str, str]) -> CheckpointOutlets:
    """`BERTH_CHECKPOINT_URL` may be what a webhook's URL may."""
    url = environment.get("BERTH_CHECKPOINT_URL") or None
    path = environment.get("BERTH_CHECKPOINT_FILE") or None
    try:
        if url:
            from workers.outgoing import check_url  # noqa: PLC0415 - an HTTP client

            check_url(url, _networks(environment, "BERTH_WEBHOOK_NETWORKS"))
    except Invalid as error:
        raise SettingsError(f"BERTH_CHECKPOINT_URL: {error}") from None
    return CheckpointOutlets(Path(path) if path else None, url)


def _salesforce_hosts(environment: Mapping[str, str]) -> Hosts:
    """`BERTH_SALESFORCE_HOSTS=sfdc.example.org,http://127.0.0.1:9090`."""
    try:
        return hosts_from(environment.get("BERTH_SALESFORCE_HOSTS", ""))
    except ValueError as error:
        raise SettingsError(f"BERTH_SALESFORCE_HOSTS: {error}") from None


def _whole(
    environment: Mapping[str, str], name: str, otherwise: int, within: range
) -> int:
    text = environment.get(name, str(otherwise))
    is_number = text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX
    if is_number and int(text) in within:
        return int(text)
    raise SettingsError(f"{name} must be from {within.start} to {within.stop - 1}")


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "on")
    if text in {"on", "off"}:
        return text == "on"
    raise SettingsError(f"{name} must be on or off")


def _one_of(environment: Mapping[str, str], name: str, otherwise: Choice) -> Choice:
    choices = type(otherwise)
    try:
        return choices(environment.get(name, otherwise))
    except ValueError:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}") from None


def _metrics_port(environment: Mapping[str, str]) -> int | None:
    """`BERTH_METRICS_PORT=9100`; without it a worker listens nowhere."""
    name = "BERTH_METRICS_PORT"
    return _whole(environment, name, 0, PORTS) if name in environment else None


def _task_types(environment: Mapping[str, str]) -> Sequence[str]:
    """`BERTH_TASK_TYPES=renderReport,sendMail`: each is the name of a queue, too."""
    given = environment.get("BERTH_TASK_TYPES", "")
    names = [name for part in given.split(",") if (name := part.strip())]
    for name in names:
        if not TASK_TYPE.fullmatch(name) or name == LOCAL:
            raise SettingsError(f"BERTH_TASK_TYPES: no task type can be named {name}")
    return names
