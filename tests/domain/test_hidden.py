"""What is hidden in stored bytes may be told as anything; all else, only as it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from domain.hidden import MARK, NAME, ORIGIN, hides, tells

texts = st.text(max_size=9) | st.sampled_from(['"', "\\", '\\"', "/n1.x", '"\\/n1.x"'])
some = texts | st.none()


def cipher(kind: bytes) -> Raw:
    return Raw(MARK + kind + b'17.n0Pq-_"')


@given(reason=texts, name=texts, by=texts, ip=some, agent=some, other=texts)
def test_names_and_addresses_may_be_any_and_the_rest_is_compared(
    reason: str, name: str, by: str, ip: str | None, agent: str | None, other: str
) -> None:
    def event(reason: str) -> dict[str, object]:
        return {"reason": reason, "name": name}

    whole = {"by": by, "ip": ip, "user_agent": agent, "role": "owner"}
    told = msgspec.json.encode({"event": event(reason), "origin": whole})
    hidden = {"by": cipher(ORIGIN), "role": "owner"}
    stored = {"event": event(reason) | {"name": cipher(NAME)}, "origin": hidden}
    state = msgspec.json.encode(stored)
    assert hides(state)
    assert not hides(told)
    assert tells(told, state)
    assert tells(state, state)
    altered = msgspec.json.encode({"event": event(other), "origin": whole})
    assert tells(altered, state) == (other == reason)


@pytest.mark.parametrize(
    "event",
    [
        b'{"by":"ada"',
        b'{"by":"ada"}}',
        b'{"by":"ada","role":1}',
        b'{"by":"ada\\"}',
        b'{"by":null}',
        b'{"by":{"a":"b"}}',
        b'{"BY":"ada"}',
        b"null",
        b"",
    ],
)
def test_in_a_ciphers_place_there_is_one_text(event: bytes) -> None:
    state = b'{"by":' + bytes(cipher(NAME)) + b"}"
    assert tells(b'{"by":"ada"}', state)
    assert not tells(event, state)
