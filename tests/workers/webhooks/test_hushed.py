"""What a receiver repeats of what it was sent is not put on record."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import parse_qs, quote

import pytest
import yarl
from hypothesis import assume, given
from hypothesis import strategies as st

from workers.webhooks.hushed import STARS, hushed, secrets_in

URL = "https://hooks.example/services/T0/B0/very-secret?key=a%2Fb+c&sig=xyzzy%22"
HEADERS = {"Authorization": 'Bearer abc"def\\ghi', "X-Key": "<k1&k2>"}
CHAT = secrets_in(URL, HEADERS, is_chat=True)
PROGRAM = secrets_in(URL, HEADERS, is_chat=False)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=4)


@pytest.mark.parametrize(
    "said",
    [
        "Cannot POST /services/T0/B0/very-secret?key=a%2Fb+c&sig=xyzzy%22",
        "no such path: /services/T0/B0/very-secret",
        html.escape(f"<pre>Cannot POST {URL}</pre>"),
        json.dumps({"url": URL}),
        json.dumps({"url": URL}).replace("/", r"\/"),
    ],
)
def test_the_path_of_a_chat_is_not_repeated(said: str) -> None:
    assert "very-secret" not in hushed(said, CHAT)


@pytest.mark.parametrize(
    "said",
    [
        f"what is {URL}",
        "Cannot POST /services/T0/B0/very-secret?key=a%2Fb+c&sig=xyzzy%22",
        json.dumps({"args": {"key": "a/b+c", "sig": 'xyzzy"'}}),
        json.dumps({"headers": HEADERS}),
        "unknown token " + 'abc"def\\ghi',
        html.escape(str(HEADERS["X-Key"])),
    ],
)
def test_what_is_in_the_query_and_the_headers_is_not_repeated(said: str) -> None:
    heard = hushed(said, PROGRAM)
    assert STARS in heard
    for secret in ("a%2Fb", "a/b+c", "xyzzy", "def", "ghi", "k1", "k2"):
        assert secret not in heard


def test_the_rest_is_as_it_was() -> None:
    said = "Cannot POST /services/T0: not found"
    assert hushed(said, PROGRAM) == said
    assert hushed("", PROGRAM) == ""


@pytest.mark.parametrize("safe", ["", "/", "~+"])
@given(value=visible)
def test_a_secret_is_not_repeated_however_the_url_was_spelled_on_its_way(
    safe: str, value: str
) -> None:
    """As it was sent, and as a server reads it, where `+` is a space."""
    url = f"https://a.example/?key={quote(value, safe=safe)}"
    secrets = secrets_in(url, {}, is_chat=False)
    sent = yarl.URL(url).raw_query_string
    for said in (sent, sent.removeprefix("key="), *parse_qs(sent)["key"]):
        assert hushed(said, secrets) == STARS


@pytest.mark.parametrize(
    "said", ["GET /a~b/c%2Fd%25", "https://chat.example/a~b/c%2Fd%25?k=1"]
)
def test_the_path_of_a_chat_is_not_repeated_as_it_was_sent(said: str) -> None:
    secrets = secrets_in("https://chat.example/a%7Eb/c%2fd%?k=1", {}, is_chat=True)
    assert "a~b" not in hushed(said, secrets)


@given(value=visible, before=st.text(), cut=st.integers(0, 200))
def test_nothing_of_a_secret_is_left_where_the_answer_was_cut(
    value: str, before: str, cut: int
) -> None:
    """Of four characters and more: fewer are nobody's secret."""
    assume(not set(value) & set(before))
    secrets = secrets_in("https://a.example/", {"X-Key": value}, is_chat=False)
    said = before + value[: min(cut, len(value))]
    heard = hushed(said, secrets)
    shown = heard.removeprefix(hushed(before, secrets))
    assert len(shown) < 4 or shown.endswith(STARS)


def test_a_query_that_is_a_padded_token_is_one() -> None:
    token = base64.b64encode(b"a token!").decode()
    secrets = secrets_in(f"https://a.example/?{token}", {}, is_chat=False)
    assert hushed(f"bad token {token}", secrets) == f"bad token {STARS}"
    bare = token.rstrip("=")
    assert hushed(f"bad token {bare}, sorry", secrets) == f"bad token {STARS}, sorry"


def test_what_is_cut_off_is_found_behind_what_only_begins_like_it() -> None:
    secrets = secrets_in("https://a.example/?abcdef", {}, is_chat=False)
    assert hushed("abcd, or abcde", secrets) == f"abcd, or {STARS}"


@pytest.mark.parametrize("is_ascii", [True, False])
def test_json_may_spell_what_is_beyond_ascii_in_either_way(*, is_ascii: bool) -> None:
    value = '\u00e4"\u00f6'
    url = f"https://a.example/?key={quote(value)}"
    said = json.dumps({"key": value, "ok": False}, ensure_ascii=is_ascii)
    heard = hushed(said, secrets_in(url, {}, is_chat=False))
    assert json.loads(heard) == {"key": STARS, "ok": False}
