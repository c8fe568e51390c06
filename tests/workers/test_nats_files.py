"""The files by which NATS and Berth know each other: what will not do is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.nats_tls import Authority
from tests.workers.test_salesforce_settings import settings
from workers.settings import SettingsError

CA, CERTIFICATE = "BERTH_NATS_CA_FILE", "BERTH_NATS_CERT_FILE"
KEY = "BERTH_NATS_KEY_FILE"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Each as it may be named, good or bad."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("berth")
    _, another = authority.issue("another")
    locked, text = tmp_path / "locked.key", tmp_path / "text"
    private = load_pem_private_key(key.read_bytes(), None)
    how = Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"5Aep861")
    locked.write_bytes(private.private_bytes(*how))
    text.write_text("no certificate")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return {
        "ca": authority.file,
        "certificate": certificate,
        "key": key,
        "another": another,
        "locked": locked,
        "text": text,
        "both": both,
        "missing": tmp_path / "missing",
        "folder": tmp_path,
    }


def test_without_any_there_are_none() -> None:
    for plain in (settings(), settings(**dict.fromkeys((CA, CERTIFICATE, KEY), ""))):
        assert not plain.nats.has_files


@pytest.mark.parametrize(
    "named",
    [
        {CA: "ca"},
        {CA: "ca", CERTIFICATE: "certificate", KEY: "key"},
        {CERTIFICATE: "certificate", KEY: "key"},
        {CERTIFICATE: "both"},
    ],
)
def test_what_will_do(files: dict[str, Path], named: dict[str, str]) -> None:
    given = {setting: str(files[name]) for setting, name in named.items()}
    there = settings(**given).nats
    assert there.ca_file == (files["ca"] if CA in named else None)
    assert there.has_files


@pytest.mark.parametrize(
    ("named", "blamed", "why"),
    [
        ({CA: "missing"}, CA, "No such file"),
        ({CA: "folder"}, CA, ""),
        ({CA: "text"}, CA, "no certificate in PEM"),
        ({CA: "key"}, CA, "no certificate in PEM"),
        ({CERTIFICATE: "missing", KEY: "key"}, CERTIFICATE, "No such file"),
        ({CERTIFICATE: "key", KEY: "certificate"}, CERTIFICATE, "no certificate"),
        ({CERTIFICATE: "certificate"}, CERTIFICATE, "no key of that certificate"),
        ({CERTIFICATE: "certificate", KEY: "missing"}, KEY, "No such file"),
        ({CERTIFICATE: "certificate", KEY: "another"}, KEY, "of that certificate"),
        ({CERTIFICATE: "certificate", KEY: "locked"}, KEY, "without a passphrase"),
        ({KEY: "key"}, KEY, f"of no use without {CERTIFICATE}"),
    ],
)
def test_what_will_not_do_is_named(
    files: dict[str, Path], named: dict[str, str], blamed: str, why: str
) -> None:
    given = {setting: str(files[name]) for setting, name in named.items()}
    with pytest.raises(SettingsError, match=f"^{blamed}") as refused:
        settings(**given)
    assert why in str(refused.value)


def test_where_none_is_looked_at_it_may_not_be_set(files: dict[str, Path]) -> None:
    with pytest.raises(SettingsError, match="BERTH_NATS_URL has ws://"):
        settings(BERTH_NATS_URL="ws://5Aep861@one", BERTH_NATS_CA_FILE=f"{files['ca']}")
    safe = settings(BERTH_NATS_URL="wss://one", BERTH_NATS_CA_FILE=f"{files['ca']}")
    assert safe.nats.has_files
