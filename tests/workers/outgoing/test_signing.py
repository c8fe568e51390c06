"""Signatures: what the makers of Standard Webhooks verify, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from domain.clock import utc_now
from workers.outgoing import new_secret, signed

BODY = b'{"type": "berth.lock.acquired.v1", "data": {"by": "Zo\xc3\xab"}}'


def test_a_receiver_verifies_it_with_the_secret() -> None:
    secret = new_secret()
    headers = signed([secret], "msg_1", utc_now(), BODY)
    assert headers["webhook-id"] == "msg_1"
    assert Webhook(secret).verify(BODY, headers)


def test_while_a_secret_is_changed_either_will_do() -> None:
    old, new = new_secret(), new_secret()
    headers = signed([new, old], "msg_1", utc_now(), BODY)
    assert headers["webhook-signature"].count("v1,") == 2
    for secret in (old, new):
        assert Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("what", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_whatever_is_altered_shows(what: str) -> None:
    secret = new_secret()
    headers = signed([secret], "msg_1", utc_now(), BODY)
    if what in headers:
        headers[what] = headers[what][:-1] + "0"
        headers["webhook-id"] += "9" if what == "webhook-timestamp" else ""
    body = BODY.replace(b"lock", b"task") if what == "body" else BODY
    verifier = Webhook(new_secret() if what == "secret" else secret)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body, headers)


def test_what_is_old_is_refused() -> None:
    secret = new_secret()
    headers = signed([secret], "msg_1", utc_now() - timedelta(minutes=6), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers)


@given(st.dictionaries(st.text(), st.text()), st.uuids())
def test_it_is_the_same_as_the_makers_own(data: dict[str, str], one: object) -> None:
    at, secret = utc_now().replace(microsecond=0), new_secret()
    body = repr(data)
    headers = signed([secret], str(one), at, body.encode())
    theirs = Webhook(secret).sign(str(one), at, body)
    assert headers["webhook-signature"] == theirs


def test_each_secret_is_another() -> None:
    secrets = {new_secret() for _ in range(10)}
    assert len(secrets) == 10
    assert all(one.startswith("whsec_") and len(one) == 6 + 44 for one in secrets)
