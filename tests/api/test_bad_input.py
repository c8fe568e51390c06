"""Whatever a caller gets wrong is a 4xx that names the field, and never a 5xx."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from api.requests import BODY_BYTES_MAX
from domain.roles import Role
from tests.api.bad_history import HISTORY_QUERIES
from tests.api.bad_input import NOT_JSON, ODD_IDS, Route
from tests.api.bad_input import QUERIES as OTHER_QUERIES
from tests.api.bad_input import ROUTES as OTHERS
from tests.api.bad_log import LOG_QUERIES
from tests.api.bad_webhooks import WEBHOOK_ROUTES
from tests.support.client import Caller, Json, made, refused
from tests.support.running import Api
from tests.support.tasks import recurring, submitted

Places = dict[str, str]
BOMB = gzip.compress(b"\0" * 100_000_000, 9)
ROUTES = OTHERS | WEBHOOK_ROUTES
QUERIES = OTHER_QUERIES | HISTORY_QUERIES | LOG_QUERIES
NOT_TIMEOUTS = ("-1", "-1e308", "abc", "1.5", "", "NaN", "inf", "1e400", "0x10")
FIELDS = [(name, field) for name, route in ROUTES.items() for field in route.bad]


@pytest.fixture(scope="module")
def places(api: Api) -> Places:
    """What goes into the braces of a route: an environment that is locked."""
    owner = api.caller(Role.OWNER)
    environment = owner.environment()
    ticket = owner.lock(environment).hold()["ticketId"]
    repository = environment["repositoryIdentifier"]
    return environment | {
        "ticket": ticket,
        "repository": repository,
        "operation": submitted(owner),
        "recurring": recurring(owner, pattern="0 * * * *"),
        "webhook": hook_of(owner),
    }


def hook_of(owner: Caller) -> str:
    body = {"name": "a", "event": "*", "config": {"url": "https://a.example"}}
    return str(made(owner.post("/webhooks", body | {"status": "inactive"}))["id"])


def send(owner: Caller, route: Route, places: Places, body: bytes | str) -> Any:
    path = route.path.format_map(places)
    sent = body if isinstance(body, bytes) else body.encode()
    return owner.ask(route.method, path, sent)


def body_of(route: Route, places: Places, **changed: str) -> str:
    fields = {k: v.format_map(places) for k, v in route.good.items()} | changed
    return "{" + ",".join(f'"{key}": {value}' for key, value in fields.items()) + "}"


def first_of(refusal: Json) -> str:
    """The field of the body that is, or has inside, what will not do."""
    return re.split(r"[.\[]", refusal["field"])[0]


def bad_in(route: Route, field: str) -> list[str]:
    """Of a new thing, null is as good as nothing for what may be left out."""
    may_be_null = route.method == "POST" and field not in route.required
    return [v for v in route.bad[field] if not (may_be_null and v == "null")]


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_value_that_will_not_do_is_named(
    owner: Caller, places: Places, name: str, field: str
) -> None:
    route = ROUTES[name]
    for value in bad_in(route, field):
        body = body_of(route, places, **{field: value})
        refusal = refused(send(owner, route, places, body), 400)
        assert first_of(refusal) == field, (value[:40], refusal)


@pytest.mark.parametrize("name", ROUTES)
def test_an_unknown_field_and_a_missing_one_are_named(
    owner: Caller, places: Places, name: str
) -> None:
    route = ROUTES[name]
    unknown = send(owner, route, places, body_of(route, places, nam='"a"'))
    assert refused(unknown, 400, "INVALID")["field"] == "nam"
    for field in route.required:
        rest = {key: value for key, value in route.good.items() if key != field}
        body = body_of(Route(route.method, route.path, rest), places)
        assert refused(send(owner, route, places, body), 400)["field"] == field


@pytest.mark.parametrize("name", ROUTES)
def test_a_body_that_is_no_json_is_refused(
    owner: Caller, places: Places, name: str
) -> None:
    route = ROUTES[name]
    field = next(iter(route.bad))
    broken = [body_of(route, places, **{field: text}).encode() for text in NOT_JSON]
    others = [
        b'{"' + field.encode() + b'": "\xff"}',
        b'{"\xc3\x28": 1}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"{",
        b"}",
        b" ",
        b"\0",
        b"{}}",
        b"{} {}",
        b"a=b",
        b"<a/>",
    ]
    for body in broken + others:
        refusal = refused(send(owner, route, places, body), 400)
        # What is wrong before or beside it may be noticed sooner.
        assert first_of(refusal) in {"body", field, *route.required}, body[:40]


@pytest.mark.parametrize("name", ROUTES)
def test_json_of_another_type_and_no_body_are_refused(
    owner: Caller, places: Places, name: str
) -> None:
    route = ROUTES[name]
    is_optional = name in {"lock", "acquire", "renew", "rotate"}
    others = [b"[]", b'"text"', b"7", b"true", b"[{}]"]
    for body in others + ([] if is_optional else [b"null", b""]):
        refusal = refused(send(owner, route, places, body), 400, "INVALID")
        assert refusal["field"] == "body", body


@pytest.mark.parametrize("name", ROUTES)
def test_a_body_beyond_256_kib_is_too_large(
    owner: Caller, places: Places, name: str
) -> None:
    route = ROUTES[name]
    refused(send(owner, route, places, b" " * (BODY_BYTES_MAX + 1)), 413)
    refused(send(owner, route, places, b" " * BODY_BYTES_MAX), 400, "INVALID_JSON")


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/msgpack",
        "nonsense",
        '"',
    ],
)
def test_a_body_of_another_type_is_unsupported(owner: Caller, kind: str) -> None:
    headers = {"content-type": kind}
    answer = owner.ask("POST", "/projects", b"{}", headers=headers)
    refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"])
@pytest.mark.parametrize("name", ["lock", "project", "create", "token"])
def test_a_compressed_body_is_not_unpacked(
    owner: Caller, places: Places, coding: str, name: str
) -> None:
    """However large it would become: 100 MB of zeros are 100 KB."""
    route = ROUTES[name]
    headers = {"content-encoding": coding}
    answer = owner.ask(
        route.method, route.path.format_map(places), BOMB, headers=headers
    )
    refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_that_is_said_to_be_as_it_is_will_do(owner: Caller) -> None:
    body = b'{"name": "ci"}'
    headers = {"content-encoding": "Identity"}
    assert owner.ask("POST", "/application-tokens", body, headers=headers).is_success


def test_both_lease_fields_at_once_are_refused(owner: Caller, places: Places) -> None:
    both = '{"leaseDurationSeconds": 60, "leaseDurationMinutes": 1}'
    for name in "lock", "renew":
        refusal = refused(send(owner, ROUTES[name], places, both), 400)
        assert refusal["field"] == "leaseDurationSeconds"


@pytest.mark.parametrize("path", QUERIES)
def test_a_query_parameter_that_will_not_do_is_named(
    owner: Caller, places: Places, path: str
) -> None:
    field, values = QUERIES[path]
    for value in values:
        answer = owner.get(path.format_map(places) + value)
        assert refused(answer, 400)["field"] == field, value


@pytest.mark.parametrize("value", NOT_TIMEOUTS)
def test_a_timeout_that_will_not_do_is_named(
    owner: Caller, places: Places, value: str
) -> None:
    path = ROUTES["acquire"].path.format_map(places)
    answer = owner.ask("PUT", f"{path}&timeoutSeconds={value}")
    assert refused(answer, 400)["field"] == "timeoutSeconds"


@pytest.mark.parametrize("value", ODD_IDS)
def test_an_odd_id_is_refused_wherever_it_stands(owner: Caller, value: str) -> None:
    lock = f"/environments/{value}/lock"
    for method, path in (
        ("GET", f"/environments/{value}"),
        ("PATCH", f"/environments/{value}"),
        ("DELETE", f"/environments/{value}"),
        ("GET", f"/environments/{value}/audit"),
        ("GET", f"/environments/{value}/history"),
        ("GET", f"/environments/{value}/holds"),
        ("GET", f"/environments/{value}?at=2026-01-31T12:00:00Z"),
        ("GET", f"/environments/{value}/releases"),
        ("POST", f"{lock}?repositoryName=a"),
        ("PUT", f"{lock}/ticket_1/acquire?repositoryName=a"),
        ("GET", f"/webhooks/{value}"),
        ("DELETE", f"/webhooks/{value}"),
        ("POST", f"/webhooks/{value}/replay?from=1"),
        ("GET", f"/webhooks/{value}/deliveries"),
    ):
        body = b"{}" if method == "PATCH" else None
        assert refused(owner.ask(method, path, body), 400)["field"] == "id", path


@pytest.mark.parametrize("value", [*ODD_IDS[1:], "..%2F..", "%E2%80%AE", "'--", "%25"])
def test_an_odd_name_is_simply_not_found(
    owner: Caller, places: Places, value: str
) -> None:
    here = "repositoryIdentifier={repository}".format_map(places)
    lock = ROUTES["lock"].path.format_map(places).replace("?", f"/{value}?")
    for method, path in (
        ("GET", f"/environments/by-name/{value}?{here}"),
        ("POST", f"/environments/by-name/{value}/lock?{here}"),
        ("GET", f"/environments/by-name/{value}/releases?{here}"),
        ("GET", f"/environments/repository/{value}/audit"),
        ("GET", f"/environments/repository/{value}"),
        ("GET", f"/environments/by-name/uat?repositoryIdentifier={value}"),
        ("POST", ROUTES["lock"].path.format_map(places) + value),
        ("GET", lock),
        ("DELETE", lock),
        ("GET", f"/projects/{value}"),
        ("DELETE", f"/projects/{value}"),
        ("DELETE", f"/application-tokens/{value}"),
        ("DELETE", f"/auth/salesforce/org?username={value}"),
    ):
        refused(owner.ask(method, path), 404)
    assert owner.get(f"/environments?branch={value}&tags={value}").status_code == 200


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/environments/%00", "path"),
        ("/environments/by-name/a%00b?repositoryIdentifier=a", "path"),
        ("/projects/a%00b", "path"),
        ("/environments?repositoryIdentifier=a%00b", "query"),
        ("/environments?branch=%00", "query"),
        ("/environments?%00=a", "query"),
    ],
)
def test_nul_in_the_url_is_refused(owner: Caller, path: str, field: str) -> None:
    assert refused(owner.get(path), 400)["field"] == field


def test_a_parameter_given_twice_counts_once(owner: Caller, places: Places) -> None:
    audit = "/environments/{id}/audit?".format_map(places)
    assert len(owner.get(f"{audit}limit=3&limit=1").json()) == 1
    twice = "limit=1&limit=-1"
    assert refused(owner.get(audit + twice), 400)["field"] == "limit"


def test_nesting_is_fine_as_far_as_a_person_would_go(owner: Caller) -> None:
    deep: Json = {}
    for _ in range(10):
        deep = {"a": [deep]}
    environment = owner.environment(metadata=deep)
    assert owner.look(environment)["metadata"] == deep
