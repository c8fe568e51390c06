"""Settings that are empty, or that no text could be."""

from __future__ import annotations

import os

import pytest

from tests.workers.test_salesforce_settings import settings
from workers.settings import SettingsError


def test_who_names_no_host_listens_on_this_machine_and_not_everywhere() -> None:
    assert settings(BERTH_HOST="").host == settings().host == "127.0.0.1"


def test_a_secret_may_be_of_any_bytes() -> None:
    random = bytes(range(0xE0, 0x100))
    assert settings(BERTH_SECRET=os.fsdecode(random)).secret == random


def test_a_database_whose_url_is_not_utf_8_is_named() -> None:
    url = os.fsdecode(b"postgresql://berth:\xe9@localhost/berth")
    with pytest.raises(SettingsError, match="BERTH_DATABASE_URL"):
        settings(BERTH_DATABASE_URL=url)
