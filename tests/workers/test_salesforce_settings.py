"""The settings about Salesforce: sensible without any, strict about what is said."""

from __future__ import annotations

import base64

import pytest

from workers.settings import Credentials, Settings, SettingsError, from_environment

GIVEN = {
    "BERTH_DATABASE_URL": "postgresql:///berth",
    "BERTH_NATS_URL": "nats://127.0.0.1:4222",
    "BERTH_SECRET": "s" * 32,
    "BERTH_VAULT_KEYS": f"1:{base64.b64encode(bytes(32)).decode()}",
}


def settings(**more: str) -> Settings:
    return from_environment(GIVEN | more)


def test_without_any_orgs_are_checked_and_everything_is_handed_out() -> None:
    plain = settings()
    assert plain.salesforce_check
    assert plain.credentials is Credentials.ALL
    assert plain.salesforce_hosts.others == ()


def test_each_can_be_set() -> None:
    careful = settings(
        BERTH_SALESFORCE_CHECK="off",
        BERTH_CREDENTIALS="accessToken",
        BERTH_SALESFORCE_HOSTS="http://127.0.0.1:9090,,b.example ",
    )
    assert not careful.salesforce_check
    assert careful.credentials is Credentials.ACCESS_TOKEN
    assert len(careful.salesforce_hosts.others) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BERTH_SALESFORCE_CHECK", "no"),
        ("BERTH_SALESFORCE_CHECK", ""),
        ("BERTH_CREDENTIALS", "token"),
        ("BERTH_CREDENTIALS", ""),
        ("BERTH_SALESFORCE_HOSTS", "*"),
        ("BERTH_SALESFORCE_HOSTS", "https://a.example/path"),
        ("BERTH_SALESFORCE_HOSTS", "ftp://a.example"),
        ("BERTH_SALESFORCE_HOSTS", "a.example:99999"),
    ],
)
def test_what_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings(**{name: value})
