"""Whatever has a secret in it does not show it, however it is printed."""

from __future__ import annotations

import base64
import secrets
from itertools import count
from typing import Any

import pytest

from api.credentials import Told
from api.once import Once
from api.orgs import OrgBody
from api.person_tokens import Signer
from api.schemas import FrontDoorAnswer
from api.webhook_schemas import ConfigBody, SecretAnswer
from domain.webhook.events import WebhookCreated
from projections.storage.answers import Answer, Answers, Taken
from projections.storage.database import Database
from projections.storage.keyring import Keyring
from projections.storage.sealing import Seal
from projections.storage.vault import Vault
from tests.support.canaries import Canaries
from workers.salesforce.auth_url import AuthUrl
from workers.salesforce.sessions import Session
from workers.settings import SettingsError, from_environment
from workers.webhooks.receivers import Config, Receiver

# Its text is of letters and digits, so that a URL may have it in it.
HUSH = base64.b64decode(f"{secrets.token_hex(22)[:43]}=")
TEXT = base64.b64encode(HUSH).decode()
URL = f"postgresql://berth:{TEXT[:20]}@127.0.0.1:1/berth"
KEYS = Keyring({1: HUSH, 7: HUSH})
GIVEN = {
    "BERTH_DATABASE_URL": URL,
    "BERTH_NATS_URL": f"nats://{TEXT}@127.0.0.1:4222",
    "BERTH_SECRET": TEXT,
    "BERTH_VAULT_KEYS": f"1:{TEXT},7:{TEXT}",
}
DATABASE = Database(URL)
RECEIVED = WebhookCreated("a", "*", "https://a.example", "c", "s")
THINGS = [
    from_environment(GIVEN),
    DATABASE,
    KEYS,
    Vault(DATABASE, KEYS),
    Seal(KEYS),
    Answers(DATABASE, DATABASE, Seal(KEYS)),
    Answer(200, [], HUSH),
    Taken(HUSH, "id", "attempt", HUSH),
    Once("id", HUSH),
    Signer(HUSH),
    AuthUrl("PlatformCLI", TEXT, TEXT, "login.salesforce.com"),
    Session(TEXT, "https://acme.my.salesforce.com", None, 0),
    Told(TEXT, TEXT, None, TEXT),
    OrgBody(username="a", sfdx_auth_url=TEXT),
    FrontDoorAnswer(url=TEXT),
    Config(f"https://a.example/{TEXT[:20]}", {"authorization": TEXT}),
    Receiver("id", RECEIVED, Config(f"https://a.example/{TEXT[:20]}"), [TEXT]),
    SecretAnswer(secret=TEXT, previous_valid_until=None),
    ConfigBody(url=f"https://a.example/{TEXT[:20]}", headers={"authorization": TEXT}),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_none_shows_its_secret(thing: Any) -> None:
    looked_for = Canaries({"text": TEXT[:20], "bytes": repr(HUSH)[2:20]})
    printed = f"{thing!r} {thing} {[thing]} {(thing,)!s}"
    assert looked_for.found([("printed", printed.encode())]) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BERTH_VAULT_KEYS", TEXT),
        ("BERTH_VAULT_KEYS", f"1:{TEXT},1:{TEXT}"),
        ("BERTH_VAULT_KEYS", f"0:{TEXT}"),
        ("BERTH_VAULT_KEYS", f"-1:{TEXT}"),
        ("BERTH_VAULT_KEYS", f"4294967296:{TEXT}"),
        ("BERTH_VAULT_KEYS", f"1:{TEXT}x"),
        ("BERTH_VAULT_KEYS", f"1:{TEXT[:40]}"),
        ("BERTH_VAULT_KEYS", f"{TEXT}:1"),
        ("BERTH_SECRET", TEXT[:20]),
        ("BERTH_VAULT_VERSION", "2"),
        ("BERTH_VAULT_VERSION", "07"),
        ("BERTH_VAULT_VERSION", ""),
    ],
    ids=count(),
)
def test_a_setting_that_makes_no_sense_is_named_and_not_repeated(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        from_environment(GIVEN | {name: value})
    assert TEXT[:20] not in str(error.value)


def test_the_highest_version_encrypts_unless_another_is_named() -> None:
    assert from_environment(GIVEN).vault_keys.version == 7
    staged = from_environment(GIVEN | {"BERTH_VAULT_VERSION": "1"}).vault_keys
    assert (staged.version, set(staged.versions)) == (1, {1, 7})
