"""A person's token: signed by us, for us, not yet over; nothing else is one."""

from __future__ import annotations

import base64
import hmac
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.http_limits import HEAD_BYTES_MAX
from api.person_tokens import Signer
from domain.roles import Role
from tests.support.client import Caller, Json, made, refused
from tests.support.running import SECRET, Api, until

HEADER = {"typ": "JWT", "alg": "HS256"}
DAY = 86_400
NOW = int(time.time())  # Of the import: it may be long before the test.
CLAIMS: Json = {
    "iss": "berth",
    "aud": "berth",
    "sub": "olga",
    "role": "owner",
    "iat": NOW,
    "exp": NOW + DAY,
}
THEIR_SECRET = "x" * 48


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def sign(claims: Any, header: Json = HEADER, secret: str = SECRET) -> str:
    return sign_text(json.dumps(claims), header, secret)


def sign_text(claims: str, header: Json = HEADER, secret: str = SECRET) -> str:
    parts = [encode(part.encode()) for part in (json.dumps(header), claims)]
    signature = hmac.digest(secret.encode(), ".".join(parts).encode(), "sha256")
    return ".".join([*parts, encode(signature)])


def without(claim: str) -> Json:
    return {key: value for key, value in CLAIMS.items() if key != claim}


def unsigned(header: Json) -> str:
    return sign(CLAIMS, header).rpartition(".")[0] + "."


