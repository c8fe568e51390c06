"""What callers get wrong: for each route and field, JSON that will not do there."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.running import ELSEWHERE

Values = dict[str, tuple[str, ...]]

LONG = '"' + "x" * 10_240 + '"'
DIGITS = "9" * 5_000
DEEP = '{"a":' * 100 + "1" + "}" * 100
NUL = '"a\\u0000b"'

NOT_TEXT = ("7", "true", "[]", "{}", NUL, LONG)
NOT_NAME = (
    *NOT_TEXT,
    "null",
    '""',
    '" a"',
    '"a "',
    '"a\\nb"',
    '"\\u202ea"',  # right to left from here
    '"\\ufeff"',
)
NOT_IDENTIFIER = (
    *NOT_NAME, '"/a"', '"a/"', '"a//b"', '"/"', '"."', '".."', '"a/./b"', '"a/.."',
)  # fmt: skip
NOT_SECONDS = (
    "0", "-1", "1.5", '"3600"', "3600.0", "1e3", "1000000000000000000", DIGITS, "true",
    "[]", "{}",
)  # fmt: skip
NOT_FLAG = ("null", '"true"', "1", "[]")
NOT_OBJECT = (
    "null",
    "7",
    '"a"',
    "[]",
    DEEP,
    f'{{"a": {DIGITS}}}',
    '{"a": 1e400}',
    '{"a\\u0000": 1}',
    '{"a": [{"b": "\\u0000"}]}',
)
CATEGORIES = ('"prod"', '"Release"', '""', "null", "7", "[]")
TAGS = ('"a"', "[7]", '[""]', "null", f"[{LONG}]", '["\\u0000"]', '{"a": 1}')
TOO_MANY_TAGS = "[" + ",".join(f'"{number}"' for number in range(51)) + "]"
AUTH_URLS = (
    *NOT_TEXT,
    "null",
    '""',
    '"https://login.salesforce.com"',
    '"force://a::b@c.example"',
    '"force://a::b@127.0.0.1:5432"',
    '"force://a::b@salesforce.com.evil.example"',
)
URLS = (*NOT_NAME, '"http://[a"')

# Not JSON at all.
NOT_JSON = (
    "NaN", "Infinity", "-", "01", "+1", "1.", "'a'", '"\\x41"', '"\t"', '"\\ud800"',
    '"\\udc00a"', "[1,]", "tru", '"', "/**/1", "[" * 100_000, '{"a":' * 50_000,
)  # fmt: skip


@dataclass(frozen=True)
class Route:
    """`good` is a body that would do; `bad`, what may not stand in a field of it."""

    method: str
    path: str
    good: dict[str, str] = field(default_factory=dict)
    bad: Values = field(default_factory=dict)
    required: tuple[str, ...] = ()


DETAILS: Values = {
    "name": (*NOT_NAME, '"a/b"'),
    "category": CATEGORIES,
    "description": NOT_TEXT,
    "salesforceUsername": (*NOT_TEXT, '""', '"a/b"'),
    "devHubUsername": (*NOT_TEXT, '""'),
    "isActive": NOT_FLAG,
    "isDefault": NOT_FLAG,
    "metadata": NOT_OBJECT,
    "tags": (*TAGS, TOO_MANY_TAGS),
    "branch": (*NOT_TEXT, '""'),
    "claimWindowSeconds": (*NOT_SECONDS, "86401"),
}
LEASE: Values = {
    "leaseDurationSeconds": (*NOT_SECONDS, "604801"),
    "leaseDurationMinutes": (*NOT_SECONDS, "10081"),
}
NOT_INSTANTS = (
    '"2024-01-15T10:30:00"',  # of which zone?
    '"2024-01-15"',
    '"yesterday"',
    '""',
    "1700000000",
    '"2024-02-30T10:30:00Z"',
    NUL,
    "[]",
)
INSTANTS = (
    *NOT_INSTANTS,
    '"0001-01-01T00:00:00+14:00"',
    '"9999-12-31T23:59:59-14:00"',
    '"1969-12-31T23:59:59Z"',
)
TOO_LARGE = '{"a": "' + "x" * 65_536 + '"}'
NOT_ORDERS = (
    '"uat"', "null", "7", "{}", "[7]", "[null]", '[""]', '["\\u0000"]', f"[{LONG}]",
    '["nowhere"]', '["uat", "UAT"]', "[" + ",".join(['"a"'] * 1_001) + "]",
)  # fmt: skip
ROUTES = {
    "create": Route(
        "POST",
        "/environments",
        good={
            "repositoryIdentifier": '"{repository}"',
            "name": '"a"',
            "category": '"dev"',
        },
        bad={"repositoryIdentifier": NOT_NAME} | DETAILS,
        required=("repositoryIdentifier", "name", "category"),
    ),
    "patch": Route("PATCH", "/environments/{id}", bad=DETAILS),
    "lock": Route(
        "POST",
        "/environments/{id}/lock?repositoryName={repositoryName}",
        bad=LEASE | {"reason": NOT_TEXT, "maxWaitSeconds": (*NOT_SECONDS, "604801")},
    ),
    "acquire": Route(
        "PUT",
        "/environments/{id}/lock/{ticket}/acquire?repositoryName={repositoryName}",
        bad={
            "timeoutSeconds": (
                *("-1", "-0.5", "1.5", '"3600"', DIGITS, "true", "[]", "{}"),
                *("-1e308", "1e400", '"NaN"'),
            )
        },
    ),
    "renew": Route(
        "PUT",
        "/environments/{id}/lock/{ticket}/renew?repositoryName={repositoryName}",
        bad=LEASE,
    ),
    "order": Route(
        "PUT",
        "/environments/orchestration-order"
        "?repositoryIdentifier={repository}&category=test",
        good={"environmentOrder": "[]"},
        bad={"environmentOrder": NOT_ORDERS},
        required=("environmentOrder",),
    ),
    "release": Route(
        "POST",
        "/environments/{id}/releases",
        good={"name": '"v1"', "domain": '"core"'},
        bad={
            "name": NOT_NAME,
            "domain": NOT_NAME,
            "publishedAt": INSTANTS,
            "metadata": (*NOT_OBJECT[1:], TOO_LARGE),
            "ticketId": (*NOT_TEXT, '""'),
        },
        required=("name", "domain"),
    ),
    "project": Route(
        "POST",
        "/projects",
        good={"identifier": '"a/b"', "remoteUrl": '"https://github.com/a/b"'},
        bad={
            "identifier": NOT_IDENTIFIER,
            "remoteUrl": URLS,
            "configuration": NOT_OBJECT,
        },
        required=("identifier", "remoteUrl"),
    ),
    "patch project": Route(
        "PATCH",
        "/projects/{repository}",
        bad={"remoteUrl": URLS, "configuration": NOT_OBJECT},
    ),
    "org": Route(
        "POST",
        "/auth/salesforce/register",
        good={"username": '"a"', "sfdxAuthUrl": '"force://a::b@c.my.salesforce.com"'},
        bad={
            "username": (*NOT_NAME, '"a/b"'),
            "sfdxAuthUrl": AUTH_URLS,
            "instanceUrl": NOT_TEXT,
            "isDevHub": NOT_FLAG,
            "isDefault": (*NOT_FLAG, "true"),  # for a dev hub only
            "metadata": NOT_OBJECT,
        },
        required=("username", "sfdxAuthUrl"),
    ),
    "token": Route(
        "POST",
        "/application-tokens",
        good={"name": '"a"'},
        bad={
            "name": (*NOT_NAME, '"berth:time"'),
            "expiresIn": (*NOT_SECONDS, "3651"),
        },
        required=("name",),
    ),
    "task": Route(
        "POST",
        "/tasks",
        good={"type": f'"{ELSEWHERE}"', "data": "{{}}"},
        bad={
            "type": (*NOT_NAME, '"format"', '"local"'),
            "data": NOT_OBJECT,
            "lockDuration": (*NOT_SECONDS, "999", "86400001"),
            "timeout": (*NOT_SECONDS, "604800001"),
            "priority": ('"Low"', '"urgent"', '""', "1", "[]"),
            "scheduleType": ('"now"', '""', "1"),
            "scheduledFor": (*NOT_INSTANTS, '"9999-12-31T23:59:59-14:00"'),
            "retryConfig": ("[]", "1", '"a"'),
            "recurrenceConfig": ("[]", "1", '"a"', '{"every": 1000}'),  # if immediate
        },
        required=("type", "data"),
    ),
}

NOT_LIMITS = ("-1", "0", "1.5", "abc", "", DIGITS, "NaN")
QUERIES = {
    "/environments/{id}/audit?limit=": ("limit", NOT_LIMITS),
    "/environments/{id}/audit?offset=": ("offset", ("-1", "1e30", "9" * 30, "x", "")),
    "/environments/{id}/releases?limit=": ("limit", NOT_LIMITS),
    "/environments/{id}/releases?offset=": (
        "offset",
        ("-1", "1e30", "9" * 30, "x", ""),
    ),
    "/environments/repository/{repository}/audit?limit=": ("limit", NOT_LIMITS),
    "/environments/repository/{repository}/audit?offset=": ("offset", ("-1", "x", "")),
    "/environments/orchestration-order?category=test&repositoryIdentifier={repository}"
    "&includeInactive=": ("includeInactive", ("text", "2", "")),
    "/environments/orchestration-order?repositoryIdentifier={repository}&category=": (
        "category",
        ("prod", "Test", ""),
    ),
    "/environments?category=": ("category", ("prod", "Release", "0", "null")),
    "/environments/{id}?authType=": (
        "authType",
        ("token", "AccessToken", "", "0", "null"),
    ),
    "/environments/{id}/frontdoor?redirect=": ("redirect", ("maybe", "2", "")),
    "/environments/{id}/frontdoor?retURL=": ("retURL", ("//evil", "evil", "")),
    "/environments/{id}/artifacts?forceRefresh=": ("forceRefresh", ("maybe", "")),
    "/tasks?limit=": ("limit", NOT_LIMITS),
    "/tasks?after=": (
        "after",
        ("", "x", "MTIz" * 20, "LTE", "77+977+9", "null"),
    ),
    "/tasks?status=": ("status", ("running", "Pending", "", "null")),
    "/tasks?scheduleType=": ("scheduleType", ("immediate", "Recurring", "", "null")),
    "/tasks?priority=": ("priority", ("urgent", "Low", "", "null")),
    "/tasks/{operation}/result?wait=": ("wait", ("-1", "301", "1.5", "x", "", DIGITS)),
    "/tasks/{recurring}/recurring-instances?limit=": ("limit", NOT_LIMITS),
    "/tasks/{recurring}/recurring-instances?after=": ("after", ("", "1", "null")),
    "/tasks/{operation}/logs?attempt=": ("attempt", ("0", "-1", "x", "", "null")),
    "/events?limit=": ("limit", NOT_LIMITS),
    "/events?wait=": ("wait", ("-1", "61", "1.5", "x", "", "NaN", DIGITS)),
    "/events?after=": ("after", ("-1", "x", "", "1e3", "9" * 19, DIGITS, "null")),
    "/events?types=": ("types", ("", "lock", "lock.lost", "*.acquired", "null")),
    "/events?environmentId=": ("environmentId", ("", "1", "null", "0" * 32)),
    "/webhooks/{webhook}/deliveries?limit=": ("limit", NOT_LIMITS),
    "/webhooks/{webhook}/deliveries?after=": ("after", ("", "x", "-1", DIGITS)),
    "/webhooks/{webhook}/deliveries?outcome=": ("outcome", ("", "Failed", "null")),
    "/environments?isActive=": ("isActive", ("maybe", "2", "null")),
}
ODD_IDS = (
    "1",
    "0" * 32,
    "urn:uuid:00000000-0000-0000-0000-000000000000",
    "%7B00000000-0000-0000-0000-000000000000%7D",
    "00000000-0000-0000-0000-000000000000%0A",
    "00000000-0000-0000-0000-0000000000000",
    "g0000000-0000-0000-0000-000000000000",
    "%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0-0000-0000-0000-000000000000",
    "%FF",
    "%ED%A0%80",
    "%20",
    "x" * 10_240,
)
