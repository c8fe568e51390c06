"""The settings that say where checkpoints go, beside NATS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workers.test_salesforce_settings import settings
from workers.sealing.outlet import CheckpointOutlets
from workers.settings import SettingsError


def test_without_any_they_go_to_nats_alone() -> None:
    assert settings().checkpoints == CheckpointOutlets()
    empty = settings(BERTH_CHECKPOINT_URL="", BERTH_CHECKPOINT_FILE="")
    assert empty.checkpoints == CheckpointOutlets()


def test_a_file_and_a_url_can_be_named() -> None:
    url = "https://witness.example/berth"
    found = settings(BERTH_CHECKPOINT_URL=url, BERTH_CHECKPOINT_FILE="/srv/log")
    assert found.checkpoints == CheckpointOutlets(Path("/srv/log"), url)


@pytest.mark.parametrize(
    "url",
    ["http://witness.example", "https://127.0.0.1/", "witness", "ftp://a.example"],
)
def test_a_url_that_no_webhook_may_have_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="BERTH_CHECKPOINT_URL"):
        settings(BERTH_CHECKPOINT_URL=url)


def test_a_private_network_can_be_allowed_for_both() -> None:
    url = "http://10.1.2.3/berth"
    allowed = settings(BERTH_CHECKPOINT_URL=url, BERTH_WEBHOOK_NETWORKS="10.1.0.0/16")
    assert allowed.checkpoints.url == url