THEIR_KEY = {"kty": "oct", "k": encode(THEIR_SECRET.encode())}
FORGERIES = {
    "alg none": unsigned({"alg": "none"}),
    "alg None": unsigned({"alg": "None"}),
    "alg none, signed": sign(CLAIMS, {"alg": "none"}),
    "no alg": sign(CLAIMS, {"typ": "JWT"}),
    "another algorithm": sign(CLAIMS, {"alg": "HS512"}),
    "an asymmetric algorithm": sign(CLAIMS, {"alg": "RS256"}),
    "a key of its own": sign(CLAIMS, HEADER | {"jwk": THEIR_KEY}, THEIR_SECRET),
    "an unknown critical header": sign(CLAIMS, HEADER | {"crit": ["exp"], "exp": 1}),
    "another secret": sign(CLAIMS, secret=THEIR_SECRET),
    "no secret": sign(CLAIMS, secret=""),
    "no signature": unsigned(HEADER),
    "half a signature": sign(CLAIMS)[:-20],
    "other claims": sign(without("role")).rpartition(".")[0]
    + "."
    + sign(CLAIMS).rpartition(".")[2],
    **{f"no {claim}": sign(without(claim)) for claim in CLAIMS},
    "another issuer": sign(CLAIMS | {"iss": "https://elsewhere.example"}),
    "another audience": sign(CLAIMS | {"aud": "elsewhere"}),
    "expired beyond the leeway": sign(CLAIMS | {"exp": NOW - 31}),
    "issued in the future": sign(CLAIMS | {"iat": NOW + DAY}),
    "not valid yet": sign(CLAIMS | {"nbf": NOW + DAY}),
    "exp as text": sign(CLAIMS | {"exp": str(NOW + DAY)}),
    "exp beyond all years": sign(CLAIMS | {"exp": 10**18}),
    "exp infinite": sign(CLAIMS | {"exp": float("inf")}),
    "exp not a number": sign(CLAIMS | {"exp": float("nan")}),
    "an unknown role": sign(CLAIMS | {"role": "admin"}),
    "a list of roles": sign(CLAIMS | {"role": ["owner"]}),
    "an empty subject": sign(CLAIMS | {"sub": ""}),
    "a subject with NUL": sign(CLAIMS | {"sub": "olga\0"}),
    "a subject with a lone surrogate": sign(CLAIMS | {"sub": "olga\ud800"}),
    "a subject that cannot be erased": sign(CLAIMS | {"sub": "o" * 256}),
    "a subject of Berth's own": sign(CLAIMS | {"sub": "berth:time"}),
    "a subject that was erased": sign(CLAIMS | {"sub": "erased:4f1d0a2b9c3e"}),
    "a number as subject": sign(CLAIMS | {"sub": 7}),
    "claims that are a list": sign([CLAIMS]),
    "claims that are nothing": sign(None),
    "16 KB": sign(CLAIMS | {"jti": "x" * 12_000}),
    "garbage": "garbage",
    "dots": "...",
    "five parts": "a.b.c.d.e",
    "not base64": "!.!.!",
    "not JSON": ".".join([encode(b"{"), encode(b"}"), "AAAA"]),
    "3,000 nested arrays, well signed": sign_text("[" * 3_000 + "]" * 3_000),
    "5,000 nested arrays": ".".join([encode(b"[" * 5_000), "AAAA", "AAAA"]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_nobody_s(api: Api, name: str) -> None:
    headers = {"authorization": f"Bearer {FORGERIES[name]}"}
    answer = api.bearing("").ask("GET", "/environments", headers=headers)
    assert refused(answer, 401, "UNAUTHENTICATED")["message"]
    assert answer.headers["www-authenticate"] == "Bearer"


def test_how_deep_a_good_token_may_be_is_python_s_to_say(api: Api) -> None:
    """Its reader gives up at some depth, which is another one in each version."""
    claims = json.dumps(CLAIMS)[:-1] + ', "a": ' + "[" * 2_000 + "]" * 2_000 + "}"
    headers = {"authorization": f"Bearer {sign_text(claims)}"}
    answer = api.bearing("").ask("GET", "/environments", headers=headers)
    assert answer.status_code == 200 or refused(answer, 401, "UNAUTHENTICATED")


def test_the_token_that_they_were_made_of_is_good(api: Api) -> None:
    assert api.bearing(sign(CLAIMS)).get("/environments").status_code == 200


def test_clocks_may_differ_by_30_seconds(api: Api) -> None:
    now = int(time.time())
    late = sign(CLAIMS | {"exp": now - 5})
    early = sign(CLAIMS | {"iat": now + 20})
    for token in late, early:
        assert api.bearing(token).get("/environments").status_code == 200


def test_a_token_that_runs_out_while_its_bearer_waits_gets_no_lock(
    api: Api, owner: Caller, pool: ThreadPoolExecutor
) -> None:
    environment = owner.environment(salesforceUsername=owner.org())
    held = owner.lock(environment).hold()
    late = CLAIMS | {"sub": "late"}
    ticket = api.bearing(sign(late)).lock(environment).ticket()
    ends = int(time.time()) - 24  # and 30 seconds of leeway
    bearer = api.bearing(sign(late | {"exp": ends}))
    lock = bearer.lock(environment)
    waiting = pool.submit(lock.acquire, ticket, 20)
    until(lambda: api.waiting == 1)
    until(lambda: time.time() > ends + 30)
    made(owner.lock(environment).release(held["ticketId"]))
    body = refused(waiting.result(), 401, "UNAUTHENTICATED")
    assert "force://" not in str(body)
    refused(lock.acquire(ticket, 0), 401, "UNAUTHENTICATED")
    refused(bearer.get("/environments"), 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Basic b2xnYTpvbGdh", "{token}", "Token {token}"]
)
def test_a_header_of_another_form_has_no_token(api: Api, value: str) -> None:
    headers = {"authorization": value.format(token=sign(CLAIMS))}
    answer = api.bearing("").ask("GET", "/environments", headers=headers)
    refused(answer, 401, "UNAUTHENTICATED")


def test_a_token_in_the_query_is_not_looked_at(api: Api) -> None:
    answer = api.bearing("").get("/environments", access_token=sign(CLAIMS))
    refused(answer, 401)


def test_a_token_larger_than_any_head_is_refused(owner: Caller) -> None:
    headers = {"authorization": "Bearer " + "x" * HEAD_BYTES_MAX}
    answer = owner.ask("GET", "/environments", headers=headers)
    refused(answer, 431)


def token_for(subject: str) -> subprocess.CompletedProcess[str]:
    """What `berth token` prints."""
    command = [sys.executable, "-m", "api", "token", "--subject", subject]
    return subprocess.run(
        [*command, "--role", "member", "--days", "2"],
        env={"PATH": os.environ["PATH"], "BERTH_SECRET": "s" * 40},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_token_from_the_command_line_takes_the_secret_and_nothing_else() -> None:
    token = token_for("ada@example.org").stdout.strip()
    person = Signer(b"s" * 40).verify(token)
    assert (person.subject, person.role) == ("ada@example.org", Role.MEMBER)


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("berth:time", "subject is not the name of a person"),
        (os.fsdecode(b"ad\xe4"), "subject is not UTF-8"),
    ],
)
def test_the_command_line_gives_no_token_that_would_be_refused(
    subject: str, why: str
) -> None:
    refusal = token_for(subject)
    assert (refusal.returncode, refusal.stdout) == (1, "")
    assert refusal.stderr == f"berth: {why}\n"
