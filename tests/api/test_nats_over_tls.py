"""In a company's network every process reaches NATS by TLS, with its certificate."""

from __future__ import annotations

from pathlib import Path

from domain.roles import Role
from tests.support.client import made
from tests.support.nats_tls import Authority, SecureNats
from tests.support.running import SECRET, VAULT_KEYS, Installation
from tests.support.servers import Servers, migrated_database
from tests.support.tasks import submitted
from workers.embedded.process import wait_for

END_SECONDS_MAX = 60


def test_tasks_and_events_go_through_it(servers: Servers, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("berth")
    with (
        migrated_database(servers) as database_url,
        SecureNats(tmp_path / "nats", authority, verify=True) as nats,
    ):
        own = Installation(
            {
                "BERTH_DATABASE_URL": database_url,
                "BERTH_NATS_URL": nats.servers().url,
                "BERTH_NATS_CA_FILE": str(authority.file),
                "BERTH_NATS_CERT_FILE": str(certificate),
                "BERTH_NATS_KEY_FILE": str(key),
                "BERTH_SECRET": SECRET,
                "BERTH_VAULT_KEYS": VAULT_KEYS,
            },
            tmp_path,
        )
        with own.api("api") as api, own.worker():
            caller = api.caller(Role.OWNER)
            data = {"repoId": caller.repository().rpartition("/")[2]}
            task = submitted(caller, type="listAssignedReviewEnvironments", data=data)
            made(caller.get(f"/tasks/{task}/result", wait=END_SECONDS_MAX))
            with own.berth("rebuild", "events") as rebuilding:
                assert wait_for(lambda: rebuilding.exit_code is not None, 60)
                assert rebuilding.exit_code == 0
        assert "NATS cannot be reached" not in "".join(
            log.read_text() for log in own.logs
        )
