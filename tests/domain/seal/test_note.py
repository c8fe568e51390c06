"""Signed notes: the one that Go's example shows, our own, and every altered byte."""

from __future__ import annotations

import pytest

from domain.seal.findings import Tampered, Unreadable
from domain.seal.note import (
    DASH,
    Checkpoint,
    Key,
    checkpoint_of,
    decoded,
    encoded,
    key_of,
    note_of,
    opened,
    signed,
)
from projections.storage.log.signing import (
    is_signed,
    new_private_key,
    private_key,
    public_half,
)

# From the documentation of golang.org/x/mod/sumdb/note, whose format this is.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SKEY = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = """\
If you think cryptography is the answer to your problem,
then you don't know what your problem is.
"""
SIGNATURE = (
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K"
    "E6RyyBwJnAM="
)
ORIGIN = "berth.log/6f1c"
CHECKPOINT = Checkpoint(ORIGIN, 12, bytes(range(32)))
SIGNED = encoded(bytes(68))


def test_the_published_note_is_read_and_checked() -> None:
    key = key_of(VKEY)
    assert (key.name, key.id.hex(), key.vkey) == ("PeterNeumann", "c74f20a3", VKEY)
    note = note_of(f"{TEXT}\n{DASH}PeterNeumann {SIGNATURE}\n")
    [signature] = note.signatures
    assert (note.text, signature.name, signature.key_id) == (TEXT, key.name, key.id)
    assert is_signed(key.public, TEXT.encode(), signature.signature)
    assert not is_signed(key.public, TEXT.encode() + b" ", signature.signature)


def test_the_published_note_is_what_we_would_sign() -> None:
    private = private_key(decoded(SKEY, "the key")[1:])
    key = public_half(private, "PeterNeumann")
    assert key.vkey == VKEY
    expected = f"{TEXT}\n{DASH}PeterNeumann {SIGNATURE}\n"
    assert signed(TEXT, [(key, private.sign)]) == expected


def signers(count: int) -> list[tuple[Key, object]]:
    made = [new_private_key() for _ in range(count)]
    return [(public_half(private, ORIGIN), private.sign) for private in made]


def test_each_of_several_keys_opens_it() -> None:
    pairs = [(key, sign) for key, sign in signers(3)]
    note = signed(CHECKPOINT.text, pairs[:2])  # type: ignore[arg-type]  # as made
    for key, _ in pairs[:2]:
        assert opened(note, [key], is_signed) == (CHECKPOINT, [key])
    both = [key for key, _ in pairs[:2]]
    assert opened(note, both, is_signed) == (CHECKPOINT, both)
    with pytest.raises(Tampered, match="12 events is signed by none of the keys"):
        opened(note, [pairs[2][0]], is_signed)


def test_every_altered_byte_of_a_checkpoint_is_found() -> None:
    [(key, sign)] = signers(1)
    note = signed(CHECKPOINT.text, [(key, sign)])  # type: ignore[list-item]
    for place, character in enumerate(note):
        for other in ("\n", "A" if character != "A" else "B", "0", ""):
            altered = note[:place] + other + note[place + 1 :]
            if altered != note:
                with pytest.raises((Tampered, Unreadable)):
                    opened(altered, [key], is_signed)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a",
        "a+b",
        VKEY[:-1],
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("c74f20a3", "C74F20A3"),
        VKEY.replace("PeterNeumann", "Peter Neumann"),
        VKEY.replace("+AR", "+BR"),
        VKEY + "=",
        VKEY.replace("PeterNeumann", "é\0"),
        # These are as right as can be, but for what is named.
        Key("Peter Neumann", bytes(32)).vkey,
        Key("é\0", bytes(32)).vkey,
        Key("", bytes(32)).vkey,
        Key("a" * 201, bytes(32)).vkey,
        Key("a", bytes(31)).vkey,
        Key("a", bytes(33)).vkey,
    ],
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(Unreadable):
        key_of(vkey)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n",
        "a\n1\n",
        "\n1\n" + "A" * 43 + "=\n",
        "a\n01\n" + "A" * 43 + "=\n",
        "a\n-1\n" + "A" * 43 + "=\n",
        "a\n1\nAAAA\n",
        "a\n1\n" + "A" * 43 + "\n",
        "a\n1\n" + "A" * 42 + "B=\n",
        "a\n" + "9" * 20 + "\n" + "A" * 43 + "=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        checkpoint_of(text)


def test_lines_that_others_add_to_a_checkpoint_are_let_be() -> None:
    assert checkpoint_of(CHECKPOINT.text + "an extension\n") == CHECKPOINT


@pytest.mark.parametrize(
    "written",
    [
        *("a\n1\n", "a\n\n", "a\n\nb\n", "\n\n", f"a\n\nb {SIGNED}\n"),
        *(f"a\n\n{DASH}{rest}\n" for rest in ("b", "b AAAA", "b AAAAAA==")),
        *(f"a\n\n{DASH}{name} {SIGNED}\n" for name in ("", "b+c", "b" * 201)),
    ],
)
def test_what_is_no_note_is_refused(written: str) -> None:
    with pytest.raises(Unreadable):
        note_of(written)
