"""Headers of somebody's own: none can change where or how a message is sent."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from workers.outgoing import check_headers

FINE = {"Authorization": "Bearer a b", "X-Empty": "", "x-tab": "a\tb", "Cookie": "a=b"}


def test_ordinary_ones_are_sent() -> None:
    check_headers({})
    check_headers(FINE)
    check_headers({f"x-{n}": "a" for n in range(32)})
    check_headers({"x" * 128: "a" * 4_096})


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Transfer-Encoding", "connection", "Keep-Alive"),
        *("TE", "Trailer", "Upgrade", "Expect", "accept-encoding", "content-encoding"),
        *("webhook-id", "Webhook-Signature", "WEBHOOK-x", "proxy-authorization"),
        *("Proxy-Connection", "content-type", "HTTP2-Settings"),
    ],
)
def test_what_is_ours_cannot_be_chosen(name: str) -> None:
    with pytest.raises(Invalid, match="cannot be chosen") as refusal:
        check_headers({name: "a"})
    assert refusal.value.field == f"config.headers.{name}"


@pytest.mark.parametrize(
    "value",
    [
        *("a\r\nHost: b", "a\n", "\ra", "a\0b", "\x7f", " a", "a ", "\ta", "é", "☃"),
        *("a\x0bb", "a\x85b", "a" * 4_097, " ", "\u2028"),
    ],
)
def test_a_value_is_one_line_of_visible_text(value: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_headers({"x-a": value})
    assert refusal.value.field == "config.headers.x-a"
    assert len(value) < 3 or value not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", ":authority", "a\r\nb", "é", "a\n", "a(b", "x" * 129]
)
def test_a_name_is_a_token_and_is_not_repeated_otherwise(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_headers({name: "a"})
    assert refusal.value.field == "config.headers"


def test_their_number_and_size_are_bounded() -> None:
    with pytest.raises(Invalid, match="at most 32"):
        check_headers({f"x-{n}": "a" for n in range(33)})
    with pytest.raises(Invalid, match="altogether"):
        check_headers({f"x-{n}": "a" * 4_000 for n in range(3)})


def test_none_is_given_twice() -> None:
    with pytest.raises(Invalid, match="twice") as refusal:
        check_headers({"X-A": "a", "x-a": "b"})
    assert refusal.value.field == "config.headers.x-a"
