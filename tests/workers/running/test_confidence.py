"""What a task is told in confidence is not repeated by what it says."""

from __future__ import annotations

import pytest

from tests.workers.running.stage import AUTH_URL, CREDENTIALS, TOKEN, carried_out
from workers.running import Completed, Credentials, Failed
from workers.running.captured import LINE_BYTES_MAX, Captured
from workers.running.masks import Masks
from workers.running.wire import LEFT_OUT, bounded


@pytest.mark.parametrize("how", ["raise", "exit", "return"])
def test_credentials_are_masked_in_all_that_it_says(how: str) -> None:
    ending, ear = carried_out("spill", how=how)
    said = f"{ending} {ear.lines} {ear.progress}"
    assert "***" in said
    for secret in (TOKEN, AUTH_URL, "5Aep861-refresh"):
        assert secret not in said
    assert ear.asked == [("credentials", {"environment_id": "e1"})]
    assert ear.lines[0].startswith("Credentials(***) Credentials(***) *** ")
    assert ear.progress == [(1, "***")]
    if isinstance(ending, Failed):
        assert "***" in ending.message
    else:
        assert ending == Completed({"token": "***", "user": "deploy@myorg.example"})


def test_no_secret_is_left_where_a_long_text_was_cut() -> None:
    ending, ear = carried_out("spill", how="at length", before=7)
    assert isinstance(ending, Failed)
    for said in (ending.message, ending.stack or "", ear.progress[1][1]):
        assert "left out" in said
        assert not any(piece in said for piece in (TOKEN[:6], TOKEN[-6:]))


def test_of_a_text_that_was_cut_between_two_secrets_neither_shows() -> None:
    for before in range(len(TOKEN)):
        masks = Masks()
        masks.learn([TOKEN, TOKEN[7:], "first second"])
        text = bounded("." * before + TOKEN * 50, 500)
        head, _, tail = LEFT_OUT.split(masks.hide_around(LEFT_OUT, text))
        assert set(head + tail) == set(".*" if before else "*")
    masks.learn(["abcdabce", "bceX-and-more"])
    assert masks.hide_cut("and-more x", at_start=True, at_end=False) == " x"
    assert masks.hide_cut("abceX-and-more x", at_start=True, at_end=False) == " x"
    assert masks.hide_cut("bce", at_start=True) == ""


def test_credentials_do_not_show_by_accident() -> None:
    told = Credentials(CREDENTIALS)
    assert f"{told} {told!r} {[told]}".count("***") == 3
    assert TOKEN not in f"{told} {told!r} {[told]}"


@pytest.mark.parametrize(
    "said",
    [TOKEN, TOKEN.replace("!", "%21"), f"a{TOKEN}b", '"q\\"uote\\n"', "first-line"],
)
def test_they_are_known_also_quoted(said: str) -> None:
    masks = Masks()
    masks.learn([TOKEN, 'q"uote\n', {"key": "first-line\nsecond-line"}])
    assert masks.hide(said) != said
    assert "***" in masks.hide(said)


def test_short_words_are_not_masked() -> None:
    masks = Masks()
    masks.learn({"a": "", "b": "yes", "c": 7, "username": "somebody"})
    assert masks.hide("yes, 7, somebody") == "yes, 7, somebody"


def test_of_an_auth_url_the_secrets_are_masked_and_not_whose_it_is_or_where() -> None:
    masks = Masks()
    url = "force://PlatformCLI:s3cret:5Aep861-refresh@acme.my.salesforce.com"
    masks.learn({"username": "somebody", "sfdxAuthUrl": url})
    assert masks.hide(f"{url} s3cret 5Aep861-refresh") == "*** *** ***"
    said = {"by": "PlatformCLI", "url": "https://acme.my.salesforce.com/lightning"}
    assert masks.hide_within(said) == said


def test_a_secret_at_the_end_of_what_is_kept_of_a_line_is_masked_first() -> None:
    masks = Masks()
    masks.learn(TOKEN)
    captured = Captured(masks)
    padding = "x" * (LINE_BYTES_MAX - 5)
    (line,) = captured.feed(f"{padding}{TOKEN}\n".encode())
    assert line == f"{padding}***"


@pytest.mark.parametrize("between", ["", " ", "-x"])
def test_a_line_of_secrets_that_is_cut_does_not_end_in_half_a_one(between: str) -> None:
    for before in range(len(TOKEN)):
        masks = Masks()
        masks.learn([TOKEN, TOKEN[:7], "first second"])
        captured = Captured(masks)
        text = "." * before + f"{TOKEN}{between}" * 2_000
        (line,) = captured.feed(f"{text}\n".encode())
        assert set(line.removesuffix(" ... (cut)")) <= set(f".*{between}")


def test_of_a_line_that_was_cut_between_two_secrets_neither_shows() -> None:
    masks = Masks()
    masks.learn(["abcdabce", "one two three"])
    assert masks.hide_cut("x abcdabceabcd") == "x ***"
    assert masks.hide_cut("x abcdabcda") == "x abcd"
    assert masks.hide_cut("x one two") == "x "
    masks.learn(["bceX-and-more"])
    assert masks.hide_cut("x abcdabceX") == "x "


def test_a_secret_cut_in_two_by_what_is_left_out_does_not_show() -> None:
    for size in range(1, 40):
        masks = Masks()
        masks.learn(TOKEN)
        captured, lines = Captured(masks, kept_bytes=200), list[str]()
        text = f"{TOKEN}\n".encode() * 20_000
        step = size * 997
        for start in range(0, len(text), step):
            lines += captured.feed(text[start : start + step])
        lines += captured.close()
        assert {line for line in lines if not line.startswith("...")} == {"***"}
