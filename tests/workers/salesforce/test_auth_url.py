"""Auth URLs: what they say, and what is wrong with others, without repeating any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from workers.salesforce import AuthUrl, parse_auth_url

PARTS = st.text(st.sampled_from("abcXYZ019._-!=+"), min_size=1)


@pytest.mark.parametrize(
    "host",
    ["acme.my.salesforce.com", "127.0.0.1:9090", "https://acme.my.salesforce.com"],
)
@pytest.mark.parametrize("secret", ["", "s3cret="])
def test_its_parts_are_read(host: str, secret: str) -> None:
    parsed = parse_auth_url(f"force://PlatformCLI:{secret}:5Aep861!x@{host}")
    assert parsed == AuthUrl("PlatformCLI", secret, "5Aep861!x", host)


@given(client_id=PARTS, secret=PARTS | st.just(""), token=PARTS, newer=PARTS)
def test_it_is_written_as_it_is_read(
    client_id: str, secret: str, token: str, newer: str
) -> None:
    url = AuthUrl(client_id, secret, token, "acme.my.salesforce.com").rotated(newer)
    assert parse_auth_url(url.text) == url
    assert url.refresh_token == newer


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "does not begin with force://"),
        ("https://login.salesforce.com", "does not begin with force://"),
        ("FORCE://id:secret:token@host", "does not begin with force://"),
        ("force://id:secret:token", "no @"),
        ("force://id:secret:token@", "has no host"),
        ("force://id:secret:token@host/path", "more than a host"),
        ("force://id:secret:token@ftp://host", "more than a host"),
        ("force://id:secret:token@user@host", "more than a host"),
        ("force://id:secret:token@host\nx", "more than a host"),
        ("force://token@host", "has 1 parts"),
        ("force://id:a:b:token@host", "has 4 parts"),
        ("force://:secret:token@host", "has no client id"),
        ("force://id:secret:@host", "has no refresh token"),
        ("force://id:secret:to ken@host", "has a refresh token with characters"),
        ("force://id:se/cret:token@host", "has a client secret with characters"),
        ("force://\u00efd:secret:token@host", "has a client id with characters"),
    ],
)
def test_what_is_wrong_is_said(text: str, wrong: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_auth_url(text)
    assert wrong in str(refusal.value)
    assert refusal.value.field == "sfdxAuthUrl"


@given(st.text())
def test_whatever_is_refused_is_not_repeated(text: str) -> None:
    canary = "5Aep861canary"
    with pytest.raises(Invalid) as refusal:
        parse_auth_url(f"force://a:b@{canary}{text}")
    assert canary not in str(refusal.value)


def test_its_secrets_are_not_shown() -> None:
    shown = repr(AuthUrl("PlatformCLI", "s3cret", "5Aep861", "host"))
    assert "s3cret" not in shown
    assert "5Aep861" not in shown
