"""The setting that says which networks webhooks may reach: none without it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from tests.workers.test_salesforce_settings import settings
from workers.settings import SettingsError


def test_without_any_only_public_addresses_are_reached() -> None:
    assert settings().webhook_networks == ()
    assert settings(BERTH_WEBHOOK_NETWORKS="").webhook_networks == ()


def test_networks_can_be_allowed() -> None:
    allowed = settings(BERTH_WEBHOOK_NETWORKS="10.1.0.0/16, fd00::/8,").webhook_networks
    assert allowed == (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))


@pytest.mark.parametrize("value", ["10.0.0.0/33", "hooks.example", "10.0.0.1/8", "*"])
def test_what_is_no_network_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match="BERTH_WEBHOOK_NETWORKS"):
        settings(BERTH_WEBHOOK_NETWORKS=value)
