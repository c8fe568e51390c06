"""BERTH_OIDC: what the file may say, and how it is told that it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.roles import Role
from workers.settings import SettingsError, from_environment
from workers.trust import Issuer, load_trust

GITHUB = "token.actions.githubusercontent.com"
GOOD = """
[[issuer]]
issuer = "https://token.actions.githubusercontent.com"
jwks = "https://token.actions.githubusercontent.com/.well-known/jwks"
audience = "https://berth.example"
algorithms = ["RS256"]

[[issuer.rule]]
name = "shop deploys"
claims = { repository_id = "74", environment = "production" }
role = "application"
repositories = ["Acme/Shop"]

[[issuer.rule]]
name = "platform team"
claims = { repository_owner_id = "7", ref_protected = true, run_attempt = 1 }
role = "owner"
repositories = ["*"]
"""
# What is put in the place of what, and what is then said of it.
WRONG = {
    "no issuer": (GOOD, "", "issuer"),
    "not TOML": ('"RS256"]', '"RS256"', "is not TOML"),
    "an unknown field": ("audience", "audiences", "audience"),
    "a missing field": ('audience = "https://berth.example"', "", "audience"),
    "an empty audience": ('"https://berth.example"', '""', "audience"),
    "no rule": (GOOD[GOOD.index("[[issuer.rule]]") :], "", "rule"),
    "no algorithm": ('"RS256"', "", "algorithms"),
    "a symmetric algorithm": ('"RS256"', '"HS256"', "algorithms"),
    "no algorithm at all": ('"RS256"', '"none"', "algorithms"),
    "an issuer over http": ('issuer = "https', 'issuer = "http', "issuer is not an"),
    "keys over http": ('jwks = "https', 'jwks = "http', "jwks is not an https URL"),
    "keys in a file": ('jwks = "https:', 'jwks = "file:', "jwks is not an https URL"),
    "an odd port": (".com/.well", ".com:x/.well", "jwks is not an https URL"),
    "a fragment": ('usercontent.com"', 'usercontent.com#a"', "issuer is not an https"),
    "a password": ('r = "https://', 'r = "https://a:b@', "issuer is not an https URL"),
    "an unknown role": ('"application"', '"admin"', "role"),
    "no claims": (
        '{ repository_id = "74", environment = "production" }',
        "{ }",
        "claims",
    ),
    "a claim that is a list": ('"74"', '["74"]', "claims"),
    "no repositories": ('["Acme/Shop"]', "[]", "repositories"),
    "all and one": ('["*"]', '["*", "acme/shop"]', '"\\*" stands alone'),
    "an odd repository": ('"Acme/Shop"', '" Acme/Shop"', "rule shop deploys"),
    "an odd name": ('"shop deploys"', '"shop/deploys"', "name"),
    "two rules of a name": ('"platform team"', '"shop deploys"', "named twice"),
    "an issuer twice": (GOOD, GOOD + GOOD, "issuer is named twice"),
    "one at http and at https": (
        GOOD,
        (GOOD + GOOD.replace("https", "http")).replace(GITHUB, "localhost"),
        "issuer is named twice",
    ),
}


def load(tmp_path: Path, text: str) -> Issuer:
    path = tmp_path / "oidc.toml"
    path.write_text(text)
    [issuer] = load_trust(path)
    return issuer


def test_a_file_names_issuers_and_what_their_tokens_are_good_for(
    tmp_path: Path,
) -> None:
    issuer = load(tmp_path, GOOD)
    assert issuer.host == "token.actions.githubusercontent.com"
    assert issuer.algorithms == ("RS256",)
    deploys, platform = issuer.rules
    assert deploys.role is Role.APPLICATION
    assert deploys.reach == frozenset({"acme/shop"})
    assert platform.reach is None


def test_a_rule_matches_by_exact_value_and_type(tmp_path: Path) -> None:
    deploys, platform = load(tmp_path, GOOD).rules
    good = {"repository_id": "74", "environment": "production", "sub": "whatever"}
    assert deploys.matches(good)
    for other in (74, "074", "74 ", ["74"], None, {"74": 1}):
        assert not deploys.matches(good | {"repository_id": other})
    assert not deploys.matches({"repository_id": "74"})
    team = {"repository_owner_id": "7", "ref_protected": True, "run_attempt": 1}
    assert platform.matches(team)
    assert not platform.matches(team | {"ref_protected": 1})
    assert not platform.matches(team | {"run_attempt": True})
    assert not platform.matches(team | {"run_attempt": 1.0})


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_at_the_start(tmp_path: Path, name: str) -> None:
    old, new, said = WRONG[name]
    assert old in GOOD
    path = tmp_path / "oidc.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SettingsError, match=said) as error:
        from_environment(SETTINGS | {"BERTH_OIDC": str(path)})
    assert str(error.value).startswith(f"BERTH_OIDC: {path}: ")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"BERTH_OIDC: .*No such file"):
        from_environment(SETTINGS | {"BERTH_OIDC": str(tmp_path / "none.toml")})
    (tmp_path / "latin").write_bytes(b"a = '\xff'")
    with pytest.raises(SettingsError, match="is not TOML"):
        from_environment(SETTINGS | {"BERTH_OIDC": str(tmp_path / "latin")})


def test_without_a_file_nobody_else_is_believed() -> None:
    assert from_environment(SETTINGS).issuers == ()


def test_http_will_do_on_this_machine(tmp_path: Path) -> None:
    here = GOOD.replace("https://token.actions.githubusercontent.com", "http://[::1]:8")
    assert load(tmp_path, here).jwks == "http://[::1]:8/.well-known/jwks"


@pytest.mark.parametrize("value", ["10.0.0.0/33", "proxy.example", "10.0.0.1/8", "::x"])
def test_a_trusted_proxy_is_a_network(value: str) -> None:
    with pytest.raises(SettingsError, match="BERTH_TRUSTED_PROXIES"):
        from_environment(SETTINGS | {"BERTH_TRUSTED_PROXIES": value})


SETTINGS = {
    "BERTH_DATABASE_URL": "postgresql://127.0.0.1:1/berth",
    "BERTH_NATS_URL": "nats://127.0.0.1:1",
    "BERTH_SECRET": "s" * 48,
    "BERTH_VAULT_KEYS": "1:" + "A" * 43 + "=",
}
