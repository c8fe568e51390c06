"""Application tokens: shown once, kept as a hash, good until they expire."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import token as tokens
from domain.errors import Invalid, TokenNotFound, Unauthenticated
from domain.token import (
    DAYS,
    IssueToken,
    RevokeToken,
    TokenIssued,
    TokenRevoked,
    UseToken,
    digest,
    token,
)
from tests.support.builders import NOON, OWNER, at
from tests.support.spec import Spec

given = Spec(token).given
MONTH = timedelta(days=DAYS)
ISSUED = TokenIssued("ci", digest("secret"), NOON + MONTH)
USE, REVOKE = UseToken(by=OWNER), RevokeToken(by=OWNER)


def test_a_token_lasts_for_thirty_days_unless_asked_otherwise() -> None:
    command = IssueToken(by=OWNER, name="ci", secret_sha256=digest("secret"))
    given().when(command, at(0)).then(ISSUED)
    assert timedelta(days=30) == MONTH


def test_a_token_lasts_for_the_days_asked_for() -> None:
    command = IssueToken(by=OWNER, name="ci", secret_sha256="x", days=1)
    given().when(command, at(0)).then(TokenIssued("ci", "x", NOON + timedelta(days=1)))


@pytest.mark.parametrize("name", ["anonymous", "berth:time", "erased:4f1d0a2b9c3e"])
def test_no_token_speaks_for_a_name_of_berths_own(name: str) -> None:
    command = IssueToken(by=OWNER, name=name, secret_sha256="x")
    given().when(command, at(0)).refused(Invalid)


def test_the_secret_is_not_in_the_event() -> None:
    assert "secret" not in ISSUED.secret_sha256


def test_a_good_token_may_be_used_and_leaves_no_event() -> None:
    given(ISSUED).when(USE, at(0)).then()


def test_a_token_is_good_until_the_very_instant_it_expires() -> None:
    last = NOON + MONTH - timedelta(microseconds=1)
    given(ISSUED).when(USE, last).then()
    given(ISSUED).when(USE, NOON + MONTH).refused(Unauthenticated)


def test_a_revoked_token_is_good_no_more() -> None:
    given(ISSUED).when(REVOKE, at(0)).then(TokenRevoked())
    given(ISSUED, TokenRevoked()).when(USE, at(0)).refused(Unauthenticated)


def test_a_token_is_revoked_once() -> None:
    given(ISSUED, TokenRevoked()).when(REVOKE, at(0)).refused(TokenNotFound)


def test_a_token_that_was_never_issued_is_good_for_nothing() -> None:
    given().when(USE, at(0)).refused(Unauthenticated)
    given().when(REVOKE, at(0)).refused(TokenNotFound)
    assert not given().state.matches("")


@for_all(st.text())
def test_only_the_secret_matches(guess: str) -> None:
    state = given(ISSUED).state
    assert state.matches("secret")
    assert state.matches(guess) == (guess == "secret")


def test_secrets_are_compared_in_constant_time() -> None:
    with patch.object(tokens, "compare_digest", return_value=True) as compare:
        assert given(ISSUED).state.matches("whatever")
    compare.assert_called_once_with(digest("whatever"), ISSUED.secret_sha256)
