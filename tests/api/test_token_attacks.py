"""What somebody without a key tries with tokens of a trusted issuer."""

from __future__ import annotations

import hmac
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, RSAKey

from domain.ids import new_id
from tests.support.client import Json, refused
from tests.support.issuer import (
    AUDIENCE,
    Issuer,
    encode,
    make_key,
    rule,
    running_issuer,
    sign,
    trust_file,
)
from tests.support.running import HOST, SECRET, Api, Installation

RULES = rule("ci", 'repository_id = "74"', "owner", "*")
MINE = make_key("ES256", "es256")
MY_RSA = make_key("RS256", "rs256")
NOW = int(time.time())
MANY = 10_000


@pytest.fixture(scope="module")
def oidc_api(
    installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    path = trust_file(tmp_path_factory.mktemp("oidc") / "oidc.toml", issuer, RULES)
    with installation.api("attacked-api", BERTH_OIDC=str(path)) as process:
        yield process


def with_header(**header: Any) -> Callable[[Issuer], str]:
    """Signed with a key of the attacker's own."""
    whole = {"alg": "ES256", "kid": "es256"} | header
    whole = {name: value for name, value in whole.items() if value is not None}
    return lambda issuer: sign(whole, issuer.claims(), MINE)


def with_claims(**claims: Any) -> Callable[[Issuer], str]:
    """Signed by the issuer itself."""
    return lambda issuer: issuer.token(**claims)


def with_text(algorithm: str, kid: str, signature: bytes) -> Callable[[Issuer], str]:
    def token(issuer: Issuer) -> str:
        header = {"alg": algorithm, "kid": kid}
        parts = [encode(json.dumps(p).encode()) for p in (header, issuer.claims())]
        return ".".join([*parts, encode(signature)])

    return token


def with_hmac(secret: Callable[[Issuer], bytes]) -> Callable[[Issuer], str]:
    """HS256, where the secret is what everybody can see."""

    def token(issuer: Issuer) -> str:
        header = {"alg": "HS256", "kid": "rs256"}
        parts = [encode(json.dumps(p).encode()) for p in (header, issuer.claims())]
        signed = ".".join(parts)
        return (
            f"{signed}.{encode(hmac.digest(secret(issuer), signed.encode(), 'sha256'))}"
        )

    return token


def genuine(kid: str, algorithm: str, **header: Any) -> Callable[[Issuer], str]:
    """Signed with the issuer's own key, in a way that was not agreed on."""
    return lambda issuer: sign(
        {"alg": algorithm, "kid": kid} | header, issuer.claims(), issuer.keys[kid][1]
    )


def public(issuer: Issuer, kid: str = "rs256") -> Key:
    return issuer.keys[kid][1]


def pem(issuer: Issuer) -> bytes:
    key = public(issuer)
    assert isinstance(key, RSAKey)
    return key.as_pem(private=False)


def tampered(issuer: Issuer) -> str:
    head, _, signature = issuer.token(repository_id="1").split(".")
    return ".".join([head, encode(json.dumps(issuer.claims()).encode()), signature])


PUBLIC = MINE.as_dict(private=False)
ATTACKS: dict[str, Callable[[Issuer], str]] = {
    "alg none": with_text("none", "es256", b""),
    "alg None": with_text("None", "es256", b""),
    "alg none, signed": with_text("none", "es256", b"x" * 64),
    "the public key as secret": with_hmac(pem),
    "the public key without its last line end": with_hmac(lambda i: pem(i).strip()),
    "the JWK as secret": with_hmac(
        lambda i: json.dumps(public(i).as_dict(private=False)).encode()
    ),
    "the JWK's number as secret": with_hmac(
        lambda i: str(public(i).as_dict(private=False)["n"]).encode()
    ),
    "our own secret, for another's name": with_hmac(lambda _: SECRET.encode()),
    "a key in the header": with_header(jwk=PUBLIC),
    "a key in the header alone": with_header(jwk=PUBLIC, kid=None),
    "a key at a URL": with_header(jku="http://127.0.0.1:9/jwks"),
    "a certificate at a URL": with_header(x5u="http://127.0.0.1:9/cert"),
    "a certificate": with_header(x5c=["MIIB"]),
    "no kid": with_header(kid=None),
    "a kid that is a path": with_header(kid="../../../../dev/null"),
    "a kid that is SQL": with_header(kid="' OR 1=1 --"),
    "a kid that is a number": with_header(kid=7),
    "a kid that is a list": with_header(kid=["es256"]),
    "another's key": with_header(),
    "another's RSA key": lambda i: sign(
        {"alg": "RS256", "kid": "rs256"}, i.claims(), MY_RSA
    ),
    "no signature at all": with_text("ES256", "es256", b""),
    "a signature of zeros": with_text("ES256", "es256", b"\0" * 64),
    "other claims": tampered,
    "an algorithm nobody agreed on": genuine("rs256", "PS256"),
    "a larger hash": genuine("rs256", "RS512"),
    "a key for another algorithm": lambda i: sign(
        {"alg": "ES256", "kid": "rs256"}, i.claims(), i.keys["es256"][1]
    ),
    "a key that is published for another algorithm": genuine("ps256", "RS256"),
    "a critical header": genuine("es256", "ES256", crit=["exp"], exp=1),
    "a payload that is not encoded": genuine("es256", "ES256", b64=False, crit=["b64"]),
    "no exp": with_claims(exp=None),
    "no iat": with_claims(iat=None),
    "no sub": with_claims(sub=None),
    "no aud": with_claims(aud=None),
    "no iss": with_claims(iss=None),
    "another issuer": with_claims(iss="https://elsewhere.example"),
    "an issuer with a slash": lambda i: i.token(iss=i.url + "/"),
    "a list of issuers": lambda i: i.token(iss=[i.url]),
    "another audience": with_claims(aud="https://elsewhere.example"),
    "other audiences": with_claims(aud=["a", "b"]),
    "half an audience": with_claims(aud=AUDIENCE[:-1]),
    "no audience": with_claims(aud=[]),
    "an audience that is a number": with_claims(aud=7),
    "expired": with_claims(exp=NOW - 31),
    "exp as text": with_claims(exp=str(NOW + 600)),
    "exp in no year": with_claims(exp=10**18),
    "exp as an exponent": with_claims(exp=1e300),
    "exp true": with_claims(exp=True),
    "issued in the future": with_claims(iat=NOW + 3_600),
    "nbf in the future": with_claims(nbf=NOW + 3_600),
    "nbf as text": with_claims(nbf="now"),
    "an empty sub": with_claims(sub=""),
    "a sub that is a list": with_claims(sub=["a"]),
    "a sub with NUL": with_claims(sub="a\0"),
    "a sub of two lines": with_claims(sub="a\nb"),
    "a sub that is half a character": with_claims(sub="a\ud800"),
    "a sub too long": with_claims(sub="a" * 256),
    "16 KB": with_claims(jti="x" * 12_000),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_nobody_in(oidc_api: Api, issuer: Issuer, name: str) -> None:
    attacker = oidc_api.bearing(ATTACKS[name](issuer))
    answer = attacker.get("/environments")
    said = refused(answer, 401, "UNAUTHENTICATED")["message"]
    assert said == "this token is not valid here" or "too long" in said
    assert answer.headers["www-authenticate"] == "Bearer"


HARMLESS: dict[str, Json] = {
    "a key in the header": {"jwk": PUBLIC},
    "a key at a URL": {"jku": "http://127.0.0.1:9/jwks"},
    "a certificate's digest": {"x5t": "abc"},
    "a word nobody knows": {"nonce": "a"},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_header_says_beside_is_not_looked_at(
    oidc_api: Api, issuer: Issuer, name: str
) -> None:
    header = {"alg": "ES256", "kid": "es256"} | HARMLESS[name]
    token = sign(header, issuer.claims(), issuer.keys["es256"][1])
    assert oidc_api.bearing(token).get("/environments").is_success


def test_one_audience_of_several_will_do(oidc_api: Api, issuer: Issuer) -> None:
    token = issuer.token(aud=["https://elsewhere.example", AUDIENCE])
    assert oidc_api.bearing(token).get("/environments").is_success


def test_clocks_may_differ_by_30_seconds(oidc_api: Api, issuer: Issuer) -> None:
    now = int(time.time())
    for name, value in ("exp", now - 5), ("iat", now + 20), ("nbf", now + 20):
        token = issuer.token(**{name: value})  # type: ignore[arg-type]  # no kid
        assert oidc_api.bearing(token).get("/environments").is_success


def test_an_algorithm_is_allowed_for_each_issuer_by_itself(
    installation: Installation, odd_issuer: Issuer, tmp_path: Any
) -> None:
    path = trust_file(tmp_path / "oidc.toml", odd_issuer, RULES, '"ES256"')
    with installation.api("one-algorithm", BERTH_OIDC=str(path)) as api:
        assert api.bearing(odd_issuer.token("es256")).get("/environments").is_success
        for kid in ("rs256", "eddsa"):
            refused(api.bearing(odd_issuer.token(kid)).get("/environments"), 401)


def test_one_issuer_s_key_is_not_good_for_another_s_name(
    installation: Installation, tmp_path: Any
) -> None:
    with running_issuer() as one, running_issuer() as other:
        both = [tmp_path / "one.toml", tmp_path / "other.toml"]
        for path, issuer in zip(both, (one, other), strict=True):
            trust_file(path, issuer, RULES)
        path = tmp_path / "both.toml"
        path.write_text("".join(each.read_text() for each in both))
        with installation.api("two-issuers", BERTH_OIDC=str(path)) as api:
            assert api.bearing(other.token()).get("/environments").is_success
            refused(api.bearing(one.token(iss=other.url)).get("/environments"), 401)


def test_ten_thousand_made_up_keys_are_one_question_to_the_issuer(
    installation: Installation, odd_issuer: Issuer, tmp_path: Any
) -> None:
    path = trust_file(tmp_path / "oidc.toml", odd_issuer, RULES)
    claims = odd_issuer.claims()
    with installation.api("flooded-api", BERTH_OIDC=str(path)) as api:
        began = time.monotonic()
        assert flood(api.port, claims) == MANY
        assert api.bearing(odd_issuer.token()).get("/environments").is_success
        seconds = time.monotonic() - began
    assert odd_issuer.fetches <= 1 + seconds // 30


def flood(port: int, claims: Json) -> int:
    """Ask with many made-up keys, a hundred at a time; how often 401 was said."""
    body, refusals = encode(json.dumps(claims).encode()), 0
    with socket.create_connection((HOST, port), timeout=30) as connection:
        answers = connection.makefile("rb")
        for _ in range(MANY // 100):
            connection.sendall(b"".join(request(body) for _ in range(100)))
            for _ in range(100):
                refusals += b" 401 " in answers.readline()
                length = 0
                while (line := answers.readline().lower()) != b"\r\n":
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                answers.read(length)
    return refusals


def request(body: str) -> bytes:
    head = encode(json.dumps({"alg": "ES256", "kid": new_id()}).encode())
    return (
        "GET /sfp/api/environments HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {head}.{body}.{'A' * 86}\r\n\r\n"
    ).encode()


def test_the_attacker_s_key_is_a_good_one() -> None:
    """Else the attacks above would prove nothing."""
    assert isinstance(MINE, ECKey)
    assert MINE.kid == "es256"
